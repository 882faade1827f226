//! Messages on `/ws`, in both directions: JSON in snake_case.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::{
    error::{Code, Problem},
    event::{Data, Event, Failure, Millis, finish_json},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{Role, Stats};

#[derive(Debug)]
pub(super) enum ClientMessage<'a> {
    JoinRoom(RoomRequest),
    LeaveRoom(RoomRequest),
    RoomMessage(RoomMessageRequest<'a>),
    Ping(Ping<'a>),
    SetMetadata(SetMetadata),
    /// Any other JSON, for the other clients.
    Plain(&'a RawValue),
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct RoomRequest {
    /// 1 to 128 bytes.
    pub(super) room_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct RoomMessageRequest<'a> {
    pub(super) room_id: String,
    /// Any JSON.
    #[serde(borrow)]
    #[schemars(with = "Value")]
    pub(super) message: &'a RawValue,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Ping<'a> {
    /// Returned unchanged.
    #[serde(borrow)]
    #[schemars(with = "Option<Value>")]
    pub(super) timestamp: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SetMetadata {
    pub(super) key: String,
    /// `null` removes the key.
    pub(super) value: Value,
}

/// The known message types, for the schema. Any other JSON is forwarded to other clients.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "`ClientMessage::read` parses by hand, for precise error messages")]
enum MessageSchema<'a> {
    JoinRoom(RoomRequest),
    LeaveRoom(RoomRequest),
    #[serde(borrow)]
    RoomMessage(RoomMessageRequest<'a>),
    #[serde(borrow)]
    Ping(Ping<'a>),
    SetMetadata(SetMetadata),
}

/// Returns the schemas of the messages that the server sends on `/ws`, and of those that clients send.
pub fn schemas(said: &mut SchemaGenerator, asked: &mut SchemaGenerator) -> (Schema, Schema) {
    (ServerMessage::json_schema(said), MessageSchema::json_schema(asked))
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: Option<Value>,
}

impl<'a> ClientMessage<'a> {
    /// # Errors
    /// `bad_message`, with the reason.
    pub(super) fn read(text: &'a str, depth_max: usize) -> Result<Self, Problem> {
        // Check the depth before any recursive parsing.
        if depth(text) > depth_max {
            return Err(bad(format!("the JSON is nested deeper than {depth_max}")));
        }
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|error| bad(format!("not valid JSON: {error}")))?;
        if !text.trim_start().starts_with('{') {
            return Ok(Self::Plain(raw));
        }
        let kind = parse::<Typed>("message", text)?.kind;
        Ok(match kind.as_ref().and_then(Value::as_str) {
            Some("join_room") => Self::JoinRoom(parse("join_room", text)?),
            Some("leave_room") => Self::LeaveRoom(parse("leave_room", text)?),
            Some("room_message") => Self::RoomMessage(borrow("room_message", text)?),
            Some("ping") => Self::Ping(borrow("ping", text)?),
            Some("set_metadata") => Self::SetMetadata(parse("set_metadata", text)?),
            _ => Self::Plain(raw),
        })
    }
}

fn parse<T: DeserializeOwned>(kind: &str, text: &str) -> Result<T, Problem> {
    borrow(kind, text)
}

fn borrow<'a, T: Deserialize<'a>>(kind: &str, text: &'a str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| bad(format!("`{kind}` is incomplete: {error}")))
}

fn bad(message: String) -> Problem {
    Problem::new(Code::BadMessage, message)
}

/// Returns the maximum nesting depth of brackets outside strings.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A message to a client.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    Welcome {
        from: Sender,
        #[schemars(with = "String")]
        connection_id: Uuid,
        client_id: &'a str,
        server_time: Millis,
        rooms: Vec<String>,
        feed: bool,
    },
    Echo {
        from: Sender,
        #[schemars(with = "Value")]
        message: &'a RawValue,
        timestamp: Millis,
    },
    Broadcast {
        #[schemars(with = "Value")]
        message: &'a RawValue,
        from_client_id: &'a str,
        from: &'a str,
        timestamp: Millis,
    },
    ClientConnected {
        from: Sender,
        #[schemars(with = "String")]
        connection_id: Uuid,
        client_id: &'a str,
        active_connections: usize,
        timestamp: Millis,
    },
    ClientDisconnected {
        from: Sender,
        #[schemars(with = "String")]
        connection_id: Uuid,
        client_id: &'a str,
        active_connections: usize,
        timestamp: Millis,
    },
    System {
        from: Sender,
        #[serde(flatten)]
        event: System,
        timestamp: Millis,
    },
    RoomJoined {
        from: Sender,
        room_id: &'a str,
        /// Room id again, for clients that expect it here.
        data: &'a str,
        timestamp: Millis,
    },
    RoomJoinError {
        from: Sender,
        room_id: &'a str,
        code: Code,
        message: &'a str,
        hint: &'a str,
    },
    RoomLeft {
        from: Sender,
        room_id: &'a str,
        data: &'a str,
        /// Why, if the client did not ask to leave.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        timestamp: Millis,
    },
    RoomMessage {
        room_id: &'a str,
        #[schemars(with = "Value")]
        message: &'a RawValue,
        from_client_id: &'a str,
        from: &'a str,
        timestamp: Millis,
    },
    Pong {
        from: Sender,
        #[schemars(with = "Option<Value>")]
        timestamp: Option<&'a RawValue>,
        server_time: Millis,
    },
    Error {
        from: Sender,
        code: Code,
        message: &'a str,
        hint: &'a str,
    },
}

/// Sender of the server's own messages. Distinguishes them from feed messages with the same type names.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sender {
    /// Serialized like [`SERVER`](super::SERVER).
    Server,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum System {
    Heartbeat { active_connections: usize, memory: Stats, uptime: u64 },
    Shutdown { message: &'static str },
}

impl ServerMessage<'_> {
    pub(super) fn encode(&self) -> Bytes {
        // Only maps whose keys are not strings fail to serialize, and there are none.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// Encodes a problem for a client with this role: as an `error` message if it can join rooms, otherwise as an event.
#[must_use]
pub fn error(role: Role, problem: &Problem, retry_after: Option<Duration>, now: Millis) -> Bytes {
    if !role.has_rooms() {
        return failure(problem, retry_after, now, None).into();
    }
    ServerMessage::Error {
        from: Sender::Server,
        code: problem.code,
        message: &problem.message,
        hint: &problem.hint,
    }
    .encode()
}

/// Encodes a problem as an `error` event, in the same shape as failures of a source. `position` is the client's, if it
/// has joined a stream. Otherwise, the event belongs to no stream, so that no client takes it for a position.
#[must_use]
pub fn failure(
    problem: &Problem,
    retry_after: Option<Duration>,
    now: Millis,
    position: Option<(&str, u64)>,
) -> Vec<u8> {
    let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let failure = Event {
        username: "".into(),
        user: None,
        timestamp: now,
        ts: now,
        id: None,
        replay: false,
        injected: false,
        data: Data::Failure(Failure { retry_after_ms, ..Failure::from(problem) }),
    };
    let Some((stream, seq)) = position else { return failure.to_json_alone() };
    let mut json = Vec::new();
    failure.begin_json(stream, &mut json);
    finish_json(seq, &mut json);
    json
}
