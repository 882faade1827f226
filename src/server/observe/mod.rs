//! What is seen of the server from outside: a line in the log for each request, and statistics.

pub(super) mod statistics;
pub(super) mod trace;
