//! `/origins`: origins of pages that were rejected. One request allows such an origin until the server stops.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, body::parse_body};
use crate::{
    sans_io::error::{Code, Problem},
    server::{
        access::{is_origin, refused::RefusedOrigin},
        state::refusal::Refusal,
    },
};

/// Response of `GET /origins`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct List {
    /// Origins allowed while the server runs, in addition to the settings.
    allowed: Vec<String>,
    /// The last rejected origins, newest first.
    refused: Vec<RefusedOrigin>,
}

/// Body of `POST /origins`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    /// The origin to allow, such as `https://overlay.example`.
    origin: String,
}

pub(crate) async fn list(State(app): State<App>) -> Json<List> {
    let (allowed, refused) = app.origins.lists();
    Json(List { allowed, refused })
}

pub(crate) async fn allow(
    app: State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<List>, Refusal> {
    let Allow { origin } = parse_body(body)?;
    if !is_origin(&origin) {
        let message = format!("`{}` is not an origin", origin.escape_debug());
        return Err(Problem::new(Code::BadRequest, message)
            .hint("write it like https://overlay.example")
            .into());
    }
    if !app.origins.allow(&origin) {
        return Err(Problem::new(Code::Capacity, "too many origins are allowed already")
            .hint("list them in `server.origins` (LIVETAPE_ORIGINS)")
            .into());
    }
    Ok(list(app).await)
}
