//! A port that nobody listens on.

use std::{
    io::ErrorKind,
    net::{Ipv6Addr, SocketAddr},
};

use tokio::net::TcpSocket;

/// A port that is taken on both loopback addresses, where the machine has both, and refuses connections.
pub struct Reserved {
    pub address: SocketAddr,
    _sockets: [Option<TcpSocket>; 2],
}

impl Reserved {
    pub fn port() -> Self {
        loop {
            let first = TcpSocket::new_v4().unwrap();
            first.bind(([127, 0, 0, 1], 0).into()).unwrap();
            let address = first.local_addr().unwrap();
            let second = TcpSocket::new_v6().unwrap();
            let bound = second.bind((Ipv6Addr::LOCALHOST, address.port()).into());
            if bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
                continue;
            }
            return Self { address, _sockets: [Some(first), bound.ok().map(|()| second)] };
        }
    }
}
