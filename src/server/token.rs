//! `/ws/{token}` and `/ws/test/{token}`: the feed of a channel that the token opens.
//!
//! A browser cannot read the answer to an upgrade that was refused. What is wrong with a token, or with its room, comes
//! over the socket: an `error` event, then the close.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Uri},
    response::Response,
};

use super::{
    App,
    answer::Refusal,
    feed::{self, Upgrade},
    query,
};
use crate::{
    clock,
    control::{self, Lease},
    hub::{CloseReason, Hub, Join, Limits, Since, Subscriber},
    sans_io::{
        error::{Code, Problem},
        event::{Data, Event, Failure, Millis},
    },
};

type Token = Result<Path<String>, PathRejection>;

/// `GET /ws/{token}`: the room of the token's user.
pub(super) async fn room(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    let upgrade = is_upgrade(&headers).and_then(|()| feed::accept(upgrade))?;
    let join = query::join(&uri)?;
    let lease = app.control.channels().open(&text(token)).await;
    Ok(answer(&app, upgrade, &join, lease))
}

/// `GET /ws/test/{token}`: the token's recording, from its start, for this socket alone.
pub(super) async fn replay(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    let upgrade = is_upgrade(&headers).and_then(|()| feed::accept(upgrade))?;
    let (join, speed) = query::join_replay(&uri)?;
    let lease = app.control.channels().replay(&text(token), speed).await;
    Ok(answer(&app, upgrade, &join, lease))
}

fn answer(
    app: &App,
    upgrade: axum::extract::ws::WebSocketUpgrade,
    join: &Join,
    lease: Result<Lease, control::Refusal>,
) -> Response {
    match lease {
        Ok(lease) => {
            let joined = app.join(&lease.hub, join);
            feed::open(app, upgrade, joined, lease)
        }
        Err(refusal) => feed::open(app, upgrade, farewell(refusal), ()),
    }
}

/// A channel that says why there is no other, and ends: in the same words as one whose source failed.
fn farewell(refusal: control::Refusal) -> Result<Subscriber, Problem> {
    let control::Refusal { problem: Problem { code, message, hint }, retry_after, .. } = refusal;
    let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let (attempt, retrying, title) = (0, false, code.title());
    let code_name = code.name().to_owned();
    let data =
        Data::Failure(Failure { code: code_name, title, message, hint, attempt, retrying, retry_after_ms });
    let now = Millis(i64::try_from(clock::wall().as_millis()).unwrap_or(i64::MAX));
    let event =
        Event { username: "".into(), user: None, timestamp: now, ts: now, id: None, replay: false, data };
    let hub = Hub::new("refused".to_owned(), Limits::default());
    hub.publish(&[event]);
    hub.close(CloseReason { code: code.close_code(), reason: code.name().into() });
    // Whatever was asked for, this is told.
    hub.join(&Join { since: Some(Since::Start), ..Join::default() })
}

/// What does not decode is nobody's token.
fn text(token: Token) -> String {
    token.map(|Path(token)| token).unwrap_or_default()
}

fn is_upgrade(headers: &HeaderMap) -> Result<(), Problem> {
    if feed::asks_for_upgrade(headers) {
        return Ok(());
    }
    Err(Problem::new(Code::UpgradeRequired, "WebSocket upgrade required"))
}
