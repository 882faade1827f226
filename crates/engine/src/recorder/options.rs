//! Options of a recording.

use std::{fmt, str::FromStr, time::Duration};

use livetape_core::{offset, size};

/// Default interval of syncs to disk.
pub const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Minimum size of a rotated file, in bytes: most of it should not be its header.
const PART_BYTES_MIN: u64 = 64_000;
/// Minimum duration of a rotated file.
const PART_TIME_MIN: Duration = Duration::from_secs(1);
/// Maximum time that an item stays in memory while the disk keeps up.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Default maximum number of queued items. A busy room sends a few dozen per second.
pub const QUEUE_ITEMS_MAX: usize = 16_384;
/// Default maximum payload of queued items, in bytes: twice the largest record.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Size of the write buffer, in bytes.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

#[derive(Clone, Debug)]
pub struct RecorderOptions {
    pub flush: Flush,
    /// How much data a power failure may destroy.
    pub sync: Sync,
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

/// Interval of syncs to disk (fdatasync): data that was synced survives a power cut. Unless this is `Off`,
/// each file is also synced at its end, and its directory when the file is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After each record.
    Each,
    /// At most this long after a record.
    Every(Duration),
    /// Never: the system syncs by itself, after about half a minute.
    Off,
}

impl Default for Sync {
    fn default() -> Self {
        Self::Every(SYNC_EVERY)
    }
}

impl Sync {
    /// Returns the longest time between two syncs; `None` for never.
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
                .map_err(|_| format!("`{text}` is not a time (e.g. 5s), `each` or `off`")),
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

/// Limit at which a recording continues in a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    Bytes(u64),
    Every(Duration),
}

impl FromStr for Rotate {
    type Err = String;

    /// Parses `100MB` as a size, and `30m` as a time.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.ends_with(['b', 'B']) {
            return Self::every(text);
        }
        match size::parse(text)? {
            bytes @ PART_BYTES_MIN.. => Ok(Self::Bytes(bytes)),
            _ => Err(format!("`{text}` is too small: each file needs at least 64KB")),
        }
    }
}

impl Rotate {
    fn every(text: &str) -> Result<Self, String> {
        let every = offset::parse(text)
            .map_err(|_| format!("`{text}` is neither a size (e.g. 100MB) nor a time (e.g. 30m)"))?;
        if every < PART_TIME_MIN {
            Err("each file must last at least 1s".to_owned())
        } else {
            Ok(Self::Every(every))
        }
    }
}

impl fmt::Display for Rotate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&size::shown(*bytes)),
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
            ("250ms", Sync::Every(Duration::from_millis(250))),
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

    #[test]
    fn rotation_takes_a_size_or_a_time() {
        let parse = |text: &str| text.parse::<Rotate>().ok();
        assert_eq!(parse("100MB"), Some(Rotate::Bytes(100_000_000)));
        assert_eq!(parse("64kb"), Some(Rotate::Bytes(64_000)));
        assert_eq!(parse("64KiB"), Some(Rotate::Bytes(65_536)));
        assert_eq!(parse("30m"), Some(Rotate::Every(Duration::from_secs(1800))));
        assert_eq!(parse("1h"), Some(Rotate::Every(Duration::from_secs(3600))));
        for wrong in ["", "0", "10KB", "100", "x", "-1m", "999ms", "99999999999GB"] {
            assert_eq!(
                parse(wrong).filter(|rotate| *rotate != Rotate::Every(Duration::from_secs(100))),
                None,
                "{wrong}"
            );
        }
        for text in ["100MB", "64KB", "64KiB", "2GB"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(&parse("30m").unwrap().to_string()), parse("30m"));
    }
}
