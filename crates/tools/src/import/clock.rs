//! Mends the times of a capture whose clock was set while it ran: summer time, a time server, a computer that woke up.
//!
//! TikTok's servers state their time in each batch, so the time between two frames is known even if the clock was set
//! between them. A frame can be late, but not early: a clock was set forward if all frames of the next seconds come later
//! than the servers say, by about the same time. Without such a statement, a clock that goes back was set, and one that goes
//! forward only if it was by more than a day.

use bytes::Bytes;
use serde::Serialize;

use crate::payload::batch;

/// Maximum number of steps in a report. All are counted.
pub const STEPS_LISTED_MAX: usize = 10;
/// Maximum inaccuracy of times, in milliseconds: producers write frames slightly out of order.
const JITTER_MS: f64 = 2000.0;
/// Maximum time between two frames that needs no explanation, in milliseconds: a minute.
const QUIET_MS: f64 = 60_000.0;
pub(super) const HOUR_MS: f64 = 3_600_000.0;
pub(super) const DAY_MS: f64 = 24.0 * HOUR_MS;
/// The difference between two time zones is a multiple of this, in milliseconds: a quarter of an hour.
const ZONE_MS: f64 = HOUR_MS / 4.0;
/// Maximum step between time zones, in milliseconds.
const ZONES_MS_MAX: f64 = 14.0 * HOUR_MS;
/// Maximum time assumed between two frames when nothing is known about it, in milliseconds.
const USUAL_MS_MAX: f64 = 5000.0;
/// How long frames have to come later than the servers say until the clock was set forward, in milliseconds: longer than a
/// delayed connection takes to deliver what it held back.
const CONFIRM_MS: f64 = 10_000.0;
/// Minimum number of frames that have to, if the clock is not set back after them.
const CONFIRM_FRAMES_MIN: u32 = 3;
/// Part of the time between two frames that a replay at another speed may be off.
const DRIFT_MAX: f64 = 0.25;
/// How much of the usual time between two items stays after each, unless they are further apart.
const USUAL_DECAY: f64 = 0.9;
/// Maximum number of different settings of the clock to remember.
const SETTINGS_MAX: usize = 8;
/// If fewer items than this part of all have the first setting of the clock, the others have the right times.
const FIRST_PART_MIN: u64 = 10;
/// Sizes of the frames to remember, in bytes: larger than a heartbeat, and small enough for many connections.
const SEEN_BYTES: std::ops::Range<usize> = 64..64 << 10;

/// A step of the clock that was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockStep {
    /// Where it is in the recording, in milliseconds.
    pub at_ms: u64,
    /// How far the clock went forward, or back if negative, in milliseconds.
    pub by_ms: i64,
}

/// The steps of a clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    pub(super) count: u64,
    /// Mended times of the first ones, and how far the clock went forward, in milliseconds.
    pub(super) listed: Vec<(f64, f64)>,
}

impl Steps {
    pub(super) fn add(&mut self, at_ms: f64, by_ms: f64) {
        self.count += 1;
        if self.listed.len() < STEPS_LISTED_MAX {
            self.listed.push((at_ms, by_ms));
        }
    }
}

/// What tells about the time of an item.
#[derive(Clone, Copy, Debug)]
pub(super) enum Witness<'a> {
    /// A received frame, which may state the time of the server.
    Frame(&'a Bytes),
    /// Another frame, after which one may be received.
    Later,
    Nothing,
}

impl<'a> Witness<'a> {
    /// Returns the frame, if it probably states the time of the server.
    fn frame(self) -> Option<&'a Bytes> {
        match self {
            Self::Frame(frame) => Some(frame).filter(|frame| SEEN_BYTES.contains(&frame.len())),
            Self::Later | Self::Nothing => None,
        }
    }
}

/// Returns the time of the server in a received frame, in Unix milliseconds.
pub(super) fn server_ms(frame: &Bytes) -> Option<f64> {
    let now_ms = batch(frame, &mut Vec::new())?.info.now_ms;
    (now_ms > 0).then_some(now_ms as f64)
}

/// The clock of a connection, or of a whole file.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// Mended time of the last item, in milliseconds.
    last_ms: Option<f64>,
    /// What has to be added to the times of the capture.
    shift_ms: f64,
    /// All shifts so far, to which the clock may return, with the number of their items.
    settings: Vec<(f64, u64)>,
    usual_ms: f64,
    /// The last frame that probably states the time of the server, and its mended time.
    seen: Option<(f64, Bytes)>,
    /// The shift before the clock went forward, as long as it is unknown whether time passed.
    unsure: Option<f64>,
    steps: Steps,
}

