//! Queries and commands from the REST API.

use std::collections::BTreeMap;

use livetape_core::error::{Code, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    Connection, ConnectionView, Effect, Key, Lobby, Metadata, Role, RoomView, SERVER, message::ServerMessage,
    rooms::unknown,
};

/// Recipients of a broadcast; all conditions must match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audience {
    /// Only clients in this room.
    pub room: Option<String>,
    /// Only clients whose metadata contains all of these entries.
    pub metadata: Metadata,
}

/// Response of `GET /stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LobbyStats {
    /// Number of connections of all kinds.
    pub total_connections: usize,
    /// Number of rooms, including those of users.
    pub total_rooms: usize,
    /// Number of connections by room.
    pub connections_by_room: BTreeMap<String, usize>,
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
        let clients = self.listed().filter(|(_, connection)| !connection.is_observer);
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
        let said = ServerMessage::RoomMessage {
            room_id,
            message,
            from_client_id: SERVER,
            from: SERVER,
            timestamp: self.now.wall,
        };
        let (count, said) = (to.len(), said.encode());
        self.send(to, said);
        Ok(count)
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
            connection.role == Role::Talks && audience.metadata.iter().all(matches)
        });
        let said = ServerMessage::Broadcast {
            message,
            from_client_id: SERVER,
            from: SERVER,
            timestamp: self.now.wall,
        };
        let (count, said) = (to.len(), said.encode());
        self.send(to, said);
        Ok(count)
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
        self.connections.iter().filter(|(key, _)| !self.pending.contains(key))
    }

    fn view(&self, key: Key) -> ConnectionView {
        let connection = &self.connections[&key];
        let reads = self.feeds.iter().filter(|(feed, _)| connection.reads(feed));
        let mut rooms = connection.rooms.clone();
        rooms.sort_unstable();
        ConnectionView {
            key,
            id: connection.id,
            client_id: connection.client_id.clone(),
            address: connection.address,
            path: connection.path.clone(),
            query: connection.query.clone(),
            observer: connection.is_observer,
            filter: connection.filter.clone(),
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

    pub(super) fn key(&self, id: &str) -> Result<Key, Problem> {
        let by_id = Uuid::try_parse(id).ok().and_then(|id| self.ids.get(&id));
        let by_client_id = || self.client_ids.get(id).filter(|key| !self.pending.contains(key));
        by_id.or_else(by_client_id).copied().ok_or_else(|| {
            Problem::new(Code::NotFound, format!("unknown connection `{id}`"))
                .hint("see GET /connections for the list")
        })
    }
}
