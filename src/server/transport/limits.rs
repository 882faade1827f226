//! What connections may cost.

use std::time::Duration;

/// The limits of connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections at a time from one address beyond loopback; an IPv6 network of 64 bits counts as one.
    pub connections_per_address_max: usize,
    /// How long a TLS handshake may take.
    pub handshake_max: Duration,
    /// How long the head of a request may take from its first byte on, and its body between two pieces.
    pub head_max: Duration,
    /// How long the head of a request may be, in bytes.
    pub head_bytes_max: usize,
    /// How long the body of a request may be, in bytes.
    pub body_bytes_max: usize,
    /// How long a connection may wait for its next request.
    pub idle_max: Duration,
    /// How long sockets have for what is queued, when the server shuts down.
    pub drain_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 12_000,
            connections_per_address_max: 256,
            handshake_max: Duration::from_secs(10),
            head_max: Duration::from_secs(10),
            head_bytes_max: 16 * 1024,
            body_bytes_max: 64 * 1024,
            idle_max: Duration::from_secs(30),
            drain_max: Duration::from_secs(5),
        }
    }
}
