//! Addresses of peers.

use std::net::{IpAddr, SocketAddr};

pub trait Peer {
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
