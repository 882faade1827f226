//! Bar charts for a terminal.

/// Returns a bar for each count. Counts above 0 are always visible.
pub(super) fn bars(counts: &[u64]) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = u128::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let bar = |&count: &u64| BARS[usize::try_from((u128::from(count) * 8).div_ceil(highest)).unwrap_or(8)];
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_visible_and_zero_is_not() {
        assert_eq!(bars(&[0, 1, 50, 100, u64::MAX >> 1]), " ▁▁▁█");
        assert_eq!(bars(&[0, 0]), "  ");
    }
}
