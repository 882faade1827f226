//! Verifies that a recording is completely readable, including frames and batches.

use std::{fmt, io::Read};

use livetape_core::{
    event::read_in_batch,
    recording::{Error, Item, Loss, Opcode, Preamble, ReadReport, Reader, What, records::http},
    wire::{Batch, EntriesLeft, Fault, FaultKind, Unzipper, unzip_batch},
};
use serde::Serialize;

use super::{
    payload::{Faults, batch, count_faults},
    text::{clock, count, thousands},
};

const DAMAGE_PRINTED_MAX: usize = 20;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub frames: u64,
    /// Number of batches in frames and HTTP responses.
    pub batches: u64,
    pub messages: u64,
    /// Numbers of faults in frames, by stable name.
    pub faults: Faults,
    /// Number of frames and batches that could not be decoded completely.
    pub unreadable: u64,
    pub report: ReadReport,
}

/// Verifies a recording in bounded memory.
///
/// # Errors
/// Any error of [`Reader::open`] or [`Reader::next`]. The process then exits with code 1.
pub fn verify(input: impl Read) -> Result<Verification, Error> {
    let mut reader = Reader::open(input)?;
    let mut verdict = Verification::default();
    while let Some(record) = reader.next()? {
        verdict.add(&record.item);
    }
    verdict.report = reader.report().clone();
    Ok(verdict)
}

impl Verification {
    /// Returns 0 if everything is readable, 3 if something is missing or unreadable, and 1 if no record is
    /// readable.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.report.records, self.loss().is_some()) {
            (0, _) => 1,
            (_, false) => 0,
            (_, true) => 3,
        }
    }

    /// Returns everything missing and unreadable.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { undecoded: self.unreadable, ..self.report.loss() }
    }

    /// Adds an item of the recording.
    pub fn add(&mut self, item: &Item) {
        let mut faults = Vec::new();
        match &item.what {
            What::Frame(frame) if frame.opcode == Opcode::BINARY => {
                self.frames += 1;
                if let Some(batch) = batch(&frame.bytes, &mut faults) {
                    self.add_batch(&batch, &mut faults);
                }
            }
            What::Http(answer) if answer.role() == http::Role::InitialBatch && answer.status == 200 => {
                let batch = unzip_batch(answer.body.clone(), &mut Unzipper::default(), &mut faults);
                self.add_batch(&batch, &mut faults);
            }
            _ => {}
        }
        // Repaired texts only lose their invalid bytes.
        self.unreadable += u64::from(faults.iter().any(|fault| fault.kind != FaultKind::BadUtf8));
        count_faults(&mut faults, &mut self.faults);
    }

    fn add_batch(&mut self, batch: &Batch, faults: &mut Vec<Fault>) {
        self.batches += 1;
        self.messages += batch.messages.len() as u64;
        let mut left = EntriesLeft::of(&batch.messages);
        batch.messages.iter().for_each(|message| drop(read_in_batch(message, &mut left, faults)));
    }
}

impl fmt::Display for Verification {
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
            0 => "complete".to_owned(),
            1 => "unreadable".to_owned(),
            _ => format!("incomplete: {}", self.loss()),
        };
        writeln!(f, "{verdict}")
    }
}

/// Writes a line for each damaged stretch, with its bytes and missing records. `of_bytes` and `of_records`
/// follow the numbers.
pub(super) fn write_stretches(
    f: &mut fmt::Formatter<'_>,
    report: &ReadReport,
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

impl Verification {
    fn write_damage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        match report.preamble {
            Preamble::Intact => {}
            Preamble::NewerMinor(minor) => writeln!(f, "minor version {minor} is newer than this livetape")?,
            Preamble::Damaged => writeln!(f, "the preamble is damaged")?,
        }
        write_stretches(f, report, "unreadable", "missing")?;
        if report.tail_bytes > 0 {
            writeln!(f, "truncated at the end: {}", count(report.tail_bytes, "byte"))?;
        }
        if report.clamped > 0 {
            writeln!(f, "timestamps that go back: {}", thousands(report.clamped))?;
        }
        if report.lost_in_gaps > 0 {
            writeln!(f, "lost while recording: {}", count(report.lost_in_gaps, "record"))?;
        }
        Ok(())
    }
}
