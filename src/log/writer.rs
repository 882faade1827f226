//! Writer at the end of the queue, which counts lost lines.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing_appender::non_blocking::ErrorCounter;

/// Number of lines that the queue dropped, for the one log of the process.
pub(super) static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();
/// Number of lines that could not be written.
static UNWRITTEN: AtomicU64 = AtomicU64::new(0);

/// Returns the number of lost lines.
#[must_use]
pub fn lost() -> u64 {
    let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
    UNWRITTEN.load(Ordering::Relaxed).saturating_add(dropped as u64)
}

/// Writes whole lines. The thread of the queue would ignore failures, so this counts them, and reports lost
/// lines as soon as it can write again.
pub(super) struct LineWriter {
    pub(super) out: Box<dyn Write + Send>,
    /// Number of lost lines that the log has reported.
    pub(super) reported: u64,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.out.write_all(escaped(&String::from_utf8_lossy(line)).as_bytes()).is_err() {
            UNWRITTEN.fetch_add(1, Ordering::Relaxed);
        } else if lost() > self.reported {
            self.reported = lost();
            // With the highest level, so that every filter lets it pass. It goes through the queue too, and
            // the next report includes it if it is dropped.
            tracing::error!(total = self.reported, "⚠️ Log lines are missing");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // After an error, the thread would not end.
        drop(self.out.flush());
        Ok(())
    }
}

/// Escapes control characters, line breaks and characters that change the direction of text, so that values of
/// others cannot imitate lines. In JSON, such characters are only in strings, where this escape is valid.
fn escaped(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.trim_end_matches('\n').chars() {
        if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped.push('\n');
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let line = "✅ not\na line\u{1b}[2J\r\u{202e}\"x\" \u{85}\n";
        let expected = "✅ not\\u000aa line\\u001b[2J\\u000d\\u202e\"x\" \\u0085\n";
        assert_eq!(escaped(line), expected);
    }
}
