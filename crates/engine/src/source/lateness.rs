//! Lateness of a replay: when frames were broadcast compared with when they were due.

use std::{collections::VecDeque, fmt, time::Duration};

use hdrhistogram::Histogram;

/// Maximum lateness that is measured, in microseconds: an hour.
const LATE_US_MAX: u64 = 3_600_000_000;
/// Number of frames at the start and at the end whose mean lateness is compared to calculate the drift.
const DRIFT_FRAMES: usize = 100;

#[derive(Clone, Debug)]
pub struct Lateness {
    all: Histogram<u64>,
    first: Vec<u64>,
    last: VecDeque<u64>,
}

impl Default for Lateness {
    fn default() -> Self {
        let all = Histogram::new_with_bounds(1, LATE_US_MAX, 3).expect("constant bounds are valid");
        Self { all, first: Vec::new(), last: VecDeque::new() }
    }
}

impl Lateness {
    pub fn record(&mut self, late: Duration) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.all.saturating_record(us);
        if self.first.len() < DRIFT_FRAMES {
            self.first.push(us);
        }
        self.last.push_back(us);
        if self.last.len() > DRIFT_FRAMES {
            self.last.pop_front();
        }
    }

    #[must_use]
    pub fn frames(&self) -> u64 {
        self.all.len()
    }

    /// `share` is between 0 and 1.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.all.value_at_quantile(share) as f64 / 1e3
    }

    #[must_use]
    pub fn max_ms(&self) -> f64 {
        self.all.max() as f64 / 1e3
    }

    /// Difference between the mean lateness of the last frames and that of the first, in milliseconds. A
    /// drift grows with the length of the recording.
    #[must_use]
    pub fn drift_ms(&self) -> f64 {
        let mean = |sum: u64, count: usize| sum as f64 / count.max(1) as f64 / 1e3;
        mean(self.last.iter().sum(), self.last.len()) - mean(self.first.iter().sum(), self.first.len())
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, max) = (self.quantile_ms(0.5), self.quantile_ms(0.99), self.max_ms());
        write!(
            f,
            "lateness p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms, drift {:+.2} ms",
            self.drift_ms()
        )
    }
}
