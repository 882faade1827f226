//! The mock behind the proxy.

use std::{net::IpAddr, sync::Arc};

use super::{domains::Target, front::Handler, stream::Stream};
use crate::mock::{MockTikTok, Wire};

/// Address of sockets in sign responses for clients on other machines, which reach it through the proxy (docs/protocol.md §1.7).
const REAL_SOCKETS: &str = "wss://webcast-ws.tiktok.com";

/// Answers with a mock, as on its own port.
#[derive(Debug)]
pub struct Mocked(pub Arc<MockTikTok>);

impl Mocked {
    /// Returns where sign responses send the socket of a client. Many clients do not send sockets through a proxy; on this machine, they
    /// would leave it.
    fn sockets(&self, from: Option<IpAddr>) -> String {
        let is_local = from.is_none_or(|address| address.is_loopback());
        if is_local { self.0.url().replacen("http", "ws", 1) } else { REAL_SOCKETS.to_owned() }
    }
}

impl<I: Wire> Handler<I> for Mocked {
    async fn handle(&self, _: Target, from: Option<IpAddr>, io: Stream<I>) {
        self.0.serve(io, from, self.sockets(from)).await;
    }
}
