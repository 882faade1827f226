//! Events: what they are read from, and their JSON, as subscribers receive it.
//!
//! A file has a group of events: their `data`, and how it is converted from the messages of `proto/webcast.proto`.

mod battle;
mod business;
mod chat;
mod common;
pub mod compose;
mod gift;
mod goals;
mod json;
mod kinds;
mod methods;
mod names;
mod notices;
mod room;
mod scalar;
mod user;
mod viewers;

use std::sync::{Arc, LazyLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use smol_str::SmolStr;

use methods::Kind;
use scalar::is_zero;

pub use battle::*;
pub use business::*;
pub use chat::*;
pub use gift::*;
pub use goals::*;
pub use kinds::*;
pub use methods::{Known, Reading, is_known, known_methods, millis, read_in_batch, read_message, schema};
pub use names::app_method;
pub use notices::*;
pub use room::*;
pub use scalar::{Id, Millis};
pub use user::*;
pub use viewers::*;

/// Placeholder for a user that is missing from the message.
static UNKNOWN_USER: LazyLock<User> = LazyLock::new(User::default);

/// A broadcast event. The hub assigns its sequence number.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Username of the host; empty if unknown.
    pub username: Arc<str>,
    /// The acting user, if a user caused the event.
    pub user: Option<User>,
    /// Creation time of the message, or `ts`.
    pub timestamp: Millis,
    /// Time of receipt: the stream's wall anchor plus the offset.
    pub ts: Millis,
    /// Id of the message, with a suffix from the second generation on; `None` for events without a message.
    pub id: Option<SmolStr>,
    /// Whether the event comes from a recording.
    pub replay: bool,
    /// Whether the event was created by `/inject`.
    pub injected: bool,
    /// The type-specific data.
    pub data: Data,
}

#[derive(JsonSchema, Serialize)]
struct EventJson<'a, D> {
    r#type: &'static str,
    /// Username of the host; empty if unknown.
    username: &'a str,
    data: D,
    /// Opaque id of the message; absent for events without a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// Time of receipt.
    ts: Millis,
    /// Whether the event comes from a recording.
    replay: bool,
    /// `true` if the event was created by `/inject`, now or while recording; otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    injected: bool,
    /// Id of the channel that `seq` counts in; new with each start of the server unless `server.seed` is set.
    stream: &'a str,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{D}Data")]
struct DataJson<'a, D> {
    /// `uniqueId` of the acting user.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(flatten)]
    data: &'a D,
    /// The acting user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a User>,
    /// Creation time on TikTok, or `ts`.
    timestamp: Millis,
}

/// Data of an event that a user always causes.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{D}Data")]
struct UserDataJson<'a, D> {
    /// `uniqueId` of the acting user; empty if unknown.
    sender: &'a str,
    #[serde(flatten)]
    data: &'a D,
    /// The acting user.
    user: &'a User,
    /// Creation time on TikTok, or `ts`.
    timestamp: Millis,
}

impl Event {
    /// Returns the value of `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.data.kind()
    }

    /// Appends the JSON of the event on channel `stream`, without `seq` and the closing brace.
    /// [`finish_json`] appends these once the hub has assigned the number.
    pub fn begin_json(&self, stream: &str, out: &mut Vec<u8>) {
        let (data, timestamp) = (&self.data, self.timestamp);
        if data.has_user() {
            let user = self.user.as_ref().unwrap_or_else(|| &UNKNOWN_USER);
            self.write_json(stream, UserDataJson { sender: &user.unique_id, data, user, timestamp }, out);
        } else {
            let user = self.user.as_ref();
            let sender = user.map(|user| user.unique_id.as_str());
            self.write_json(stream, DataJson { sender, data, user, timestamp }, out);
        }
        assert_eq!(out.pop(), Some(b'}'));
    }

    fn write_json(&self, stream: &str, data: impl Serialize, out: &mut Vec<u8>) {
        let json = EventJson {
            r#type: self.kind(),
            username: &self.username,
            data,
            id: self.id.as_deref(),
            ts: self.ts,
            replay: self.replay,
            injected: self.injected,
            stream,
        };
        json::write(&json, out).expect("events have string keys and a vector takes every byte");
    }

    /// Returns the JSON of an event that is not part of a channel: without `stream` and `seq`.
    #[must_use]
    pub fn to_json_alone(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.begin_json("", &mut json);
        // The stream is the last key.
        json.truncate(json.len().saturating_sub(br#","stream":"""#.len()));
        json.push(b'}');
        json
    }
}

/// Completes the JSON that [`Event::begin_json`] started.
pub fn finish_json(seq: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"seq\":");
    out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
    out.push(b'}');
}

/// Returns the schema of an event with this data, including the fields that are written by hand.
fn of_kind(generator: &mut SchemaGenerator, data: Schema, kind: &'static str, doc: &str) -> Schema {
    // Not of the type of `data`: the function for each type would take 0.4 MB of the program together.
    let mut schema = EventJson::<'static, ()>::json_schema(generator);
    schema.insert("description".into(), doc.trim().into());
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("type".into(), json!({ "const": kind }));
        properties.insert("data".into(), data.into());
        // `finish_json` appends this field.
        let seq = json!({
            "description": "Sequence number, from 1. Gaps belong to events that were filtered out.",
            "type": "integer",
            "minimum": 1,
        });
        properties.insert("seq".into(), seq);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.push("seq".into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(data: Data) -> Value {
        let (timestamp, ts) = (Millis(5), Millis(5));
        let (replay, injected) = (false, false);
        let event =
            Event { username: "host".into(), user: None, timestamp, ts, id: None, replay, injected, data };
        let mut out = Vec::new();
        event.begin_json("s", &mut out);
        finish_json(1, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn an_event_that_users_cause_has_a_user_even_if_the_message_names_none() {
        let chat = json(Data::Chat(Chat::default()));
        assert_eq!((&chat["data"]["sender"], &chat["data"]["user"]["userId"]), (&"".into(), &"0".into()));
        let caption = json(Data::Caption(Caption::default()));
        assert!(caption["data"].get("sender").is_none() && caption["data"].get("user").is_none());
    }
}
