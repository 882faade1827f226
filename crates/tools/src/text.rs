//! Formats numbers, times, bars and untrusted texts for a terminal.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use livetape_core::terminal::is_invisible;
pub(super) use livetape_core::terminal::thousands;

pub(super) const COLUMNS_MAX: usize = 80;

/// Formats an offset: `00:41:07.250`
pub(super) fn clock(offset: Duration) -> String {
    let (seconds, millis) = (offset.as_secs(), offset.subsec_millis());
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Formats a count: `1 record`, `18,233 records`
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Formats a size: `628.8 KB`
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return count(bytes, "byte");
    }
    // Tenths of the unit, as integers.
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 {
        (tenths, unit) = (tenths / 1000, unit + 1);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// Shortens `text` to `columns`, without characters that control the terminal.
pub(super) fn printable(text: &str, columns: usize) -> String {
    // Measuring text takes longer than everything else that is done with a line, and most of it is ASCII.
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return match text.get(..columns.saturating_sub(1)) {
            Some(start) if text.len() > columns => format!("{start}…"),
            _ => text.to_owned(),
        };
    }
    let clean = String::from_iter(text.chars().map(|c| if is_invisible(c) { '\u{fffd}' } else { c }));
    if clean.width() <= columns {
        return clean;
    }
    let mut short = String::new();
    for c in clean.chars() {
        if short.width() + c.width().unwrap_or(0) + 1 > columns {
            break;
        }
        short.push(c);
    }
    short + "…"
}

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
    fn numbers_are_readable() {
        assert_eq!(clock(Duration::from_millis(2_467_250)), "00:41:07.250");
        assert_eq!(clock(Duration::from_secs(360_000)), "100:00:00.000");
        assert_eq!(
            [0, 999, 1000, 18_233, 1_234_567].map(thousands),
            ["0", "999", "1,000", "18,233", "1,234,567"]
        );
        assert_eq!([1, 999, 1000, 628_812].map(size), ["1 byte", "999 bytes", "1.0 KB", "628.8 KB"]);
        assert_eq!([999_999, 1_000_000, u64::MAX].map(size), ["999.9 KB", "1.0 MB", "18.4 EB"]);
    }

    #[test]
    fn untrusted_text_neither_controls_the_terminal_nor_overflows() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\u{61c}d", 80), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(printable("日本語です", 7), "日本語…");
        assert_eq!(printable("host_078", 8), "host_078");
        assert_eq!(["host_0789", "host_078é"].map(|text| printable(text, 8)), ["host_07…"; 2]);
    }

    #[test]
    fn small_counts_are_visible_and_zero_is_not() {
        assert_eq!(bars(&[0, 1, 50, 100, u64::MAX >> 1]), " ▁▁▁█");
        assert_eq!(bars(&[0, 0]), "  ");
    }
}
