//! What a reader found besides the records.

use std::time::Duration;

use serde::Serialize;

use super::{Loss, layout::PREAMBLE_BYTES};

/// Most stretches that [`Report::damage`] lists; all are counted.
pub const DAMAGE_LISTED_MAX: usize = 1000;

/// What was read so far, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The state of the first 16 bytes.
    pub preamble: Preamble,
    /// Records read.
    pub records: u64,
    /// Records that are missing between those that were read. What a crash cut off behind the last one is not known.
    pub missing: u64,
    /// The damaged stretches, of which the first [`DAMAGE_LISTED_MAX`] are listed.
    pub damage: Vec<Damage>,
    /// The number of damaged stretches.
    pub damaged_stretches: u64,
    /// The bytes in them.
    pub damaged_bytes: u64,
    /// Whether the last record is an End: the recording was closed in order.
    pub sealed: bool,
    /// Bytes behind the last whole record, known at the end of the file: a record that was cut off.
    pub tail_bytes: u64,
    /// Records that the recorder lost before it could write them, by the Gap records in the file.
    pub lost_in_gaps: u64,
    /// Offsets that went back, and were set to the one before.
    pub clamped: u64,
    /// The offset of the last record.
    #[serde(skip)]
    pub last_offset: Duration,
}

impl Report {
    /// Whether the file is sealed and undamaged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_damaged = self.damaged_stretches > 0 || self.tail_bytes > 0;
        self.sealed && !is_damaged && self.preamble != Preamble::Damaged
    }

    /// What is missing, once the file was read to its end.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { unsealed: !self.sealed, ..self.loss_so_far() }
    }

    /// What is missing in the part of the file that was read.
    #[must_use]
    pub fn loss_so_far(&self) -> Loss {
        let preamble = if self.preamble == Preamble::Damaged { PREAMBLE_BYTES as u64 } else { 0 };
        Loss {
            records: self.missing.saturating_add(self.lost_in_gaps),
            bytes: preamble + self.damaged_bytes + self.tail_bytes,
            ..Loss::default()
        }
    }

    pub(super) fn add(&mut self, found: Damage) {
        self.missing += found.missing;
        self.damaged_bytes += found.bytes;
        // Damage next to damage is one stretch.
        if let Some(last) = self.damage.last_mut()
            && last.position + last.bytes == found.position
        {
            last.bytes += found.bytes;
            last.missing += found.missing;
            return;
        }
        self.damaged_stretches += 1;
        if self.damage.len() < DAMAGE_LISTED_MAX {
            self.damage.push(found);
        }
    }
}

/// The state of a file's first 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Preamble {
    /// As this version writes it.
    #[default]
    Intact,
    /// Of a newer minor version: records may hold more than is shown.
    NewerMinor(u8),
    /// Damaged or missing; the records were found without it.
    Damaged,
}

/// A stretch of a file in which no record could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Where it starts in the file.
    pub position: u64,
    /// How many bytes were passed over; 0 where records are missing without a trace.
    pub bytes: u64,
    /// How many records are missing there.
    pub missing: u64,
}
