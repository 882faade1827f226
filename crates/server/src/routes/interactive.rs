//! `/ws`: the feed and client messages. `/ws/echo`: returns each message to its sender.

use std::{borrow::Cow, pin::pin};

use axum::{
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse as _, Response},
};
use livetape_core::error::{Code, Problem};
use livetape_engine::log_target::CLIENTS;
use livetape_feed::{
    control::{self, ChannelGuard},
    hub::{Hub, Join, Reader},
};
use tokio::select;
use tracing::info;
use tungstenite::{Message, protocol::WebSocketConfig};

use super::{App, query};
use crate::{
    lobby::{self, Role},
    state::refusal::Refusal,
    ws::{
        door::Denied,
        failure,
        hooks::Hooking,
        registry::JoinRequest,
        session::{self, Session, TurnedAway},
        upgrade::Upgrade,
        wake_filter::WakeFilter,
    },
};

/// Read buffer of each socket, in bytes. Small, because each read zeroes it; longer messages get a buffer of
/// their size.
const READ_BUFFER_BYTES: usize = 384;
/// Read buffer on `/ws/echo`, in bytes. Large, because messages there are long.
const ECHO_BUFFER_BYTES: usize = 16 * 1024;

pub(crate) type MaybeUpgrade = Result<Upgrade, Refusal>;

/// The parameters of an incoming WebSocket.
pub(crate) struct SocketRequest {
    pub(crate) path: Cow<'static, str>,
    pub(crate) role: Role,
    pub(crate) client_id: Option<String>,
    /// Hub to subscribe to at once, and how to join it or another one later.
    pub(crate) feed: Option<Hub>,
    pub(crate) join: Join,
    /// Held as long as the socket is open.
    pub(crate) guard: Option<ChannelGuard>,
    /// How the socket is hooked, if its path is handled.
    pub(crate) hooking: Option<Hooking>,
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
    let (path, role) = ("/ws".into(), Role::Talks);
    let request = SocketRequest { path, role, client_id, feed, join, guard: None, hooking: None };
    Ok(open(&app, upgrade, request).await)
}

/// `GET /ws/echo`.
pub(crate) async fn echo(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: MaybeUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = required(&headers, upgrade)?;
    let (path, role, join) = ("/ws/echo".into(), Role::Echoes, Join::default());
    let slot = match query::none(&uri).and_then(|()| app.sockets.echo_slot()) {
        Ok(slot) => slot,
        Err(problem) => return Ok(turn_away(&app, upgrade, role, problem)),
    };
    let request = SocketRequest { path, role, client_id: None, feed: None, join, guard: None, hooking: None };
    let session = admit(&app, &upgrade, request);
    Ok(begin(&app, upgrade, role, session, slot))
}

pub(crate) fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Returns the upgrade, or 426 if the request asks for none.
pub(crate) fn required(headers: &HeaderMap, upgrade: MaybeUpgrade) -> MaybeUpgrade {
    if !asks_for_upgrade(headers) {
        return Err(Problem::new(Code::UpgradeRequired, "WebSocket upgrade required").into());
    }
    upgrade
}

/// Responds with 101 and runs the session. Rejections are sent over the socket, because browsers hide the
/// response to a failed upgrade.
pub(crate) async fn open(app: &App, upgrade: Upgrade, mut request: SocketRequest) -> Response {
    let (role, guard) = (request.role, request.guard.take());
    if let Err(denied) = let_in(app, &request) {
        return match denied {
            Denied::Http(refusal) => Refusal(refusal).into_response(),
            Denied::Socket { problem, is_told: true } => turn_away(app, upgrade, role, problem),
            Denied::Socket { problem, is_told: false } => {
                begin(app, upgrade, role, Err(Box::new(TurnedAway { problem, told: None })), ())
            }
        };
    }
    if let Some(hub) = &request.feed {
        hub.reach(request.join.since.as_ref()).await;
    }
    // Join before sending the 101: a client that has read it misses no later event.
    let session = admit(app, &upgrade, request);
    begin(app, upgrade, role, session, guard)
}