impl Clock {
    /// Returns the mended time of an item. `ahead` are the times of the next items, as far as known.
    pub(super) fn mend<'a>(
        &mut self,
        ms: f64,
        witness: Witness<'a>,
        ahead: impl Iterator<Item = (f64, Witness<'a>)>,
    ) -> f64 {
        let (frame, is_last) = (witness.frame(), matches!(witness, Witness::Nothing));
        if let Some(last_ms) = self.last_ms {
            let gap_ms = ms + self.shift_ms - last_ms;
            let items = std::iter::once((ms, witness)).chain(ahead);
            match self.set_forward(last_ms, items) {
                Some(by_ms) if by_ms > 0.0 => {
                    self.shift_ms -= by_ms;
                    self.steps.add(ms + self.shift_ms, by_ms);
                }
                None if self.is_odd(ms, last_ms) => self.explain(ms, last_ms, frame, is_last),
                _ => self.usual_ms = gap_ms.max(self.usual_ms * USUAL_DECAY),
            }
        }
        let mended_ms = ms + self.shift_ms;
        let last_ms = self.last_ms.unwrap_or(mended_ms).max(mended_ms);
        self.last_ms = Some(last_ms);
        // A frame that is out of order may be from another time.
        if let Some(frame) = frame.filter(|_| mended_ms >= last_ms) {
            self.seen = Some((last_ms, frame.clone()));
        }
        self.count();
        mended_ms
    }

    /// Returns the time of the server in the last frame with one.
    pub(super) fn seen_ms(&self) -> Option<f64> {
        server_ms(&self.seen.as_ref()?.1)
    }

    /// Returns all steps at the end, and what has to be added to all mended times: if the first ones were odd, not the rest.
    pub(super) fn end(&mut self) -> (Steps, f64) {
        if let (Some(before_ms), Some(last_ms)) = (self.unsure.take(), self.last_ms) {
            self.steps.add(last_ms, before_ms - self.shift_ms);
        }
        self.seen = None;
        let count: u64 = self.settings.iter().map(|(_, count)| count).sum();
        let first = self.settings.iter().find(|(shift_ms, _)| *shift_ms == 0.0);
        let is_odd = first.is_none_or(|(_, items)| items * FIRST_PART_MIN < count);
        let usual = self.settings.iter().max_by_key(|(_, count)| count).filter(|_| is_odd);
        (std::mem::take(&mut self.steps), usual.map_or(0.0, |(shift_ms, _)| -shift_ms))
    }

    /// Returns how far the clock was set forward before the first of these items, in milliseconds: 0 if time passed, `None`
    /// if that is unknown.
    fn set_forward<'a>(
        &self,
        last_ms: f64,
        mut items: impl Iterator<Item = (f64, Witness<'a>)>,
    ) -> Option<f64> {
        let first = items.next()?;
        let gap_ms = first.0 + self.shift_ms - last_ms;
        if gap_ms <= JITTER_MS || self.unsure.is_some() {
            return None;
        }
        let (seen_at_ms, seen_ms) =
            self.seen.as_ref().and_then(|(at, frame)| Some((*at, server_ms(frame)?)))?;
        let (mut latest_ms, mut confirmed_ms) = (first.0, f64::INFINITY);
        let (mut least_ms, mut most_ms, mut usual_ms) = (f64::INFINITY, 0.0_f64, JITTER_MS);
        let (mut frames, mut is_back) = (0, false);
        for (ms, witness) in std::iter::once(first).chain(items) {
            is_back = ms < latest_ms - JITTER_MS;
            let is_confirmed = ms > confirmed_ms && frames >= CONFIRM_FRAMES_MIN;
            // Before the first frame, the clock was set in the longest gap.
            if is_back || is_confirmed || frames == 0 && ms - latest_ms > gap_ms {
                break;
            }
            latest_ms = latest_ms.max(ms);
            let Some(now_ms) = witness.frame().and_then(server_ms) else { continue };
            let expected_ms = now_ms - seen_ms;
            let late_ms = ms + self.shift_ms - seen_at_ms - expected_ms;
            if frames == 0 {
                // A show that starts again says nothing.
                if expected_ms < -JITTER_MS {
                    return None;
                }
                confirmed_ms = ms + CONFIRM_MS;
                usual_ms += expected_ms.max(0.0) * DRIFT_MAX;
            }
            if late_ms <= usual_ms {
                return Some(0.0);
            }
            (least_ms, most_ms) = (least_ms.min(late_ms), most_ms.max(late_ms));
            frames += 1;
        }
        let is_sure = frames >= CONFIRM_FRAMES_MIN || is_back && frames > 0;
        let is_equal = most_ms - least_ms <= JITTER_MS;
        (is_sure && is_equal && least_ms <= gap_ms + JITTER_MS).then_some(least_ms)
    }

