//! Formats the report of an import.

use std::{fmt, time::Duration};

use super::{BadLine, CaptureFormat, Report};
use crate::text::{clock, count, printable, thousands};

/// Maximum number of unknown methods in the text.
const METHODS_MAX: usize = 5;
const NAME_COLUMNS_MAX: usize = 60;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.format != CaptureFormat::Lines {
            let producer = printable(&self.producer, NAME_COLUMNS_MAX);
            let is_said = self.format.to_string().starts_with(producer.as_str());
            let of = if is_said { String::new() } else { format!(" of {producer}") };
            writeln!(f, "{}{of}", self.format)?;
        }
        let duration = clock(Duration::from_millis(self.duration_ms));
        let [frames, connections, messages] =
            [(self.frames, "frame"), (self.connections, "connection"), (self.messages, "message")]
                .map(|(number, noun)| count(number, noun));
        writeln!(f, "{duration}, {frames} on {connections}, {messages}")?;
        self.write_decoded(f)?;
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        for (name, number) in &self.faults {
            writeln!(f, "⚠️ {name}: {}", thousands(*number))?;
        }
        if self.clamped > 0 {
            writeln!(f, "⚠️ Timestamps that go back: {}, set to the previous one", thousands(self.clamped))?;
        }
        if self.bad_lines > 0 {
            let noun =
                if self.bad_lines_listed.iter().any(|bad| bad.line == 0) { "part" } else { self.noun() };
            writeln!(f, "⚠️ {} skipped:", count(self.bad_lines, noun))?;
        }
        for BadLine { line, reason } in &self.bad_lines_listed {
            let reason = printable(reason, NAME_COLUMNS_MAX);
            match line {
                0 => writeln!(f, "  {reason}")?,
                line => writeln!(f, "  {} {line}: {reason}", self.noun())?,
            }
        }
        if let Some(broken) = &self.broken {
            writeln!(f, "⚠️ The rest is missing: {}", printable(broken, 2 * NAME_COLUMNS_MAX))?;
        }
        Ok(())
    }
}

impl Report {
    /// Returns the noun for the counted elements of the capture.
    fn noun(&self) -> &'static str {
        if self.format == CaptureFormat::Lines { "line" } else { "message" }
    }

    fn write_decoded(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded down, so that 100 % means all.
        let percent = (self.decoded() * 1000.0).floor() / 10.0;
        let methods = self.unknown_methods.len() as u64;
        write!(f, "{percent} % decoded, {}", count(methods, "unknown method"))?;
        let mut names: Vec<_> = self.unknown_methods.iter().collect();
        names.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        for (at, (name, number)) in names.into_iter().take(METHODS_MAX).enumerate() {
            let separator = if at == 0 { ":" } else { "," };
            write!(f, "{separator} {} ({})", printable(name, NAME_COLUMNS_MAX), thousands(*number))?;
        }
        writeln!(f, "{}", if methods > METHODS_MAX as u64 { ", …" } else { "" })?;
        let others = [
            (self.exchanges, "HTTP answer"),
            (self.left_out, "skipped connection"),
            (self.dropped, "dropped frame"),
            (self.injected, "injected frame"),
        ];
        for (number, noun) in others.into_iter().filter(|(number, _)| *number > 0) {
            writeln!(f, "{}", count(number, noun))?;
        }
        Ok(())
    }
}
