//! `/rooms` and `/broadcast`: manages rooms over REST and sends messages to them.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{App, body::parse_body, connect::name};
use crate::{
    lobby::{Audience, Metadata, NewRoom, RoomView},
    state::refusal::Refusal,
};

type RawBody = Result<Bytes, BytesRejection>;
type Id = Result<Path<String>, PathRejection>;

/// Response of `GET /rooms`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rooms {
    rooms: Vec<RoomView>,
}

pub(crate) async fn list(State(app): State<App>) -> Json<Rooms> {
    Json(Rooms { rooms: app.sockets.with(|lobby| lobby.room_views()) })
}

pub(crate) async fn create(State(app): State<App>, body: RawBody) -> Result<Response, Refusal> {
    let new: NewRoom = parse_body(body)?;
    let room = app.sockets.with(|lobby| lobby.create_room(new, Uuid::new_v4()))?;
    let address = format!("/rooms/{}", percent_encode(&room.id));
    let mut answer = (StatusCode::CREATED, Json(room)).into_response();
    if let Ok(address) = HeaderValue::try_from(address) {
        answer.headers_mut().insert(LOCATION, address);
    }
    Ok(answer)
}

pub(crate) async fn get(State(app): State<App>, id: Id) -> Result<Json<RoomView>, Refusal> {
    let id = name(id)?;
    Ok(Json(app.sockets.with(|lobby| lobby.room_view(&id))?))
}

pub(crate) async fn delete(State(app): State<App>, id: Id) -> Result<Json<RoomView>, Refusal> {
    let id = name(id)?;
    Ok(Json(app.sockets.with(|lobby| lobby.delete_room(&id))?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// Any JSON.
    #[schemars(with = "Value")]
    pub(super) message: Box<RawValue>,
}

/// Number of clients that received the server's message.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Delivered {
    pub(super) recipients: usize,
}

pub(crate) async fn send_message(
    State(app): State<App>,
    id: Id,
    body: RawBody,
) -> Result<Json<Delivered>, Refusal> {
    let id = name(id)?;
    let NewMessage { message } = parse_body(body)?;
    let recipients = app.sockets.with(|lobby| lobby.send_to_room(&id, &message))?;
    Ok(Json(Delivered { recipients }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBroadcast {
    /// Any JSON.
    #[schemars(with = "Value")]
    message: Box<RawValue>,
    room: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

pub(crate) async fn broadcast(State(app): State<App>, body: RawBody) -> Result<Json<Delivered>, Refusal> {
    let NewBroadcast { message, room, metadata } = parse_body(body)?;
    let audience = Audience { room, metadata };
    let recipients = app.sockets.with(|lobby| lobby.broadcast(&audience, &message))?;
    Ok(Json(Delivered { recipients }))
}

fn percent_encode(segment: &str) -> String {
    let write = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    segment.bytes().map(write).collect()
}
