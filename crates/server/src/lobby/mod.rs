//! Client messages, rooms and metadata, as a state machine without sockets or clock.
//!
//! The caller reports what happens and when ([`Lobby::open`], [`text`](Lobby::text),
//! [`binary`](Lobby::binary), [`heartbeat`](Lobby::heartbeat), …), then performs the resulting actions from
//! [`Lobby::take_effects`] in order.
//!
//! A room created by joining it is removed when its last member leaves. A room created over REST stays until
//! it is deleted. The room of a user exists as long as a channel shows the user: see [`Feed`].

mod commands;
mod message;
mod span;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use bytes::Bytes;
use commands::join_error;
pub use commands::{Audience, Intent, LobbyStats};
use livetape_core::{
    error::{Cause, Code, Problem, close},
    event::Millis,
    terminal::is_invisible,
};
use message::{ClientMessage, Ping, RoomMessageRequest, Sender, ServerMessage, SetMetadata, System};
pub use message::{error, failure, schemas};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
pub use span::Heard;
use span::{Span, To};
pub(crate) use state::LeftView;
use state::{Conduct, Connection, Room, not_in, read_only, too_many_rooms, unknown};
pub use state::{ConnectionView, FEED_PREFIX, Feed, Limits, Metadata, NewRoom, Opening, Role, RoomView};
use uuid::Uuid;

/// Name of the server as the sender of messages.
pub const SERVER: &str = "server";

/// Identifies a connection; never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

impl Key {
    /// Returns the number of the connection, from 1.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

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

/// An action to perform, in order, before the next input to the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Send {
        /// Recipients, without duplicates.
        to: Vec<Key>,
        payload: Payload,
    },
    /// Close a connection after everything already sent to it.
    Close { key: Key, code: u16, reason: String },
    /// Tell all other servers this, if there are any.
    Relay(Bytes),
    /// Log that a room was created.
    Created {
        /// Id of the room.
        room: String,
    },
    /// Change the feed that a connection reads.
    Read {
        key: Key,
        /// Stream of the feed; `None` for no feed.
        stream: Option<String>,
    },
}

/// A message, shared by all recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// JSON in valid UTF-8.
    Text(Bytes),
    /// A client's binary message, unchanged.
    Binary(Bytes),
}

impl Payload {
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never needed")]
    pub fn len(&self) -> usize {
        let (Self::Text(bytes) | Self::Binary(bytes)) = self;
        bytes.len()
    }
}

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LobbyCounts {
    pub opened: u64,
    pub closed: u64,
    /// Number of messages from clients, pings and pongs included, `/ws/echo` and messages to a program not.
    pub received: u64,
    /// Number of messages to clients, excluding events: one for each recipient.
    pub sent: u64,
    /// Number of rejected messages, by code.
    pub refused: BTreeMap<Code, u64>,
}

/// The connections and rooms of a server.
#[derive(Debug, Default)]
pub struct Lobby {
    limits: Limits,
    now: Moment,
    /// Boxed, because the map keeps space for nearly as many again.
    connections: BTreeMap<Key, Box<Connection>>,
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
    counts: LobbyCounts,
    span: Span,
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
    pub fn counts(&self) -> &LobbyCounts {
        &self.counts
    }

