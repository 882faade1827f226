//! `/replay`: controls the replay. Each order returns the resulting state.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::Uri,
};
use livetape_core::{
    error::{Code, Problem},
    recording::NAME_BYTES_MAX,
    truth::Truth,
};
use livetape_feed::{
    control::{ReplayOrder, ReplayState, STEPS_MAX, Speed, Unit, nothing_replayed},
    hub::TruthAt,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{App, Offset, door::Door, given, parse_body, query, read_offset, recordings};
use crate::{
    staged::{Happened, Staged},
    state::{ErrorResponse, Json},
};

type ReplayResult = Result<Json<ReplayState>, ErrorResponse>;
type RawBody = Result<Bytes, BytesRejection>;

pub(crate) async fn state(State(app): State<App>) -> ReplayResult {
    let replay = app.shared.control.replay().ok_or_else(nothing_replayed)?;
    Ok(Json(with_case(replay, &app)))
}

/// Response of `GET /replay/case`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlayedCase {
    name: &'static str,
    /// What happens.
    what: &'static str,
    /// What is right then.
    right: &'static str,
    /// The first 200 breaks and attempts to connect, in order.
    happened: Vec<Happened>,
}

pub(crate) async fn case(State(app): State<App>) -> Result<Json<PlayedCase>, ErrorResponse> {
    let replay = app.shared.control.replay().ok_or_else(nothing_replayed)?;
    let staged = app.played_case(&replay).ok_or_else(|| {
        Problem::new(Code::NotFound, "no case is played").hint("start one: `livetape replay --case NAME`")
    })?;
    let Staged { case, .. } = staged;
    Ok(Json(PlayedCase { name: case.name, what: case.what, right: case.right, happened: staged.happened() }))
}

impl App {
    /// Returns the case that is played, unless another recording was loaded since.
    pub(super) fn played_case(&self, replay: &ReplayState) -> Option<&Staged> {
        self.staged.as_ref().filter(|staged| replay.case.as_deref() == Some(staged.case.name))
    }
}

pub(crate) async fn truth(State(app): State<App>, uri: Uri) -> Result<Json<TruthAt>, ErrorResponse> {
    let mut until = None;
    for (key, value) in query::pairs(&uri)? {
        if key != "until" {
            return Err(query::unknown_key(&key, &["until"]).into());
        }
        let seq = value.parse().map_err(|_| {
            let message = format!("`until` is not the number of an event: `{value}`");
            Problem::new(Code::BadRequest, message).hint("write the `seq` of the last event to count")
        })?;
        until = Some(seq);
    }
    let replay = app.shared.control.replay().ok_or_else(nothing_replayed)?;
    let mut at = app.shared.hub.truth(until)?;
    // The replay was moved, and has sent nothing to count from there.
    if until.is_none() && at.generation < replay.generation {
        at.truth = Truth::default();
    }
    Ok(Json(at))
}

pub(crate) async fn play(State(app): State<App>, body: RawBody) -> ReplayResult {
    send_order(app, body, |Empty {}| Ok(ReplayOrder::Play)).await
}

pub(crate) async fn pause(State(app): State<App>, body: RawBody) -> ReplayResult {
    send_order(app, body, |Empty {}| Ok(ReplayOrder::Pause)).await
}

pub(crate) async fn seek(State(app): State<App>, body: RawBody) -> ReplayResult {
    send_order(app, body, |seek| match seek {
        Seek::Offset(offset) => read_offset(&offset).map(ReplayOrder::Seek),
        Seek::Seq(seq) => Ok(ReplayOrder::SeekEvent(seq)),
    })
    .await
}

pub(crate) async fn speed(State(app): State<App>, body: RawBody) -> ReplayResult {
    send_order(app, body, |SetSpeed { speed }| read_speed(&speed).map(ReplayOrder::Speed)).await
}

pub(crate) async fn step(State(app): State<App>, body: RawBody) -> ReplayResult {
    send_order(app, body, |Step { count, unit }| Ok(ReplayOrder::Step(count, unit))).await
}

pub(crate) async fn repeat(State(app): State<App>, body: RawBody) -> ReplayResult {
    send_order(app, body, read_loop).await
}

pub(crate) async fn load(State(app): State<App>, body: RawBody) -> ReplayResult {
    let Load { recording } = parse_body(body)?;
    let name = recordings::plain(recording).map_err(|message| Problem::new(Code::BadRequest, message))?;
    // Until it is replayed, which keeps it as it is.
    let _held = app.shelf.load(&name)?;
    let replay = app.shared.control.order(ReplayOrder::Load(name)).await?;
    Ok(Json(with_case(replay, &app)))
}

async fn send_order<T: DeserializeOwned>(
    app: App,
    body: RawBody,
    read: impl FnOnce(T) -> Result<ReplayOrder, String>,
) -> ReplayResult {
    let order = read(parse_body(body)?).map_err(|message| Problem::new(Code::BadRequest, message))?;
    let replay = app.shared.control.order(order).await?;
    Ok(Json(with_case(replay, &app)))
}

/// Adds what only the server knows.
fn with_case(replay: ReplayState, app: &App) -> ReplayState {
    let refused = app.door.as_ref().and_then(Door::refused);
    let staged = app.played_case(&replay);
    let happened = staged.map(|staged| staged.happened().len());
    let show = staged.and_then(|staged| staged.tape.show_name());
    ReplayState { refused, happened, show, ..replay }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "SeekFields")]
pub(crate) enum Seek {
    Offset(Value),
    Seq(u64),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Seek", extend("oneOf" = json!([{ "required": ["offset"] }, { "required": ["seq"] }])))]
struct SeekFields {
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Offset")]
    offset: Option<Value>,
    /// Number of an event of this generation: seeks to the point before it.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "u64", range(max = u64::MAX))]
    seq: Option<u64>,
}

impl TryFrom<SeekFields> for Seek {
    type Error = &'static str;

    fn try_from(fields: SeekFields) -> Result<Self, Self::Error> {
        match fields {
            SeekFields { offset: Some(offset), seq: None } => Ok(Self::Offset(offset)),
            SeekFields { offset: None, seq: Some(seq) } => Ok(Self::Seq(seq)),
            _ => Err("it must have either `offset` or `seq`"),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSpeed {
    #[schemars(with = "Speed")]
    speed: Value,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(default = "one")]
    /// Not 0. Negative numbers step back.
    #[schemars(range(min = -STEPS_MAX, max = STEPS_MAX), extend("not" = json!({ "const": 0 })))]
    count: i32,
    #[serde(default)]
    unit: Unit,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Loop {
    /// Number of laps; repeats until stopped if absent.
    #[schemars(range(min = 1))]
    laps: Option<u32>,
    #[schemars(with = "Option<Offset>")]
    from: Option<Value>,
    #[schemars(with = "Option<Offset>")]
    to: Option<Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    #[schemars(extend("pattern" = recordings::NAME_PATTERN), length(max = NAME_BYTES_MAX))]
    recording: String,
}

fn one() -> i32 {
    1
}

fn read_speed(value: &Value) -> Result<Speed, String> {
    match value {
        Value::String(text) => match text.parse()? {
            Speed::Max => Ok(Speed::Max),
            Speed::Times(_) => Err(format!("`speed` is a text: send {text} without quotation marks")),
        },
        other => other.to_string().parse(),
    }
}

fn read_loop(Loop { laps, from, to }: Loop) -> Result<ReplayOrder, String> {
    let from = from.as_ref().map_or(Ok(Duration::ZERO), read_offset)?;
    let to = to.as_ref().map(read_offset).transpose()?;
    Ok(ReplayOrder::Loop { laps, from, to })
}