    /// Counts an item of the current shift.
    fn count(&mut self) {
        let is_same = |known: f64| (known - self.shift_ms).abs() <= JITTER_MS;
        match self.settings.iter_mut().find(|(known, _)| is_same(*known)) {
            Some((_, count)) => *count += 1,
            None => {
                let counts = self.settings.iter().map(|(_, count)| *count).enumerate();
                if self.settings.len() == SETTINGS_MAX
                    && let Some((rarest, _)) = counts.min_by_key(|(_, count)| *count)
                {
                    self.settings.remove(rarest);
                }
                self.settings.push((self.shift_ms, 1));
            }
        }
    }

    /// Whether the time of an item needs an explanation.
    fn is_odd(&self, ms: f64, last_ms: f64) -> bool {
        let gap_ms = ms + self.shift_ms - last_ms;
        let soon = -JITTER_MS..=JITTER_MS.max(2.0 * self.usual_ms);
        let returns = |(shift_ms, _): &(f64, u64)| soon.contains(&(ms + shift_ms - last_ms));
        !(-JITTER_MS..=QUIET_MS).contains(&gap_ms)
            || self.unsure.is_some()
            || gap_ms > *soon.end() && self.settings.iter().any(returns)
    }

    /// Finds the shift from now on.
    fn explain(&mut self, ms: f64, last_ms: f64, frame: Option<&Bytes>, is_last: bool) {
        let seen = self.seen.as_ref().and_then(|(at_ms, frame)| Some((*at_ms, server_ms(frame)?)));
        let now_ms = frame.and_then(server_ms);
        let gap_ms = ms + self.shift_ms - last_ms;
        let before_ms = self.unsure.unwrap_or(self.shift_ms);
        let shift_ms = match (seen, now_ms) {
            (Some((at_ms, seen_ms)), Some(now_ms)) if now_ms != seen_ms => {
                self.measured(ms, last_ms, (at_ms + now_ms - seen_ms - last_ms).max(0.0))
            }
            // Only the next received frame tells whether time passed or the clock was set.
            (Some(_), None)
                if frame.is_none() && !is_last && (gap_ms > QUIET_MS || self.unsure.is_some()) =>
            {
                if self.unsure.is_none() {
                    let usual_ms = self.usual_ms.min(USUAL_MS_MAX);
                    (self.unsure, self.shift_ms) = (Some(self.shift_ms), last_ms + usual_ms - ms);
                }
                return;
            }
            _ => self.guessed(ms, last_ms),
        };
        self.unsure = None;
        self.shift_ms = shift_ms;
        if (shift_ms - before_ms).abs() > JITTER_MS {
            self.steps.add(ms + shift_ms, before_ms - shift_ms);
        }
    }

    /// Returns the shift with which the item comes `expected_ms` after the last one.
    fn measured(&self, ms: f64, last_ms: f64, expected_ms: f64) -> f64 {
        let off_ms = |shift_ms: f64| (ms + shift_ms - last_ms - expected_ms).abs();
        let is_possible = |shift_ms: f64| ms + shift_ms - last_ms >= -JITTER_MS;
        if is_possible(self.shift_ms) && off_ms(self.shift_ms) <= JITTER_MS {
            return self.shift_ms;
        }
        // A replay in slow motion takes longer than the servers' time.
        let current = Some(self.shift_ms).filter(|shift| off_ms(*shift) <= QUIET_MS + 2.0 * expected_ms);
        let known = self.settings.iter().map(|(shift_ms, _)| *shift_ms);
        let known = known.filter(|shift_ms| off_ms(*shift_ms) <= JITTER_MS);
        let possible = current.into_iter().chain(known).filter(|shift| is_possible(*shift));
        possible.min_by(|a, b| off_ms(*a).total_cmp(&off_ms(*b))).unwrap_or(last_ms + expected_ms - ms)
    }

