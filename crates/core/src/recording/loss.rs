//! What is missing of a recording.

use std::{fmt, ops::AddAssign};

use serde::Serialize;

/// What is said of a recording whose last record is not an End.
const UNSEALED: &str = "not sealed: the end may be missing";

/// What is missing of a recording, or may be. A command that finds any exits with 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Records that are damaged, or were lost before they could be written.
    pub records: u64,
    /// Bytes of the file that cannot be read.
    pub bytes: u64,
    /// Frames and messages that cannot be decoded.
    pub undecoded: u64,
    /// Whether the recording was never sealed: how much is missing at its end cannot be counted.
    pub unsealed: bool,
}

impl Loss {
    /// At least one record: what is lost where a file cannot be read further.
    pub const ONE: Self = Self { records: 1, bytes: 0, undecoded: 0, unsealed: false };

    /// Whether anything is missing, or may be.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }

    /// What was found since `before`.
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

/// One line: counts where there are any, then that the end may be missing.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = [
            (self.records, "record missing", "records missing"),
            (self.bytes, "byte unreadable", "bytes unreadable"),
            (self.undecoded, "frame or message unreadable", "frames and messages unreadable"),
        ];
        let mut separator = "";
        for (number, one, many) in counted.into_iter().filter(|(number, ..)| *number > 0) {
            write!(f, "{separator}{number} {}", if number == 1 { one } else { many })?;
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
        loss += Loss { records: 1, bytes: 30, undecoded: 2, unsealed: true };
        let line = "2 records missing; 30 bytes unreadable; 2 frames and messages unreadable; \
                    not sealed: the end may be missing";
        assert_eq!(loss.to_string(), line);
        let unsealed = Loss { unsealed: true, ..Loss::default() };
        assert_eq!(unsealed.to_string(), "not sealed: the end may be missing");
        assert!(loss.is_some() && unsealed.is_some() && !Loss::default().is_some());
    }
}