    /// Registers a connection. Welcomes it and announces it to the others.
    ///
    /// # Errors
    /// `capacity`, `client_id_taken`, or `bad_request` for an invalid client id.
    pub fn open(&mut self, mut opening: Opening) -> Result<Key, Problem> {
        if self.connections.len() >= self.limits.connections_max {
            let max = self.limits.connections_max;
            let problem =
                Problem::capacity(Cause::Sockets, format!("the maximum number of sockets, {max}, is open"));
            return Err(problem.hint("try again later, or raise `limits.connections`"));
        }
        let client_id = match opening.client_id.take() {
            Some(given) => self.check_client_id(given)?,
            None => self.make_client_id(opening.id),
        };
        self.last_key += 1;
        let key = Key(self.last_key);
        self.ids.insert(opening.id, key);
        self.client_ids.insert(client_id.clone(), key);
        self.counts.opened += 1;
        self.talkers += usize::from(opening.role == Role::Talks);
        let connection = Connection {
            opening,
            client_id,
            rooms: Default::default(),
            metadata: Metadata::new(),
            created_at: self.now.wall,
            last_ping: self.now.wall,
            conduct: Conduct::new(&self.limits),
            is_leaving: false,
        };
        self.connections.insert(key, Box::new(connection));
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
        if connection.opening.role != Role::Talks {
            return;
        }
        let (connection_id, client_id) = (connection.opening.id, connection.client_id.as_str());
        let (timestamp, active_connections) = (self.now.wall, self.connections_everywhere());
        let rooms =
            self.feeds.iter().map(|(feed, _)| feed.room_id()).chain(self.rooms.keys().cloned()).collect();
        let feed = connection.opening.reading.is_some();
        let (from, server_time) = (Sender::Server, timestamp);
        let welcome = ServerMessage::Welcome { from, connection_id, client_id, server_time, rooms, feed };
        let welcome = welcome.encode();
        let message = ServerMessage::ClientConnected {
            from: Sender::Server,
            connection_id,
            client_id,
            active_connections,
            timestamp,
        };
        let message = self.announces_presence().then(|| message.encode());
        self.send(vec![key], welcome);
        match message {
            Some(message) => drop(self.send_far(To::Talkers, self.talkers_but(key), message)),
            None => self.tell_change(),
        }
    }

    /// Removes a connection and announces its departure to the others.
    pub fn close(&mut self, key: Key) {
        let Some(connection) = self.connections.remove(&key) else { return };
        self.pending.remove(&key);
        self.counts.closed += 1;
        self.ids.remove(&connection.opening.id);
        self.client_ids.remove(&connection.client_id);
        for room in &connection.rooms {
            self.remove_member(room, key);
        }
        if connection.opening.role != Role::Talks {
            return;
        }
        let tells = self.announces_presence();
        self.talkers -= 1;
        if tells {
            let said = ServerMessage::ClientDisconnected {
                from: Sender::Server,
                connection_id: connection.opening.id,
                client_id: &connection.client_id,
                active_connections: self.connections_everywhere(),
                timestamp: self.now.wall,
            };
            let said = said.encode();
            self.send_far(To::Talkers, self.talkers_but(key), said);
        } else {
            self.tell_change();
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
        self.keep_span();
        let (active_connections, uptime) = (self.connections_everywhere(), self.now.uptime.as_secs());
        self.announce(System::Heartbeat { active_connections, memory, uptime });
    }

    /// Announces the shutdown of the server to all `/ws` clients.
    pub fn shut_down(&mut self) {
        self.tell_leaving();
        self.announce(System::Shutdown { message: "the server is shutting down" });
    }

    fn announce(&mut self, event: System) {
        let said = ServerMessage::System { from: Sender::Server, event, timestamp: self.now.wall }.encode();
        self.send(self.talkers(), said);
    }

    fn announces_presence(&self) -> bool {
        self.talkers_everywhere() <= self.limits.presence_max
    }

    fn talkers(&self) -> Vec<Key> {
        self.connections
            .iter()
            .filter(|(_, it)| it.opening.role == Role::Talks)
            .map(|(key, _)| *key)
            .collect()
    }

    fn talkers_but(&self, key: Key) -> Vec<Key> {
        let mut others = self.talkers();
        others.retain(|other| *other != key);
        others
    }

    fn send(&mut self, to: Vec<Key>, text: Bytes) -> usize {
        self.send_payload(to, Payload::Text(text))
    }

    /// Returns the number of recipients.
    fn send_payload(&mut self, to: Vec<Key>, payload: Payload) -> usize {
        let count = to.len();
        if count > 0 {
            self.counts.sent += count as u64;
            self.effects.push(Effect::Send { to, payload });
        }
        count
    }
}

/// Messages from clients, and who receives them.
impl Lobby {
    pub fn text(&mut self, key: Key, text: &str) {
        if !self.admit(key) {
            return;
        }
        match ClientMessage::read(text, self.limits.json_depth_max) {
            Err(problem) => self.refuse(key, &problem),
            Ok(ClientMessage::JoinRoom(of)) => self.join(key, &of.room_id),
            Ok(ClientMessage::LeaveRoom(of)) => self.leave(key, &of.room_id),
            Ok(ClientMessage::RoomMessage(to)) => self.room_message(key, &to),
            Ok(ClientMessage::Ping(ping)) => self.ping(key, &ping),
            Ok(ClientMessage::SetMetadata(set)) => self.set_metadata(key, set),
            Ok(ClientMessage::Plain(message)) => self.plain(key, message),
        }
    }

