//! Hosts and ports that the mock answers for.

pub use livetape_core::host::DOMAINS;
use livetape_core::host::is_in;

/// Port of `http://` and `ws://`.
pub(super) const PORT: u16 = 80;
/// Port of `https://` and `wss://`.
pub(super) const TLS_PORT: u16 = 443;

/// Where a client wants to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Host name, in lower case.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether the client expects TLS on the way to the host.
    pub is_tls: bool,
}

/// Whether the mock answers for a host.
#[must_use]
pub fn is_answered(host: &str) -> bool {
    DOMAINS.iter().any(|domain| is_in(host, domain))
}
