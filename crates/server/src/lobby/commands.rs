//! What the REST API and the program that embeds the server ask of a lobby: queries, commands to connections
//! and rooms, and what to do about messages that the program handles.

use std::collections::BTreeMap;

use bytes::Bytes;
use livetape_core::error::{Code, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    Connection, ConnectionView, Effect, Key, Lobby, Metadata, Payload, Role, Room, RoomView, SERVER,
    message::{ClientMessage, Sender, ServerMessage},
    not_in,
    span::To,
    unknown,
};

/// Recipients of a broadcast; all conditions must match.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Audience {
    /// Only clients in this room.
    pub room: Option<String>,
    /// Only clients whose metadata contains all of these entries.
    pub metadata: Metadata,
}

/// Response of `GET /stats`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LobbyStats {
    /// Number of connections of all kinds.
    pub total_connections: usize,
    /// Number of rooms, including those of users.
    pub total_rooms: usize,
    /// Number of connections by room.
    pub connections_by_room: BTreeMap<String, usize>,
}

impl LobbyStats {
    /// Adds those of another server.
    pub(crate) fn add(&mut self, other: Self) {
        self.total_connections = self.total_connections.saturating_add(other.total_connections);
        for (room, count) in other.connections_by_room {
            let sum = self.connections_by_room.entry(room).or_default();
            *sum = sum.saturating_add(count);
        }
        self.total_rooms = self.connections_by_room.len();
    }
}

impl Lobby {
    /// Returns all rooms; those of users come first.
    #[must_use]
    pub fn room_views(&self) -> Vec<RoomView> {
        let feeds = self.feeds.iter().map(|(feed, _)| feed.room_id());
        feeds.chain(self.rooms.keys().cloned()).filter_map(|id| self.room_view(&id).ok()).collect()
    }

    /// # Errors
    /// `unknown_room`.
    pub fn room_view(&self, id: &str) -> Result<RoomView, Problem> {
        if let Some((feed, since)) = self.feeds.iter().find(|(feed, _)| feed.is_room(id)) {
            return Ok(RoomView {
                id: feed.room_id(),
                name: feed.user.clone(),
                description: None,
                max_connections: None,
                connections_count: self.members(id)?.len(),
                metadata: Metadata::new(),
                created_at: *since,
                read_only: true,
            });
        }
        let room = self.rooms.get(id).ok_or_else(|| unknown(id))?;
        Ok(RoomView {
            id: id.to_owned(),
            name: room.name.clone(),
            description: room.description.clone(),
            max_connections: room.max_connections,
            connections_count: self.accepted(room).len(),
            metadata: room.metadata.clone(),
            created_at: room.created_at,
            read_only: false,
        })
    }

    /// Returns all connections, or those in a room, oldest first.
    ///
    /// # Errors
    /// `unknown_room`.
    pub fn connection_views(&self, room: Option<&str>) -> Result<Vec<ConnectionView>, Problem> {
        let keys = match room {
            Some(room) => self.members(room)?,
            None => self.listed().map(|(key, _)| *key).collect(),
        };
        Ok(keys.iter().map(|key| self.view(*key)).collect())
    }

    /// Returns one connection, by its id or its client id.
    ///
    /// # Errors
    /// `not_found`.
    pub fn connection_view(&self, id: &str) -> Result<ConnectionView, Problem> {
        Ok(self.view(self.key(id)?))
    }

    /// Returns one connection, unless no list contains it.
    #[must_use]
    pub fn listed_view(&self, key: Key) -> Option<ConnectionView> {
        (self.connections.contains_key(&key) && !self.pending.contains(&key)).then(|| self.view(key))
    }