    /// Forwards a binary message unchanged to the other members of the client's rooms.
    pub fn binary(&mut self, key: Key, bytes: Bytes) {
        if !self.admit(key) {
            return;
        }
        let connection = &self.connections[&key];
        if connection.rooms.is_empty() {
            let problem = match self.feeds.iter().find(|(feed, _)| connection.reads(feed)) {
                Some((feed, _)) => read_only(&feed.room_id()),
                None => Problem::new(
                    Code::NotInRoom,
                    "you are in no room, so nobody would receive this binary message",
                ),
            };
            return self.refuse(key, &problem);
        }
        let (rooms, payload) = (connection.rooms.clone(), Payload::Binary(bytes));
        if let Err(problem) = self.check_span(payload.len()) {
            return self.refuse(key, &problem);
        }
        self.relay(To::Rooms(rooms), &payload);
        self.send_payload(self.roommates(key), payload);
    }

    /// Counts a message. Returns whether it should be processed.
    fn admit(&mut self, key: Key) -> bool {
        self.is_within_rate(key) && self.connections.get(&key).is_some_and(|it| it.opening.role.has_rooms())
    }

    /// Counts a message, and rejects it if the client exceeds its rate.
    fn is_within_rate(&mut self, key: Key) -> bool {
        let Some(connection) = self.connections.get_mut(&key).filter(|it| !it.is_leaving) else {
            return false;
        };
        self.counts.received += 1;
        let may_talk = connection.conduct.messages.take(self.now.uptime);
        if !may_talk {
            let most = self.limits.messages_per_second;
            let problem = Problem::new(Code::RateExceeded, format!("more than {most} messages per second"));
            self.refuse(key, &problem);
        }
        may_talk
    }

    /// Rejects a message, and closes the connection after too many rejections.
    fn refuse(&mut self, key: Key, problem: &Problem) {
        let Some(connection) = self.connections.get(&key) else { return };
        let said = error(connection.opening.role, problem, None, self.now.wall);
        self.refuse_with(key, problem.code, said);
    }

    /// Closes a connection because of a message that is longer than `bytes_max`, and is not read.
    pub fn too_large(&mut self, key: Key, bytes_max: usize) {
        let Some(connection) = self.connections.get_mut(&key).filter(|it| !it.is_leaving) else { return };
        connection.is_leaving = true;
        let problem = Problem::new(Code::TooLarge, format!("a message has more than {bytes_max} bytes"));
        let (code, reason) = (problem.code.close_code(), problem.code.name().to_owned());
        let said = error(connection.opening.role, &problem, None, self.now.wall);
        self.count_refused(problem.code);
        self.send(vec![key], said);
        self.effects.push(Effect::Close { key, code, reason });
    }

    fn count_refused(&mut self, code: Code) {
        *self.counts.refused.entry(code).or_default() += 1;
    }

