//! `/origins`: origins of pages that were rejected. One request allows such an origin until the server stops.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::Uri,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, body::parse_body, query};
use crate::{
    sans_io::error::{Code, Problem},
    server::{
        access::{
            OriginSetting, is_origin,
            refused::{AllowedOrigin, ORIGIN_BYTES_MAX, RefusedOrigin},
        },
        state::refusal::Refusal,
    },
};

/// Response of `GET /origins`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OriginList {
    /// Origins allowed while the server runs, in addition to the settings.
    allowed: Vec<AllowedOrigin>,
    /// The last rejected origins, newest first.
    refused: Vec<RefusedOrigin>,
}

/// Body of `POST /origins`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowOrigin {
    /// The origin to allow, such as `https://overlay.example`.
    #[schemars(extend("pattern" = r"^(null|[hH][tT][tT][pP][sS]?://\S+)$"), length(max = ORIGIN_BYTES_MAX))]
    origin: String,
    /// The setting whose rights it gets.
    #[serde(default)]
    setting: OriginSetting,
}

pub(crate) async fn list(State(app): State<App>) -> Json<OriginList> {
    let (allowed, refused) = app.origins.lists();
    Json(OriginList { allowed, refused })
}

pub(crate) async fn allow(
    app: State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<OriginList>, Refusal> {
    let AllowOrigin { origin, setting } = parse_body(body)?;
    if origin.len() > ORIGIN_BYTES_MAX || !is_origin(&origin) {
        let shown: String = origin.escape_debug().take(ORIGIN_BYTES_MAX).collect();
        return Err(Problem::new(Code::BadRequest, format!("`{shown}` is not an origin"))
            .hint("write it like https://overlay.example")
            .into());
    }
    if !app.origins.allow(setting, &origin) {
        return Err(Problem::new(Code::Capacity, "too many origins are allowed already")
            .hint("list them in `server.origins` (LIVETAPE_ORIGINS)")
            .into());
    }
    Ok(list(app).await)
}

/// `DELETE /origins?origin=…`: forgets a rejected origin, and no longer allows one that was allowed.
pub(crate) async fn forget(app: State<App>, uri: Uri) -> Result<Json<OriginList>, Refusal> {
    match query::pairs(&uri)?.as_slice() {
        [(key, origin)] if key == "origin" => app.origins.forget(origin),
        _ => {
            return Err(Problem::new(Code::BadRequest, "the query must be `origin=…` and nothing else")
                .hint("DELETE /origins?origin=https://overlay.example")
                .into());
        }
    }
    Ok(list(app).await)
}
