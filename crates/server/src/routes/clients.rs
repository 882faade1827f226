//! `/connections`, `/rooms`, `/broadcast` and `/stats`: the open WebSockets and the last that have left,
//! their rooms, and messages to them.

use axum::{
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::{HeaderValue, StatusCode, Uri, header::LOCATION},
    response::{IntoResponse as _, Response},
};
use livetape_core::{
    error::{Code, Problem, close},
    ws_frame::{REASON_BYTES_MAX, check_close},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{App, given, parse_body, path_params, percent_encode, query};
use crate::{
    lobby::{Audience, ConnectionView, LeftView, LobbyStats, Metadata, NewRoom, RoomView},
    peers::{Command, Outcome},
    state::{ErrorResponse, Json},
    ws::registry::LEFT_MAX,
};

type RawBody = Result<Bytes, BytesRejection>;
type Id = Result<Path<String>, PathRejection>;
type IdAndRoom = Result<Path<(String, String)>, PathRejection>;

/// Response of `GET /connections` and `POST /connections/close`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Connections {
    /// The open connections, oldest first.
    connections: Vec<ConnectionView>,
    /// The last hundred that have left, in the order in which they did; only in `GET /connections`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LEFT_MAX))]
    left: Option<Vec<LeftView>>,
}

pub(crate) async fn connections(
    State(app): State<App>,
    uri: Uri,
) -> Result<Json<Connections>, ErrorResponse> {
    let mut room = None;
    for (key, value) in query::pairs(&uri)? {
        match key.as_str() {
            "room" => room = Some(value),
            _ => return Err(query::unknown_key(&key, &["room"]).into()),
        }
    }
    let Outcome::Connections(connections, left) =
        Command::Connections { room }.everywhere(&app.sockets).await?
    else {
        return Err(unexpected());
    };
    Ok(Json(Connections { connections, left: Some(left) }))
}

/// A node of another version may answer something else than was asked.
fn unexpected() -> ErrorResponse {
    Problem::new(Code::ClusterVersion, "a node answered something else than was asked").into()
}

async fn one(app: &App, command: Command) -> Result<Json<ConnectionView>, ErrorResponse> {
    match command.everywhere(&app.sockets).await? {
        Outcome::Connection(view) => Ok(Json(*view)),
        _ => Err(unexpected()),
    }
}

async fn recipients(app: &App, command: Command) -> Result<Json<Delivered>, ErrorResponse> {
    match command.everywhere(&app.sockets).await? {
        Outcome::Recipients(recipients) => Ok(Json(Delivered { recipients })),
        _ => Err(unexpected()),
    }
}

async fn one_room(app: &App, command: Command) -> Result<Json<RoomView>, ErrorResponse> {
    match command.everywhere(&app.sockets).await? {
        Outcome::Room(room) => Ok(Json(*room)),
        _ => Err(unexpected()),
    }
}

pub(crate) async fn connection(
    State(app): State<App>,
    id: Id,
) -> Result<Json<ConnectionView>, ErrorResponse> {
    one(&app, Command::Connection(path_params(id)?)).await
}

pub(crate) async fn put_metadata(
    State(app): State<App>,
    id: Id,
    body: RawBody,
) -> Result<Json<ConnectionView>, ErrorResponse> {
    one(&app, Command::PutMetadata(path_params(id)?, parse_body(body)?)).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    /// Close code that a server may send; 1000 by default.
    #[schemars(with = "u16", range(min = 1000, max = 4999), extend("not" = json!({ "anyOf": [
        { "minimum": 1004, "maximum": 1006 },
        { "minimum": 1015, "maximum": 2999 },
    ] })))]
    #[serde(default, deserialize_with = "given")]
    code: Option<u16>,
    #[serde(default)]
    #[schemars(length(max = REASON_BYTES_MAX))]
    reason: String,
    /// Cuts the connection at once, without a close frame: clients report 1006.
    #[serde(default)]
    abort: bool,
}

impl Close {
    /// Returns the close code and reason; 1006 to cut the connection.
    fn check(self) -> Result<(u16, String), Problem> {
        let Self { code, reason, abort } = self;
        if abort {
            if code.is_some() || !reason.is_empty() {
                let message = "`abort` sends no close frame, so it has neither code nor reason";
                return Err(Problem::new(Code::BadRequest, message).hint(ABORT));
            }
            return Ok((close::ABNORMAL, reason));
        }
        let code = code.unwrap_or(close::NORMAL);
        if code == close::ABNORMAL {
            let message = "1006 cannot be sent: clients report it if no close frame arrives";
            return Err(Problem::new(Code::BadRequest, message).hint(ABORT));
        }
        check_close(code, &reason)?;
        Ok((code, reason))
    }
}