    fn refuse_with(&mut self, key: Key, code: Code, said: Bytes) {
        self.count_refused(code);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let bearable = connection.conduct.strikes.take(self.now.uptime);
        connection.is_leaving = !bearable;
        // Others learn only why they are closed.
        if connection.opening.role.has_rooms() || !bearable {
            self.send(vec![key], said);
        }
        if !bearable {
            self.effects.push(Effect::Close { key, code: close::POLICY, reason: code.name().to_owned() });
        }
    }

    fn plain(&mut self, key: Key, message: &RawValue) {
        if let Err(problem) = self.check_span(message.get().len()) {
            return self.refuse(key, &problem);
        }
        let connection = &self.connections[&key];
        let (far, to) = match &connection.rooms[..] {
            [] => (To::Talkers, self.talkers_but(key)),
            rooms => (To::Rooms(rooms.to_vec()), self.roommates(key)),
        };
        let (from, timestamp) = (connection.client_id.as_str(), self.now.wall);
        let echo = ServerMessage::Echo { from: Sender::Server, message, timestamp }.encode();
        let broadcast = ServerMessage::Broadcast { message, from_client_id: from, from, timestamp }.encode();
        self.send(vec![key], echo);
        self.send_far(far, to, broadcast);
    }

    /// Returns the other members of a connection's rooms, without duplicates.
    fn roommates(&self, key: Key) -> Vec<Key> {
        let rooms = self.connections[&key].rooms.iter().filter_map(|id| self.rooms.get(id));
        let mut others: BTreeSet<Key> = rooms.flat_map(|room| self.accepted(room)).collect();
        others.remove(&key);
        others.into_iter().collect()
    }

    fn room_message(&mut self, key: Key, RoomMessageRequest { room_id, message }: &RoomMessageRequest) {
        let room = match self.room(room_id) {
            Ok(room) if room.members.contains(&key) => room,
            Ok(_) => return self.refuse(key, &not_in(room_id)),
            Err(problem) => return self.refuse(key, &problem),
        };
        let (to, said) = (self.accepted(room), self.said(key, room_id, message));
        match self.check_span(said.len()) {
            Ok(()) => drop(self.send_far(To::Rooms(vec![room_id.clone()]), to, said)),
            Err(problem) => self.refuse(key, &problem),
        }
    }

    /// Encodes a room message from a connection.
    fn said(&self, key: Key, room_id: &str, message: &RawValue) -> Bytes {
        let from = self.connections[&key].client_id.as_str();
        let timestamp = self.now.wall;
        ServerMessage::RoomMessage { room_id, message, from_client_id: from, from, timestamp }.encode()
    }

    fn ping(&mut self, key: Key, ping: &Ping) {
        self.touch(key);
        let (from, timestamp, server_time) = (Sender::Server, ping.timestamp, self.now.wall);
        let pong = ServerMessage::Pong { from, timestamp, server_time }.encode();
        self.send(vec![key], pong);
    }

    fn set_metadata(&mut self, key: Key, SetMetadata { key: name, value }: SetMetadata) {
        let mut changed = self.connections[&key].metadata.clone();
        match value {
            Value::Null => drop(changed.remove(&name)),
            value => drop(changed.insert(name, value)),
        }
        match self.check_metadata(&changed) {
            Err(problem) => self.refuse(key, &problem),
            Ok(()) => {
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.metadata = changed;
                }
            }
        }
    }

    fn check_metadata(&self, metadata: &Metadata) -> Result<(), Problem> {
        let (keys_max, bytes_max) = (self.limits.metadata_keys_max, self.limits.metadata_bytes_max);
        let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
        if metadata.len() > keys_max || bytes > bytes_max {
            let message = format!("metadata is limited to {keys_max} keys and {bytes_max} bytes of JSON");
            return Err(Problem::new(Code::TooLarge, message));
        }
        Ok(())
    }
}

