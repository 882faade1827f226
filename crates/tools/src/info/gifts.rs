//! Who was there, and what was given.

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::sans_io::event::{Data, Event};

/// People that are told apart; beyond, they are not counted.
const PEOPLE_MAX: usize = 1_000_000;
/// Kinds of gifts that are told apart.
const KINDS_MAX: usize = 10_000;

/// The people whose ids were seen.
#[derive(Clone, Debug, Default)]
pub(super) struct People(HashSet<i64>);

impl People {
    pub(super) fn add(&mut self, event: &Event) {
        if let Some(user) = &event.user
            && user.user_id.0 != 0
            && self.0.len() < PEOPLE_MAX
        {
            self.0.insert(user.user_id.0);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// The gifts of a recording; each of a streak counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names of the JSON keys say it")]
pub struct Gifts {
    pub count: u64,
    pub diamonds: u64,
    /// By name.
    pub kinds: BTreeMap<String, u64>,
}

impl Gifts {
    pub(super) fn add(&mut self, event: &Event) {
        let Data::Gift(gift) = &event.data else { return };
        let more = u64::try_from(gift.repeat_delta).unwrap_or(0);
        self.count = self.count.saturating_add(more);
        self.diamonds = self.diamonds.saturating_add(u64::try_from(gift.diamonds).unwrap_or(0));
        if more > 0 && (self.kinds.len() < KINDS_MAX || self.kinds.contains_key(gift.gift_name.as_str())) {
            *self.kinds.entry(gift.gift_name.to_string()).or_default() += more;
        }
    }

    /// `Rose ×34, TikTok ×3`: the most first.
    pub(super) fn listed(&self, count: usize) -> String {
        let mut kinds = Vec::from_iter(&self.kinds);
        kinds.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), *name));
        let kinds = kinds.into_iter().take(count).map(|(name, number)| format!("{name} ×{number}"));
        Vec::from_iter(kinds).join(", ")
    }
}
