//! Whether all of a recording can be read, frames and batches included.

use std::{fmt, io::Read};

use serde::Serialize;

use super::{
    payload::{Faults, batch, count_faults},
    text::{clock, count, thousands},
};
use crate::sans_io::{
    recording::{Error, Item, Loss, Opcode, Preamble, Reader, Report, What, records::http},
    wire::{Batch, Fault, FaultKind, limit_entries, read_batch, read_message, unzip},
};

/// Most damaged places in the text.
const DAMAGE_PRINTED_MAX: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Frames that were decoded.
    pub frames: u64,
    /// Batches in them, and in HTTP answers.
    pub batches: u64,
    /// Messages in those.
    pub messages: u64,
    /// What was wrong in frames, by its stable name.
    pub faults: Faults,
    /// Frames and batches that could not be read whole.
    pub unreadable: u64,
    /// What the file is like.
    pub report: Report,
}

/// Reads everything, in bounded memory.
///
/// # Errors
/// That of [`Reader::open`] and [`Reader::next`]; the process then exits with 1.
pub fn verify(input: impl Read) -> Result<Verdict, Error> {
    let mut reader = Reader::open(input)?;
    let mut verdict = Verdict::default();
    while let Some(record) = reader.next()? {
        verdict.add(&record.item);
    }
    verdict.report = reader.report().clone();
    Ok(verdict)
}

impl Verdict {
    /// 0 if all is there, 3 if something is missing or unreadable, 1 if nothing can be read.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.report.records, self.loss().is_some()) {
            (0, _) => 1,
            (_, false) => 0,
            (_, true) => 3,
        }
    }

    fn loss(&self) -> Loss {
        Loss { undecoded: self.unreadable, ..self.report.loss() }
    }

    fn add(&mut self, item: &Item) {
        let mut faults = Vec::new();
        match &item.what {
            What::Frame(frame) if frame.opcode == Opcode::BINARY => {
                self.frames += 1;
                if let Some(batch) = batch(&frame.bytes, &mut faults) {
                    self.add_batch(&batch, &mut faults);
                }
            }
            What::Http(answer) if answer.role() == http::Role::InitialBatch && answer.status == 200 => {
                let unzipped = unzip(answer.body.clone(), &mut faults);
                let batch = read_batch(&unzipped, &mut faults);
                self.add_batch(&batch, &mut faults);
            }
            _ => {}
        }
        // Mended texts lose nothing but their broken bytes.
        self.unreadable += u64::from(faults.iter().any(|fault| fault.kind != FaultKind::BadUtf8));
        count_faults(&mut faults, &mut self.faults);
    }

    fn add_batch(&mut self, batch: &Batch, faults: &mut Vec<Fault>) {
        self.batches += 1;
        self.messages += batch.messages.len() as u64;
        limit_entries(|| batch.messages.iter().for_each(|message| drop(read_message(message, faults))));
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let sealed = if report.sealed { "sealed" } else { "not sealed" };
        let last = clock(report.last_offset);
        writeln!(f, "{sealed}, {}, last at {last}", count(report.records, "record"))?;
        let [frames, batches, messages] = [self.frames, self.batches, self.messages].map(thousands);
        writeln!(f, "decoded: frames {frames}, batches {batches}, messages {messages}")?;
        for (name, number) in &self.faults {
            writeln!(f, "  {name}: {}", thousands(*number))?;
        }
        self.write_damage(f)?;
        let verdict = match self.exit_code() {
            0 => "all is there".to_owned(),
            1 => "nothing can be read".to_owned(),
            _ => format!("something is missing: {}", self.loss()),
        };
        writeln!(f, "{verdict}")
    }
}

/// A line for each damaged stretch: its bytes and its records, and what became of them.
pub(super) fn write_stretches(
    f: &mut fmt::Formatter<'_>,
    report: &Report,
    of_bytes: &str,
    of_records: &str,
) -> fmt::Result {
    for damage in report.damage.iter().take(DAMAGE_PRINTED_MAX) {
        let (bytes, records) = (count(damage.bytes, "byte"), count(damage.missing, "record"));
        writeln!(f, "at byte {}: {bytes} {of_bytes}, {records} {of_records}", thousands(damage.position))?;
    }
    if report.damaged_stretches > DAMAGE_PRINTED_MAX as u64 {
        writeln!(f, "and {} more", thousands(report.damaged_stretches - DAMAGE_PRINTED_MAX as u64))?;
    }
    Ok(())
}

impl Verdict {
    fn write_damage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        match report.preamble {
            Preamble::Intact => {}
            Preamble::NewerMinor(minor) => writeln!(f, "minor version {minor} is newer than this livetape")?,
            Preamble::Damaged => writeln!(f, "the preamble is damaged")?,
        }
        write_stretches(f, report, "unreadable", "missing")?;
        if report.tail_bytes > 0 {
            writeln!(f, "cut off at the end: {}", count(report.tail_bytes, "byte"))?;
        }
        if report.clamped > 0 {
            writeln!(f, "times that go back: {}", thousands(report.clamped))?;
        }
        if report.lost_in_gaps > 0 {
            writeln!(f, "lost while recording: {}", count(report.lost_in_gaps, "record"))?;
        }
        Ok(())
    }
}
