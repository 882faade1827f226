//! Parses the delay that a server requests, from the headers of all known rate limiters.
//!
//! The sign server's clients disagree about headers and units, so every unambiguous reading is accepted.

use std::time::Duration;

use jiff::civil::DateTime;

/// Headers in order of precedence; the first readable one wins. `ratelimit-remaining` is not included,
/// because it counts requests.
pub const HEADERS: [&str; 3] = ["retry-after", "ratelimit-reset", "x-ratelimit-reset"];

/// The forms of dates in HTTP, which every recipient has to accept (RFC 9110 §5.6.7). The first is usually
/// read as RFC 2822, but that fails on the last day of the year 9999, a common "never".
const HTTP_DATES: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
/// Numbers from here on are dates rather than delays, in seconds since the Unix epoch: 2001 and later.
const EPOCH_SECONDS_MIN: f64 = 1e9;
/// Numbers from here on are dates in milliseconds.
const EPOCH_MILLIS_MIN: f64 = 1e12;
/// Maximum delay. Servers never mean more.
const WAIT_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Returns how long to wait. `header` returns the value of a header by its lowercase name. `now` is the wall
/// time since the Unix epoch. Returns `None` if no header is readable, or the time has passed.
pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>, now: Duration) -> Option<Duration> {
    HEADERS.iter().filter_map(|name| parse(header(name)?, now)).next()
}

/// Parses the value of one header: a number of seconds, a date in Unix seconds or milliseconds, or an HTTP
/// date in any of its three forms, or an ISO 8601 date.
#[must_use]
pub fn parse(value: &str, now: Duration) -> Option<Duration> {
    let value = value.trim();
    let wait = match number(value) {
        Some(millis) if millis >= EPOCH_MILLIS_MIN => since(duration(millis / 1e3), now)?,
        Some(seconds) if seconds >= EPOCH_SECONDS_MIN => since(duration(seconds), now)?,
        Some(seconds) => duration(seconds),
        None => since(date(value)?, now)?,
    };
    (wait > Duration::ZERO).then_some(wait.min(WAIT_MAX))
}

/// Parses a plain decimal number, without signs, exponents and the like.
fn number(value: &str) -> Option<f64> {
    let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain.then(|| value.parse().ok()).flatten()
}

/// Converts a number that is not negative. One that is too large for a duration becomes the longest.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

fn date(value: &str) -> Option<Duration> {
    let http = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok();
    if let Some(date) = http.or_else(|| value.parse().ok()) {
        return u64::try_from(date.as_millisecond()).ok().map(Duration::from_millis);
    }
    let date = HTTP_DATES.iter().find_map(|form| DateTime::strptime(form, value).ok())?;
    date.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).try_into().ok()
}

fn since(date: Duration, now: Duration) -> Option<Duration> {
    date.checked_sub(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T10:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_168_800);

    #[track_caller]
    fn check(headers: &[(&str, &str)], seconds: Option<f64>) {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!(read(header, NOW), seconds.map(Duration::from_secs_f64), "{headers:?}");
    }

    #[test]
    fn every_dialect_is_parsed() {
        check(&[("retry-after", "7")], Some(7.0));
        check(&[("retry-after", " 1.5 ")], Some(1.5));
        check(&[("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT")], Some(30.0));
        check(&[("retry-after", "Friday, 20-Nov-26 10:00:30 GMT")], Some(30.0));
        check(&[("retry-after", "Fri Nov 20 10:00:30 2026")], Some(30.0));
        check(&[("retry-after", "Sat Dec  5 10:00:00 2026")], Some(15.0 * 86_400.0));
        check(&[("x-ratelimit-reset", "1795168860")], Some(60.0));
        check(&[("x-ratelimit-reset", "1795168860500")], Some(60.5));
        check(&[("x-ratelimit-reset", "42")], Some(42.0));
        check(&[("x-ratelimit-reset", "2026-11-20T10:05:00Z")], Some(300.0));
        check(&[("ratelimit-reset", "42")], Some(42.0));
        check(&[("ratelimit-reset", "1795168801")], Some(1.0));
    }

    #[test]
    fn the_first_readable_header_wins() {
        check(
            &[("retry-after", "5"), ("ratelimit-reset", "9"), ("x-ratelimit-reset", "1795168860")],
            Some(5.0),
        );
        check(&[("retry-after", "soon"), ("x-ratelimit-reset", "9")], Some(9.0));
        check(&[("retry-after", "0"), ("x-ratelimit-reset", "9")], Some(9.0));
        check(&[("ratelimit-remaining", "3")], None);
    }

    #[test]
    fn nonsense_and_past_times_are_ignored() {
        let past = ["0", "1795168800", "1795168799", "Thu, 19 Nov 2026 10:00:00 GMT", "1795168799000"];
        let nonsense = ["", " ", "-5", "+5", "1e3", "inf", "NaN", ".", "1.2.3", "5s", "tomorrow", "0x10"];
        for value in past.iter().chain(&nonsense) {
            check(&[("retry-after", value)], None);
        }
        let never = "Fri, 31 Dec 9999 23:59:59 GMT";
        for value in ["900000000", "99999999999999999999999999", &"9".repeat(400), never] {
            check(&[("retry-after", value)], Some(WAIT_MAX.as_secs_f64()));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(value in ".{0,40}|[0-9.]{0,400}", now in 0_u64..) {
            let _ = parse(&value, Duration::from_secs(now));
        }
    }
}
