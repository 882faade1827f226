//! A reader's report on a recording: its damage, and what is missing.

use std::{fmt, ops::AddAssign, time::Duration};

use serde::Serialize;

use super::layout::PREAMBLE_BYTES;
use crate::thousands::thousands;

/// Maximum number of stretches listed in [`Report::damage`]. All are counted.
pub const DAMAGE_LISTED_MAX: usize = 1000;
/// Message for a recording whose last record is not an End.
const UNSEALED: &str = "not sealed: the end may be missing";

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

/// Data that is missing from a recording, or may be. Commands that find any exit with code 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Records that are damaged, or were lost before they could be written.
    pub records: u64,
    /// Unreadable bytes of the file.
    pub bytes: u64,
    /// Frames and messages that cannot be decoded.
    pub undecoded: u64,
    /// Whether the recording was never sealed. An unknown amount may be missing at its end.
    pub unsealed: bool,
}

impl Loss {
    /// The loss of at least one record, where a file cannot be read further.
    pub const ONE: Self = Self { records: 1, bytes: 0, undecoded: 0, unsealed: false };

    /// Whether anything is missing, or may be.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }

    /// Returns the loss found since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            records: self.records.saturating_sub(before.records),
            bytes: self.bytes.saturating_sub(before.bytes),
            undecoded: self.undecoded.saturating_sub(before.undecoded),
            unsealed: self.unsealed && !before.unsealed,
        }
    }
}

impl AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.undecoded = self.undecoded.saturating_add(other.undecoded);
        self.unsealed = self.unsealed || other.unsealed;
    }
}

/// Formats one line: the counts that are not zero, then a note if the end may be missing.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = [
            (self.records, "record missing", "records missing"),
            (self.bytes, "byte unreadable", "bytes unreadable"),
            (self.undecoded, "frame or message unreadable", "frames and messages unreadable"),
        ];
        let mut separator = "";
        for (number, one, many) in counted.into_iter().filter(|(number, ..)| *number > 0) {
            write!(f, "{separator}{} {}", thousands(number), if number == 1 { one } else { many })?;
            separator = "; ";
        }
        if self.unsealed {
            write!(f, "{separator}{UNSEALED}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_one_line_with_every_count() {
        let mut loss = Loss { records: 1, ..Loss::default() };
        assert_eq!(loss.to_string(), "1 record missing");
        loss += Loss { records: 1, bytes: 3451, undecoded: 2, unsealed: true };
        let line = "2 records missing; 3,451 bytes unreadable; 2 frames and messages unreadable; \
                not sealed: the end may be missing";
        assert_eq!(loss.to_string(), line);
        let unsealed = Loss { unsealed: true, ..Loss::default() };
        assert_eq!(unsealed.to_string(), "not sealed: the end may be missing");
        assert!(loss.is_some() && unsealed.is_some() && !Loss::default().is_some());
    }
}
