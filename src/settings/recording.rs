//! How recordings are kept: settings that the recorder obeys.

use std::{fmt, str::FromStr, time::Duration};

use crate::sans_io::offset;

/// The directory for recordings.
pub const FOLDER: &str = "recordings";
/// How often the disk is told to keep what was recorded, unless told otherwise.
pub const SYNC_EVERY: Duration = Duration::from_secs(5);
/// The smallest part: a header must not be most of it.
const PART_BYTES_MIN: u64 = 64 << 10;
/// The shortest part.
const PART_TIME_MIN: Duration = Duration::from_secs(1);

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
    pub(crate) fn every(self) -> Option<Duration> {
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

/// When a recording goes on in the next file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// After so many bytes.
    Bytes(u64),
    /// After so long.
    Every(Duration),
}

impl FromStr for Rotate {
    type Err = String;

    /// `100MB` or `30m`: what ends in a unit of bytes is a size.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let factor = match unit.to_ascii_uppercase().as_str() {
            "KB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => return Self::every(text),
        };
        let number = text[..text.len() - unit.len()].parse::<u64>().ok();
        let bytes =
            number.and_then(|number| number.checked_mul(factor)).filter(|bytes| *bytes >= PART_BYTES_MIN);
        bytes.map(Self::Bytes).ok_or_else(|| "a part has 64KB at least".to_owned())
    }
}

impl Rotate {
    fn every(text: &str) -> Result<Self, String> {
        let every = offset::parse(text)
            .map_err(|_| format!("`{text}` is neither a size, e.g. 100MB, nor a time, e.g. 30m"))?;
        if every < PART_TIME_MIN {
            Err("a part takes 1s at least".to_owned())
        } else {
            Ok(Self::Every(every))
        }
    }
}

impl fmt::Display for Rotate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) if bytes % (1 << 30) == 0 => write!(f, "{}GB", bytes >> 30),
            Self::Bytes(bytes) if bytes % (1 << 20) == 0 => write!(f, "{}MB", bytes >> 20),
            Self::Bytes(bytes) => write!(f, "{}KB", bytes >> 10),
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
    fn sizes_and_times_are_told_apart() {
        let parse = |text: &str| text.parse::<Rotate>().ok();
        assert_eq!(parse("100MB"), Some(Rotate::Bytes(100 << 20)));
        assert_eq!(parse("64kb"), Some(Rotate::Bytes(64 << 10)));
        assert_eq!(parse("30m"), Some(Rotate::Every(Duration::from_secs(1800))));
        assert_eq!(parse("1h"), Some(Rotate::Every(Duration::from_secs(3600))));
        for wrong in ["", "0", "10KB", "100", "x", "-1m", "999ms", "99999999999GB"] {
            assert_eq!(
                parse(wrong).filter(|rotate| *rotate != Rotate::Every(Duration::from_secs(100))),
                None,
                "{wrong}"
            );
        }
        for text in ["100MB", "64KB", "2GB"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(&parse("30m").unwrap().to_string()), parse("30m"));
    }
}
