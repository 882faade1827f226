//! Events from livetape itself rather than from TikTok.

use schemars::JsonSchema;
use serde::Serialize;

use super::Id;
use crate::error::Problem;

/// Data of an `unknown` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The method; empty if it could not be decoded.
    pub method: String,
    /// The raw bytes, in base64.
    pub payload: String,
    /// Kind of fault, if the method has a schema but the message could not be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Whether `payload` holds only the beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Data of a `connection_created` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionCreated {
    /// Id of the room.
    pub room_id: Id,
    /// `live` or `replay`.
    pub source: &'static str,
}

/// Data of a `connection_closed` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionClosed {
    /// WebSocket close code; 1006 if there was no close frame.
    pub code: u32,
    /// Close reason, from the side that closed the connection.
    pub reason: String,
    /// Whether another attempt follows.
    pub will_retry: bool,
}

/// Data of a `disconnected` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// `recording_ended`, `stream_ended`, `deleted`, `replaced`, …
    pub reason: String,
}

/// Data of an `error` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// Short title.
    pub title: String,
    /// Description of the failure.
    pub message: String,
    /// Advice on what to do.
    pub hint: String,
    /// Number of the failed attempt, from 1; 0 if the failure is not about an attempt.
    pub attempt: u32,
    /// Whether another attempt follows, or the feed continues.
    pub retrying: bool,
    /// Delay before the next attempt, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl From<&Problem> for Failure {
    /// A failure that is not about an attempt.
    fn from(Problem { code, message, hint, .. }: &Problem) -> Self {
        let (title, name) = (code.title(), code.name().to_owned());
        Self { code: name, title, message: message.clone(), hint: hint.clone(), ..Self::default() }
    }
}
