//! How a recording is made.

use std::{fmt, str::FromStr, time::Duration};

use crate::sans_io::offset;

/// Longest time that an item stays in memory, as long as the disk keeps up.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// How often the disk is told to keep what was recorded, unless told otherwise.
pub const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Items that wait to be written. A busy room has some tens a second.
pub const QUEUE_ITEMS_MAX: usize = 16_384;
/// Bytes of payload that wait to be written: twice the largest record.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Bytes that are handed to the system at once.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

/// How a recording is made.
#[derive(Clone, Debug)]
pub struct Options {
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
    pub rotate: Option<super::Rotate>,
    /// The wall clock, since the Unix epoch; `None` where offsets are not time that passes, as in replays.
    pub wall: Option<fn() -> Duration>,
}

impl Default for Options {
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

/// How often the disk is told to keep what it has (fdatasync): that is not lost when the power is. Unless it is `Off`,
/// the disk is told at the end of each file as well, and of the folder when a file was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After each record.
    Each,
    /// After this time at most, where something was recorded.
    Every(Duration),
    /// Never: the system decides, after half a minute or so.
    Off,
}

impl Default for Sync {
    fn default() -> Self {
        Self::Every(SYNC_EVERY)
    }
}

impl Sync {
    /// The longest time between two; `None` for never.
    pub(super) fn every(self) -> Option<Duration> {
        match self {
            Self::Each => Some(Duration::ZERO),
            Self::Every(every) => Some(every),
            Self::Off => None,
        }
    }
}

impl FromStr for Sync {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "each" => Ok(Self::Each),
            "off" => Ok(Self::Off),
            time => offset::parse(time)
                .map(Self::Every)
                .map_err(|_| format!("`{text}` is not a time, e.g. 5s, and neither `each` nor `off`")),
        }
    }
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.write_str("each"),
            Self::Off => f.write_str("off"),
            Self::Every(every) if every.as_millis().is_multiple_of(1000) => write!(f, "{}s", every.as_secs()),
            Self::Every(every) => write!(f, "{}ms", every.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_is_a_time_or_a_word() {
        for (text, sync) in [
            ("5s", Sync::default()),
            ("1m", Sync::Every(Duration::from_secs(60))),
            ("250ms", Sync::Every(FLUSH_EVERY)),
            ("each", Sync::Each),
            ("off", Sync::Off),
        ] {
            assert_eq!(text.parse(), Ok(sync));
            assert_eq!(sync.to_string().parse(), Ok(sync));
        }
        for wrong in ["", "never", "-1s", "true"] {
            assert!(wrong.parse::<Sync>().is_err(), "{wrong}");
        }
    }
}
