//! Repairs a recording: removes damaged bytes and seals it.

use std::{
    fmt,
    io::{Read, Write},
};

use livetape_core::recording::{Error, Loss, MINOR, Preamble, Report, Writer};
use serde::Serialize;

use super::Source;
use crate::{
    text::{clock, count, thousands},
    verify::write_stretches,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    pub kept: u64,
    /// State of the original file.
    pub report: Report,
}

/// Copies all readable records with their numbers and times, and seals the copy. Missing records stay visible
/// as gaps in the numbering. Repairing a second time changes nothing.
///
/// # Errors
/// Any error in reading or writing. Damage is not an error.
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
        // Records may be missing after the last one that was kept. A record that was cut off at the end
        // counts as at least one.
        writer.skip_to(report.records + report.missing + u64::from(report.tail_bytes > 0));
        writer.finish()?;
    }
    Ok(Repaired { kept, report })
}

impl Repaired {
    /// Whether the copy differs from the original.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let report = &self.report;
        let is_damaged = report.damaged_bytes > 0 || report.tail_bytes > 0;
        is_damaged || report.preamble == Preamble::Damaged || report.clamped > 0 || !report.sealed
    }

    /// Returns the data lost permanently. Damaged bytes do not count separately, because the records in them
    /// do.
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
            writeln!(f, "damaged preamble: rewritten")?;
        }
        write_stretches(f, report, "dropped", "lost")?;
        if report.tail_bytes > 0 {
            writeln!(f, "truncated at the end: {} dropped", count(report.tail_bytes, "byte"))?;
        }
        if report.clamped > 0 {
            writeln!(f, "timestamps that went back: {}, set to the previous one", thousands(report.clamped))?;
        }
        if !report.sealed {
            writeln!(f, "was not sealed and is sealed now: the end may be missing")?;
        }
        Ok(())
    }
}
