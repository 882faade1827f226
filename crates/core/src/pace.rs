//! Pacing of a replay: converts recorded offsets to due times, with speed, pause, seek and idle limit.
//!
//! Times are absolute, so nothing drifts: each deadline is computed from a fixed reference, never from the
//! previous deadline. `now` is the time since any fixed point. Each change sets a new reference at its `now`.

use std::{fmt, time::Duration};

/// Speed of a replay.
///
/// ```
/// use livetape_core::pace::Speed;
///
/// assert_eq!("2.5".parse(), Ok(Speed::Times(2.5)));
/// assert_eq!("max".parse(), Ok(Speed::Max));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// A multiple of the original speed, from [`Speed::MIN`] to [`Speed::MAX`].
    Times(f64),
    /// As fast as the slowest subscriber can read.
    Max,
}

impl Speed {
    /// Minimum speed.
    pub const MIN: f64 = 0.1;
    /// Maximum speed other than `max`.
    pub const MAX: f64 = 1000.0;

    /// Checks that a multiple is in range.
    ///
    /// # Errors
    /// A message with the value and the range.
    pub fn check(self) -> Result<(), String> {
        match self {
            Self::Times(times) if !(Self::MIN..=Self::MAX).contains(&times) => Err(not_a_speed(times)),
            Self::Times(_) | Self::Max => Ok(()),
        }
    }
}

fn not_a_speed(given: impl fmt::Display) -> String {
    format!("`{given}` is not a speed: use a number from {} to {}, or `max`", Speed::MIN, Speed::MAX)
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let speed = text.parse().ok().map(Self::Times).filter(|speed| speed.check().is_ok());
        speed.ok_or_else(|| not_a_speed(text))
    }
}

impl serde::Serialize for Speed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Times(times) => serializer.serialize_f64(*times),
            Self::Max => serializer.serialize_str("max"),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Speed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "a number or \"max\"")]
        enum Form {
            Times(f64),
            Name(String),
        }
        let speed = match Form::deserialize(deserializer)? {
            Form::Times(times) => Ok(Self::Times(times)),
            Form::Name(name) => name.parse(),
        };
        speed.and_then(|speed| speed.check().map(|()| speed)).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Speed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Speed".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Multiple of the original speed, or `max`: as fast as the slowest subscriber reads.",
            "anyOf": [{ "type": "number", "minimum": Self::MIN, "maximum": Self::MAX }, { "const": "max" }],
        })
    }
}

/// The clock of a replay. Converts between replay time and real time.
#[derive(Clone, Debug)]
pub struct ReplayClock {
    speed: Speed,
    is_paused: bool,
    /// Replay time at the reference point.
    shown: Duration,
    /// Real time at the reference point.
    at: Duration,
}

impl ReplayClock {
    /// Creates a clock at zero, paused.
    #[must_use]
    pub fn new(speed: Speed) -> Self {
        Self { speed, is_paused: true, shown: Duration::ZERO, at: Duration::ZERO }
    }

    /// Returns the replay time at `now`. At speed `max`, it stays at the last jump, and everything is due.
    #[must_use]
    pub fn shown(&self, now: Duration) -> Duration {
        match self.speed {
            Speed::Times(times) if !self.is_paused => self.shown + now.saturating_sub(self.at).mul_f64(times),
            _ => self.shown,
        }
    }

    /// Returns when the replay time `shown` is due; `None` while paused. Past times are due immediately.
    #[must_use]
    pub fn due(&self, shown: Duration) -> Option<Duration> {
        match self.speed {
            _ if self.is_paused => None,
            Speed::Times(times) => Some(self.at + shown.saturating_sub(self.shown).div_f64(times)),
            Speed::Max => Some(self.at),
        }
    }

    /// Changes the speed from `now` on.
    pub fn set_speed(&mut self, now: Duration, speed: Speed) {
        self.jump(now, self.shown(now));
        self.speed = speed;
    }

    /// Pauses from `now` on.
    pub fn pause(&mut self, now: Duration) {
        self.jump(now, self.shown(now));
        self.is_paused = true;
    }

    /// Resumes from `now` on.
    pub fn resume(&mut self, now: Duration) {
        self.jump(now, self.shown(now));
        self.is_paused = false;
    }

    /// Sets the replay time at `now` to `shown`.
    pub fn jump(&mut self, now: Duration, shown: Duration) {
        (self.shown, self.at) = (shown, now);
    }

    /// Returns the speed.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// Whether the clock is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }
}

/// Converts recorded offsets to replay time, limiting long gaps. Only waiting is skipped, never events.
#[derive(Clone, Debug)]
pub struct IdleLimit {
    limit: Option<Duration>,
    offset: Duration,
    shown: Duration,
}

impl IdleLimit {
    /// Starts at `offset`, which corresponds to the replay time `shown`.
    #[must_use]
    pub fn new(limit: Option<Duration>, offset: Duration, shown: Duration) -> Self {
        Self { limit, offset, shown }
    }

