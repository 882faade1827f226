//! Connections: their internal state, and their form in responses.

use std::{borrow::Cow, net::IpAddr};

use livetape_core::event::Millis;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Key,
    conduct::Conduct,
    room::{Feed, Metadata},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads a feed; its own messages are counted and ignored.
    Reads,
    /// Reads a feed and exchanges messages with other clients.
    Talks,
    /// Gets its own messages back; the lobby ignores them.
    Echoes,
    /// Exchanges messages with the program that embeds the server. It can join rooms, but gets no messages
    /// that it did not ask for: no welcome, announcements or broadcasts over REST.
    Handled,
}

impl Role {
    /// Whether the connection can join rooms and receive messages.
    #[must_use]
    pub fn has_rooms(self) -> bool {
        matches!(self, Self::Talks | Self::Handled)
    }
}

/// A connection to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub id: Uuid,
    /// Client id of the client's choice; generated from `id` if absent.
    pub client_id: Option<String>,
    pub address: Option<IpAddr>,
    pub path: Cow<'static, str>,
    /// Query of the request, in the form for responses.
    pub query: String,
    pub role: Role,
    /// Stream of the feed that it reads, if any.
    pub reading: Option<String>,
    pub is_observer: bool,
    /// Filter of the feed that it reads, as query parameters.
    pub filter: String,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: Uuid,
    pub(super) client_id: String,
    pub(super) address: Option<IpAddr>,
    pub(super) path: Cow<'static, str>,
    pub(super) query: String,
    pub(super) role: Role,
    pub(super) reading: Option<String>,
    pub(super) is_observer: bool,
    pub(super) filter: String,
    /// In the order of joining.
    pub(super) rooms: Vec<String>,
    pub(super) metadata: Metadata,
    pub(super) created_at: Millis,
    pub(super) last_ping: Millis,
    pub(super) conduct: Conduct,
    /// Whether it is being closed, so that its messages no longer count.
    pub(super) is_leaving: bool,
}

impl Connection {
    /// Whether it reads one of the user's channels, which makes it a member of the user's room.
    pub(super) fn reads(&self, feed: &Feed) -> bool {
        self.reading.as_ref().is_some_and(|stream| feed.streams.contains(stream))
    }
}

/// A connection in responses.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    #[serde(skip)]
    pub(crate) key: Key,
    /// Unique id of the connection.
    #[schemars(with = "String")]
    pub id: Uuid,
    /// Client id.
    pub client_id: String,
    /// Address of the client; `null` for a connection in memory.
    pub address: Option<IpAddr>,
    /// Path of the request.
    pub path: Cow<'static, str>,
    /// Query of the request as the client sent it, cut after 1,024 bytes. Values of parameters other than
    /// those of livetape's feeds are `***`, because they may be secrets.
    pub query: String,
    /// Whether it is an observer (`observer=1`).
    pub observer: bool,
    /// Filter of the feed that it reads, as query parameters, such as `types=gift&gifts=final`; empty if it
    /// gets every event.
    pub filter: String,
    /// `seq` of the last event that was written to it, of any type; `null` if it reads no feed.
    pub position: Option<u64>,
    /// Number of newer events of its feed, of any type; `null` if it reads no feed.
    pub lag: Option<u64>,
    /// Number of events, of any type, from the backlog that `since` asked for; `null` if it began without a
    /// feed.
    pub resent: Option<u64>,
    /// The rooms that it is in, including the room of the user whose feed it reads.
    pub rooms: Vec<String>,
    /// Metadata of the connection.
    pub metadata: Metadata,
    /// When it connected.
    pub created_at: Millis,
    /// When it last showed that it is alive: by a ping, or a pong to the server's ping.
    pub last_ping: Millis,
}
