//! Connections whose messages go to the program that embeds the server: what they ask for, and commands to
//! them.

use bytes::Bytes;
use livetape_core::error::{Code, Problem};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    Key, Lobby, Payload, Role, Room,
    message::{ClientMessage, Sender, ServerMessage},
    rooms::not_in,
};

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

    /// Counts a message that does not concern the lobby.
    pub fn count_received(&mut self) {
        self.counts.received += 1;
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
        self.count_received();
        let message = format!("the server failed to check your message to `{room_id}`, and did not send it");
        self.fail(id, super::error, message);
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
        Ok(self.handled_keys(room)?.iter().map(|key| self.connections[key].id).collect())
    }

    fn handled_keys(&self, room: Option<&str>) -> Result<Vec<Key>, Problem> {
        let mut keys = match room {
            Some(room) => self.members(room)?,
            None => self.connections.keys().copied().collect(),
        };
        keys.retain(|key| {
            let connection = &self.connections[key];
            connection.role == Role::Handled && !connection.is_leaving && !self.pending.contains(key)
        });
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
        let to: Vec<Key> = ids.iter().filter_map(|id| self.open_key(*id).ok()).collect();
        let count = to.len();
        self.send_payload(to, payload);
        count
    }

    /// Sends a message unchanged to all handled connections, or to those in a room. Returns the number of
    /// recipients.
    ///
    /// # Errors
    /// `unknown_room`.
    pub fn write_all(&mut self, room: Option<&str>, payload: Payload) -> Result<usize, Problem> {
        let to = self.handled_keys(room)?;
        let count = to.len();
        self.send_payload(to, payload);
        Ok(count)
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
        let to = self.accepted(room);
        let (count, said) = (to.len(), self.said(key, room_id, message));
        self.send(to, said);
        Ok(count)
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

fn join_error(room_id: &str, Problem { code, message, hint, .. }: &Problem) -> Bytes {
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
