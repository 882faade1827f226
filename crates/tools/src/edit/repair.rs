//! A recording without its damaged bytes, and sealed.

use std::{
    fmt,
    io::{Read, Write},
};

use serde::Serialize;

use super::Source;
use crate::{
    sans_io::recording::{Error, Loss, MINOR, Preamble, Report, Writer},
    text::{clock, count, thousands},
    verify::write_stretches,
};

/// What was repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    /// Records that were kept.
    pub kept: u64,
    /// What the file was like.
    pub report: Report,
}

/// Copies every record that can be read, with its number and its time, and seals the copy. Records that are missing stay
/// missing: their numbers are left out. A repaired recording comes out as it went in.
///
/// # Errors
/// Those of reading and writing; damage is none.
pub fn repair(input: impl Read, output: impl Write) -> Result<Repaired, Error> {
    let mut source = Source::open(input)?;
    let minor = match source.reader.report().preamble {
        Preamble::NewerMinor(minor) => minor,
        Preamble::Intact | Preamble::Damaged => MINOR,
    };
    let mut writer = Writer::transcribe(output, minor)?;
    while let Some(head) = source.next()? {
        writer.copy_numbered(source.body(), head.rec_no)?;
    }
    let (kept, report) = (writer.counts().records, source.reader.report().clone());
    if report.sealed {
        writer.flush()?;
    } else {
        // Of what was cut off, one record at least is known to have been there.
        if report.tail_bytes > 0 {
            writer.leave_out();
        }
        writer.finish()?;
    }
    Ok(Repaired { kept, report })
}

impl Repaired {
    /// Whether the copy is not what the file was.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let report = &self.report;
        let is_damaged = report.damaged_bytes > 0 || report.tail_bytes > 0;
        is_damaged || report.preamble == Preamble::Damaged || report.clamped > 0 || !report.sealed
    }

    /// What is lost for good. Damaged bytes are no loss of their own: the records in them are.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { bytes: self.report.tail_bytes, ..self.report.loss() }
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        writeln!(f, "{} kept, last at {}", count(self.kept, "record"), clock(report.last_offset))?;
        if report.preamble == Preamble::Damaged {
            writeln!(f, "the preamble was damaged, and is new")?;
        }
        write_stretches(f, report, "dropped", "lost")?;
        if report.tail_bytes > 0 {
            writeln!(f, "cut off at the end: {} dropped", count(report.tail_bytes, "byte"))?;
        }
        if report.clamped > 0 {
            writeln!(f, "times that went back: {}, set to the one before", thousands(report.clamped))?;
        }
        if !report.sealed {
            writeln!(f, "it was not sealed, and is now: its end may be missing")?;
        }
        Ok(())
    }
}
