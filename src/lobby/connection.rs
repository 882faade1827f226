//! Connections, as they are kept and as they are told.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{conduct::Conduct, room::Metadata};
use crate::sans_io::event::Millis;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It reads a feed; what it says is counted, and nothing else.
    Reads,
    /// It reads and talks.
    Talks,
    /// It hears what it says, and the lobby none of it.
    Echoes,
}

/// A connection to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its id: random.
    pub id: Uuid,
    /// What the client calls itself; made of the id if it does not.
    pub client_id: Option<String>,
    /// Where it came in.
    pub path: &'static str,
    /// What it is for.
    pub role: Role,
    /// The stream of the feed that it reads.
    pub reading: Option<String>,
    /// Whether it only looks on.
    pub is_observer: bool,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: Uuid,
    pub(super) client_id: String,
    pub(super) path: &'static str,
    pub(super) role: Role,
    pub(super) reading: Option<String>,
    pub(super) is_observer: bool,
    pub(super) rooms: BTreeSet<String>,
    pub(super) metadata: Metadata,
    pub(super) created_at: Millis,
    pub(super) last_ping: Millis,
    pub(super) conduct: Conduct,
    /// It was told to go: nothing that it says counts any more.
    pub(super) is_leaving: bool,
}

/// A connection, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    /// Its id.
    #[schemars(with = "String")]
    pub id: Uuid,
    /// What the client is called.
    pub client_id: String,
    /// Where it came in.
    pub path: &'static str,
    /// Whether it only looks on (`observer=1`).
    pub observer: bool,
    /// The rooms that it is in, the user's whose feed it reads among them.
    pub rooms: Vec<String>,
    /// What was written down about it.
    pub metadata: Metadata,
    /// Since when it is here.
    pub created_at: Millis,
    /// When it last showed that it is alive: a ping of its own, or the answer to one of ours.
    pub last_ping: Millis,
}
