//! Rooms, as they are kept and as they are told.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Key;
use crate::sans_io::event::Millis;

/// What rooms of feeds are called: this and the user's name.
pub const FEED_PREFIX: &str = "user:";

/// What clients and rooms have written down about them.
pub type Metadata = BTreeMap<String, Value>;

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) max_connections: Option<u32>,
    pub(super) metadata: Metadata,
    pub(super) created_at: Millis,
    pub(super) members: BTreeSet<Key>,
    /// Stays when it is empty: somebody asked for it, not just joined.
    pub(super) is_kept: bool,
}

/// A room to be made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRoom {
    /// Its id; made up if there is none.
    pub id: Option<String>,
    /// Its name; the id if there is none.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How many may be in it; any number if there is none.
    pub max_connections: Option<u32>,
    /// Whatever else is to be kept with it.
    #[serde(default)]
    pub metadata: Metadata,
}

/// A live or replayed user: a room that clients only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The user's name.
    pub user: String,
    /// The stream of its events.
    pub stream: String,
}

impl Feed {
    /// The room's id.
    #[must_use]
    pub fn room_id(&self) -> String {
        format!("{FEED_PREFIX}{}", self.user)
    }

    /// Whether `room` is this one, however the name is written.
    pub(super) fn is_room(&self, room: &str) -> bool {
        let name = room.strip_prefix(FEED_PREFIX);
        name.is_some_and(|name| name.trim_start_matches('@').eq_ignore_ascii_case(&self.user))
    }
}

/// A room, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How many may be in it.
    pub max_connections: Option<u32>,
    /// How many are in it.
    pub connections_count: usize,
    /// Whatever else is kept with it.
    pub metadata: Metadata,
    /// Since when there is this room.
    pub created_at: Millis,
    /// Whether clients only read it: the feed of a user.
    pub read_only: bool,
}