    /// # Errors
    /// `not_found` or `too_large`.
    pub fn put_metadata(&mut self, id: &str, metadata: Metadata) -> Result<ConnectionView, Problem> {
        let key = self.key(id)?;
        self.check_metadata(&metadata)?;
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.metadata = metadata;
        }
        Ok(self.view(key))
    }

    /// Closes a connection after everything already sent to it.
    ///
    /// # Errors
    /// `not_found`.
    pub fn dismiss(&mut self, id: &str, code: u16, reason: String) -> Result<ConnectionView, Problem> {
        let key = self.key(id)?;
        Ok(self.dismiss_one(key, code, reason))
    }

    /// Closes all connections but observers, and returns them, oldest first.
    pub fn dismiss_all(&mut self, code: u16, reason: &str) -> Vec<ConnectionView> {
        let clients = self.listed().filter(|(_, connection)| !connection.opening.is_observer);
        let clients: Vec<Key> = clients.map(|(key, _)| *key).collect();
        clients.into_iter().map(|key| self.dismiss_one(key, code, reason.to_owned())).collect()
    }

    fn dismiss_one(&mut self, key: Key, code: u16, reason: String) -> ConnectionView {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.is_leaving = true;
        }
        self.effects.push(Effect::Close { key, code, reason });
        self.view(key)
    }

    /// Sends a message from the server to a room. Returns the number of recipients.
    ///
    /// # Errors
    /// `unknown_room`, or `read_only_room` for the room of a user.
    pub fn send_to_room(&mut self, room_id: &str, message: &RawValue) -> Result<usize, Problem> {
        let to = self.accepted(self.room(room_id)?);
        let (from, timestamp) = (SERVER, self.now.wall);
        let said = ServerMessage::RoomMessage { room_id, message, from_client_id: from, from, timestamp };
        Ok(self.send(to, said.encode()))
    }

    /// Sends a message from the server to the `/ws` clients that match `audience`. Returns the number of
    /// recipients.
    ///
    /// # Errors
    /// `unknown_room`.
    pub fn broadcast(&mut self, audience: &Audience, message: &RawValue) -> Result<usize, Problem> {
        let mut to = match &audience.room {
            Some(room) => self.members(room)?,
            None => self.talkers(),
        };
        to.retain(|key| {
            let connection = &self.connections[key];
            let matches = |(name, value)| connection.metadata.get(name) == Some(value);
            connection.opening.role == Role::Talks && audience.metadata.iter().all(matches)
        });
        Ok(self.send(to, self.said_by_server(message)))
    }

    /// Encodes a message from the server to any clients.
    fn said_by_server(&self, message: &RawValue) -> Bytes {
        let (from, timestamp) = (SERVER, self.now.wall);
        ServerMessage::Broadcast { message, from_client_id: from, from, timestamp }.encode()
    }

    #[must_use]
    pub fn stats(&self) -> LobbyStats {
        let mut by_room: BTreeMap<String, usize> =
            self.rooms.iter().map(|(id, room)| (id.clone(), self.accepted(room).len())).collect();
        for (feed, _) in &self.feeds {
            let id = feed.room_id();
            let count = self.members(&id).map_or(0, |members| members.len());
            by_room.insert(id, count);
        }
        LobbyStats {
            total_connections: self.listed().count(),
            total_rooms: by_room.len(),
            connections_by_room: by_room,
        }
    }

    pub(super) fn members(&self, room_id: &str) -> Result<Vec<Key>, Problem> {
        if let Some(feed) = self.feed(room_id) {
            return Ok(self.listed().filter(|(_, it)| it.reads(feed)).map(|(key, _)| *key).collect());
        }
        Ok(self.accepted(self.room(room_id)?))
    }

    /// The connections that are accepted.
    fn listed(&self) -> impl Iterator<Item = (&Key, &Connection)> {
        let listed = self.connections.iter().filter(|(key, _)| !self.pending.contains(key));
        listed.map(|(key, connection)| (key, &**connection))
    }

    fn view(&self, key: Key) -> ConnectionView {
        let connection = &self.connections[&key];
        let opening = &connection.opening;
        let reads = self.feeds.iter().filter(|(feed, _)| connection.reads(feed));
        let mut rooms = connection.rooms.clone();
        rooms.sort_unstable();
        ConnectionView {
            key,
            id: opening.id,
            number: key.number(),
            client_id: connection.client_id.clone(),
            address: opening.address,
            path: opening.path.clone(),
            query: opening.query.clone(),
            origin: opening.origin.clone(),
            agent: opening.agent.clone(),
            observer: opening.is_observer,
            filter: opening.filter.clone(),
            // The hub knows them.
            position: None,
            lag: None,
            resent: None,
            rooms: reads.map(|(feed, _)| feed.room_id()).chain(rooms).collect(),
            metadata: connection.metadata.clone(),
            created_at: connection.created_at,
            last_ping: connection.last_ping,
        }
    }

    fn key(&self, id: &str) -> Result<Key, Problem> {
        let by_id = Uuid::try_parse(id).ok().and_then(|id| self.ids.get(&id));
        let by_client_id = || self.client_ids.get(id).filter(|key| !self.pending.contains(key));
        by_id.or_else(by_client_id).copied().ok_or_else(|| {
            Problem::new(Code::NotFound, format!("unknown connection `{id}`"))
                .hint("see GET /connections for the list")
        })
    }
}

