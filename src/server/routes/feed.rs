//! `/`: the event feed over a WebSocket.

use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use super::{
    App,
    interactive::{self, MaybeUpgrade, SocketRequest},
    page, query,
};
use crate::{lobby::Role, server::state::refusal::Refusal};

/// `GET /`: the feed, or a page if the request asks for no upgrade.
pub(crate) async fn root(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    if !interactive::asks_for_upgrade(&headers) {
        return Ok(page::page(&headers));
    }
    let upgrade = upgrade?;
    let join = match query::join(&uri) {
        Ok(join) => join,
        Err(problem) => return Ok(interactive::turn_away(&app, upgrade, Role::Reads, problem)),
    };
    let (role, feed) = (Role::Reads, Some(app.shared.hub.clone()));
    Ok(interactive::open(
        &app,
        upgrade,
        SocketRequest { path: "/".into(), role, client_id: None, feed, join, lease: None, hooking: None },
    ))
}
