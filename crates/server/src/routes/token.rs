//! `/ws/{token}` and `/ws/test/{token}`: the feed of the channel that a token opens. `/ws/play/{recording}`:
//! a private replay without a token.
//!
//! Browsers cannot read the response to a rejected upgrade. Problems with a token or its room are therefore
//! sent over the socket: an `error` event, then the close frame.

use super::{
    App,
    interactive::{self, MaybeUpgrade, SocketRequest},
    query,
};
use crate::{
    access::bearer::Authenticated,
    lobby::Role,
    state::{refusal::Refusal, traffic::Asker},
    ws::upgrade::Upgrade,
};
use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Uri},
    response::Response,
};
use livetape_core::error::{Code, Problem};
use livetape_feed::{
    control::{self, ChannelGuard, PrivateReplay, Requested},
    hub::Join,
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
        Ok(join) => app.shared.control.channels().open(&text(token)).await.map(|guard| (join, guard)),
        Err(problem) => Err(problem.into()),
    };
    Ok(answer(&app, upgrade, "/ws/{token}", opened).await)
}

/// `GET /ws/test/{token}`: the token's recording, replayed from the start for this socket alone.
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
            app.shared.control.channels().replay(&text(token), speed).await.map(|guard| (join, guard))
        }
        Err(problem) => Err(problem.into()),
    };
    Ok(answer(&app, upgrade, "/ws/test/{token}", opened).await)
}

/// `GET /ws/play/{recording}`: a private replay of a recording.
pub(crate) async fn play(
    State(app): State<App>,
    name: Token,
    asker: Option<Extension<Asker>>,
    authenticated: Option<Extension<Authenticated>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = interactive::required(&headers, upgrade)?;
    let is_local = asker.is_none_or(|Extension(asker)| asker.is_local());
    let opened = match query::join_play(&uri) {
        _ if !is_local && authenticated.is_none() => Err(no_token().into()),
        Ok(query::Play { join, speed, start, case }) => {
            let replay = PrivateReplay { recording: Requested::Named(text(name)), speed, start, case };
            app.shared.control.channels().play(replay).await.map(|guard| (join, guard))
        }
        Err(problem) => Err(problem.into()),
    };
    Ok(answer(&app, upgrade, "/ws/play/{recording}", opened).await)
}

/// Builds the error for a private replay from beyond loopback, on a server without bearer tokens.
fn no_token() -> Problem {
    Problem::new(Code::Unauthorized, "beyond loopback, private replays require a bearer token")
        .hint("set a token on the server (`server.token_file`), and send it")
}

async fn answer(
    app: &App,
    upgrade: Upgrade,
    path: &'static str,
    opened: Result<(Join, ChannelGuard), control::Refusal>,
) -> Response {
    match opened {
        Ok((join, guard)) => {
            let (role, feed) = (Role::Reads, Some(guard.hub.clone()));
            interactive::open(
                app,
                upgrade,
                SocketRequest {
                    path: path.into(),
                    role,
                    client_id: None,
                    feed,
                    join,
                    guard: Some(guard),
                    hooking: None,
                },
            )
            .await
        }
        Err(refusal) => interactive::turn_away(app, upgrade, Role::Reads, refusal),
    }
}

/// A segment that does not decode matches no token.
fn text(token: Token) -> String {
    token.map(|Path(token)| token).unwrap_or_default()
}
