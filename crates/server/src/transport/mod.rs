//! Connections below HTTP: admission, time limits, TLS.

pub(super) mod admission;
pub(super) mod body;
pub(super) mod connections;
pub(super) mod limits;
pub(super) mod metered;
pub(super) mod rejected;
#[cfg(feature = "tls")]
pub(super) mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
pub(super) mod tls;
