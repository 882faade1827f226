//! Client messages, rooms and metadata, as a state machine without sockets or clock.
//!
//! The caller reports what happens and when ([`Lobby::open`], [`text`](Lobby::text),
//! [`binary`](Lobby::binary), [`heartbeat`](Lobby::heartbeat), …), then performs the resulting actions from
//! [`Lobby::take_effects`] in order.
//!
//! A room created by joining it is removed when its last member leaves. A room created over REST stays until
//! it is deleted. The room of a user exists as long as a channel shows the user: see [`Feed`].

mod ask;
mod conduct;
mod connection;
mod direct;
mod effect;
mod handled;
mod limits;
mod message;
mod room;
mod rooms;
mod talk;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

pub use ask::{Audience, LobbyStats};
use conduct::Conduct;
use connection::Connection;
pub use connection::{ConnectionView, Opening, Role};
pub use effect::{Counts, Effect, Payload};
pub use handled::Intent;
pub use limits::Limits;
use livetape_core::{
    error::{Cause, Code, Problem},
    event::Millis,
};
use message::{Sender, ServerMessage, System};
pub use message::{error, schemas};
use room::Room;
pub use room::{FEED_PREFIX, Feed, Metadata, NewRoom, RoomView};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// Name of the server as the sender of messages.
pub const SERVER: &str = "server";

/// Identifies a connection; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

/// The time of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    pub wall: Millis,
    /// Time since the start; monotonic.
    pub uptime: Duration,
}

/// Process statistics in a heartbeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Stats {
    /// Resident set size in bytes, if the system reports it.
    pub rss: Option<u64>,
}

/// The connections and rooms of a server.
#[derive(Debug, Default)]
pub struct Lobby {
    limits: Limits,
    now: Moment,
    connections: BTreeMap<Key, Connection>,
    /// Connections that the program has not accepted yet: they are not listed, and receive only messages to
    /// them alone.
    pending: BTreeSet<Key>,
    ids: HashMap<Uuid, Key>,
    client_ids: HashMap<String, Key>,
    rooms: BTreeMap<String, Room>,
    feeds: Vec<(Feed, Millis)>,
    /// Number of connections with the role [`Role::Talks`].
    talkers: usize,
    last_key: u64,
    effects: Vec<Effect>,
    counts: Counts,
}

impl Lobby {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Sets the time. Call this before each input.
    pub fn advance(&mut self, now: Moment) {
        self.now = now;
    }

    /// Sets the current users. Their rooms appear and disappear with them.
    pub fn set_feeds(&mut self, feeds: &[Feed]) {
        if self.feeds.iter().map(|(feed, _)| feed).eq(feeds) {
            return;
        }
        let since = |feed: &Feed| {
            let known = self.feeds.iter().find(|(known, _)| known.is_of(&feed.user));
            known.map_or(self.now.wall, |(_, since)| *since)
        };
        self.feeds = feeds.iter().map(|feed| (feed.clone(), since(feed))).collect();
    }