/// Asks the case, if one runs, whether a client of the main channel gets the feed.
fn let_in(app: &App, request: &SocketRequest) -> Result<(), Denied> {
    let reads = request.feed.as_ref().is_some_and(|hub| hub.stream() == app.shared.hub.stream());
    match &app.door {
        Some(door) if reads && request.join.reader == Reader::Client => {
            door.enter(request.join.since.as_ref(), true)
        }
        _ => Ok(()),
    }
}

/// Responds with 101, then reports the rejection.
pub(crate) fn turn_away(
    app: &App,
    upgrade: Upgrade,
    role: Role,
    why: impl Into<control::Refusal>,
) -> Response {
    begin(app, upgrade, role, Err(turned_away(role, why.into())), ())
}

/// Returns a rejection with the message that the client gets before the close frame: a lobby error on `/ws`,
/// elsewhere an event. It belongs to no stream, so that no client takes it for a position.
fn turned_away(role: Role, why: control::Refusal) -> Box<TurnedAway> {
    let control::Refusal { problem, retry_after, .. } = why;
    let told = match role {
        Role::Talks | Role::Handled => text(lobby::error(&problem).into()),
        // Clients start over by themselves, so this is not a failure to show to people.
        Role::Reads | Role::Echoes if problem.code == Code::UnknownPosition => None,
        Role::Reads | Role::Echoes => text(failure::event(&problem, retry_after, None)),
    };
    Box::new(TurnedAway { problem, told })
}

/// Wraps JSON in a text message.
fn text(json: Vec<u8>) -> Option<Message> {
    String::from_utf8(json).ok().map(|json| Message::Text(json.into()))
}

/// Responds with 101 and runs the session. `held` is dropped when the socket has closed.
fn begin(
    app: &App,
    upgrade: Upgrade,
    role: Role,
    session: Result<Box<Session>, Box<TurnedAway>>,
    held: impl Send + 'static,
) -> Response {
    if let Err(turned_away) = &session {
        let problem = &turned_away.problem;
        app.metrics.count_turned_away(problem);
        let (code, cause, why) = (problem.code.name(), problem.cause(), problem.message.as_str());
        info!(target: CLIENTS, code, cause, why, "❌ Client rejected");
    }
    let limits = app.sockets.limits();
    let (most, buffer) = match role {
        Role::Echoes if session.is_ok() => (limits.echo_bytes_max, ECHO_BUFFER_BYTES),
        _ => (limits.message_bytes_max, READ_BUFFER_BYTES),
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let token = app.connections.token();
    let aborted = app.connections.aborted().clone();
    upgrade.answer(config, async move |stream| {
        let _until_the_end = (token, held);
        let aborted = pin!(aborted.cancelled());
        let mut aborted = WakeFilter::new(aborted);
        select! {
            biased;
            () = &mut aborted => {}
            () = session::converse(stream, session) => {}
        }
    })
}

fn admit(app: &App, upgrade: &Upgrade, request: SocketRequest) -> Result<Box<Session>, Box<TurnedAway>> {
    let SocketRequest { path, role, client_id, feed, join, guard: _, hooking } = request;
    let reading = feed.as_ref().map(|hub| hub.stream().to_string());
    let again = Join { since: None, ..join.clone() };
    let request = JoinRequest {
        client_id,
        address: upgrade.address,
        path,
        query: query::shown(&upgrade.query),
        role,
        reading,
        join: again,
        hooking,
        traffic: upgrade.traffic.clone(),
    };
    let subscribe = || feed.map(|hub| app.shared.join(&hub, &join)).transpose();
    let admitted = app.sockets.enter(request, subscribe);
    admitted
        .map(|(handle, feed)| Box::new(Session { handle, feed }))
        .map_err(|problem| turned_away(role, problem.into()))
}