// Saved overlays: messages to the pages that show them.

impl Lobby {
    /// Sends a message to the connections that show a saved overlay.
    pub fn tell_overlay(&mut self, overlay: &str, message: Bytes) {
        let shows =
            |(_, connection): &(&Key, &Connection)| connection.opening.overlay.as_deref() == Some(overlay);
        let to = self.listed().filter(shows).map(|(key, _)| *key).collect();
        self.send(to, message);
    }

    /// Sends a message to one connection of any kind.
    pub fn tell_one(&mut self, key: Key, message: Bytes) {
        self.send(vec![key], message);
    }
}

// Commands to one connection: send it a message, or change its rooms.

/// Reason in `room_left` if the server removed the client.
const REMOVED: &str = "removed";

impl Lobby {
    /// Sends a message from the server to one `/ws` client.
    ///
    /// # Errors
    /// `not_found`, or `bad_request` for a connection that only reads.
    pub fn tell(&mut self, id: &str, message: &RawValue) -> Result<(), Problem> {
        let key = self.talker(id)?;
        self.send(vec![key], self.said_by_server(message));
        Ok(())
    }

    /// Adds a `/ws` client to a room, which is created if missing, and tells it.
    ///
    /// # Errors
    /// `not_found`, `unknown_room`, `room_full`, `capacity`, or `bad_request` for an invalid room id or a
    /// connection that only reads.
    pub fn join_room(&mut self, id: &str, room_id: &str) -> Result<ConnectionView, Problem> {
        let key = self.talker(id)?;
        self.try_join(key, room_id, Code::BadRequest)?;
        self.connection_view(id)
    }

    /// Removes a `/ws` client from a room, and tells it.
    ///
    /// # Errors
    /// `not_found`, `unknown_room`, `not_in_room`, or `bad_request` for a connection that only reads.
    pub fn leave_room(&mut self, id: &str, room_id: &str) -> Result<ConnectionView, Problem> {
        let key = self.talker(id)?;
        self.try_leave(key, room_id, Some(REMOVED)).map_err(|problem| match problem.code {
            Code::NotInRoom => {
                let message = format!("connection `{id}` is not in the room `{room_id}`");
                Problem::new(Code::NotInRoom, message).hint("see GET /connections for the rooms of each")
            }
            _ => problem,
        })?;
        self.connection_view(id)
    }

    /// Returns the key of a connection that exchanges messages.
    fn talker(&self, id: &str) -> Result<Key, Problem> {
        let key = self.key(id)?;
        let connection = &self.connections[&key];
        if connection.opening.role.has_rooms() {
            return Ok(key);
        }
        let message = format!(
            "connection `{id}` is on `{}`, which has neither messages nor rooms",
            connection.opening.path
        );
        Err(Problem::new(Code::BadRequest, message).hint("choose a connection on /ws: see GET /connections"))
    }
}

// Connections whose messages go to the program that embeds the server: what they ask for, and commands to
// them.

/// The purpose of a text message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    Join(String),
    Leave(String),
    Say {
        room_id: String,
        /// JSON of the message.
        message: String,
    },
    Ping,
    /// An incomplete command of the lobby.
    Command,
    /// Anything else, including text that is not JSON: a message to the program. So is `set_metadata`,
    /// because the program decides what the metadata of its sockets is.
    Message,
}

