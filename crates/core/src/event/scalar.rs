//! Numbers with a special form in the JSON of events.

use std::{borrow::Cow, fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A 64-bit id. It is a string in JSON, because JavaScript numbers are only exact up to 2^53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub i64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(itoa::Buffer::new().format(self.0))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(time.as_millisecond()))
    }
}

/// Whether a number is unknown, for fields that are absent then.
pub(super) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// A point in time, in Unix milliseconds. It is an ISO 8601 string in JSON: `2025-09-09T18:44:13.511Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl From<Duration> for Millis {
    /// Takes the time since 1970.
    fn from(time: Duration) -> Self {
        Self(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages can contain any number. A time beyond the calendar becomes the epoch.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits() {
            Some(digits) => serializer.serialize_str(str::from_utf8(&digits).unwrap_or_default()),
            None => serializer.collect_str(self),
        }
    }
}

impl Millis {
    /// Returns the text that `Display` writes, for times from 1970 to year 9999. This fast path matters
    /// because every event has two times.
    fn digits(self) -> Option<[u8; 24]> {
        let ms = u64::try_from(self.0).ok().filter(|ms| *ms <= DIGITS_MS_MAX)?;
        let (days, of_day) = (ms / DAY_MS, ms % DAY_MS);
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, of_day / 3_600_000),
            (14, 2, of_day / 60_000 % 60),
            (17, 2, of_day / 1000 % 60),
            (20, 3, of_day % 1000),
        ];
        for (at, width, mut number) in parts {
            for digit in text[at..at + width].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Some(text)
    }
}

const DAY_MS: u64 = 86_400_000;
/// 9999-12-30, the end of the calendar that `Display` uses.
const DIGITS_MS_MAX: u64 = 253_402_207_200_000;

/// Returns year, month and day of a day since 1970, by Howard Hinnant's `civil_from_days`. Its years start in
/// March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let description = "A 64-bit number in decimal; 0 if absent.";
        json_schema!({ "description": description, "type": "string", "pattern": "^-?[0-9]{1,19}$" })
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let description = "A point in time in UTC, ISO 8601 with milliseconds.";
        json_schema!({ "description": description, "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(ms: i64) -> bool {
        serde_json::to_string(&Millis(ms)).unwrap() == format!("\"{}\"", Millis(ms))
    }

    #[test]
    fn the_fast_path_matches_display_at_the_boundaries() {
        let ends = [0, -1, i64::MIN, i64::MAX, 951_782_400_000, 4_107_542_399_999, 253_402_207_200_000];
        for ms in ends {
            assert!((-1..=1).all(|step| same(ms.saturating_add(step))), "{ms}");
        }
        for day in 0..366 * 140 {
            assert!(same(day * 86_400_000), "{day}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_matches_display(ms in 0..260_000_000_000_000_i64, any in any::<i64>()) {
            prop_assert!(same(ms) && same(any));
        }
    }
}
