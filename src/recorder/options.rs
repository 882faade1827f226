//! How a recording is made.

use std::time::Duration;

use crate::settings::{Rotate, Sync};

/// Longest time that an item stays in memory, as long as the disk keeps up.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Items that wait to be written. A busy room has some tens a second.
pub const QUEUE_ITEMS_MAX: usize = 16_384;
/// Bytes of payload that wait to be written: twice the largest record.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Bytes that are handed to the system at once.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

/// How a recording is made.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// When the system gets what was recorded.
    pub flush: Flush,
    /// How much a power cut may cost.
    pub sync: Sync,
    /// Items that may wait to be written.
    pub queue_items_max: usize,
    /// Bytes of payload that may wait to be written.
    pub queue_bytes_max: usize,
    /// How long the recording may become, all files together, in bytes: then it is sealed, and ends with
    /// `recording_full`.
    pub bytes_max: Option<u64>,
    /// When it goes on in the next file: `show.000.bin`, `show.001.bin`, …; `None`: all of it is in one.
    pub rotate: Option<Rotate>,
    /// The wall clock, since the Unix epoch; `None` where offsets are not time that passes, as in replays.
    pub wall: Option<fn() -> Duration>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            flush: Flush::default(),
            sync: Sync::default(),
            queue_items_max: QUEUE_ITEMS_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            bytes_max: None,
            rotate: None,
            wall: Some(super::wall),
        }
    }
}

/// When the system gets what was recorded: what it has is not lost when the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each record.
    Each,
    /// When nothing more waits to be written, and after this time at most.
    Every(Duration),
    /// After so many bytes, and at the end.
    Bytes(u64),
}

impl Default for Flush {
    fn default() -> Self {
        Self::Every(FLUSH_EVERY)
    }
}
