//! Continues a live room that another process decoded, from the JSON of its events: what it has already
//! broadcast, its streaks, and its open connection.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ConnectionState, Decoder};
use crate::{
    dedup::{Comment, StreakKey},
    event::{Data, Event, Gift, Id, Millis, User},
};

/// The part of an event that all types share.
#[derive(Deserialize)]
struct Head<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    username: std::borrow::Cow<'a, str>,
    id: Option<std::borrow::Cow<'a, str>>,
    ts: Millis,
    #[serde(default)]
    injected: bool,
    data: &'a RawValue,
}

/// The data of those types that matter here.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Told {
    room_id: Id,
    source: String,
    comment: String,
    user: Option<User>,
    timestamp: Millis,
}

/// Number of the predecessor's connection. Those of a live room start at 1.
const BEFORE: u32 = 0;

impl Decoder {
    /// Applies the events of another decoder, oldest first. Returns the number of the connection that it left
    /// open.
    pub fn resume<'a>(&mut self, events: impl IntoIterator<Item = &'a [u8]>) -> Option<u32> {
        for json in events {
            // Gaps are not events.
            if let Ok(head) = serde_json::from_slice::<Head>(json) {
                self.resume_event(&head);
            }
        }
        self.connections.get(&BEFORE).is_some_and(|connection| connection.is_open).then_some(BEFORE)
    }

    fn resume_event(&mut self, head: &Head) {
        let Ok(told) = serde_json::from_str::<Told>(head.data.get()) else { return };
        match head.r#type {
            "connection_created" if told.source == "live" => {
                let username = (*head.username).into();
                let connection = ConnectionState { room_id: told.room_id.0, username, is_open: true };
                self.connections.insert(BEFORE, connection);
            }
            // Events of a replay do not belong to the history of a room.
            "connection_created" => _ = self.connections.remove(&BEFORE),
            "connection_closed" | "disconnected" => {
                self.connections.entry(BEFORE).and_modify(|connection| connection.is_open = false);
            }
            _ => {}
        }
        let Some(connection) = self.connections.get(&BEFORE) else { return };
        let room = connection.room_key(BEFORE);
        if let Some(id) = head.id.as_ref().and_then(|id| id.parse().ok()) {
            self.dedup.check_id(room, id, false);
        }
        match head.r#type {
            "chat" => {
                let user_id = told.user.map_or(0, |user| user.user_id.0);
                let comment = Comment { user_id, create_time: told.timestamp.0, text: told.comment.into() };
                self.dedup.check_comment(room, comment, false);
            }
            "gift" => self.resume_gift(head, told, room),
            _ => {}
        }
    }

    fn resume_gift(&mut self, head: &Head, told: Told, room: i64) {
        let Ok(gift) = serde_json::from_str::<Gift>(head.data.get()) else { return };
        if gift.repeat_end {
            let user_id = told.user.as_ref().map_or(0, |user| user.user_id.0);
            let streak = StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 };
            self.dedup.check_final(room, streak);
        }
        let event = Event {
            username: (*head.username).into(),
            user: told.user,
            timestamp: told.timestamp,
            ts: head.ts,
            id: None,
            replay: false,
            injected: head.injected,
            data: Data::Gift(gift),
        };
        self.streaks.resume(room, &event, &mut self.inferred);
        self.push_inferred();
    }
}
