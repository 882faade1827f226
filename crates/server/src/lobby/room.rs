//! Rooms: their internal state, and their form in responses.

use std::collections::{BTreeMap, BTreeSet};

use livetape_core::event::Millis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Key;

/// Prefix of the ids of users' rooms; the user name follows.
pub const FEED_PREFIX: &str = "user:";

/// Free-form metadata of a connection or room.
pub type Metadata = BTreeMap<String, Value>;

#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) max_connections: Option<u32>,
    pub(super) metadata: Metadata,
    pub(super) created_at: Millis,
    pub(super) members: BTreeSet<Key>,
    /// Whether the room stays when empty, because it was created over REST.
    pub(super) is_kept: bool,
}

/// Body of `POST /rooms`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRoom {
    /// Id of the room, up to 128 bytes; generated if absent.
    #[schemars(length(min = 1, max = 128), extend("not" = json!({ "type": "string", "pattern": "^user:|[\\x00-\\x1f\\x7f]" })))]
    pub id: Option<String>,
    /// Name of the room; defaults to the id.
    pub name: Option<String>,
    /// Purpose of the room.
    pub description: Option<String>,
    /// Maximum number of members; unlimited if absent.
    pub max_connections: Option<u32>,
    /// Free-form metadata.
    #[serde(default)]
    pub metadata: Metadata,
}

/// A live or replayed user, whose room is read-only for clients.
///
/// The room belongs to the user, whichever channels show the user: the main one, that of the user's tokens,
/// or both. Its members are the clients that read any of them. Leaving it turns off whichever a client reads,
/// and joining it turns on the first, unless the client reads one of them already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    pub user: String,
    /// Streams of the channels that show the user, the main channel's first.
    pub streams: Vec<String>,
}

impl Feed {
    #[must_use]
    pub fn room_id(&self) -> String {
        format!("{FEED_PREFIX}{}", self.user)
    }

    /// Whether this is the user's, ignoring case.
    #[must_use]
    pub fn is_of(&self, user: &str) -> bool {
        user.eq_ignore_ascii_case(&self.user)
    }

    /// Whether `room` is this user's, ignoring case and a leading `@`.
    pub(super) fn is_room(&self, room: &str) -> bool {
        let name = room.strip_prefix(FEED_PREFIX);
        name.is_some_and(|name| self.is_of(name.trim_start_matches('@')))
    }
}

/// A room in responses.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// Unique id of the room.
    pub id: String,
    /// Name of the room; the user name for a user's room.
    pub name: String,
    /// Purpose of the room.
    pub description: Option<String>,
    /// Maximum number of members.
    pub max_connections: Option<u32>,
    /// Current number of members.
    pub connections_count: usize,
    /// Free-form metadata.
    pub metadata: Metadata,
    /// When the room was created.
    pub created_at: Millis,
    /// Whether clients can only read it, because it is a user's feed.
    pub read_only: bool,
}
