//! What was counted: nothing is lost silently.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{recording::Loss, wire::FaultKind};

/// Methods that are counted by name; messages of further ones are counted as [`OTHER_METHODS`].
pub const METHODS_MAX: usize = 512;
/// Where methods beyond [`METHODS_MAX`] are counted: a sender could make up names for ever.
pub const OTHER_METHODS: &str = "(others)";

/// What was counted since the source started.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Frames received.
    pub frames: u64,
    /// Messages in them.
    pub messages: u64,
    /// Events broadcast, by type.
    pub events: BTreeMap<&'static str, u64>,
    /// Messages dropped as duplicates, by reason.
    pub duplicates: BTreeMap<&'static str, u64>,
    /// Messages without a schema, by method.
    pub unknown_methods: BTreeMap<String, u64>,
    /// What could not be read, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Records that are missing from the recording, or that its recorder could not write.
    pub records_missing: u64,
    /// Bytes of the recording that cannot be read.
    pub unreadable_bytes: u64,
    /// Whether a recording that was read, or a range of it, was never sealed: its end may be missing.
    pub unsealed: bool,
}

impl Counts {
    /// Counts one message of a method without a schema.
    pub fn count_unknown(&mut self, method: &str) {
        if let Some(count) = self.unknown_methods.get_mut(method) {
            *count += 1;
            return;
        }
        let name = if self.unknown_methods.len() < METHODS_MAX { method } else { OTHER_METHODS };
        *self.unknown_methods.entry(name.to_owned()).or_default() += 1;
    }

    /// Frames and messages that could not be read, or not whole. Mended texts lose nothing but their broken bytes.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        let mended = FaultKind::BadUtf8.name();
        self.faults.iter().filter(|(name, _)| **name != mended).map(|(_, count)| count).sum()
    }

    /// Whether anything could not be read or is missing: what the exit code 3 tells.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.loss().is_some()
    }

    /// What is missing or could not be read.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss {
            records: self.records_missing,
            bytes: self.unreadable_bytes,
            undecoded: self.unreadable(),
            unsealed: self.unsealed,
        }
    }
}