const ABORT: &str = r#"send only {"abort":true} to cut the connection without a close frame"#;

pub(crate) async fn dismiss(
    State(app): State<App>,
    id: Id,
    body: RawBody,
) -> Result<Json<ConnectionView>, ErrorResponse> {
    let id = path_params(id)?;
    let (code, reason) = parse_body::<Close>(body)?.check()?;
    one(&app, Command::Dismiss(id, code, reason)).await
}

pub(crate) async fn dismiss_all(
    State(app): State<App>,
    body: RawBody,
) -> Result<Json<Connections>, ErrorResponse> {
    let (code, reason) = parse_body::<Close>(body)?.check()?;
    match Command::DismissAll(code, reason).everywhere(&app.sockets).await? {
        Outcome::Connections(connections, _) => Ok(Json(Connections { connections, left: None })),
        _ => Err(unexpected()),
    }
}

pub(crate) async fn tell(
    State(app): State<App>,
    id: Id,
    body: RawBody,
) -> Result<Json<Delivered>, ErrorResponse> {
    let id = path_params(id)?;
    recipients(&app, Command::Tell(id, parse_body::<NewMessage>(body)?.message)).await
}

pub(crate) async fn join(
    State(app): State<App>,
    path: IdAndRoom,
) -> Result<Json<ConnectionView>, ErrorResponse> {
    let (id, room) = path_params(path)?;
    one(&app, Command::Join(id, room)).await
}

pub(crate) async fn leave(
    State(app): State<App>,
    path: IdAndRoom,
) -> Result<Json<ConnectionView>, ErrorResponse> {
    let (id, room) = path_params(path)?;
    one(&app, Command::Leave(id, room)).await
}

pub(crate) async fn stats(State(app): State<App>) -> Result<Json<LobbyStats>, ErrorResponse> {
    match Command::Stats.everywhere(&app.sockets).await? {
        Outcome::Stats(stats) => Ok(Json(stats)),
        _ => Err(unexpected()),
    }
}

/// Response of `GET /rooms`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rooms {
    rooms: Vec<RoomView>,
}

pub(crate) async fn rooms(State(app): State<App>) -> Result<Json<Rooms>, ErrorResponse> {
    match Command::Rooms.everywhere(&app.sockets).await? {
        Outcome::Rooms(rooms) => Ok(Json(Rooms { rooms })),
        _ => Err(unexpected()),
    }
}

pub(crate) async fn create_room(State(app): State<App>, body: RawBody) -> Result<Response, ErrorResponse> {
    let new: NewRoom = parse_body(body)?;
    let room = one_room(&app, Command::CreateRoom(new, Uuid::new_v4())).await?;
    let address = format!("/rooms/{}", percent_encode(&room.0.id));
    let mut answer = (StatusCode::CREATED, room).into_response();
    if let Ok(address) = HeaderValue::try_from(address) {
        answer.headers_mut().insert(LOCATION, address);
    }
    Ok(answer)
}

pub(crate) async fn room(State(app): State<App>, id: Id) -> Result<Json<RoomView>, ErrorResponse> {
    one_room(&app, Command::Room(path_params(id)?)).await
}

pub(crate) async fn delete_room(State(app): State<App>, id: Id) -> Result<Json<RoomView>, ErrorResponse> {
    one_room(&app, Command::DeleteRoom(path_params(id)?)).await
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

pub(crate) async fn send_to_room(
    State(app): State<App>,
    id: Id,
    body: RawBody,
) -> Result<Json<Delivered>, ErrorResponse> {
    let id = path_params(id)?;
    recipients(&app, Command::SendToRoom(id, parse_body::<NewMessage>(body)?.message)).await
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

pub(crate) async fn broadcast(
    State(app): State<App>,
    body: RawBody,
) -> Result<Json<Delivered>, ErrorResponse> {
    let NewBroadcast { message, room, metadata } = parse_body(body)?;
    recipients(&app, Command::Broadcast(Audience { room, metadata }, message)).await
}
