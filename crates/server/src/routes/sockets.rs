//! Addresses of WebSockets. `/`: the feed, or a page without an upgrade. `/ws`: the feed and client
//! messages. `/ws/echo`: returns each message to its sender. `/ws/{token}`, `/ws/test/{token}`: the channel
//! that a token opens. `/ws/play/{recording}`: a private replay without a token. And the paths that the
//! embedding program handles.
//!
//! Browsers cannot read the response to a rejected upgrade. Problems with a token or its room are therefore
//! sent over the socket: an `error` event, then the close frame.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{FromRequestParts, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::upgrade::{OnUpgrade, Upgraded};
use livetape_core::{
    error::{Code, Problem},
    event::Millis,
};
use livetape_feed::{
    control::{self, ChannelGuard, PrivateReplay, Requested},
    hub::{Format, Hub, Join, Reader},
};
use livetape_io::clock;
use tokio::select;
use tungstenite::{handshake::derive_accept_key, protocol::WebSocketConfig};
use uuid::Uuid;

use super::{App, door::Denied, openapi, overlays::OverlayId, query};
use crate::{
    access::bearer::{Authenticated, Handled, MaskedQuery, Removed, protocols},
    handlers::select_protocol,
    lobby::{self, Opening, Role},
    state::{Asker, ErrorResponse, Rejected, Traffic},
    ws::{
        hooks::{Handshake, Hooked},
        registry::JoinRequest,
        session::{self, Session, TurnedAway, WsStream},
    },
};

#[cfg(feature = "page")]
use super::assets;

/// Read buffer of each socket, in bytes. Small, because each read zeroes it; longer messages get a buffer of
/// their size.
const READ_BUFFER_BYTES: usize = 384;
/// The same for clients that send little but pongs.
const READERS_BUFFER_BYTES: usize = 64;
/// Read buffer on `/ws/echo`, in bytes. Large, because messages there are long.
const ECHO_BUFFER_BYTES: usize = 16 * 1024;

/// The parameters of an incoming WebSocket.
struct SocketRequest {
    pub(crate) path: Cow<'static, str>,
    pub(crate) role: Role,
    pub(crate) client_id: Option<String>,
    /// Hub to subscribe to at once, and how to join it or another one later.
    pub(crate) feed: Option<Hub>,
    pub(crate) join: Join,
    /// Held as long as the socket is open.
    guard: Option<ChannelGuard>,
    /// The saved overlay that it shows.
    overlay: Option<OverlayId>,
    /// Its hooks, if its path is handled.
    pub(crate) hooked: Option<Box<Hooked>>,
}

impl SocketRequest {
    fn reader(path: &'static str, hub: Hub, join: Join, guard: Option<ChannelGuard>) -> Self {
        let (path, feed) = (path.into(), Some(hub));
        Self { path, role: Role::Reads, client_id: None, feed, join, guard, overlay: None, hooked: None }
    }
}

/// `GET /`: the feed, or a page if the request asks for no upgrade.
pub(crate) async fn root(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<Upgrade, ErrorResponse>,
) -> Result<Response, ErrorResponse> {
    if !asks_for_upgrade(&headers) {
        return Ok(page(&app, &headers));
    }
    Ok(read(&app, upgrade?, query::join_root(&uri), query::overlay(&uri)).await)
}

/// `GET /` on the listener in TikFinity's format: the feed in this format. Overlays add parameters of their
/// own, so unknown ones are ignored.
pub(crate) async fn tikfinity(State(app): State<App>, uri: Uri, upgrade: Upgrade) -> Response {
    let join = query::known(&uri).map(|mut join| {
        join.filter.format = Format::Tikfinity;
        join
    });
    read(&app, upgrade, join, None).await
}

async fn read(
    app: &App,
    upgrade: Upgrade,
    join: Result<Join, Problem>,
    overlay: Option<OverlayId>,
) -> Response {
    let join = match join {
        Ok(join) => join,
        Err(problem) => return turn_away(app, upgrade, Role::Reads, problem),
    };
    let request = SocketRequest::reader("/", app.shared.hub.clone(), join, None);
    open(app, upgrade, SocketRequest { overlay, ..request }).await
}

