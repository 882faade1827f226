//! Creating, joining, leaving and deleting rooms.

use std::collections::BTreeSet;

use livetape_core::{
    error::{Code, Problem},
    terminal::is_invisible,
};
use uuid::Uuid;

use super::{
    Effect, FEED_PREFIX, Feed, Key, Lobby, Metadata, NewRoom, Room, RoomView,
    message::{Sender, ServerMessage},
    talk::read_only,
};

impl Lobby {
    /// Lets a client join a room, which is created if missing.
    pub(super) fn join(&mut self, key: Key, room_id: &str) {
        if let Err(Problem { code, message, hint, .. }) = self.try_join(key, room_id, Code::BadMessage) {
            let said = ServerMessage::RoomJoinError {
                from: Sender::Server,
                room_id,
                code,
                message: &message,
                hint: &hint,
            }
            .encode();
            self.refuse_with(key, code, said);
        }
    }

    /// Joins a room and tells the client. `invalid` is the code for an invalid room id.
    pub(super) fn try_join(&mut self, key: Key, room_id: &str, invalid: Code) -> Result<(), Problem> {
        if let Some(feed) = self.feed(room_id) {
            let is_in = self.connections[&key].reads(feed);
            let first = feed.streams.first().cloned();
            self.say_joined(key, room_id);
            if !is_in {
                self.read(key, first);
            }
            return Ok(());
        }
        self.enter(key, room_id, invalid)?;
        self.say_joined(key, room_id);
        Ok(())
    }

    fn say_joined(&mut self, key: Key, room_id: &str) {
        let said = ServerMessage::RoomJoined {
            from: Sender::Server,
            room_id,
            data: room_id,
            timestamp: self.now.wall,
        }
        .encode();
        self.send(vec![key], said);
    }

    fn enter(&mut self, key: Key, room_id: &str, invalid: Code) -> Result<(), Problem> {
        let is_new = !self.rooms.contains_key(room_id);
        if is_new {
            self.check_room_id(room_id, invalid)?;
        } else if self.rooms[room_id].members.contains(&key) {
            return Ok(());
        }
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
        if room.max_connections.is_some_and(|most| room.members.len() >= most as usize) {
            return Err(Problem::new(Code::RoomFull, format!("the room `{room_id}` is full")));
        }
        if is_new {
            self.effects.push(Effect::Created { room: room_id.to_owned() });
        }
        room.members.insert(key);
        connection.rooms.push(room_id.to_owned());
        Ok(())
    }

    pub(super) fn leave(&mut self, key: Key, room_id: &str) {
        if let Err(problem) = self.try_leave(key, room_id, None) {
            self.refuse(key, &problem);
        }
    }

    /// Leaves a room and tells the client. `reason` says why, if the client did not ask to leave.
    pub(super) fn try_leave(
        &mut self,
        key: Key,
        room_id: &str,
        reason: Option<&'static str>,
    ) -> Result<(), Problem> {
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
        let said = ServerMessage::RoomLeft {
            from: Sender::Server,
            room_id,
            data: room_id,
            reason,
            timestamp: self.now.wall,
        }
        .encode();
        self.send(to, said);
    }

    /// Changes the feed that a connection reads.
    fn read(&mut self, key: Key, stream: Option<String>) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.reading.clone_from(&stream);
        self.effects.push(Effect::Read { key, stream });
    }

    pub(super) fn remove_member(&mut self, room_id: &str, key: Key) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.rooms.retain(|it| it != room_id);
        }
        let Some(room) = self.rooms.get_mut(room_id) else { return };
        room.members.remove(&key);
        if room.members.is_empty() && !room.is_kept {
            self.rooms.remove(room_id);
        }
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
    pub(super) fn room(&self, id: &str) -> Result<&Room, Problem> {
        if self.feed(id).is_some() {
            return Err(read_only(id));
        }
        self.rooms.get(id).ok_or_else(|| unknown(id))
    }

    pub(super) fn feed(&self, room_id: &str) -> Option<&Feed> {
        self.feeds.iter().map(|(feed, _)| feed).find(|feed| feed.is_room(room_id))
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

fn too_many_rooms(most: usize) -> Problem {
    Problem::new(Code::Capacity, format!("the maximum number of rooms, {most}, already exists"))
}