impl Intent {
    /// `depth_max` limits the nesting of the JSON.
    #[must_use]
    pub fn read(text: &str, depth_max: usize) -> Self {
        // Every command is an object with a type.
        if !text.trim_start().starts_with('{') || !text.contains("\"type\"") {
            return Self::Message;
        }
        match ClientMessage::read(text, depth_max) {
            Ok(ClientMessage::JoinRoom(of)) => Self::Join(of.room_id),
            Ok(ClientMessage::LeaveRoom(of)) => Self::Leave(of.room_id),
            Ok(ClientMessage::RoomMessage(to)) => {
                Self::Say { room_id: to.room_id, message: to.message.get().to_owned() }
            }
            Ok(ClientMessage::Ping(_)) => Self::Ping,
            Err(_) if serde_json::from_str::<&RawValue>(text).is_ok() => Self::Command,
            Ok(ClientMessage::SetMetadata(_) | ClientMessage::Plain(_)) | Err(_) => Self::Message,
        }
    }
}

impl Lobby {
    /// Leaves a new connection out of lists, broadcasts and rooms until the program accepts it.
    pub fn hold(&mut self, key: Key) {
        self.pending.insert(key);
    }

    pub fn accept(&mut self, id: Uuid) {
        if let Some(key) = self.ids.get(&id) {
            self.pending.remove(key);
        }
    }

    /// Whether no connection has this client id, including those that are not accepted yet.
    #[must_use]
    pub fn is_free(&self, client_id: &str) -> bool {
        !self.client_ids.contains_key(client_id)
    }

    pub(super) fn accepted(&self, room: &Room) -> Vec<Key> {
        room.members.difference(&self.pending).copied().collect()
    }

    /// Rejects a client's request to join a room, because the program refused it.
    pub fn refuse_join(&mut self, id: Uuid, room_id: &str) {
        let Some(key) = self.ids.get(&id).copied() else { return };
        let problem = Problem::new(Code::Refused, format!("the server refused to let you join `{room_id}`"));
        self.refuse_with(key, problem.code, join_error(room_id, &problem));
    }

    /// Rejects a client's request to join a room, because the program failed to decide.
    pub fn fail_join(&mut self, id: Uuid, room_id: &str) {
        let message = format!("the server failed to decide whether you may join `{room_id}`");
        self.fail(id, |problem| join_error(room_id, problem), message);
    }

    /// Rejects a client's message to a room, because the program failed to decide.
    pub fn fail_message(&mut self, id: Uuid, room_id: &str) {
        self.counts.received += 1;
        let message = format!("the server failed to check your message to `{room_id}`, and did not send it");
        let now = self.now.wall;
        self.fail(id, |problem| super::error(Role::Handled, problem, None, now), message);
    }

    /// Reports a server failure to a client. It does not count towards closing the connection.
    fn fail(&mut self, id: Uuid, say: impl FnOnce(&Problem) -> Bytes, message: String) {
        let Some(key) = self.ids.get(&id).copied() else { return };
        let problem = Problem::new(Code::HandlerFailed, message);
        self.count_refused(problem.code);
        self.send(vec![key], say(&problem));
    }

    /// Returns the ids of the handled connections, or of those in a room, oldest first.
    ///
    /// # Errors
    /// `unknown_room`.
    pub fn handled(&self, room: Option<&str>) -> Result<Vec<Uuid>, Problem> {
        Ok(self.handled_keys(room)?.iter().map(|key| self.connections[key].opening.id).collect())
    }

    fn handled_keys(&self, room: Option<&str>) -> Result<Vec<Key>, Problem> {
        let is_handled = |(_, connection): &(&Key, &Connection)| {
            connection.opening.role == Role::Handled && !connection.is_leaving
        };
        let Some(room) = room else {
            return Ok(self.listed().filter(is_handled).map(|(key, _)| *key).collect());
        };
        let mut keys = self.members(room)?;
        keys.retain(|key| is_handled(&(key, &self.connections[key])));
        Ok(keys)
    }

