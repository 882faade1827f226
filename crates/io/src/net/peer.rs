//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

/// An address of a client.
pub trait Peer {
    /// Its IP address, if it has one.
    fn ip(&self) -> Option<IpAddr>;
}

impl Peer for SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        Some(self.ip().to_canonical())
    }
}

impl Peer for Option<IpAddr> {
    fn ip(&self) -> Option<IpAddr> {
        *self
    }
}
