//! A report in words.

use std::{fmt, time::Duration};

use super::Report;
use crate::tools::text::{clock, count, thousands};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let duration = clock(Duration::from_millis(self.duration_ms));
        let [frames, connections, messages] =
            [(self.frames, "frame"), (self.connections, "connection"), (self.messages, "message")]
                .map(|(number, noun)| count(number, noun));
        writeln!(f, "{duration}, {frames} on {connections}, {messages}")?;
        for (name, number) in &self.faults {
            writeln!(f, "⚠️ {name}: {}", thousands(*number))?;
        }
        if self.clamped > 0 {
            writeln!(
                f,
                "⚠️ {} went back in time, and stand at the time before",
                count(self.clamped, "line")
            )?;
        }
        if self.bad_lines > 0 {
            writeln!(f, "⚠️ {} left out:", count(self.bad_lines, "line"))?;
        }
        for bad in &self.bad_lines_listed {
            writeln!(f, "  line {}: {}", bad.line, bad.reason)?;
        }
        Ok(())
    }
}
