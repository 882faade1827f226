//! Options of a recording.

use std::time::Duration;

use crate::settings::{Rotate, Sync};

/// Maximum time that an item stays in memory while the disk keeps up.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Default maximum number of queued items. A busy room sends a few dozen per second.
pub const QUEUE_ITEMS_MAX: usize = 16_384;
/// Default maximum payload of queued items, in bytes: twice the largest record.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Size of the write buffer, in bytes.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

/// Options of a recording.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// When data is passed to the operating system.
    pub flush: Flush,
    /// How much data a power failure may destroy.
    pub sync: Sync,
    /// Maximum number of queued items.
    pub queue_items_max: usize,
    /// Maximum payload of queued items, in bytes.
    pub queue_bytes_max: usize,
    /// Maximum total length of the recording's files, in bytes. At the limit, the recording is sealed and
    /// ends with `recording_full`.
    pub bytes_max: Option<u64>,
    /// When to continue in a new file: `show.000.bin`, `show.001.bin`, …; `None` for a single file.
    pub rotate: Option<Rotate>,
    /// Wall clock, since the Unix epoch; `None` if offsets do not follow real time, as in replays.
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

/// When data is passed to the operating system. Data that was passed on survives if the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each record.
    Each,
    /// When the queue is empty, and at the latest after this time.
    Every(Duration),
    /// After this number of bytes, and at the end.
    Bytes(u64),
}

impl Default for Flush {
    fn default() -> Self {
        Self::Every(FLUSH_EVERY)
    }
}