    /// Returns the replay time of `offset` as the next offset, without advancing.
    #[must_use]
    pub fn preview(&self, offset: Duration) -> Duration {
        let gap = offset.saturating_sub(self.offset);
        self.shown + self.limit.map_or(gap, |limit| gap.min(limit))
    }

    /// Advances to `offset`.
    pub fn advance(&mut self, offset: Duration) {
        self.shown = self.preview(offset);
        self.offset = self.offset.max(offset);
    }

    /// Returns the offset at the replay time `shown`, at most `next`.
    #[must_use]
    pub fn offset_at(&self, shown: Duration, next: Duration) -> Duration {
        (self.offset + shown.saturating_sub(self.shown)).min(next.max(self.offset))
    }

    /// Returns the current offset and its replay time.
    #[must_use]
    pub fn position(&self) -> (Duration, Duration) {
        (self.offset, self.shown)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn deadlines_are_absolute() {
        let mut clock = ReplayClock::new(Speed::Times(2.0));
        assert_eq!(clock.due(ms(10)), None);
        clock.resume(ms(1000));
        assert_eq!(clock.due(ms(500)), Some(ms(1250)));
        clock.set_speed(ms(1100), Speed::Times(0.5));
        assert_eq!(clock.shown(ms(1100)), ms(200));
        assert_eq!(clock.due(ms(500)), Some(ms(1700)));
    }

    #[test]
    fn nothing_is_due_while_paused_even_if_it_was() {
        let mut clock = ReplayClock::new(Speed::Times(1.0));
        clock.resume(ms(0));
        clock.pause(ms(100));
        assert_eq!((clock.due(ms(50)), clock.shown(ms(900))), (None, ms(100)));
        clock.resume(ms(1000));
        assert_eq!(clock.due(ms(150)), Some(ms(1050)));
        assert_eq!(clock.due(ms(50)), Some(ms(1000)));
    }

    #[test]
    fn at_max_everything_is_due() {
        let mut clock = ReplayClock::new(Speed::Max);
        clock.resume(ms(5));
        assert_eq!(clock.due(ms(1_000_000)), Some(ms(5)));
    }

    #[test]
    fn speeds_are_checked() {
        for bad in ["-1", "0", "0.09", "1001", "NaN", "inf", "", "fast"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("0.1".parse(), Ok(Speed::Times(0.1)));
    }

    #[test]
    fn long_gaps_are_shortened() {
        let mut idle = IdleLimit::new(Some(ms(2_000)), ms(0), ms(0));
        idle.advance(ms(500));
        idle.advance(ms(60_500));
        assert_eq!(idle.preview(ms(61_000)), ms(3_000));
        assert_eq!(idle.offset_at(ms(2_700), ms(61_000)), ms(60_700));
        assert_eq!(idle.offset_at(ms(9_999), ms(61_000)), ms(61_000));
    }

    #[derive(Clone, Debug)]
    enum Change {
        Speed(f64),
        Pause,
        Resume,
    }

    proptest! {
        /// Changes never make replay time jump, and at the deadline of a replay time the clock shows that
        /// time.
        #[test]
        fn shown_time_is_continuous(changes in prop::collection::vec(
            (0_u64..5_000, prop_oneof![
                (0.1_f64..1000.0).prop_map(Change::Speed), Just(Change::Pause), Just(Change::Resume),
            ]), 1..40,
        )) {
            let (mut clock, mut now) = (ReplayClock::new(Speed::Times(1.0)), Duration::ZERO);
            for (wait_ms, change) in changes {
                now += ms(wait_ms);
                let before = clock.shown(now);
                match change {
                    Change::Speed(times) => clock.set_speed(now, Speed::Times(times)),
                    Change::Pause => clock.pause(now),
                    Change::Resume => clock.resume(now),
                }
                prop_assert_eq!(clock.shown(now), before);
                if let Some(due) = clock.due(before + ms(1234)) {
                    let error = clock.shown(due).abs_diff(before + ms(1234));
                    prop_assert!(error < Duration::from_micros(5), "{error:?}");
                }
            }
        }

        /// A limit only removes waiting: order is kept, and no gap becomes longer than before or than the
        /// limit.
        #[test]
        fn the_idle_limit_only_shortens(gaps in prop::collection::vec(0_u64..10_000, 1..60), limit in 0_u64..5_000) {
            let mut idle = IdleLimit::new(Some(ms(limit)), ms(0), ms(0));
            let (mut offset, mut before) = (ms(0), ms(0));
            for gap in gaps {
                offset += ms(gap);
                let shown = idle.preview(offset);
                prop_assert_eq!(shown - before, ms(gap.min(limit)));
                idle.advance(offset);
                before = shown;
            }
        }
    }
}
