//! Decides when to record the wall time of an offset.

use std::time::Duration;

/// Interval between anchors, in stream time.
const ANCHOR_EVERY: Duration = Duration::from_secs(60);
/// Deviation of the wall clock from the stream at which an anchor is written immediately, in nanoseconds: the
/// clock was set, or the machine slept.
const JUMP_NS: u128 = 2_000_000_000;

/// State of the last anchor.
#[derive(Debug)]
pub(super) struct Anchors {
    /// Wall time of offset 0, in Unix nanoseconds; `None` if unknown.
    start_ns: Option<i64>,
    due: Duration,
}

impl Anchors {
    /// `start_ns` is the wall time of offset 0 from the header.
    pub(super) fn new(start_ns: Option<i64>) -> Self {
        Self { start_ns, due: ANCHOR_EVERY }
    }

    /// Returns the wall time to record for `offset` in Unix nanoseconds, if an anchor is due.
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

/// Converts a time to nanoseconds as used in recordings; saturates in the year 2262.
pub(super) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 1_700_000_000;

    #[test]
    fn anchors_are_due_once_a_minute_and_after_each_jump() {
        let mut anchors = Anchors::new(Some(nanoseconds(Duration::from_secs(DAY))));
        let mut due = |offset: u64, wall: u64| {
            let due = anchors.due(Duration::from_secs(offset), Duration::from_secs(DAY + wall));
            assert!(due.is_none_or(|due| due == nanoseconds(Duration::from_secs(DAY + wall))));
            due.is_some()
        };
        assert!(!due(0, 0) && !due(59, 61), "two seconds do not count as a jump");
        assert!(due(60, 60) && !due(61, 61) && due(120, 120));
        assert!(due(130, 133) && !due(131, 134), "the clock was set forward, or the machine slept");
        assert!(due(132, 10) && !due(133, 11), "the clock was set back");
        assert!(!due(191, 69) && due(192, 70));
    }
}
