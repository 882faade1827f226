//! Connections and rooms: their internal state, their form in responses, their failures and their limits.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    event::Millis,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Key;

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
    pub origin: String,
    pub agent: String,
    pub role: Role,
    /// Stream of the feed that it reads, if any.
    pub reading: Option<String>,
    pub is_observer: bool,
    /// Filter of the feed that it reads, as query parameters.
    pub filter: String,
    /// Key of the saved overlay that it shows, if any.
    pub overlay: Option<String>,
}

#[derive(Debug)]
pub(super) struct Connection {
    /// How it was opened, with the stream that it reads now.
    pub(super) opening: Opening,
    pub(super) client_id: String,
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
        self.opening.reading.as_ref().is_some_and(|stream| feed.streams.contains(stream))
    }
}

/// A connection in responses.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    #[serde(skip)]
    pub(crate) key: Key,
    /// Unique id of the connection.
    #[schemars(with = "String")]
    pub id: Uuid,
    /// Number of the connection, from 1: they are counted as they open, and no number is used again.
    pub number: u64,
    /// Client id.
    pub client_id: String,
    /// Address of the client; `null` for a connection in memory.
    pub address: Option<IpAddr>,
    /// Path of the request.
    pub path: Cow<'static, str>,
    /// Query of the request as the client sent it, cut after 1,024 bytes. Values of parameters other than
    /// those of livetape's feeds are `***`, because they may be secrets.
    pub query: String,
    /// Header `Origin` of the request, cut after 256 bytes; empty if absent.
    pub origin: String,
    /// Header `User-Agent` of the request, cut after 256 bytes; empty if absent.
    pub agent: String,
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

/// A connection that has left, in responses: its last state, and how it ended.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeftView {
    #[serde(flatten)]
    pub(crate) connection: ConnectionView,
    /// When it left.
    pub(crate) left_at: Millis,
    /// Close code; 1005 if the client sent none, 1006 if it was cut or broke.
    pub(crate) code: u16,
    /// Reason in the close frame.
    pub(crate) reason: String,
    /// Whether the server ended it.
    pub(crate) by_server: bool,
    /// Number of bytes sent to it, the response to its request included.
    pub(crate) sent_bytes: u64,
}

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
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
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

impl RoomView {
    /// Adds the members that the room has at another server.
    pub(crate) fn add(&mut self, other: &Self) {
        self.connections_count = self.connections_count.saturating_add(other.connections_count);
        self.created_at = self.created_at.min(other.created_at);
    }
}

pub(super) fn unknown(id: &str) -> Problem {
    let problem = Problem::new(Code::UnknownRoom, format!("unknown room `{id}`"));
    match id.strip_prefix(FEED_PREFIX) {
        Some(_) => problem.hint("rooms with this prefix belong to users: see GET /rooms"),
        None => problem,
    }
}

pub(super) fn not_in(id: &str) -> Problem {
    Problem::new(Code::NotInRoom, format!("you are not in the room `{id}`"))
}

pub(super) fn too_many_rooms(most: usize) -> Problem {
    Problem::new(Code::Capacity, format!("the maximum number of rooms, {most}, already exists"))
}

/// Builds the error for messages to a user's room.
pub(super) fn read_only(room: &str) -> Problem {
    let user = room.strip_prefix(FEED_PREFIX).unwrap_or(room);
    Problem::new(Code::ReadOnlyRoom, format!("`{room}` is the feed of {user}, which clients can only read"))
}

/// Messages that a silent connection may send at once, in seconds of its rate.
const BURST_SECONDS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of concurrent connections of all kinds.
    pub connections_max: usize,
    /// Number of `/ws` clients up to which arrivals and departures are announced, at the cost of one message
    /// per client. Beyond it, only heartbeats report the number of connections.
    pub presence_max: usize,
    /// Maximum number of concurrent rooms, feeds excluded.
    pub rooms_max: usize,
    /// Maximum number of rooms that one connection may join, feeds excluded.
    pub rooms_per_connection_max: usize,
    pub room_id_bytes_max: usize,
    /// Maximum length of a room's name and of its description, in bytes each.
    pub room_text_bytes_max: usize,
    /// Maximum number of metadata keys of a connection or room.
    pub metadata_keys_max: usize,
    /// Maximum length of that metadata as JSON, in bytes.
    pub metadata_bytes_max: usize,
    pub client_id_chars_max: usize,
    pub json_depth_max: usize,
    /// Maximum rate of messages from one connection, per second.
    pub messages_per_second: u32,
    /// Maximum number of rejected messages at once; the next one closes the connection.
    pub strikes_max: u32,
    /// Time until one rejected message no longer counts.
    pub strike_forgotten: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            presence_max: 256,
            rooms_max: 1_000,
            rooms_per_connection_max: 32,
            room_id_bytes_max: 128,
            room_text_bytes_max: 2 * 1024,
            metadata_keys_max: 32,
            metadata_bytes_max: 8 * 1024,
            client_id_chars_max: 64,
            json_depth_max: 32,
            messages_per_second: 50,
            strikes_max: 10,
            strike_forgotten: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Returns the maximum number of messages that a silent connection may send at once.
    #[must_use]
    pub fn message_burst(&self) -> u32 {
        self.messages_per_second.saturating_mul(BURST_SECONDS)
    }
}

/// Minimum time until a rejected message no longer counts.
const FORGOTTEN_MIN: Duration = Duration::from_millis(1);

/// The rates of a client: one token bucket for its messages, and one for its rejected messages.
#[derive(Debug)]
pub(super) struct Conduct {
    pub(super) messages: Bucket,
    pub(super) strikes: Bucket,
}

impl Conduct {
    pub(super) fn new(limits: &Limits) -> Self {
        let per_message = Duration::from_secs(1) / limits.messages_per_second.max(1);
        Self {
            messages: Bucket::new(limits.message_burst(), per_message),
            strikes: Bucket::new(limits.strikes_max, limits.strike_forgotten.max(FORGOTTEN_MIN)),
        }
    }
}

/// A token bucket that is full at first, and gets a token back after each `period`.
#[derive(Debug)]
pub(super) struct Bucket {
    period: Duration,
    /// How long an empty one takes to become full.
    fill: Duration,
    full_at: Duration,
}

impl Bucket {
    fn new(tokens: u32, period: Duration) -> Self {
        Self { period, fill: period.saturating_mul(tokens.max(1)), full_at: Duration::ZERO }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let full_at = self.full_at.max(now).saturating_add(self.period);
        let is_there = full_at - now <= self.fill;
        if is_there {
            self.full_at = full_at;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_all_its_tokens_at_once_and_then_one_for_each_period() {
        let mut bucket = Bucket::new(3, Duration::from_millis(100));
        let mut taken = |ms, tries| (0..tries).filter(|_| bucket.take(Duration::from_millis(ms))).count();
        assert_eq!(taken(50, 9), 3);
        assert_eq!(taken(149, 9), 0);
        assert_eq!(taken(150, 9), 1);
        assert_eq!(taken(399, 9), 2);
        assert_eq!(taken(100_000, 9), 3, "it holds no more");
        assert_eq!(taken(0, 1), 0, "time that goes back brings none");
    }

    #[test]
    fn a_bucket_takes_any_limits() {
        for (tokens, period) in [(0, Duration::ZERO), (u32::MAX, Duration::MAX), (1, Duration::MAX)] {
            let mut bucket = Bucket::new(tokens, period);
            assert!(bucket.take(Duration::from_secs(1)) || period == Duration::MAX);
        }
    }
}
