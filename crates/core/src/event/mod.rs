//! The outward JSON: what a subscriber gets.

mod battle;
mod battle_notices;
mod business;
mod captions;
mod chat;
mod decor;
mod gift;
mod gift_notices;
mod goals;
mod hints;
mod json;
mod kinds;
mod links;
mod moderation;
mod notices;
mod partners;
mod pins;
mod questions;
mod ranks;
mod room;
mod scalar;
mod schema;
mod state;
mod subscriptions;
mod text;
mod user;
mod viewers;

use std::sync::Arc;

pub use battle::*;
pub use battle_notices::*;
pub use business::*;
pub use captions::*;
pub use chat::*;
pub use decor::*;
pub use gift::*;
pub use gift_notices::*;
pub use goals::*;
pub use hints::*;
pub use kinds::*;
pub use links::*;
pub use moderation::*;
pub use notices::*;
pub use partners::*;
pub use pins::*;
pub use questions::*;
pub use ranks::*;
pub use room::*;
pub use scalar::{Id, Millis};
use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;
pub use state::*;
pub use subscriptions::*;
pub use text::*;
pub use user::*;
pub use viewers::*;

/// One event: what livetape broadcasts. Its sequence number is given by the hub.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Whose room it is; empty if nobody knows.
    pub username: Arc<str>,
    /// Who did it, where a person did.
    pub user: Option<User>,
    /// When it was made: the message's create time, else `ts`.
    pub timestamp: Millis,
    /// When it was received: the wall anchor of the stream plus the offset.
    pub ts: Millis,
    /// The message's id, with the generation from the second on; `None` for events that come from no message.
    pub id: Option<SmolStr>,
    /// Whether it comes from a recording.
    pub replay: bool,
    /// Whether `/inject` made it.
    pub injected: bool,
    /// The rest, by type.
    pub data: Data,
}

#[derive(JsonSchema, Serialize)]
struct EventJson<'a, D> {
    r#type: &'static str,
    /// Whose room it is; empty if nobody knows.
    username: &'a str,
    data: DataJson<'a, D>,
    /// The message's id, opaque; absent for events that come from no message.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// When it was received.
    ts: Millis,
    /// Whether it comes from a recording.
    replay: bool,
    /// `true` where `/inject` made it, then or when it was recorded; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    injected: bool,
    /// The channel that `seq` counts in; new with every start of the server.
    stream: &'a str,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{D}Data")]
struct DataJson<'a, D> {
    /// The `uniqueId` of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(flatten)]
    data: &'a D,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a User>,
    /// When TikTok made it, else `ts`.
    timestamp: Millis,
}

impl Event {
    /// The value of `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.data.kind()
    }

    /// Appends the JSON of the event on channel `stream`, but for its end: `seq` and the closing brace follow once the
    /// hub has given the number ([`finish_json`]).
    pub fn begin_json(&self, stream: &str, out: &mut Vec<u8>) {
        let json = EventJson {
            r#type: self.kind(),
            username: &self.username,
            data: DataJson {
                sender: self.user.as_ref().map(|user| user.unique_id.as_str()),
                data: &self.data,
                user: self.user.as_ref(),
                timestamp: self.timestamp,
            },
            id: self.id.as_deref(),
            ts: self.ts,
            replay: self.replay,
            injected: self.injected,
            stream,
        };
        json::write(&json, out).expect("events have string keys and a vector takes every byte");
        assert_eq!(out.pop(), Some(b'}'));
    }
}

/// Appends what [`Event::begin_json`] left out.
pub fn finish_json(seq: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"seq\":");
    out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
    out.push(b'}');
}
