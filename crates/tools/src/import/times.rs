//! What the times of a capture count. Chrome and mitmproxy write seconds, Playwright milliseconds, one version of
//! Playwright neither, and strangers anything: so a number is believed before a name is.

use jiff::Timestamp;

/// Milliseconds since 1970 are above this, seconds are not.
const MILLIS_MIN: f64 = 1e11;
/// Microseconds are above this.
const MICROS_MIN: f64 = 1e14;
/// Seconds since 1970 are above this; what is below counts from when the machine was started.
const SECONDS_MIN: f64 = 1e8;
/// Further before its first message no connection was made: an hour.
const HANDSHAKE_MS_MAX: f64 = 3_600_000.0;

/// How the times of one connection are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Times {
    Millis,
    Seconds,
    Micros,
    /// Seconds since nobody knows when; this was the first, at that time.
    SecondsSince {
        first: f64,
        at_ms: f64,
    },
    /// Milliseconds, but a second of distance from here stands as one.
    Squeezed {
        from_ms: f64,
    },
    /// There are none.
    Untimed,
}

impl Times {
    /// Those of a connection: who wrote it, when it was made, and its first time.
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

    /// Unix milliseconds.
    pub(super) fn ms(self, time: f64) -> f64 {
        match self {
            Self::Millis | Self::Untimed => time,
            Self::Seconds => time * 1e3,
            Self::Micros => time / 1e3,
            Self::SecondsSince { first, at_ms } => at_ms + (time - first) * 1e3,
            Self::Squeezed { from_ms } => from_ms + (time - from_ms) * 1e3,
        }
    }

    /// What is to be told of it, if anything is odd.
    pub(super) fn note(self, producer: &str) -> Option<String> {
        let odd = |unit: &str| Some(format!("times are taken for {unit}, though {producer} writes others"));
        match (self, producer) {
            (Self::Squeezed { .. }, _) => {
                Some("Playwright 1.61 writes a second as a millisecond: times were stretched".into())
            }
            (Self::SecondsSince { .. }, _) => {
                Some("times do not say the day: the connection's own time stands for the first".into())
            }
            (Self::Millis, "WebInspector" | "mitmproxy") => odd("milliseconds"),
            (Self::Seconds, "Playwright") => odd("seconds"),
            (Self::Micros, _) => odd("microseconds"),
            _ => None,
        }
    }
}

/// Unix milliseconds of `2026-11-20T10:00:00.000Z`.
pub(super) fn parse_date(text: &str) -> Option<f64> {
    let time: Timestamp = text.parse().ok()?;
    // Microseconds are whole in a float for ages to come, nanoseconds are not.
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
    fn each_producer_is_read_as_it_writes() {
        let seconds = START / 1e3;
        check("WebInspector", "537.36", [seconds + 0.25, seconds + 90.5], [250.0, 90_500.0]);
        check("mitmproxy", "11.0.2", [seconds + 0.25, seconds + 90.5], [250.0, 90_500.0]);
        check("Playwright", "1.65.1", [START + 250.0, START + 90_500.0], [250.0, 90_500.0]);
        check("Playwright", "1.61.0", [START + 0.25, START + 90.5], [250.0, 90_500.0]);
        // Chrome without the wall time of the request.
        check("WebInspector", "537.36", [5000.5, 5090.5], [0.0, 90_000.0]);
    }

    #[test]
    fn numbers_are_believed_before_names() {
        let seconds = START / 1e3;
        check("WebInspector", "537.36", [START, START + 500.0], [0.0, 500.0]);
        check("Playwright", "1.65.1", [seconds, seconds + 2.0], [0.0, 2000.0]);
        check("", "", [START * 1e3, START * 1e3 + 7000.0], [0.0, 7.0]);
        assert!(Times::Seconds.note("Playwright").is_some() && Times::Millis.note("Playwright").is_none());
        assert_eq!(Times::of("Playwright", "1.65.1", Some(START), None), Times::Untimed);
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(parse_date("2025-09-09T18:44:49.250Z"), Some(START + 250.0));
        assert_eq!(parse_date("2025-09-09T20:44:49+02:00"), Some(START));
        assert_eq!(parse_date("yesterday"), None);
    }
}
