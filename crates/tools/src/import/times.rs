//! Determines the unit of the times in a capture. Chrome and mitmproxy write seconds, Playwright
//! milliseconds, one version of Playwright a mixture, and unknown producers anything. So units are inferred
//! from values, not from the producer.

use jiff::Timestamp;

/// Minimum of Unix milliseconds. Unix seconds are below.
const MILLIS_MIN: f64 = 1e11;
/// Minimum of Unix microseconds.
const MICROS_MIN: f64 = 1e14;
/// Minimum of Unix seconds. Smaller numbers count from the start of the machine.
const SECONDS_MIN: f64 = 1e8;
/// Maximum time between opening a connection and its first message, in milliseconds: an hour.
const HANDSHAKE_MS_MAX: f64 = 3_600_000.0;

/// Unit of the times of one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Times {
    Millis,
    Seconds,
    Micros,
    /// Seconds since an unknown moment. `first` is the first time, which occurred at `at_ms`.
    SecondsSince {
        first: f64,
        at_ms: f64,
    },
    /// Milliseconds until `from_ms`; after it, the value increases by 1 for each second instead of each
    /// millisecond.
    Squeezed {
        from_ms: f64,
    },
    Untimed,
}

impl Times {
    /// Infers the unit from the producer, the start of the connection and its first time.
    pub(super) fn of(producer: &str, version: &str, started_ms: Option<f64>, first: Option<f64>) -> Self {
        let Some(first) = first else { return Self::Untimed };
        if first > MICROS_MIN {
            return Self::Micros;
        }
        if first > MILLIS_MIN {
            let is_squeezed = producer == "Playwright" && version.starts_with("1.61.");
            let near = |at: &f64| (0.0..HANDSHAKE_MS_MAX / 1000.0).contains(&(first - at));
            let from_ms = started_ms.filter(near).unwrap_or(first);
            return if is_squeezed { Self::Squeezed { from_ms } } else { Self::Millis };
        }
        if first > SECONDS_MIN {
            return Self::Seconds;
        }
        Self::SecondsSince { first, at_ms: started_ms.unwrap_or_default() }
    }

    /// Converts a time to Unix milliseconds.
    pub(super) fn ms(self, time: f64) -> f64 {
        match self {
            Self::Millis | Self::Untimed => time,
            Self::Seconds => time * 1e3,
            Self::Micros => time / 1e3,
            Self::SecondsSince { first, at_ms } => at_ms + (time - first) * 1e3,
            Self::Squeezed { from_ms } => from_ms + (time - from_ms) * 1e3,
        }
    }

    /// Returns a remark for the user, if anything is unusual.
    pub(super) fn note(self, producer: &str) -> Option<String> {
        let odd =
            |unit: &str| Some(format!("Times are read as {unit}, although {producer} writes other units"));
        match (self, producer) {
            (Self::Squeezed { .. }, _) => {
                Some("Playwright 1.61 writes seconds as milliseconds: times were corrected".into())
            }
            (Self::SecondsSince { .. }, _) => {
                Some("Times have no date: they are relative to the connection's start".into())
            }
            (Self::Millis, "WebInspector" | "mitmproxy") => odd("milliseconds"),
            (Self::Seconds, "Playwright") => odd("seconds"),
            (Self::Micros, _) => odd("microseconds"),
            _ => None,
        }
    }
}

/// Parses `2026-11-20T10:00:00.000Z` to Unix milliseconds.
pub(super) fn parse_date(text: &str) -> Option<f64> {
    let time: Timestamp = text.parse().ok()?;
    // A float can represent current times in microseconds exactly, but not in nanoseconds.
    Some(time.as_microsecond() as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: f64 = 1_757_443_489_000.0;

    #[track_caller]
    fn check(producer: &str, version: &str, times: [f64; 2], offsets_ms: [f64; 2]) {
        let read = Times::of(producer, version, Some(START), Some(times[0]));
        let ms = times.map(|time| (read.ms(time) - START).round());
        assert_eq!(ms, offsets_ms, "{producer} {version}: {read:?}");
    }

    #[test]
    fn the_times_of_each_producer_are_converted() {
        let seconds = START / 1e3;
        check("WebInspector", "537.36", [seconds + 0.25, seconds + 90.5], [250.0, 90_500.0]);
        check("mitmproxy", "11.0.2", [seconds + 0.25, seconds + 90.5], [250.0, 90_500.0]);
        check("Playwright", "1.65.1", [START + 250.0, START + 90_500.0], [250.0, 90_500.0]);
        check("Playwright", "1.61.0", [START + 0.25, START + 90.5], [250.0, 90_500.0]);
        // Chrome without the wall time of the request.
        check("WebInspector", "537.36", [5000.5, 5090.5], [0.0, 90_000.0]);
    }

    #[test]
    fn units_are_inferred_from_values_not_from_the_producer() {
        let seconds = START / 1e3;
        check("WebInspector", "537.36", [START, START + 500.0], [0.0, 500.0]);
        check("Playwright", "1.65.1", [seconds, seconds + 2.0], [0.0, 2000.0]);
        check("", "", [START * 1e3, START * 1e3 + 7000.0], [0.0, 7.0]);
        assert!(Times::Seconds.note("Playwright").is_some() && Times::Millis.note("Playwright").is_none());
        assert_eq!(Times::of("Playwright", "1.65.1", Some(START), None), Times::Untimed);
    }

    #[test]
    fn dates_are_parsed() {
        assert_eq!(parse_date("2025-09-09T18:44:49.250Z"), Some(START + 250.0));
        assert_eq!(parse_date("2025-09-09T20:44:49+02:00"), Some(START));
        assert_eq!(parse_date("yesterday"), None);
    }
}
