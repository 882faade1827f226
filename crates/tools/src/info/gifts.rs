//! Users and gifts of a recording.

use std::collections::{BTreeMap, HashSet};

use livetape_core::event::{Data, Event};
use schemars::JsonSchema;
use serde::Serialize;

/// Maximum number of distinct users. Further ones are not counted.
const PEOPLE_MAX: usize = 1_000_000;
/// Maximum number of distinct gifts.
const KINDS_MAX: usize = 10_000;

/// Ids of the users seen.
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

/// The gifts of a recording, counting each gift of a streak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gifts {
    pub count: u64,
    pub diamonds: u64,
    /// Numbers of gifts by name.
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

    /// Lists the most frequent gifts: `Rose ×34, TikTok ×3`
    pub(super) fn listed(&self, count: usize) -> String {
        let mut kinds = Vec::from_iter(&self.kinds);
        kinds.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), *name));
        let kinds = kinds.into_iter().take(count).map(|(name, number)| format!("{name} ×{number}"));
        Vec::from_iter(kinds).join(", ")
    }
}
