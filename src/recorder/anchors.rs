//! When the wall time of an offset is worth a record.

use std::time::Duration;

/// How often an anchor is written, in stream time.
const ANCHOR_EVERY: Duration = Duration::from_secs(60);
/// An anchor is written at once if the wall clock went so much more or less far than the stream: it was set, or the
/// machine slept.
const JUMP_NS: u128 = 2_000_000_000;

/// Keeps what the last anchor said.
#[derive(Debug)]
pub(super) struct Anchors {
    /// The wall time of offset 0, Unix nanoseconds; `None` if it was never told.
    start_ns: Option<i64>,
    due: Duration,
}

impl Anchors {
    /// `start_ns` is the wall time of offset 0, as the header has it.
    pub(super) fn new(start_ns: Option<i64>) -> Self {
        Self { start_ns, due: ANCHOR_EVERY }
    }

    /// The wall time in Unix nanoseconds to write for `offset`, if one is due.
    pub(super) fn due(&mut self, offset: Duration, wall: Duration) -> Option<i64> {
        let wall_ns = nanoseconds(wall);
        let start_ns = wall_ns.saturating_sub(nanoseconds(offset));
        let jumped = self.start_ns.is_none_or(|before| u128::from(start_ns.abs_diff(before)) > JUMP_NS);
        if !jumped && offset < self.due {
            return None;
        }
        self.start_ns = Some(start_ns);
        self.due = offset.saturating_add(ANCHOR_EVERY);
        Some(wall_ns)
    }
}

/// Nanoseconds as a recording has them; what is beyond the year 2262 becomes that.
pub(super) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 1_700_000_000;

    #[test]
    fn one_a_minute_and_one_for_each_jump() {
        let mut anchors = Anchors::new(Some(nanoseconds(Duration::from_secs(DAY))));
        let mut due = |offset: u64, wall: u64| {
            let due = anchors.due(Duration::from_secs(offset), Duration::from_secs(DAY + wall));
            assert!(due.is_none_or(|due| due == nanoseconds(Duration::from_secs(DAY + wall))));
            due.is_some()
        };
        assert!(!due(0, 0) && !due(59, 61), "two seconds are no jump");
        assert!(due(60, 60) && !due(61, 61) && due(120, 120));
        assert!(due(130, 133) && !due(131, 134), "set forward, or slept");
        assert!(due(132, 10) && !due(133, 11), "set back");
        assert!(!due(191, 69) && due(192, 70));
    }
}
