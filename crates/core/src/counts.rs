//! Counters of events, duplicates, faults and losses, so that nothing is lost silently.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    dedup::Duplicate,
    event::{self, KINDS},
    recording::Loss,
    wire::FaultKind,
};

/// Maximum number of methods counted by name. Messages of further methods count as [`OTHER_METHODS`], except
/// those of TikTok's app.
pub const METHODS_MAX: usize = 512;
/// Name for methods beyond [`METHODS_MAX`], because a sender can invent any number of them.
pub const OTHER_METHODS: &str = "(others)";

/// Counters since the start of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Frames received.
    pub frames: u64,
    /// Messages in these frames.
    pub messages: u64,
    /// Events broadcast, by type.
    #[serde(deserialize_with = "by_known_name")]
    pub events: BTreeMap<&'static str, u64>,
    /// Messages dropped as duplicates, by reason.
    #[serde(deserialize_with = "by_known_name")]
    pub duplicates: BTreeMap<&'static str, u64>,
    /// Messages without a schema, by method.
    pub unknown_methods: BTreeMap<String, u64>,
    /// Unreadable data, by kind of fault.
    #[serde(deserialize_with = "by_known_name")]
    pub faults: BTreeMap<&'static str, u64>,
    /// Records that are missing from the recording, or that its recorder could not write.
    pub records_missing: u64,
    /// Unreadable bytes of the recording.
    pub unreadable_bytes: u64,
    /// Whether a recording, or a range of it, was never sealed, so that its end may be missing.
    pub unsealed: bool,
}

impl Counts {
    /// Counts a message of a method without a schema.
    pub fn count_unknown(&mut self, method: &str) {
        if let Some(count) = self.unknown_methods.get_mut(method) {
            *count += 1;
            return;
        }
        let is_named = self.unknown_methods.len() < METHODS_MAX || event::app_method(method).is_some();
        let name = if is_named { method } else { OTHER_METHODS };
        *self.unknown_methods.entry(name.to_owned()).or_default() += 1;
    }

    /// Returns the messages without a schema by names that no sender can invent: those of TikTok's app, and
    /// [`OTHER_METHODS`] for all others, first and also if it is 0.
    #[must_use]
    pub fn unknown_by_app_method(&self) -> Vec<(&'static str, u64)> {
        let (mut others, mut named) = (0, vec![]);
        for (method, count) in &self.unknown_methods {
            match event::app_method(method) {
                Some(name) => named.push((name, *count)),
                None => others += count,
            }
        }
        named.insert(0, (OTHER_METHODS, others));
        named
    }

    /// Returns the number of faults that lost data. Repaired texts do not count, because they only lose their
    /// invalid bytes.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        let mended = FaultKind::BadUtf8.name();
        self.faults.iter().filter(|(name, _)| **name != mended).map(|(_, count)| count).sum()
    }

    /// Whether anything is missing or unreadable, which exit code 3 reports.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.loss().is_some()
    }

    /// Returns the missing and unreadable data.
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

/// Reads counters of another process, without names that only its version knows.
fn by_known_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<&'static str, u64>, D::Error> {
    let counts = BTreeMap::<String, u64>::deserialize(deserializer)?;
    let duplicates = [Duplicate::MessageId, Duplicate::GiftFinal, Duplicate::History].map(Duplicate::name);
    let known =
        || KINDS.iter().copied().chain(duplicates).chain(FaultKind::ALL.iter().map(|kind| kind.name()));
    Ok(counts.into_iter().filter_map(|(name, n)| Some((known().find(|it| **it == *name)?, n))).collect())
}
