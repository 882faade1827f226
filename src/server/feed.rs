//! `/`: the event feed over a WebSocket.

use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use super::{
    App,
    answer::Refusal,
    page, query,
    ws::{self, MaybeUpgrade, Visit},
};
use crate::lobby::Role;

/// `GET /`: the feed, or for those who ask for no upgrade a page.
pub(super) async fn root(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    if !ws::is_asked(&headers) {
        return Ok(page::page(&headers));
    }
    let upgrade = upgrade?;
    let join = match query::join(&uri) {
        Ok(join) => join,
        Err(problem) => return Ok(ws::turn_away(&app, upgrade, Role::Reads, problem)),
    };
    let (role, feed) = (Role::Reads, Some(app.hub.clone()));
    Ok(ws::open(&app, upgrade, Visit { path: "/", role, client_id: None, feed, join, lease: None }))
}
