//! Messages from clients, and who receives them.

use std::collections::BTreeSet;

use bytes::Bytes;
use livetape_core::error::{Code, Problem, close};
use serde_json::{Value, value::RawValue};

use super::{
    Effect, FEED_PREFIX, Key, Lobby, Metadata, Payload,
    message::{ClientMessage, Ping, RoomMessageRequest, Sender, ServerMessage, SetMetadata},
};

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
        self.send_payload(self.roommates(key), Payload::Binary(bytes));
    }

    /// Counts a message. Returns whether it should be processed.
    fn admit(&mut self, key: Key) -> bool {
        self.is_within_rate(key) && self.connections.get(&key).is_some_and(|it| it.role.has_rooms())
    }

    /// Counts a message, and rejects it if the client exceeds its rate.
    pub(super) fn is_within_rate(&mut self, key: Key) -> bool {
        let Some(connection) = self.connections.get_mut(&key).filter(|it| !it.is_leaving) else {
            return false;
        };
        self.counts.received += 1;
        let may_talk = connection.conduct.may_talk(self.now.uptime);
        if !may_talk {
            let most = self.limits.messages_per_second;
            let problem = Problem::new(Code::RateExceeded, format!("more than {most} messages per second"));
            self.refuse(key, &problem);
        }
        may_talk
    }

    /// Rejects a message, and closes the connection after too many rejections.
    pub(super) fn refuse(&mut self, key: Key, problem: &Problem) {
        self.refuse_with(key, problem.code, super::error(problem));
    }

    pub(super) fn count_refused(&mut self, code: Code) {
        *self.counts.refused.entry(code).or_default() += 1;
    }

    pub(super) fn refuse_with(&mut self, key: Key, code: Code, said: Bytes) {
        self.count_refused(code);
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let bearable = connection.conduct.is_bearable(self.now.uptime);
        connection.is_leaving = !bearable;
        if connection.role.has_rooms() {
            self.send(vec![key], said);
        }
        if !bearable {
            self.effects.push(Effect::Close { key, code: close::POLICY, reason: code.name().to_owned() });
        }
    }

    fn plain(&mut self, key: Key, message: &RawValue) {
        let connection = &self.connections[&key];
        let to = if connection.rooms.is_empty() { self.talkers_but(key) } else { self.roommates(key) };
        let (from, timestamp) = (connection.client_id.as_str(), self.now.wall);
        let echo = ServerMessage::Echo { from: Sender::Server, message, timestamp }.encode();
        let broadcast = ServerMessage::Broadcast { message, from_client_id: from, from, timestamp }.encode();
        self.send(vec![key], echo);
        self.send(to, broadcast);
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
            Ok(_) => {
                let problem = Problem::new(Code::NotInRoom, format!("you are not in the room `{room_id}`"));
                return self.refuse(key, &problem);
            }
            Err(problem) => return self.refuse(key, &problem),
        };
        let (to, said) = (self.accepted(room), self.said(key, room_id, message));
        self.send(to, said);
    }

    /// Encodes a room message from a connection.
    pub(super) fn said(&self, key: Key, room_id: &str, message: &RawValue) -> Bytes {
        let from = self.connections[&key].client_id.as_str();
        let timestamp = self.now.wall;
        ServerMessage::RoomMessage { room_id, message, from_client_id: from, from, timestamp }.encode()
    }

    fn ping(&mut self, key: Key, ping: &Ping) {
        self.touch(key);
        let pong = ServerMessage::Pong {
            from: Sender::Server,
            timestamp: ping.timestamp,
            server_time: self.now.wall,
        }
        .encode();
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

    pub(super) fn check_metadata(&self, metadata: &Metadata) -> Result<(), Problem> {
        let (keys_max, bytes_max) = (self.limits.metadata_keys_max, self.limits.metadata_bytes_max);
        let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
        if metadata.len() > keys_max || bytes > bytes_max {
            let message = format!("metadata is limited to {keys_max} keys and {bytes_max} bytes of JSON");
            return Err(Problem::new(Code::TooLarge, message));
        }
        Ok(())
    }
}

/// Builds the error for messages to a user's room.
pub(super) fn read_only(room: &str) -> Problem {
    let user = room.strip_prefix(FEED_PREFIX).unwrap_or(room);
    Problem::new(Code::ReadOnlyRoom, format!("`{room}` is the feed of {user}, which clients can only read"))
}