    /// Sends a message unchanged to one connection.
    ///
    /// # Errors
    /// `not_found` if it is closed or about to be.
    pub fn write(&mut self, id: Uuid, payload: Payload) -> Result<(), Problem> {
        let key = self.open_key(id)?;
        self.send_payload(vec![key], payload);
        Ok(())
    }

    /// Sends a message unchanged to those of the connections that are open. Returns the number of recipients.
    pub fn write_each(&mut self, ids: &[Uuid], payload: Payload) -> usize {
        self.send_payload(ids.iter().filter_map(|id| self.open_key(*id).ok()).collect(), payload)
    }

    /// Sends a message unchanged to all handled connections, or to those in a room. Returns the number of
    /// recipients.
    ///
    /// # Errors
    /// `unknown_room`.
    pub fn write_all(&mut self, room: Option<&str>, payload: Payload) -> Result<usize, Problem> {
        Ok(self.send_payload(self.handled_keys(room)?, payload))
    }

    /// Sends a room message on behalf of a connection. Returns the number of recipients.
    ///
    /// # Errors
    /// `not_found`, `unknown_room`, `not_in_room` or `read_only_room`.
    pub fn say(&mut self, id: Uuid, room_id: &str, message: &RawValue) -> Result<usize, Problem> {
        let key = self.open_key(id)?;
        let room = self.room(room_id)?;
        if !room.members.contains(&key) {
            return Err(not_in(room_id));
        }
        let (to, said) = (self.accepted(room), self.said(key, room_id, message));
        self.check_span(said.len())?;
        Ok(self.send_far(To::Rooms(vec![room_id.to_owned()]), to, said))
    }

    /// Returns the room that a connection joined last and is still in, feeds excluded.
    #[must_use]
    pub fn latest_room(&self, id: Uuid) -> Option<&str> {
        let key = self.ids.get(&id)?;
        self.connections[key].rooms.last().map(String::as_str)
    }

    /// Whether a connection is in a room, or reads the feed of the room's user.
    #[must_use]
    pub fn is_in(&self, id: Uuid, room_id: &str) -> bool {
        let key = self.ids.get(&id);
        key.is_some_and(|key| self.members(room_id).is_ok_and(|members| members.contains(key)))
    }

    /// Whether a connection is in a room that takes messages.
    #[must_use]
    pub fn may_say(&self, id: Uuid, room_id: &str) -> bool {
        let key = self.ids.get(&id);
        key.is_some_and(|key| self.room(room_id).is_ok_and(|room| room.members.contains(key)))
    }

    fn open_key(&self, id: Uuid) -> Result<Key, Problem> {
        let key = self.ids.get(&id).filter(|key| !self.connections[*key].is_leaving);
        key.copied().ok_or_else(|| {
            let problem = Problem::new(Code::NotFound, format!("connection `{id}` is closed"));
            problem.hint("send to an open connection: see GET /connections")
        })
    }
}

pub(super) fn join_error(room_id: &str, Problem { code, message, hint, .. }: &Problem) -> Bytes {
    ServerMessage::RoomJoinError { from: Sender::Server, room_id, code: *code, message, hint }.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_commands_are_not_messages_to_the_program() {
        let room_id = || "a".to_owned();
        for (text, expected) in [
            (r#"{"type":"join_room","room_id":"a"}"#, Intent::Join(room_id())),
            (r#" {"room_id":"a","type":"leave_room"}"#, Intent::Leave(room_id())),
            (
                r#"{"type":"room_message","room_id":"a","message":{"b": 1}}"#,
                Intent::Say { room_id: room_id(), message: r#"{"b": 1}"#.into() },
            ),
            (r#"{"type":"ping"}"#, Intent::Ping),
            (r#"{"type":"set_metadata","key":"a","value":1}"#, Intent::Message),
            (r#"{"type":"join_room"}"#, Intent::Command),
            (r#"{"type":"move","x":1}"#, Intent::Message),
            (r#"{"type":"join_room""#, Intent::Message),
            (r#"["type"]"#, Intent::Message),
            ("hello", Intent::Message),
            ("", Intent::Message),
        ] {
            assert_eq!(Intent::read(text, 32), expected, "{text}");
        }
    }
}
