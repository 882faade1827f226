//! Limits of connections and requests.

use std::time::Duration;

/// Limits of connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub connections_max: usize,
    /// Maximum number of concurrent connections from one address, loopback excluded. An IPv6 /64 network
    /// counts as one address.
    pub connections_per_address_max: usize,
    /// Maximum time for a TLS handshake.
    pub handshake_max: Duration,
    /// Maximum time until a request head has arrived, from the start of the connection or the last response.
    pub head_max: Duration,
    /// Maximum time between two chunks of a request body.
    pub body_gap_max: Duration,
    pub head_bytes_max: usize,
    pub body_bytes_max: usize,
    /// Maximum time for flushing sockets when the server shuts down.
    pub drain_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 12_000,
            connections_per_address_max: 256,
            handshake_max: Duration::from_secs(10),
            head_max: Duration::from_secs(30),
            body_gap_max: Duration::from_secs(10),
            head_bytes_max: 16 * 1024,
            body_bytes_max: 64 * 1024,
            drain_max: Duration::from_secs(5),
        }
    }
}
