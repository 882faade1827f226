//! What a reader found besides the records.

use std::time::Duration;

use serde::Serialize;

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
    /// Offsets that went back, and were set to the one before.
    pub clamped: u64,
    /// The offset of the last record.
    #[serde(skip)]
    pub last_offset: Duration,
}

impl Report {
    /// Whether every record that was written could be read, as far as that can be known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged_stretches == 0 && self.tail_bytes == 0 && self.preamble != Preamble::Damaged
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
