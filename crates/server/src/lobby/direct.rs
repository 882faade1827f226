//! Commands to one connection: send it a message, or change its rooms.

use livetape_core::error::{Code, Problem};
use serde_json::value::RawValue;

use super::{ConnectionView, Key, Lobby, SERVER, message::ServerMessage};

/// Reason in `room_left` if the server removed the client.
const REMOVED: &str = "removed";

impl Lobby {
    /// Sends a message from the server to one `/ws` client.
    ///
    /// # Errors
    /// `not_found`, or `bad_request` for a connection that only reads.
    pub fn tell(&mut self, id: &str, message: &RawValue) -> Result<(), Problem> {
        let key = self.talker(id)?;
        let said = ServerMessage::Broadcast {
            message,
            from_client_id: SERVER,
            from: SERVER,
            timestamp: self.now.wall,
        };
        let said = said.encode();
        self.send(vec![key], said);
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
        if connection.role.has_rooms() {
            return Ok(key);
        }
        let message =
            format!("connection `{id}` is on `{}`, which has neither messages nor rooms", connection.path);
        Err(Problem::new(Code::BadRequest, message).hint("choose a connection on /ws: see GET /connections"))
    }
}
