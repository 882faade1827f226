//! `/ws`: the feed, and what clients say to each other. `/ws/echo`: what a client says, back to it.

use std::pin::pin;

use axum::{
    extract::{State, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, Uri, header},
    response::Response,
};
use tokio::select;
use tracing::info;
use tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig};

use super::{
    App,
    answer::Refusal,
    query,
    quiet::Quiet,
    socket::{self, Party, TurnedAway},
    sockets::Guest,
    upgrade::Upgrade,
};
use crate::{
    control::Lease,
    hub::{Hub, Join},
    lobby::{self, Role, check_client_id},
    sans_io::error::{Code, Problem},
};

/// Each socket has one, filled with zeros at each read; a longer message has the buffer that it needs.
const READ_BUFFER_BYTES: usize = 512;
/// The same on `/ws/echo`, where messages are long.
const ECHO_BUFFER_BYTES: usize = 16 * 1024;

pub(super) type MaybeUpgrade = Result<Upgrade, WebSocketUpgradeRejection>;

/// Who comes, and what for.
pub(super) struct Visit {
    pub(super) path: &'static str,
    pub(super) role: Role,
    pub(super) client_id: Option<String>,
    /// The channel that it reads, and from where.
    pub(super) feed: Option<(Hub, Join)>,
    /// Held as long as the socket is there.
    pub(super) lease: Option<Lease>,
}

/// `GET /ws`.
pub(super) async fn talk(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = required(&headers, upgrade)?;
    let query::Talk { join, client_id, feed } = query::talk(&uri)?;
    if let Some(client_id) = &client_id {
        check_client_id(client_id, app.client_id_chars_max)?;
    }
    let feed = feed.then(|| (app.hub.clone(), join));
    Ok(open(&app, upgrade, Visit { path: "/ws", role: Role::Talks, client_id, feed, lease: None }))
}

/// `GET /ws/echo`.
pub(super) async fn echo(
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = required(&headers, upgrade)?;
    let visit = Visit { path: "/ws/echo", role: Role::Echoes, client_id: None, feed: None, lease: None };
    Ok(open(&app, upgrade, visit))
}

/// Whether an upgrade was asked for.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The upgrade, where it can be had.
pub(super) fn well_formed(upgrade: MaybeUpgrade) -> Result<Upgrade, Problem> {
    upgrade.map_err(|rejection| {
        let message = rejection.body_text();
        Problem::new(Code::BadRequest, message).hint("open it with a WebSocket client, version 13")
    })
}

pub(super) fn required(headers: &HeaderMap, upgrade: MaybeUpgrade) -> Result<Upgrade, Problem> {
    if !is_asked(headers) {
        return Err(Problem::new(Code::UpgradeRequired, "WebSocket upgrade required"));
    }
    well_formed(upgrade)
}

/// The 101, and the conversation behind it. Who cannot be let in is told so over the socket: browsers show no more of a
/// refused upgrade than that it was refused.
pub(super) fn open(app: &App, upgrade: Upgrade, mut visit: Visit) -> Response {
    let (role, lease) = (visit.role, visit.lease.take());
    // Joined before the 101: nothing that is published after a client has read that is missing.
    let party = admit(app, visit);
    begin(app, upgrade, role, party, lease)
}

/// The 101, and behind it why not.
pub(super) fn turn_away(app: &App, upgrade: Upgrade, why: TurnedAway) -> Response {
    begin(app, upgrade, Role::Reads, Err(Box::new(why)), None)
}

fn begin(
    app: &App,
    upgrade: Upgrade,
    role: Role,
    party: Result<Box<Party>, Box<TurnedAway>>,
    lease: Option<Lease>,
) -> Response {
    if let Err(turned_away) = &party {
        let problem = &turned_away.problem;
        app.metrics.count_turned_away(problem.code);
        info!(code = problem.code.name(), "❌ Client turned away");
    }
    let limits = app.sockets.limits();
    let (most, buffer) = match role {
        Role::Echoes => (limits.echo_bytes_max, ECHO_BUFFER_BYTES),
        Role::Reads | Role::Talks => (limits.message_bytes_max, READ_BUFFER_BYTES),
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let token = app.connections.token();
    let aborted = app.connections.aborted().clone();
    upgrade.answer(config, async move |wire| {
        let _until_the_end = (token, lease);
        let aborted = pin!(aborted.cancelled());
        let mut aborted = Quiet::new(aborted);
        select! {
            biased;
            () = &mut aborted => {}
            () = socket::converse(wire, party) => {}
        }
    })
}

fn admit(app: &App, visit: Visit) -> Result<Box<Party>, Box<TurnedAway>> {
    let Visit { path, role, client_id, feed, lease: _ } = visit;
    let filter = feed.as_ref().map(|(_, join)| join.filter).unwrap_or_default();
    let reading = feed.as_ref().map(|(hub, _)| hub.stream().to_owned());
    let admitted = feed.map(|(hub, join)| app.join(&hub, &join)).transpose().and_then(|feed| {
        let seat = app.sockets.enter(Guest { client_id, path, role, reading, filter })?;
        Ok(Box::new(Party { seat, feed }))
    });
    admitted.map_err(|problem| {
        let text = Utf8Bytes::try_from(lobby::error(&problem)).ok().filter(|_| role == Role::Talks);
        Box::new(TurnedAway { problem, told: text.map(Message::Text) })
    })
}
