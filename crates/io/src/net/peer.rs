//! Addresses of peers.

use std::net::{IpAddr, SocketAddr};

/// The address of a client.
pub trait Peer {
    /// Returns the IP address, if there is one.
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
