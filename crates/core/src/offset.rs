//! Parses offsets from the command line, REST bodies and scenarios.

use std::time::Duration;

use super::error::{Code, Problem};

/// Maximum offset. No stream is this long.
pub const OFFSET_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Parses an offset or a duration: `1m30s`, `90s`, `1500ms`, `1h`, `01:30`, `00:01:30.5`, or a number of
/// seconds.
///
/// # Errors
/// A message if the text is malformed, negative, or above [`OFFSET_MAX`].
pub fn parse(text: &str) -> Result<Duration, String> {
    let read = match text.trim() {
        text if text.contains(':') => clock_time(text),
        text if text.ends_with(|end: char| end.is_ascii_digit() || end == '.') => decimal(text),
        text => units(text),
    };
    let no_offset =
        || format!("`{text}` is not a time: write it like 1m30s, 1500ms, 00:01:30.5, or in seconds");
    let offset = read.ok_or_else(no_offset)?;
    if offset > OFFSET_MAX {
        return Err(format!("`{text}` is longer than a year"));
    }
    Ok(offset)
}

/// Converts a number of seconds from JSON.
///
/// # Errors
/// A message if the number is negative, or above [`OFFSET_MAX`].
pub fn from_seconds(seconds: f64) -> Result<Duration, String> {
    let offset = Duration::try_from_secs_f64(seconds).ok().filter(|offset| *offset <= OFFSET_MAX);
    offset.ok_or_else(|| format!("{seconds:?} is not an offset: write a number of seconds, from 0 to a year"))
}

/// An offset beyond the end of a recording, which every command rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is beyond the end of the recording, {}", shown(*.offset), shown(*.end))]
pub struct BeyondEnd {
    /// The requested offset.
    pub offset: Duration,
    /// The offset of the last record.
    pub end: Duration,
}

/// Checks that an offset is not after the last record.
///
/// # Errors
/// [`BeyondEnd`]
pub fn check_within(offset: Duration, end: Duration) -> Result<(), BeyondEnd> {
    if offset > end { Err(BeyondEnd { offset, end }) } else { Ok(()) }
}

impl From<BeyondEnd> for Problem {
    fn from(error: BeyondEnd) -> Self {
        Self::new(Code::BadRequest, error)
            .hint("choose an earlier offset; run `livetape info` to see the length")
    }
}

/// A range whose end is not after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the end of the range, {}, is not after its start, {}", shown(*.end), shown(*.start))]
pub struct EmptyRange {
    /// The start of the range.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

/// Checks that a range contains anything; without an end, it does.
///
/// # Errors
/// [`EmptyRange`]
pub fn check_range(start: Duration, end: Option<Duration>) -> Result<(), EmptyRange> {
    match end.filter(|end| *end <= start) {
        Some(end) => Err(EmptyRange { start, end }),
        None => Ok(()),
    }
}

impl From<EmptyRange> for Problem {
    fn from(error: EmptyRange) -> Self {
        Self::new(Code::BadRequest, error).hint("choose a later end")
    }
}

/// Formats a duration as [`parse`] reads it, in whole milliseconds: `12m`, `6m42.438s`, `200ms`.
#[must_use]
pub fn shown(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    if seconds == 0 && millis > 0 {
        return format!("{millis}ms");
    }
    let mut text = String::new();
    for (unit, count) in [('h', seconds / 3600), ('m', seconds / 60 % 60)] {
        if count > 0 {
            text += &format!("{count}{unit}");
        }
    }
    let seconds = seconds % 60;
    if millis > 0 {
        let fraction = format!("{seconds}.{millis:03}");
        text += fraction.trim_end_matches('0');
        text.push('s');
    } else if seconds > 0 || text.is_empty() {
        text += &format!("{seconds}s");
    }
    text
}

/// Parses `MM:SS` or `HH:MM:SS`, optionally with a fraction.
fn clock_time(text: &str) -> Option<Duration> {
    let (minutes, seconds) = text.rsplit_once(':')?;
    let (hours, minutes) = minutes.rsplit_once(':').unwrap_or(("0", minutes));
    let (hours, minutes, seconds) = (whole(hours)?, whole(minutes)?, decimal(seconds)?);
    if minutes >= 60 || seconds >= Duration::from_secs(60) {
        return None;
    }
    Duration::from_secs(hours.checked_mul(3600)? + minutes * 60).checked_add(seconds)
}

/// Parses numbers with units, in descending order of unit: `1h2m3.5s`.
fn units(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u32); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let (mut rest, mut total, mut largest) = (text, Duration::ZERO, 0);
    while !rest.is_empty() {
        let number = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (count, behind) = rest.split_at(number);
        let unit = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (name, next) = behind.split_at(unit);
        let index = UNITS.iter().position(|(unit, _)| *unit == name).filter(|index| *index >= largest)?;
        // Exact to the microsecond.
        let millis = decimal(count.trim())?.checked_mul(UNITS[index].1)?;
        total = total.checked_add(millis / 1000)?;
        (rest, largest) = (next.trim_start(), index + 1);
    }
    (largest > 0).then_some(total)
}

/// Parses a number of seconds, exact to the nanosecond.
fn decimal(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !all_digits(fraction) {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some(Duration::new(whole(seconds)?, nanos))
}

fn whole(text: &str) -> Option<u64> {
    all_digits(text).then(|| text.parse().ok()).flatten()
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, millis: u64) {
        assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
    }

    #[test]
    fn offsets_are_written_in_many_ways() {
        check("0", 0);
        check("90", 90_000);
        check("90.5", 90_500);
        check("1m30s", 90_000);
        check("1h 2m 3.5s", 3_723_500);
        check("1500ms", 1_500);
        check("1s500ms", 1_500);
        check("1.5h", 5_400_000);
        check("01:30", 90_000);
        check("00:01:30.5", 90_500);
        check("100:00:00", 360_000_000);
        check("0.001", 1);
    }

    #[test]
    fn durations_are_shown_in_units_that_are_read_back() {
        for (millis, text) in [
            (0, "0s"),
            (200, "200ms"),
            (12_500, "12.5s"),
            (720_000, "12m"),
            (402_438, "6m42.438s"),
            (3_600_000, "1h"),
            (3_661_001, "1h1m1.001s"),
        ] {
            assert_eq!(shown(Duration::from_millis(millis)), text);
            check(text, millis);
        }
    }

    #[test]
    fn nonsense_is_rejected() {
        let nonsense = [
            "",
            " ",
            ".",
            "-1",
            "-1s",
            "+1",
            "1e3",
            "inf",
            "NaN",
            "s",
            "1x",
            "1s1m",
            "1s1s",
            "1m30",
            "1:60",
            "60:00:99",
            "1:2:3:4",
            ":30",
            "1:",
            "1..5",
            "1.",
            ".5s",
            "99999999999999999999",
            "1 year",
            "٣s",
            "18446744073709551615h",
            "18446744073709551615:00:00",
            "9000h",
            "32000000",
        ];
        for text in nonsense {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_are_bounded() {
        assert_eq!(from_seconds(1.5), Ok(Duration::from_millis(1500)));
        for seconds in [-0.1, 1e9, f64::NAN, f64::INFINITY] {
            assert!(from_seconds(seconds).is_err(), "{seconds}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[0-9hms:. -]{0,24}|.{0,12}") {
            let _ = parse(&text);
        }
    }
}
