//! What livetape shares with other processes: signals, stdout, stderr, and files.

pub(super) mod display;
pub(super) mod ending;
pub(super) mod file_size;
pub(super) mod output;
pub(super) mod signals;
pub(super) mod stderr;
