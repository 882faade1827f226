//! Lines about clients, limited in number.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Maximum number of different lines. Further ones count together.
const LINES_MAX: usize = 256;

/// Counts each line, and reports it the first, second, fourth, eighth, … time.
#[derive(Debug)]
pub(super) struct Reports {
    counts: Mutex<HashMap<String, u64>>,
    report: Report,
}

/// Shows a line, and how often it occurred.
pub type Report = fn(line: &str, count: u64);

impl Reports {
    pub(super) fn new(report: Report) -> Self {
        Self { counts: Mutex::default(), report }
    }

    pub(super) fn add(&self, line: &str) {
        if let Some(count) = self.count(line) {
            (self.report)(line, count);
        }
    }

    /// Returns the count of a line if it has to be reported.
    fn count(&self, line: &str) -> Option<u64> {
        // Held for a few instructions, never across an `.await`.
        let mut counts = self.counts.lock();
        let line = if counts.contains_key(line) || counts.len() < LINES_MAX { line } else { "" };
        let count = counts.entry(line.to_owned()).or_default();
        *count += 1;
        count.is_power_of_two().then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_reported_less_and_less_often() {
        let reports = Reports::new(|_, _| {});
        let reported: Vec<_> = (0..100).filter_map(|_| reports.count("a")).collect();
        assert_eq!(reported, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(reports.count("b"), Some(1));
        let lines = (0..10_000).filter(|at| reports.count(&at.to_string()).is_some()).count();
        assert!(lines < LINES_MAX + 20, "{lines}");
    }
}
