//! What livetape shares with other processes: signals, stdout, stderr, and files.

pub(super) mod display;
pub(super) mod output;
pub(super) mod signals;
