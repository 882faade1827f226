//! `/replay`: the transport of a replay. Each order is answered with the state that it led to.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    App,
    answer::{Refusal, parse_body},
};
use crate::{
    control::{ReplayOrder, ReplayState, Speed},
    sans_io::{
        error::{Code, Problem},
        offset,
    },
};

type Answer = Result<Json<ReplayState>, Refusal>;
type RawBody = Result<Bytes, BytesRejection>;

pub(super) async fn state(State(app): State<App>) -> Answer {
    let nothing = || Problem::new(Code::NoReplay, "nothing is being replayed");
    Ok(Json(app.control.replay().ok_or_else(nothing)?))
}

/// The body of an order, which says what it means.
trait Order: DeserializeOwned {
    fn read(self) -> Result<ReplayOrder, String>;
}

async fn give<T: Order>(app: App, body: RawBody) -> Answer {
    let order = parse_body::<T>(body)?.read().map_err(|message| Problem::new(Code::BadRequest, message))?;
    Ok(Json(app.control.order(order).await?))
}

/// Defines a handler a row: its name, and the type of its body.
macro_rules! orders {
    ($($name:ident: $body:ty;)*) => {
        $(pub(super) async fn $name(State(app): State<App>, body: RawBody) -> Answer {
            give::<$body>(app, body).await
        })*
    };
}

orders! {
    play: Play;
    pause: Pause;
    seek: Seek;
    speed: SetSpeed;
    step: Step;
    repeat: Loop;
    load: Load;
}

/// An offset is a text (`1m30s`) or a number of seconds.
fn read_offset(value: &Value) -> Result<Duration, String> {
    match value {
        Value::String(text) => offset::parse(text),
        Value::Number(seconds) => offset::from_seconds(seconds.as_f64().unwrap_or(f64::NAN)),
        other => Err(format!("`{other}` is no offset: write it like \"1m30s\", or as a number of seconds")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {}

impl Order for Play {
    fn read(self) -> Result<ReplayOrder, String> {
        Ok(ReplayOrder::Play)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {}

impl Order for Pause {
    fn read(self) -> Result<ReplayOrder, String> {
        Ok(ReplayOrder::Pause)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seek {
    offset: Value,
}

impl Order for Seek {
    fn read(self) -> Result<ReplayOrder, String> {
        read_offset(&self.offset).map(ReplayOrder::Seek)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSpeed {
    speed: Value,
}

impl Order for SetSpeed {
    fn read(self) -> Result<ReplayOrder, String> {
        let text = match &self.speed {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.parse::<Speed>().map(ReplayOrder::Speed)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default = "one")]
    count: u32,
}

fn one() -> u32 {
    1
}

impl Order for Step {
    fn read(self) -> Result<ReplayOrder, String> {
        match self.count {
            0 => Err("`count` is 1 or more".to_owned()),
            count => Ok(ReplayOrder::Step(count)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loop {
    laps: Option<u32>,
    from: Option<Value>,
    to: Option<Value>,
}

impl Order for Loop {
    fn read(self) -> Result<ReplayOrder, String> {
        let from = self.from.as_ref().map_or(Ok(Duration::ZERO), read_offset)?;
        let to = self.to.as_ref().map(read_offset).transpose()?;
        if self.laps == Some(0) {
            return Err("`laps` is 1 or more; leave it out for ever".to_owned());
        }
        if to.is_some_and(|to| to <= from) {
            return Err("`to` is not behind `from`".to_owned());
        }
        Ok(ReplayOrder::Loop { laps: self.laps, from, to })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    recording: String,
}

impl Order for Load {
    /// A name and no path: REST opens nothing outside `recordings/`.
    fn read(self) -> Result<ReplayOrder, String> {
        let name = self.recording;
        let path = name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', ':']);
        if path {
            return Err(format!("`{name}` is not the name of a recording"));
        }
        Ok(ReplayOrder::Load(name))
    }
}
