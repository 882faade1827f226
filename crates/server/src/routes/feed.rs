//! `/`: the event feed over a WebSocket.

use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use livetape_core::error::Problem;
use livetape_feed::hub::{Format, Join};

use super::{
    App,
    interactive::{self, MaybeUpgrade, SocketRequest},
    page, query,
};
use crate::{lobby::Role, state::refusal::Refusal, ws::upgrade::Upgrade};

/// `GET /`: the feed, or a page if the request asks for no upgrade.
pub(crate) async fn root(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    if !interactive::asks_for_upgrade(&headers) {
        return Ok(page::page(&app, &headers));
    }
    Ok(read(&app, upgrade?, query::join(&uri)).await)
}

/// `GET /` on the listener in TikFinity's format: the feed in this format. Overlays add parameters of their
/// own, so unknown ones are ignored.
pub(crate) async fn tikfinity(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = interactive::required(&headers, upgrade)?;
    let join = query::known(&uri).map(|mut join| {
        join.filter.format = Format::Tikfinity;
        join
    });
    Ok(read(&app, upgrade, join).await)
}

async fn read(app: &App, upgrade: Upgrade, join: Result<Join, Problem>) -> Response {
    let join = match join {
        Ok(join) => join,
        Err(problem) => return interactive::turn_away(app, upgrade, Role::Reads, problem),
    };
    let (role, feed) = (Role::Reads, Some(app.shared.hub.clone()));
    let request =
        SocketRequest { path: "/".into(), role, client_id: None, feed, join, guard: None, hooking: None };
    interactive::open(app, upgrade, request).await
}
