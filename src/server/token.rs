//! `/ws/{token}` and `/ws/test/{token}`: the feed of a channel that the token opens.
//!
//! A browser cannot read the answer to an upgrade that was refused. What is wrong with a token, or with its room, comes
//! over the socket: an `error` event, then the close.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Uri},
    response::Response,
};
use tungstenite::Message;

use super::{
    App,
    answer::Refusal,
    failure, query,
    socket::TurnedAway,
    upgrade::Upgrade,
    ws::{self, MaybeUpgrade, Visit},
};
use crate::{
    control::{self, Lease},
    hub::Join,
    lobby::Role,
};

type Token = Result<Path<String>, PathRejection>;

/// `GET /ws/{token}`: the room of the token's user.
pub(super) async fn room(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = ws::required(&headers, upgrade)?;
    let join = query::join(&uri)?;
    let lease = app.control.channels().open(&text(token)).await;
    Ok(answer(&app, upgrade, "/ws/{token}", join, lease))
}

/// `GET /ws/test/{token}`: the token's recording, from its start, for this socket alone.
pub(super) async fn replay(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = ws::required(&headers, upgrade)?;
    let (join, speed) = query::join_replay(&uri)?;
    let lease = app.control.channels().replay(&text(token), speed).await;
    Ok(answer(&app, upgrade, "/ws/test/{token}", join, lease))
}

fn answer(
    app: &App,
    upgrade: Upgrade,
    path: &'static str,
    join: Join,
    lease: Result<Lease, control::Refusal>,
) -> Response {
    match lease {
        Ok(lease) => {
            let feed = Some((lease.hub.clone(), join));
            let visit = Visit { path, role: Role::Reads, client_id: None, feed, lease: Some(lease) };
            ws::open(app, upgrade, visit)
        }
        Err(refusal) => ws::turn_away(app, upgrade, turned_away(refusal)),
    }
}

/// Why there is no channel: in the same words as where its source failed.
fn turned_away(refusal: control::Refusal) -> TurnedAway {
    let control::Refusal { problem, retry_after, .. } = refusal;
    let json = failure::event(&problem, retry_after, "refused", 1);
    TurnedAway { problem, told: String::from_utf8(json).ok().map(|json| Message::Text(json.into())) }
}

/// What does not decode is nobody's token.
fn text(token: Token) -> String {
    token.map(|Path(token)| token).unwrap_or_default()
}