    /// Returns the most likely shift, without a time of the server.
    fn guessed(&self, ms: f64, last_ms: f64) -> f64 {
        let gap_ms = |shift_ms: f64| ms + shift_ms - last_ms;
        let possible = |shift_ms: &f64| (-JITTER_MS..=QUIET_MS).contains(&gap_ms(*shift_ms));
        let known = self.settings.iter().map(|(shift_ms, _)| *shift_ms).filter(possible);
        let known = known.min_by(|a, b| gap_ms(*a).total_cmp(&gap_ms(*b)));
        let current_ms = gap_ms(self.shift_ms);
        match known {
            _ if (-JITTER_MS..=USUAL_MS_MAX).contains(&current_ms) => self.shift_ms,
            Some(known) => known,
            None if (0.0..=DAY_MS).contains(&current_ms) => self.shift_ms,
            None => {
                // Beyond whole quarters of an hour, time passed.
                let rest_ms = current_ms.rem_euclid(ZONE_MS);
                let is_zone = current_ms.abs() <= ZONES_MS_MAX && rest_ms <= QUIET_MS;
                last_ms + if is_zone { rest_ms } else { self.usual_ms.min(USUAL_MS_MAX) } - ms
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter::empty;

    use livetape_core::wire::{Batch, BatchInfo, Push, write_batch, write_push};

    use super::*;

    const START_MS: f64 = 1_757_443_489_000.0;

    /// A received frame that states this time, with some bytes of padding.
    fn frame(now_ms: f64) -> Bytes {
        let info = BatchInfo { now_ms: now_ms as i64, cursor: "x".repeat(64), ..BatchInfo::default() };
        let payload = write_batch(&Batch { messages: vec![], info });
        write_push(&Push { payload_type: "msg".into(), payload, ..Push::default() })
    }

    /// Mends frames every 2.5 s, with `shown_ms` as the times in the capture. Returns the largest error, and the steps.
    fn mended(stated: bool, shown_ms: impl Fn(usize, f64) -> f64) -> (f64, Steps) {
        mended_every(2500.0, stated, shown_ms)
    }

    fn mended_every(interval_ms: f64, stated: bool, shown_ms: impl Fn(usize, f64) -> f64) -> (f64, Steps) {
        let (mut clock, mut error_ms) = (Clock::default(), 0.0_f64);
        let true_ms: Vec<f64> = (0..200).map(|at| START_MS + f64::from(at) * interval_ms).collect();
        let frames: Vec<Bytes> = true_ms.iter().copied().map(frame).collect();
        let items = true_ms.iter().zip(&frames).enumerate().flat_map(|(at, (ms, frame))| {
            let witness = if stated { Witness::Frame(frame) } else { Witness::Later };
            // Each is acknowledged, which states nothing.
            [(shown_ms(at, *ms), witness), (shown_ms(at, *ms) + 3.0, Witness::Later)]
        });
        let items: Vec<(f64, Witness<'_>)> = items.collect();
        for (at, (ms, witness)) in items.iter().enumerate() {
            let mended_ms = clock.mend(*ms, *witness, items[at + 1..].iter().copied());
            let is_frame = at % 2 == 0;
            error_ms = error_ms.max(if is_frame { (mended_ms - true_ms[at / 2]).abs() } else { 0.0 });
        }
        (error_ms, clock.end().0)
    }

    #[test]
    fn steps_are_mended_to_the_millisecond_where_servers_state_the_time() {
        for by_ms in [
            -HOUR_MS,
            -30_000.0,
            HOUR_MS,
            72.0 * HOUR_MS,
            -60_712.0 * HOUR_MS,
            60_712.0 * HOUR_MS,
            90_000.0,
            2700.0,
        ] {
            let (error_ms, steps) = mended(true, |at, ms| if at < 90 { ms } else { ms + by_ms });
            assert!(error_ms < 10.0, "{by_ms}: {error_ms}");
            assert_eq!((steps.count, steps.listed[0].1.round()), (1, by_ms), "{steps:?}");
        }
    }

    #[test]
    fn a_small_step_in_a_quiet_room_is_mended() {
        for interval_ms in [8000.0, 15_000.0] {
            let (error_ms, steps) =
                mended_every(interval_ms, true, |at, ms| if at < 90 { ms } else { ms + 7000.0 });
            assert!(error_ms < 10.0 && steps.count == 1, "{interval_ms}: {error_ms} {steps:?}");
        }
    }

    #[test]
    fn steps_are_mended_without_a_time_of_the_server() {
        for by_ms in [-HOUR_MS, -2.0 * HOUR_MS, -HOUR_MS / 2.0] {
            let (error_ms, steps) = mended(false, |at, ms| if at < 90 { ms } else { ms + by_ms });
            assert!(error_ms < 10.0 && steps.count == 1, "{by_ms}: {error_ms} {steps:?}");
        }
        for by_ms in [-47_000.0, 72.0 * HOUR_MS, -60_712.0 * HOUR_MS, 60_712.0 * HOUR_MS] {
            let (error_ms, steps) = mended(false, |at, ms| if at < 90 { ms } else { ms + by_ms });
            assert!(error_ms < USUAL_MS_MAX && steps.count == 1, "{by_ms}: {error_ms} {steps:?}");
        }
    }

    #[test]
    fn one_odd_time_does_not_shift_the_rest() {
        for stated in [true, false] {
            for by_ms in [-50_000.0, -60_712.0 * HOUR_MS, 60_712.0 * HOUR_MS] {
                let (error_ms, steps) = mended(stated, |at, ms| if at == 90 { ms + by_ms } else { ms });
                assert!(
                    error_ms < USUAL_MS_MAX && steps.count == 2,
                    "{stated} {by_ms}: {error_ms} {steps:?}"
                );
            }
        }
    }

    #[test]
    fn a_first_odd_time_does_not_change_the_date_of_the_rest() {
        let (mut clock, odd_ms) = (Clock::default(), -60_712.0 * HOUR_MS);
        let shown_ms = |at: u32| START_MS + f64::from(at) * 2500.0 + if at == 0 { odd_ms } else { 0.0 };
        let mended: Vec<f64> = (0..40).map(|at| clock.mend(shown_ms(at), Witness::Later, empty())).collect();
        let (steps, rest_ms) = clock.end();
        assert_eq!((steps.count, mended[39] + rest_ms), (1, START_MS + 39.0 * 2500.0));
        assert!((mended[0] + rest_ms - START_MS).abs() < USUAL_MS_MAX);
    }

    #[test]
    fn forty_steps_back_and_forth_do_not_add_up() {
        for stated in [true, false] {
            let (error_ms, steps) = mended(stated, |at, ms| if at / 5 % 2 == 0 { ms } else { ms - HOUR_MS });
            assert!(error_ms < USUAL_MS_MAX, "{stated}: {error_ms}");
            assert_eq!((steps.count, steps.listed.len()), (39, STEPS_LISTED_MAX));
        }
    }

    #[test]
    fn a_silence_is_not_a_step() {
        let silence_ms = 3.0 * HOUR_MS;
        // The first item after it states nothing.
        let mut clock = Clock::default();
        clock.mend(START_MS, Witness::Frame(&frame(START_MS)), empty());
        clock.mend(START_MS + silence_ms, Witness::Later, empty());
        let after = frame(START_MS + silence_ms + 70.0);
        let mended_ms = clock.mend(START_MS + silence_ms + 100.0, Witness::Frame(&after), empty());
        assert_eq!((mended_ms, clock.end().0.count), (START_MS + silence_ms + 100.0, 0));
        // Nothing does.
        let mut clock = Clock::default();
        clock.mend(START_MS, Witness::Later, empty());
        let mended_ms = clock.mend(START_MS + silence_ms, Witness::Later, empty());
        assert_eq!((mended_ms, clock.end().0.count), (START_MS + silence_ms, 0));
        // It is the end.
        let mut clock = Clock::default();
        clock.mend(START_MS, Witness::Frame(&frame(START_MS)), empty());
        let mended_ms = clock.mend(START_MS + silence_ms, Witness::Nothing, empty());
        assert_eq!((mended_ms, clock.end().0.count), (START_MS + silence_ms, 0));
        // A replay in slow motion.
        let mut clock = Clock::default();
        clock.mend(START_MS, Witness::Frame(&frame(START_MS)), empty());
        let slow = frame(START_MS + 75_000.0);
        let mended_ms = clock.mend(START_MS + 150_000.0, Witness::Frame(&slow), empty());
        assert_eq!((mended_ms, clock.end().0.count), (START_MS + 150_000.0, 0));
    }

    /// The first item after it states nothing.
    #[test]
    fn a_step_forward_is_found_by_the_next_frame() {
        let (mut clock, by_ms) = (Clock::default(), 3.0 * HOUR_MS);
        clock.mend(START_MS, Witness::Frame(&frame(START_MS)), empty());
        let first_ms = clock.mend(START_MS + by_ms + 900.0, Witness::Later, empty());
        let next_ms =
            clock.mend(START_MS + by_ms + 1000.0, Witness::Frame(&frame(START_MS + 1000.0)), empty());
        assert!((START_MS..START_MS + 1000.0).contains(&first_ms), "{first_ms}");
        assert!((next_ms - START_MS - 1000.0).abs() <= JITTER_MS, "{next_ms}");
        assert_eq!(clock.end().0.count, 1);
    }

    #[test]
    fn times_that_are_slightly_out_of_order_are_not_a_step() {
        let (error_ms, steps) = mended(true, |at, ms| if at % 3 == 0 { ms - 2600.0 } else { ms });
        assert!(steps.count == 0 && error_ms <= 2600.0, "{error_ms} {steps:?}");
    }
}
