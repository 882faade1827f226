//! What clients say and hear: JSON, snake_case.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::Stats;
use crate::sans_io::{
    error::{Code, Problem},
    event::Millis,
};

/// What a client wants.
#[derive(Debug)]
pub(super) enum Asked<'a> {
    JoinRoom(OfRoom),
    LeaveRoom(OfRoom),
    RoomMessage(ToRoom<'a>),
    Ping(Ping<'a>),
    SetMetadata(SetMetadata),
    /// Anything else: for the others.
    Plain(&'a RawValue),
}

#[derive(Debug, Deserialize)]
pub(super) struct OfRoom {
    pub(super) room_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ToRoom<'a> {
    pub(super) room_id: String,
    #[serde(borrow)]
    pub(super) message: &'a RawValue,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ping<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SetMetadata {
    pub(super) key: String,
    /// `null` takes the key away.
    pub(super) value: Value,
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: Option<Value>,
}

impl<'a> Asked<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// `bad_message`, which says what is wrong with it.
    pub(super) fn read(text: &'a str, depth_max: usize) -> Result<Self, Problem> {
        // Before anything that recurses.
        if depth(text) > depth_max {
            return Err(bad(format!("the JSON is nested deeper than {depth_max}")));
        }
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|error| bad(format!("no valid JSON: {error}")))?;
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
    serde_json::from_str(text).map_err(|error| bad(format!("`{kind}` lacks something: {error}")))
}

fn bad(message: String) -> Problem {
    Problem::new(Code::BadMessage, message)
}

/// How deep brackets are nested, those in strings aside.
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

/// What a client hears.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Say<'a> {
    Welcome {
        connection_id: Uuid,
        client_id: &'a str,
        server_time: Millis,
        rooms: Vec<String>,
        feed: bool,
    },
    Echo {
        message: &'a RawValue,
        timestamp: Millis,
    },
    Broadcast {
        message: &'a RawValue,
        from_client_id: &'a str,
        from: &'a str,
        timestamp: Millis,
    },
    ClientConnected {
        connection_id: Uuid,
        client_id: &'a str,
        active_connections: usize,
        timestamp: Millis,
    },
    ClientDisconnected {
        connection_id: Uuid,
        client_id: &'a str,
        active_connections: usize,
        timestamp: Millis,
    },
    System {
        #[serde(flatten)]
        event: System,
        timestamp: Millis,
    },
    RoomJoined {
        room_id: &'a str,
        /// The id once more, where the clients of old read it.
        data: &'a str,
        timestamp: Millis,
    },
    RoomJoinError {
        room_id: &'a str,
        code: Code,
        message: &'a str,
        hint: &'a str,
    },
    RoomLeft {
        room_id: &'a str,
        data: &'a str,
        /// Why, where it was not the client's own wish.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
        timestamp: Millis,
    },
    RoomMessage {
        room_id: &'a str,
        message: &'a RawValue,
        from_client_id: &'a str,
        from: &'a str,
        timestamp: Millis,
    },
    Pong {
        timestamp: Option<&'a RawValue>,
        server_time: Millis,
    },
    Error {
        code: Code,
        message: &'a str,
        hint: &'a str,
    },
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum System {
    Heartbeat { active_connections: usize, memory: Stats, uptime: u64 },
    Shutdown { message: &'static str },
}

impl Say<'_> {
    pub(super) fn encode(&self) -> Bytes {
        // Only maps with keys that are no strings cannot be written, and there are none.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The `error` message for a failure.
#[must_use]
pub fn error(problem: &Problem) -> Bytes {
    Say::Error { code: problem.code, message: &problem.message, hint: &problem.hint }.encode()
}