    /// Returns the wall-clock time of the current input.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.now.wall
    }

    /// Takes the actions to perform, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Registers a connection. Welcomes it and announces it to the others.
    ///
    /// # Errors
    /// `capacity`, `client_id_taken`, or `bad_request` for an invalid client id.
    pub fn open(&mut self, opening: Opening) -> Result<Key, Problem> {
        if self.connections.len() >= self.limits.connections_max {
            let max = self.limits.connections_max;
            let problem =
                Problem::capacity(Cause::Sockets, format!("the maximum number of sockets, {max}, is open"));
            return Err(problem.hint("try again later, or raise `limits.connections`"));
        }
        let client_id = match opening.client_id {
            Some(given) => self.check_client_id(given)?,
            None => self.make_client_id(opening.id),
        };
        self.last_key += 1;
        let key = Key(self.last_key);
        self.ids.insert(opening.id, key);
        self.client_ids.insert(client_id.clone(), key);
        let connection = Connection {
            id: opening.id,
            client_id,
            address: opening.address,
            path: opening.path,
            query: opening.query,
            role: opening.role,
            reading: opening.reading,
            is_observer: opening.is_observer,
            filter: opening.filter,
            rooms: Default::default(),
            metadata: Metadata::new(),
            created_at: self.now.wall,
            last_ping: self.now.wall,
            conduct: Conduct::new(&self.limits),
            is_leaving: false,
        };
        self.counts.opened += 1;
        self.talkers += usize::from(opening.role == Role::Talks);
        self.connections.insert(key, connection);
        self.greet(key);
        Ok(key)
    }

    fn check_client_id(&self, given: String) -> Result<String, Problem> {
        check_client_id(&given, self.limits.client_id_chars_max)?;
        if given == SERVER || self.client_ids.contains_key(&given) {
            let message = format!("another connection has the client id `{given}`");
            return Err(Problem::new(Code::ClientIdTaken, message));
        }
        Ok(given)
    }

    /// Returns `client_` and the first eight digits of the id, or later ones if that client id is taken.
    fn make_client_id(&self, id: Uuid) -> String {
        let digits = id.simple().to_string();
        let names = (0..=digits.len() - 8).map(|from| format!("client_{}", &digits[from..from + 8]));
        names
            .into_iter()
            .find(|name| !self.client_ids.contains_key(name))
            .unwrap_or(format!("client_{digits}"))
    }

    fn greet(&mut self, key: Key) {
        let connection = &self.connections[&key];
        if connection.role != Role::Talks {
            return;
        }
        let (connection_id, client_id) = (connection.id, connection.client_id.as_str());
        let (timestamp, active_connections) = (self.now.wall, self.connections.len());
        let rooms =
            self.feeds.iter().map(|(feed, _)| feed.room_id()).chain(self.rooms.keys().cloned()).collect();
        let feed = connection.reading.is_some();
        let welcome = ServerMessage::Welcome {
            from: Sender::Server,
            connection_id,
            client_id,
            server_time: timestamp,
            rooms,
            feed,
        }
        .encode();
        let told = ServerMessage::ClientConnected {
            from: Sender::Server,
            connection_id,
            client_id,
            active_connections,
            timestamp,
        };
        let told = self.announces_presence().then(|| told.encode());
        self.send(vec![key], welcome);
        if let Some(told) = told {
            self.send(self.talkers_but(key), told);
        }
    }

    /// Removes a connection and announces its departure to the others.
    pub fn close(&mut self, key: Key) {
        let Some(connection) = self.connections.remove(&key) else { return };
        self.pending.remove(&key);
        self.counts.closed += 1;
        self.ids.remove(&connection.id);
        self.client_ids.remove(&connection.client_id);
        for room in &connection.rooms {
            self.remove_member(room, key);
        }
        if connection.role != Role::Talks {
            return;
        }
        let tells = self.announces_presence();
        self.talkers -= 1;
        if tells {
            let said = ServerMessage::ClientDisconnected {
                from: Sender::Server,
                connection_id: connection.id,
                client_id: &connection.client_id,
                active_connections: self.connections.len(),
                timestamp: self.now.wall,
            };
            let said = said.encode();
            self.send(self.talkers_but(key), said);
        }
    }

    /// Records a sign of life without content, such as a ping or pong. Subject to the same rate limit as
    /// messages.
    pub fn heard(&mut self, key: Key) {
        if self.is_within_rate(key) {
            self.touch(key);
        }
    }

    fn touch(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.last_ping = self.now.wall;
        }
    }

    /// Sends a heartbeat to all `/ws` clients.
    pub fn heartbeat(&mut self, memory: Stats) {
        let (active_connections, uptime) = (self.connections.len(), self.now.uptime.as_secs());
        self.announce(System::Heartbeat { active_connections, memory, uptime });
    }

    /// Announces the shutdown of the server to all `/ws` clients.
    pub fn shut_down(&mut self) {
        self.announce(System::Shutdown { message: "the server is shutting down" });
    }

    fn announce(&mut self, event: System) {
        let said = ServerMessage::System { from: Sender::Server, event, timestamp: self.now.wall }.encode();
        self.send(self.talkers(), said);
    }

    fn announces_presence(&self) -> bool {
        self.talkers <= self.limits.presence_max
    }

    fn talkers(&self) -> Vec<Key> {
        self.connections.iter().filter(|(_, it)| it.role == Role::Talks).map(|(key, _)| *key).collect()
    }

    fn talkers_but(&self, key: Key) -> Vec<Key> {
        let mut others = self.talkers();
        others.retain(|other| *other != key);
        others
    }

    fn send(&mut self, to: Vec<Key>, text: bytes::Bytes) {
        self.send_payload(to, Payload::Text(text));
    }

    fn send_payload(&mut self, to: Vec<Key>, payload: Payload) {
        if !to.is_empty() {
            self.counts.sent += to.len() as u64;
            self.effects.push(Effect::Send { to, payload });
        }
    }
}

/// # Errors
/// `bad_request` if it is empty, too long, or contains characters other than letters, digits and `_ . : @ -`.
pub fn check_client_id(given: &str, chars_max: usize) -> Result<(), Problem> {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '@' | '-');
    if given.is_empty() || given.chars().count() > chars_max || !given.chars().all(is_allowed) {
        let message = format!("`client_id` must have 1 to {chars_max} letters, digits and `_ . : @ -`");
        return Err(Problem::new(Code::BadRequest, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
