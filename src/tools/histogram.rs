//! How many of something when, in a fixed number of columns.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// Most columns.
pub(super) const COLUMNS: usize = 60;
/// The width of a column at first; it doubles whenever the columns do not suffice.
const COLUMN_MS_MIN: u64 = 100;

/// Counts by time, over a span that nobody knows in advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Histogram {
    /// The time that a column stands for.
    pub column_ms: u64,
    /// The counts, from offset 0 on.
    pub counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { column_ms: COLUMN_MS_MIN, counts: Vec::new() }
    }
}

impl Histogram {
    /// Counts one at `offset`.
    pub(super) fn add(&mut self, offset: Duration) {
        let offset_ms = u64::try_from(offset.as_millis()).unwrap_or(u64::MAX);
        while offset_ms / self.column_ms >= COLUMNS as u64 {
            self.column_ms *= 2;
            self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        }
        let column = usize::try_from(offset_ms / self.column_ms).expect("less than the columns");
        if self.counts.len() <= column {
            self.counts.resize(column + 1, 0);
        }
        self.counts[column] += 1;
    }

    /// The highest count.
    pub(super) fn highest(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }

    /// A bar for each column; whatever is not 0 can be seen.
    pub(super) fn bars(&self) -> String {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let highest = u128::from(self.highest().max(1));
        let bar =
            |&count: &u64| BARS[usize::try_from((u128::from(count) * 8).div_ceil(highest)).unwrap_or(8)];
        self.counts.iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_widen_and_lose_nothing() {
        let mut histogram = Histogram::default();
        for second in [0, 1, 1, 30, 59, 400] {
            histogram.add(Duration::from_secs(second));
        }
        assert_eq!(histogram.column_ms, 6400 * 2);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 6);
        assert_eq!(histogram.bars().trim_end().chars().count(), 400_000 / 12_800 + 1);
        histogram.add(Duration::MAX);
        assert!(histogram.counts.len() <= COLUMNS);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 7);
    }
}
