//! A client's connection to the mock, and throttled writing.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use livetape_io::clock;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::sleep_until,
};

use crate::{random::Random, state::MockState};

/// Minimum write size for throttled output, in bytes.
const DRIBBLE_BYTES_MIN: u32 = 1;

/// Transport of a connection, for [`MockTikTok::serve`](crate::MockTikTok::serve).
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ends the connection abruptly, with a TCP reset where the transport has one.
    fn reset(self);
}

impl Wire for tokio::net::TcpStream {
    fn reset(self) {
        // With zero linger, dropping the stream sends a reset.
        let _ = self.set_zero_linger();
    }
}

impl Wire for tokio::io::DuplexStream {
    fn reset(self) {}
}

/// A connection, as the handlers see it.
#[derive(Clone, Debug)]
pub(crate) struct ClientConnection {
    pub(crate) mock: Arc<MockState>,
    /// Sequence number among all connections to the mock, from 1.
    pub(crate) number: u64,
    /// Client address without the port; empty in memory.
    pub(crate) address: String,
    pub(crate) random: Random,
    /// Origin of sockets in sign responses, e.g. `ws://127.0.0.1:3100`; `None`: the host of the request.
    pub(crate) sockets: Option<String>,
    /// Whether its network has cut it.
    pub(crate) is_cut: Arc<AtomicBool>,
}

impl ClientConnection {
    /// Counts a new connection to the mock. `address` is that of the client, without the port, and `sockets`
    /// the origin of sockets in sign responses.
    pub(crate) fn new(mock: &Arc<MockState>, address: String, sockets: Option<String>) -> Self {
        let (number, random) = mock.connection();
        Self { mock: Arc::clone(mock), number, address, random, sockets, is_cut: Arc::default() }
    }
}

/// Writes at `bytes_per_ms` bytes per millisecond.
pub(crate) async fn dribble<O: AsyncWrite + Unpin>(
    out: &mut O,
    bytes: &[u8],
    bytes_per_ms: u32,
) -> io::Result<()> {
    let start = clock::now();
    for (part, number) in bytes.chunks(bytes_per_ms.max(DRIBBLE_BYTES_MIN) as usize).zip(0_u64..) {
        sleep_until(start + Duration::from_millis(number)).await;
        out.write_all(part).await?;
        out.flush().await?;
    }
    Ok(())
}
