//! `/ws/{token}` and `/ws/test/{token}`: the feed of a channel that the token opens.
//!
//! A browser cannot read the answer to an upgrade that was refused. What is wrong with a token, or with its room, comes
//! over the socket: an `error` event, then the close.

use super::{
    App,
    interactive::{self, MaybeUpgrade, Visit},
    query,
};
use crate::{
    control::{self, Lease},
    hub::Join,
    lobby::Role,
    server::{state::refusal::Refusal, ws::upgrade::Upgrade},
};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Uri},
    response::Response,
};

type Token = Result<Path<String>, PathRejection>;

/// `GET /ws/{token}`: the room of the token's user.
pub(crate) async fn room(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = interactive::required(&headers, upgrade)?;
    let opened = match query::join_room(&uri) {
        Ok(join) => app.shared.control.channels().open(&text(token)).await.map(|lease| (join, lease)),
        Err(problem) => Err(problem.into()),
    };
    Ok(answer(&app, upgrade, "/ws/{token}", opened))
}

/// `GET /ws/test/{token}`: the token's recording, from its start, for this socket alone.
pub(crate) async fn replay(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = interactive::required(&headers, upgrade)?;
    let opened = match query::join_replay(&uri) {
        Ok((join, speed)) => {
            app.shared.control.channels().replay(&text(token), speed).await.map(|lease| (join, lease))
        }
        Err(problem) => Err(problem.into()),
    };
    Ok(answer(&app, upgrade, "/ws/test/{token}", opened))
}

fn answer(
    app: &App,
    upgrade: Upgrade,
    path: &'static str,
    opened: Result<(Join, Lease), control::Refusal>,
) -> Response {
    match opened {
        Ok((join, lease)) => {
            let (role, feed) = (Role::Reads, Some(lease.hub.clone()));
            interactive::open(
                app,
                upgrade,
                Visit { path, role, client_id: None, feed, join, lease: Some(lease) },
            )
        }
        Err(refusal) => interactive::turn_away(app, upgrade, Role::Reads, refusal),
    }
}

/// What does not decode is nobody's token.
fn text(token: Token) -> String {
    token.map(|Path(token)| token).unwrap_or_default()
}