/// Creating, joining, leaving and deleting rooms.
impl Lobby {
    /// Lets a client join a room, which is created if missing.
    fn join(&mut self, key: Key, room_id: &str) {
        if let Err(problem) = self.try_join(key, room_id, Code::BadMessage) {
            self.refuse_with(key, problem.code, join_error(room_id, &problem));
        }
    }

    /// Joins a room and tells the client. `invalid` is the code for an invalid room id.
    fn try_join(&mut self, key: Key, room_id: &str, invalid: Code) -> Result<(), Problem> {
        let first = match self.feed(room_id) {
            Some(feed) if self.connections[&key].reads(feed) => None,
            Some(feed) => feed.streams.first().cloned(),
            None => {
                self.enter(key, room_id, invalid)?;
                None
            }
        };
        let (from, timestamp) = (Sender::Server, self.now.wall);
        let said = ServerMessage::RoomJoined { from, room_id, data: room_id, timestamp }.encode();
        self.send(vec![key], said);
        if first.is_some() {
            self.read(key, first);
        }
        Ok(())
    }

    fn enter(&mut self, key: Key, room_id: &str, invalid: Code) -> Result<(), Problem> {
        let is_new = !self.rooms.contains_key(room_id);
        if is_new {
            self.check_room_id(room_id, invalid)?;
        } else if self.rooms[room_id].members.contains(&key) {
            return Ok(());
        }
        let elsewhere = self.members_elsewhere(room_id);
        let connection = self.connections.get_mut(&key).ok_or_else(|| unknown(room_id))?;
        if connection.rooms.len() >= self.limits.rooms_per_connection_max {
            let most = self.limits.rooms_per_connection_max;
            return Err(Problem::new(Code::Capacity, format!("a connection can join at most {most} rooms"))
                .hint("leave a room first"));
        }
        if is_new && self.rooms.len() >= self.limits.rooms_max {
            return Err(too_many_rooms(self.limits.rooms_max));
        }
        let created_at = self.now.wall;
        let room = self.rooms.entry(room_id.to_owned()).or_insert_with(|| Room {
            name: room_id.to_owned(),
            description: None,
            max_connections: None,
            metadata: Metadata::new(),
            created_at,
            members: BTreeSet::new(),
            is_kept: false,
        });
        if room
            .max_connections
            .is_some_and(|most| room.members.len().saturating_add(elsewhere) >= most as usize)
        {
            return Err(Problem::new(Code::RoomFull, format!("the room `{room_id}` is full")));
        }
        if is_new {
            self.effects.push(Effect::Created { room: room_id.to_owned() });
        }
        room.members.insert(key);
        connection.rooms.push(room_id.to_owned());
        self.tell_members(room_id);
        Ok(())
    }

    fn leave(&mut self, key: Key, room_id: &str) {
        if let Err(problem) = self.try_leave(key, room_id, None) {
            self.refuse(key, &problem);
        }
    }

    /// Leaves a room and tells the client. `reason` says why, if the client did not ask to leave.
    fn try_leave(&mut self, key: Key, room_id: &str, reason: Option<&'static str>) -> Result<(), Problem> {
        match self.feed(room_id) {
            Some(feed) if self.connections[&key].reads(feed) => self.read(key, None),
            Some(_) => return Err(not_in(room_id)),
            None => match self.rooms.get(room_id) {
                None => return Err(unknown(room_id)),
                Some(room) if !room.members.contains(&key) => return Err(not_in(room_id)),
                Some(_) => self.remove_member(room_id, key),
            },
        }
        self.say_left(vec![key], room_id, reason);
        Ok(())
    }

    fn say_left(&mut self, to: Vec<Key>, room_id: &str, reason: Option<&'static str>) {
        let (from, timestamp) = (Sender::Server, self.now.wall);
        let said = ServerMessage::RoomLeft { from, room_id, data: room_id, reason, timestamp }.encode();
        self.send(to, said);
    }

