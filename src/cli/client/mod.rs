//! Commands that are clients of a running server.

pub(super) mod trigger;
pub(super) mod watch;
