//! A reader's report on a recording and its damage.

use std::time::Duration;

use serde::Serialize;

use super::{Loss, layout::PREAMBLE_BYTES};

/// Maximum number of stretches listed in [`Report::damage`]. All are counted.
pub const DAMAGE_LISTED_MAX: usize = 1000;

/// Counts of the records read, and of the damage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// State of the first 16 bytes.
    pub preamble: Preamble,
    /// Number of records read.
    pub records: u64,
    /// Number of records missing between those that were read. Records lost after the last one, such as in a
    /// crash, are unknown.
    pub missing: u64,
    /// The damaged stretches, up to [`DAMAGE_LISTED_MAX`].
    pub damage: Vec<Damage>,
    /// Number of damaged stretches.
    pub damaged_stretches: u64,
    /// Number of bytes in damaged stretches.
    pub damaged_bytes: u64,
    /// Whether the last record is an End, so the recording was completed properly.
    pub sealed: bool,
    /// Bytes of a record that was cut off after the last intact one. Known once the file has been read to its
    /// end.
    pub tail_bytes: u64,
    /// Number of records that the recorder lost before writing them, according to the file's Gap records.
    pub lost_in_gaps: u64,
    /// Number of decreasing offsets, each raised to the previous offset.
    pub clamped: u64,
    /// Offset of the last record.
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

    /// Returns the missing data, once the file has been read to its end.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { unsealed: !self.sealed, ..self.loss_so_far() }
    }

    /// Returns the missing data in the part read so far.
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
        // Adjacent damage forms one stretch.
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

/// State of a file's first 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Preamble {
    /// Valid, and of this version.
    #[default]
    Intact,
    /// Of a newer minor version: records may contain more than is displayed.
    NewerMinor(u8),
    /// Damaged or missing. The records were found without it.
    Damaged,
}

/// A stretch of a file without a readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Position in the file.
    pub position: u64,
    /// Number of bytes skipped; 0 if records are missing without a trace.
    pub bytes: u64,
    /// Number of records missing there.
    pub missing: u64,
}
