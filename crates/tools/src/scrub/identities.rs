//! The identities in a recording: ids, and the names that belong to users.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Maximum number of ids and names in a recording, which take about 100 MB.
pub const IDENTITIES_MAX: usize = 2_000_000;

/// Kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Handle,
    SecUid,
    Nickname,
}

/// Ids and names. Names are stored as hashes. In a collision both names are replaced, which is safe.
#[derive(Debug, Default)]
pub(super) struct Identities {
    ids: HashSet<u64>,
    names: HashMap<u64, Name>,
}

impl Identities {
    /// Adds an id, ignoring 0 and negative numbers.
    pub(super) fn add_id(&mut self, id: u64) {
        if id != 0 && i64::try_from(id).is_ok() && self.has_room() {
            self.ids.insert(id);
        }
    }

    /// Adds a name. A text that is one user's handle and another's nickname counts as a handle.
    pub(super) fn add_name(&mut self, text: &str, name: Name) {
        if !text.trim().is_empty() && self.has_room() {
            let known = self.names.entry(hash(text)).or_insert(name);
            *known = name.min(*known);
        }
    }

    pub(super) fn has_id(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn name(&self, text: &str) -> Option<Name> {
        self.names.get(&hash(text)).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len() + self.names.len()
    }

    fn has_room(&self) -> bool {
        self.len() <= IDENTITIES_MAX
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