    /// Changes the feed that a connection reads.
    fn read(&mut self, key: Key, stream: Option<String>) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.opening.reading.clone_from(&stream);
        self.effects.push(Effect::Read { key, stream });
    }

    fn remove_member(&mut self, room_id: &str, key: Key) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.rooms.retain(|it| it != room_id);
        }
        let Some(room) = self.rooms.get_mut(room_id) else { return };
        room.members.remove(&key);
        if room.members.is_empty() && !room.is_kept {
            self.rooms.remove(room_id);
        }
        self.tell_members(room_id);
    }

    /// Creates a room that stays until deleted. `id` is used if `new` contains none.
    ///
    /// # Errors
    /// `room_exists`, `capacity`, `too_large` or `bad_request`.
    pub fn create_room(&mut self, new: NewRoom, id: Uuid) -> Result<RoomView, Problem> {
        let id = new.id.unwrap_or_else(|| format!("room_{}", id.simple()));
        if id.starts_with(FEED_PREFIX) {
            let message =
                format!("rooms with the prefix `{FEED_PREFIX}` are created by connecting their user");
            return Err(Problem::new(Code::BadRequest, message).hint("choose another id, or omit it"));
        }
        self.check_room_id(&id, Code::BadRequest)?;
        if self.rooms.contains_key(&id) {
            return Err(Problem::new(Code::RoomExists, format!("room `{id}` already exists")));
        }
        if self.rooms.len() >= self.limits.rooms_max {
            return Err(too_many_rooms(self.limits.rooms_max));
        }
        let name = new.name.unwrap_or_else(|| id.clone());
        let most = self.limits.room_text_bytes_max;
        if name.len() > most || new.description.as_ref().is_some_and(|text| text.len() > most) {
            return Err(Problem::new(
                Code::TooLarge,
                format!("the name or description is longer than {most} bytes"),
            ));
        }
        self.check_metadata(&new.metadata)?;
        let room = Room {
            name,
            description: new.description,
            max_connections: new.max_connections,
            metadata: new.metadata,
            created_at: self.now.wall,
            members: BTreeSet::new(),
            is_kept: true,
        };
        self.rooms.insert(id.clone(), room);
        self.effects.push(Effect::Created { room: id.clone() });
        self.room_view(&id)
    }

    /// Deletes a room and notifies its members.
    ///
    /// # Errors
    /// `unknown_room`, or `read_only_room` for the room of a user.
    pub fn delete_room(&mut self, id: &str) -> Result<RoomView, Problem> {
        let view = self.room_view(id)?;
        self.room(id)?;
        let members = self.rooms.remove(id).map(|room| room.members).unwrap_or_default();
        for key in &members {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.rooms.retain(|it| it != id);
            }
        }
        self.say_left(members.into_iter().collect(), id, Some("deleted"));
        Ok(view)
    }

    /// Whether a room exists, or can be created by joining it.
    #[must_use]
    pub fn may_join(&self, id: &str) -> bool {
        let exists = self.feed(id).is_some() || self.rooms.contains_key(id);
        exists || self.check_room_id(id, Code::BadMessage).is_ok()
    }

    fn check_room_id(&self, id: &str, code: Code) -> Result<(), Problem> {
        if id.starts_with(FEED_PREFIX) {
            return Err(unknown(id));
        }
        let most = self.limits.room_id_bytes_max;
        if id.is_empty() || id.len() > most || id.chars().any(is_invisible) {
            let message = format!("a room id must have 1 to {most} bytes and no control characters");
            return Err(Problem::new(code, message));
        }
        Ok(())
    }

    /// Returns a room that clients can send messages to.
    fn room(&self, id: &str) -> Result<&Room, Problem> {
        if self.feed(id).is_some() {
            return Err(read_only(id));
        }
        self.rooms.get(id).ok_or_else(|| unknown(id))
    }

    fn feed(&self, room_id: &str) -> Option<&Feed> {
        self.feeds.iter().map(|(feed, _)| feed).find(|feed| feed.is_room(room_id))
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
