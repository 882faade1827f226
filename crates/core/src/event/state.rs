//! What livetape itself has to say.

use schemars::JsonSchema;
use serde::Serialize;

use super::Id;

/// `unknown`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The method; empty where not even that could be read.
    pub method: String,
    /// The bytes, base64.
    pub payload: String,
    /// What was wrong, where a method with a schema could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Whether `payload` is only the beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// `connection_created`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionCreated {
    /// The room.
    pub room_id: Id,
    /// `live` or `replay`.
    pub source: &'static str,
}

/// `connection_closed`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionClosed {
    /// The WebSocket close code; 1006 if there was none.
    pub code: u32,
    /// What the closing side said.
    pub reason: String,
    /// Whether another attempt follows.
    pub will_retry: bool,
}

/// `disconnected`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// `recording_ended`, `stream_ended`, `deleted`, `replaced`, …
    pub reason: String,
}

/// `error`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// A few words.
    pub title: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Which attempt failed, from 1.
    pub attempt: u32,
    /// Whether another attempt follows.
    pub retrying: bool,
    /// When it follows.
    pub retry_after_ms: Option<u64>,
}
