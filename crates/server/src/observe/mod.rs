//! Observability: a log line for each request, and statistics.

pub(super) mod statistics;
pub(super) mod trace;
