//! `/ws`: the feed, and what clients say to each other. `/ws/echo`: what a client says, back to it.

use std::pin::pin;

use axum::{
    extract::State,
    http::{HeaderMap, Uri, header},
    response::Response,
};
use tokio::select;
use tracing::info;
use tungstenite::{Message, protocol::WebSocketConfig};

use super::{App, query};
use crate::{
    control::{self, Lease},
    hub::{Hub, Join},
    lobby::{self, Role},
    sans_io::error::{Code, Problem},
    server::{
        state::refusal::Refusal,
        ws::{
            failure,
            registry::JoinRequest,
            session::{self, Session, TurnedAway},
            upgrade::Upgrade,
            wake_filter::WakeFilter,
        },
    },
};

/// Each socket has one, filled with zeros at each read; a longer message has the buffer that it needs.
const READ_BUFFER_BYTES: usize = 512;
/// The same on `/ws/echo`, where messages are long.
const ECHO_BUFFER_BYTES: usize = 16 * 1024;

pub(crate) type MaybeUpgrade = Result<Upgrade, Refusal>;

/// Who comes, and what for.
pub(crate) struct Visit {
    pub(crate) path: &'static str,
    pub(crate) role: Role,
    pub(crate) client_id: Option<String>,
    /// The channel that it reads, and how it joins that or another.
    pub(crate) feed: Option<Hub>,
    pub(crate) join: Join,
    /// Held as long as the socket is there.
    pub(crate) lease: Option<Lease>,
}

/// `GET /ws`.
pub(crate) async fn talk(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = required(&headers, upgrade)?;
    let query::Talk { join, client_id, feed } = match query::talk(&uri, app.shared.client_id_chars_max) {
        Ok(talk) => talk,
        Err(problem) => return Ok(turn_away(&app, upgrade, Role::Talks, problem)),
    };
    let feed = feed.then(|| app.shared.hub.clone());
    Ok(open(&app, upgrade, Visit { path: "/ws", role: Role::Talks, client_id, feed, join, lease: None }))
}

/// `GET /ws/echo`.
pub(crate) async fn echo(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = required(&headers, upgrade)?;
    let (path, role, join) = ("/ws/echo", Role::Echoes, Join::default());
    if let Err(problem) = query::none(&uri) {
        return Ok(turn_away(&app, upgrade, role, problem));
    }
    Ok(open(&app, upgrade, Visit { path, role, client_id: None, feed: None, join, lease: None }))
}

/// Whether an upgrade was asked for.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The upgrade, where it can be had.
pub(crate) fn required(headers: &HeaderMap, upgrade: MaybeUpgrade) -> MaybeUpgrade {
    if !is_asked(headers) {
        return Err(Problem::new(Code::UpgradeRequired, "WebSocket upgrade required").into());
    }
    upgrade
}

/// The 101, and the conversation behind it. Who cannot be let in is told so over the socket: browsers show no more of a
/// refused upgrade than that it was refused.
pub(crate) fn open(app: &App, upgrade: Upgrade, mut visit: Visit) -> Response {
    let (role, lease) = (visit.role, visit.lease.take());
    // Joined before the 101: nothing that is published after a client has read that is missing.
    let session = admit(app, visit);
    begin(app, upgrade, role, session, lease)
}

/// The 101, and behind it why not: in the words of the lobby to those who came to talk, else as an event.
pub(crate) fn turn_away(
    app: &App,
    upgrade: Upgrade,
    role: Role,
    why: impl Into<control::Refusal>,
) -> Response {
    let control::Refusal { problem, retry_after, .. } = why.into();
    let told = match role {
        Role::Talks => lobby::error(&problem).into(),
        Role::Reads | Role::Echoes => failure::event(&problem, retry_after, "refused", 1),
    };
    begin(app, upgrade, role, Err(Box::new(TurnedAway { problem, told: text(told) })), None)
}

/// JSON as a message.
fn text(json: Vec<u8>) -> Option<Message> {
    String::from_utf8(json).ok().map(|json| Message::Text(json.into()))
}

fn begin(
    app: &App,
    upgrade: Upgrade,
    role: Role,
    session: Result<Box<Session>, Box<TurnedAway>>,
    lease: Option<Lease>,
) -> Response {
    if let Err(turned_away) = &session {
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
    upgrade.answer(config, async move |stream| {
        let _until_the_end = (token, lease);
        let aborted = pin!(aborted.cancelled());
        let mut aborted = WakeFilter::new(aborted);
        select! {
            biased;
            () = &mut aborted => {}
            () = session::converse(stream, session) => {}
        }
    })
}

fn admit(app: &App, visit: Visit) -> Result<Box<Session>, Box<TurnedAway>> {
    let Visit { path, role, client_id, feed, join, lease: _ } = visit;
    let reading = feed.as_ref().map(|hub| hub.stream().to_owned());
    let admitted = feed.map(|hub| app.shared.join(&hub, &join)).transpose().and_then(|feed| {
        let join = Join { since: None, ..join };
        let handle = app.sockets.enter(JoinRequest { client_id, path, role, reading, join })?;
        Ok(Box::new(Session { handle, feed }))
    });
    admitted.map_err(|problem| {
        let told = (role == Role::Talks).then(|| text(lobby::error(&problem).into())).flatten();
        Box::new(TurnedAway { problem, told })
    })
}
