//! Missing data in a recording.

use std::{fmt, ops::AddAssign};

use serde::Serialize;

use crate::thousands::thousands;

/// Message for a recording whose last record is not an End.
const UNSEALED: &str = "not sealed: the end may be missing";

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