/// Returns the dashboard if the client accepts HTML, otherwise a list of paths in plain text.
fn page(app: &App, headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut response = match accept {
        #[cfg(feature = "page")]
        accept if accept.contains("text/html") => assets::index(headers),
        _ => {
            let (version, addresses) = (env!("CARGO_PKG_VERSION"), openapi::addresses(&(app.table)()));
            format!("livetape {version}\n\n{addresses}\n/openapi.json describes bodies and responses.\n")
                .into_response()
        }
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// `GET /ws`.
pub(crate) async fn talk(State(app): State<App>, uri: Uri, upgrade: Upgrade) -> Response {
    let query::Talk { join, client_id, feed } = match query::talk(&uri, app.shared.client_id_chars_max) {
        Ok(talk) => talk,
        Err(problem) => return turn_away(&app, upgrade, Role::Talks, problem),
    };
    let feed = feed.then(|| app.shared.hub.clone());
    let (path, role) = ("/ws".into(), Role::Talks);
    let overlay = query::overlay(&uri);
    let request = SocketRequest { path, role, client_id, feed, join, guard: None, overlay, hooked: None };
    open(&app, upgrade, request).await
}

/// `GET /ws/echo`.
pub(crate) async fn echo(State(app): State<App>, uri: Uri, upgrade: Upgrade) -> Response {
    let (path, role, join) = ("/ws/echo".into(), Role::Echoes, Join::default());
    let slot = match query::none(&uri).and_then(|()| app.sockets.echo_slot()) {
        Ok(slot) => slot,
        Err(problem) => return turn_away(&app, upgrade, role, problem),
    };
    let (client_id, feed, guard, overlay, hooked) = (None, None, None, None, None);
    let request = SocketRequest { path, role, client_id, feed, join, guard, overlay, hooked };
    let session = admit(&app, &upgrade, request);
    begin(&app, upgrade, role, session, slot)
}

type Token = Result<Path<String>, PathRejection>;

/// `GET /ws/{token}`: the room of the token's user.
pub(crate) async fn room(State(app): State<App>, token: Token, uri: Uri, upgrade: Upgrade) -> Response {
    let opened = match query::join_room(&uri) {
        Ok(join) => app.shared.control.channels().open(&segment(token)).await.map(|guard| (join, guard)),
        Err(problem) => Err(problem.into()),
    };
    answer(&app, upgrade, "/ws/{token}", opened, &uri).await
}

/// `GET /ws/test/{token}`: the token's recording, replayed from the start for this socket alone.
pub(crate) async fn replay(State(app): State<App>, token: Token, uri: Uri, upgrade: Upgrade) -> Response {
    let opened = match query::join_replay(&uri) {
        Ok((join, speed)) => {
            app.shared.control.channels().replay(&segment(token), speed).await.map(|guard| (join, guard))
        }
        Err(problem) => Err(problem.into()),
    };
    answer(&app, upgrade, "/ws/test/{token}", opened, &uri).await
}

/// `GET /ws/play/{recording}`: a private replay of a recording.
pub(crate) async fn play(
    State(app): State<App>,
    name: Token,
    asker: Option<Extension<Asker>>,
    authenticated: Option<Extension<Authenticated>>,
    uri: Uri,
    upgrade: Upgrade,
) -> Response {
    let is_local = asker.is_none_or(|Extension(asker)| asker.is_local());
    let opened = match query::join_play(&uri) {
        _ if !is_local && authenticated.is_none() => {
            let message = "beyond loopback, private replays require a bearer token";
            let hint = "set a token on the server (`server.token_file`), and send it";
            Err(Problem::new(Code::Unauthorized, message).hint(hint).into())
        }
        Ok(query::Play { join, speed, start, case }) => {
            let replay = PrivateReplay { recording: Requested::Named(segment(name)), speed, start, case };
            app.shared.control.channels().play(replay).await.map(|guard| (join, guard))
        }
        Err(problem) => Err(problem.into()),
    };
    answer(&app, upgrade, "/ws/play/{recording}", opened, &uri).await
}

async fn answer(
    app: &App,
    upgrade: Upgrade,
    path: &'static str,
    opened: Result<(Join, ChannelGuard), control::Refusal>,
    uri: &Uri,
) -> Response {
    match opened {
        Ok((join, guard)) => {
            let request = SocketRequest::reader(path, guard.hub.clone(), join, Some(guard));
            open(app, upgrade, SocketRequest { overlay: query::overlay(uri), ..request }).await
        }
        Err(refusal) => turn_away(app, upgrade, Role::Reads, refusal),
    }
}

/// A segment that does not decode matches no token.
fn segment(token: Token) -> String {
    token.map(|Path(token)| token).unwrap_or_default()
}

/// Middleware that takes the sockets of handled paths, before any route of the same path.
pub(crate) async fn intercept(State(app): State<App>, request: Request, next: Next) -> Response {
    let handlers = app.handlers.as_ref().filter(|_| asks_for_upgrade(request.headers()));
    let Some(mut hooked) = handlers.and_then(|handlers| handlers.hooked(request.uri().path())) else {
        return next.run(request).await;
    };
    let (mut parts, _) = request.into_parts();
    let upgrade = match Upgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.into_response(),
    };
    let protocol = select_protocol(&protocols(&parts.headers), &hooked.path.protocols).cloned();
    let role = Role::Handled;
    let mut response = match query::client_id(&parts.uri, app.shared.client_id_chars_max) {
        Err(problem) => turn_away(&app, upgrade, role, problem),
        Ok(client_id) => {
            let (path, join) = (parts.uri.path().to_owned().into(), Join::default());
            *hooked.handshake = Handshake { protocol: protocol.clone(), ..handshake(parts) };
            let (feed, guard, overlay, hooked) = (None, None, None, Some(hooked));
            let request = SocketRequest { path, role, client_id, feed, join, guard, overlay, hooked };
            open(&app, upgrade, request).await
        }
    };
    response.extensions_mut().insert(Handled);
    if let Some(protocol) = protocol.and_then(|name| HeaderValue::try_from(name).ok()) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// Returns the request as the client sent it, except for tokens of this server.
fn handshake(mut parts: Parts) -> Handshake {
    let address = parts.extensions.get::<Asker>().and_then(|asker| asker.0);
    if let Some(Removed { uri, authorization }) = parts.extensions.remove() {
        parts.uri = uri;
        parts.headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
    }
    Handshake::new(&parts.uri, &parts.headers, address.map(|address| address.to_canonical()))
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Responds with 101 and runs the session. Rejections are sent over the socket, because browsers hide the
/// response to a failed upgrade.
async fn open(app: &App, upgrade: Upgrade, mut request: SocketRequest) -> Response {
    let (role, guard) = (request.role, request.guard.take());
    if let Err(denied) = let_in(app, &upgrade, &request) {
        return match denied {
            Denied::Http(refusal) => ErrorResponse(refusal).into_response(),
            Denied::Socket { problem, is_told, rejecting } => {
                let message = if is_told { turned_away(role, problem.clone().into()).message } else { None };
                let why = TurnedAway { problem, message, by_case: true };
                begin(app, upgrade, role, Err(Box::new(why)), rejecting)
            }
        };
    }
    if let Some(hub) = &request.feed
        && let Err(problem) = hub.reach(request.join.since.as_ref()).await
    {
        return turn_away(app, upgrade, role, problem);
    }
    // Join before sending the 101: a client that has read it misses no later event.
    let session = match request.overlay.clone() {
        Some(overlay) => app.admit_overlay(&overlay, || admit(app, &upgrade, request)).await,
        None => admit(app, &upgrade, request),
    };
    begin(app, upgrade, role, session, guard)
}

/// Asks the case, if one runs, whether a client of the main channel gets the feed.
fn let_in(app: &App, upgrade: &Upgrade, request: &SocketRequest) -> Result<(), Denied> {
    let reads = request.feed.as_ref().is_some_and(|hub| hub.stream() == app.shared.hub.stream());
    match &app.door {
        Some(door) if reads && request.join.reader == Reader::Client => {
            door.enter(&request.join, &upgrade.agent, true)
        }
        _ => Ok(()),
    }
}

/// Responds with 101, then reports the rejection.
fn turn_away(app: &App, upgrade: Upgrade, role: Role, why: impl Into<control::Refusal>) -> Response {
    begin(app, upgrade, role, Err(turned_away(role, why.into())), ())
}

/// Returns a rejection with the message that the client gets before the close frame.
fn turned_away(role: Role, why: control::Refusal) -> Box<TurnedAway> {
    let hint = why.hint().to_owned();
    let control::Refusal { problem, retry_after, .. } = why;
    let problem = problem.hint(hint);
    // Clients start over by themselves, so an unknown position is not a failure to show to people.
    let is_told = role.has_rooms() || problem.code != Code::UnknownPosition;
    let message = is_told.then(|| lobby::error(role, &problem, retry_after, Millis::from(clock::wall())));
    Box::new(TurnedAway { problem, message, by_case: false })
}

/// Responds with 101 and runs the session. `held` is dropped when the socket has closed.
fn begin(
    app: &App,
    upgrade: Upgrade,
    role: Role,
    session: Result<Box<Session>, Box<TurnedAway>>,
    held: impl Send + 'static,
) -> Response {
    let rejected = session.as_ref().err().map(|turned_away| {
        let TurnedAway { problem, by_case, .. } = &**turned_away;
        let (code, cause, why) = (problem.code, problem.cause(), problem.message.as_str().into());
        app.sockets.count_turned_away(code, cause);
        Rejected { code, cause, why, by_case: *by_case }
    });
    let limits = &app.sockets.shared.limits;
    let (most, buffer) = match role {
        Role::Echoes if session.is_ok() => (limits.echo_bytes_max, ECHO_BUFFER_BYTES),
        Role::Reads => (limits.message_bytes_max, READERS_BUFFER_BYTES),
        _ => (limits.message_bytes_max, READ_BUFFER_BYTES),
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let (token, aborted) = (app.connections.tasks.token(), app.connections.abort.clone());
    let sockets = app.sockets.clone();
    let outbox =
        session.as_ref().map_or_else(|_| sockets.outbox(), |session| Arc::clone(&session.handle.outbox));
    let mut response = upgrade.answer(move |io| {
        let stream = WsStream::open(io, outbox, config);
        async move {
            let _until_the_end = (token, held);
            select! {
                biased;
                () = aborted.cancelled() => {}
                () = session::converse(stream, sockets, session) => {}
            }
        }
    });
    rejected.map(|rejected| response.extensions_mut().insert(rejected));
    response
}

fn admit(app: &App, upgrade: &Upgrade, request: SocketRequest) -> Result<Box<Session>, Box<TurnedAway>> {
    let SocketRequest { path, role, client_id, feed, join, guard: _, overlay, hooked } = request;
    let handled = hooked.as_ref().map(|hooked| hooked.path.clone()).unwrap_or_default();
    let opening = Opening {
        id: hooked.as_ref().map_or_else(Uuid::new_v4, |hooked| hooked.id),
        client_id,
        address: upgrade.address,
        path,
        query: query::shown(&upgrade.query),
        origin: upgrade.origin.clone(),
        agent: upgrade.agent.clone(),
        role,
        reading: feed.as_ref().map(|hub| hub.stream().to_string()),
        is_observer: join.reader == Reader::Observer,
        filter: query::parameters(&join.filter),
        overlay: overlay.as_ref().map(OverlayId::key),
    };
    let request = JoinRequest {
        opening,
        preferred_id: handled.client_id,
        is_held: handled.wanted.connect,
        join: Join { since: None, ..join.clone() },
        traffic: upgrade.traffic.clone(),
    };
    let subscribe = || feed.map(|hub| app.shared.join(&hub, &join)).transpose();
    let admitted = app.sockets.enter(request, subscribe);
    admitted
        .map(|(handle, feed)| Box::new(Session { handle, feed: feed.map(Box::new), hooked }))
        .map_err(|problem| turned_away(role, problem.into()))
}

/// Protocol version of RFC 6455.
const VERSION: &str = "13";
/// Length of a decoded `Sec-WebSocket-Key`, in bytes.
const KEY_BYTES: usize = 16;

/// Maximum length of a header that says what the client is, in bytes; the rest is cut off.
const SAID_BYTES_MAX: usize = 256;

/// A valid request for a WebSocket upgrade.
pub(crate) struct Upgrade {
    accept: String,
    on_upgrade: Option<OnUpgrade>,
    /// The query as the client sent it, except for tokens of this server.
    pub(crate) query: String,
    /// Address of the client; `None` for a connection in memory.
    pub(crate) address: Option<IpAddr>,
    /// Headers of the request that say what the client is; empty if absent.
    pub(crate) origin: String,
    pub(crate) agent: String,
    pub(crate) traffic: Traffic,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let headers = &parts.headers;
        if !asks_for_upgrade(headers) {
            return Err(upgrade_required().into());
        }
        check_version(headers)?;
        if !lists(headers, header::CONNECTION, "upgrade") {
            return Err(upgrade_required().into());
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_key = STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES);
        let checks = [
            (parts.method == Method::GET, "the method is not `GET`"),
            (headers.contains_key(header::SEC_WEBSOCKET_VERSION), "there is no `Sec-WebSocket-Version`"),
            (is_key, "`Sec-WebSocket-Key` is not 16 bytes in base64"),
            (on_upgrade.is_some(), "HTTP/1.1 is needed"),
        ];
        if let Some((_, message)) = checks.iter().find(|(holds, _)| !holds) {
            let hint = "connect with a WebSocket client, version 13";
            return Err(Problem::new(Code::BadRequest, *message).hint(hint).into());
        }
        let said = |name| {
            let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
            let value = String::from_utf8_lossy(&value[..value.len().min(SAID_BYTES_MAX)]);
            value.into_owned()
        };
        let extensions = &parts.extensions;
        let masked = extensions.get::<MaskedQuery>().map(|query| query.0.as_str());
        Ok(Self {
            accept: derive_accept_key(key),
            on_upgrade,
            origin: said(header::ORIGIN),
            agent: said(header::USER_AGENT),
            query: masked.or(parts.uri.query()).unwrap_or_default().to_owned(),
            address: extensions
                .get::<Asker>()
                .and_then(|asker| asker.0)
                .map(|address| address.to_canonical()),
            traffic: extensions.get::<Traffic>().cloned().unwrap_or_default(),
        })
    }
}

/// Builds the error of a request for a WebSocket that does not ask for an upgrade.
pub(super) fn upgrade_required() -> Problem {
    Problem::new(Code::UpgradeRequired, "WebSocket upgrade required")
}

/// Whether a header that may have several lines lists a word.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut listed = lines.flat_map(|line| line.split(|&byte| byte == b','));
    listed.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// Rejects versions other than the supported one, which the response names.
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(other) = headers.get(header::SEC_WEBSOCKET_VERSION).filter(|version| *version != VERSION) else {
        return Ok(());
    };
    let other = String::from_utf8_lossy(other.as_bytes());
    Err(Problem::new(Code::WebsocketVersion, format!("WebSocket version `{other}` is not supported")))
}

impl Upgrade {
    /// Responds with 101, and then runs a task with the connection.
    pub(crate) fn answer<F>(self, task: impl FnOnce(Upgraded) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            let Some(on_upgrade) = on_upgrade else { return };
            // The client may be gone by now.
            let Ok(io) = on_upgrade.await else { return };
            // Spawn another task: this one would keep the memory of the handshake for the whole session.
            tokio::spawn(task(io));
        });
        let headers = [
            (header::CONNECTION, "upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_ACCEPT, &self.accept),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
    }
}
