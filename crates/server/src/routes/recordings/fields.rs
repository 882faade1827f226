//! `GET /recordings/{name}/fields`: messages of a recording as trees of fields.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use livetape_core::{
    error::{Code, Problem},
    offset,
    recording::Reader,
};
use livetape_tools::dissect::Selection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Name, read_name, read_query, shelf::unreadable};
use crate::{routes::App, state::Refusal};

/// How far the offset of a frame may be from the one asked for: times of events are in whole milliseconds.
const NEAR: Duration = Duration::from_millis(1);
/// Maximum number of messages in a response.
const MESSAGES_MAX: usize = 1_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldsQuery {
    at: String,
    id: Option<String>,
}

/// Response of `GET /recordings/{name}/fields`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DissectedMessages {
    /// The messages in order, as `livetape cat --fields --json` prints them.
    #[schemars(with = "Vec<Map<String, Value>>")]
    messages: Vec<Value>,
}

pub(crate) async fn fields(
    State(app): State<App>,
    name: Name,
    query: Result<Query<FieldsQuery>, QueryRejection>,
) -> Result<Json<DissectedMessages>, Refusal> {
    let name = read_name(name)?;
    let FieldsQuery { at, id } = read_query(query)?;
    let bad = |message| Problem::new(Code::BadRequest, message);
    let at = offset::parse(&at).map_err(bad)?;
    let number = |id: String| {
        // Events of later generations append `~` and their number.
        let number = id.split('~').next().and_then(|number| number.parse().ok());
        number.ok_or_else(|| bad(format!("`{}` is not the id of a message", id.escape_debug())))
    };
    let selection = Selection { msg_id: id.map(number).transpose()?, ..Selection::default() };
    let messages = app.shelf.read(move |shelf| {
        let mut reader = Reader::open(shelf.bytes(&name)?).map_err(|error| unreadable(&name, &error))?;
        let mut messages = Vec::new();
        while let Some(record) = reader.next().map_err(|error| unreadable(&name, &error))? {
            if record.item.offset > at + NEAR || messages.len() >= MESSAGES_MAX {
                break;
            }
            if record.item.offset + NEAR >= at {
                messages.extend(selection.json(&record));
            }
        }
        messages.truncate(MESSAGES_MAX);
        Ok(messages)
    });
    Ok(Json(DissectedMessages { messages: messages.await? }))
}
