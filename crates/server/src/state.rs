//! State that handlers share: the channels, the control handle and limits; error responses; and the
//! client of each connection with its traffic.

use std::{
    fmt, io,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use livetape_core::error::{Cause, Code, Problem};
use livetape_engine::log_target::CLIENTS;
use livetape_feed::{
    control::{self, Control},
    hub::{Hub, Join, Subscriber},
};
use livetape_io::clock;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;
use tracing::{Span, error_span, info};

use crate::lobby::Feed;

/// Version of the feed and the REST API. Incompatible changes increase it.
pub const API_VERSION: u32 = 1;

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) started: Instant,
    pub(crate) subscribers_max: usize,
    pub(crate) client_id_chars_max: usize,
    /// URL of the feed in TikFinity's format, if a second listener serves it.
    pub(crate) tikfinity: Option<Arc<str>>,
}

impl Shared {
    /// Adds a subscriber to `hub`, up to the server's maximum.
    pub(crate) fn join(&self, hub: &Hub, join: &Join) -> Result<Subscriber, Problem> {
        let max = self.subscribers_max;
        if self.subscriber_count() + self.hub.observer_count() >= max {
            let message = format!("the maximum number of subscribers, {max}, is connected");
            let problem = Problem::capacity(Cause::Subscribers, message);
            return Err(problem.hint("try again later, or raise `limits.connections`"));
        }
        hub.join(join)
    }

    /// Number of clients that subscribe to any of this server's channels.
    pub(crate) fn subscriber_count(&self) -> usize {
        self.hub.subscriber_count() + self.control.channels().subscriber_count()
    }
}

/// The channels that clients may read by name: the main one, with one user at a time, and the rooms of
/// tokens.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    main: Hub,
    control: Control,
}

impl Feeds {
    pub(crate) fn new(main: Hub, control: Control) -> Self {
        Self { main, control }
    }

    /// Returns the current users and the streams of their events.
    pub(crate) fn current(&self) -> Vec<Feed> {
        let main = self.control.username().map(|user| (user, self.main.stream().to_string()));
        let mut feeds: Vec<Feed> =
            main.into_iter().map(|(user, stream)| Feed { user, streams: vec![stream] }).collect();
        for room in self.control.channels().statuses() {
            let (Some(user), stream) = (room.user, room.hub.stream().to_string()) else { continue };
            // The users of tokens' channels differ, so only the main channel can show the same.
            match feeds.first_mut().filter(|main| main.is_of(&user)) {
                Some(main) => main.streams.push(stream),
                None => feeds.push(Feed { user, streams: vec![stream] }),
            }
        }
        feeds
    }

    /// Returns the channel with this stream, and whether it is the main one.
    pub(crate) fn channel(&self, stream: &str) -> Option<(Hub, bool)> {
        if *self.main.stream() == *stream {
            return Some((self.main.clone(), true));
        }
        let rooms = self.control.channels().statuses().into_iter();
        let mut hubs = rooms.filter(|room| room.user.is_some()).map(|room| room.hub);
        hubs.find(|hub| *hub.stream() == *stream).map(|hub| (hub, false))
    }
}

/// An error that converts into a response.
#[derive(Debug)]
pub(crate) struct ErrorResponse(pub control::Refusal);

#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorBody<'a> {
    error: ErrorDetails<'a>,
    /// Whether livetape retries by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retrying: bool,
}

#[derive(Serialize, JsonSchema)]
struct ErrorDetails<'a> {
    code: Code,
    message: &'a str,
    hint: &'a str,
}

impl From<Problem> for ErrorResponse {
    fn from(problem: Problem) -> Self {
        Self(problem.into())
    }
}

impl From<control::Refusal> for ErrorResponse {
    fn from(refusal: control::Refusal) -> Self {
        Self(refusal)
    }
}

/// A response with JSON, in which a terminal finds nothing but text.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> Json<T> {
    fn bytes(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(&self.0).unwrap_or_default();
        livetape_core::json::escape(&mut json, 0);
        json
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.bytes()).into_response()
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let control::Refusal { problem, retrying, retry_after } = &self.0;
        let (Problem { code, message, .. }, hint) = (problem, self.0.hint());
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody { error: ErrorDetails { code: *code, message, hint }, retrying: *retrying };
        let mut json = Json(&body).bytes();
        // For clients that read lines.
        json.push(b'\n');
        let mut answer = (status, [(CONTENT_TYPE, "application/json")], json).into_response();
        answer.extensions_mut().insert(Refused { code: *code, cause: problem.cause() });
        if *code == Code::WebsocketVersion {
            let headers = answer.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up so that clients do not retry too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        answer
    }
}

/// Response extension with the reason for a rejection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    /// See [`Problem::cause`].
    pub(crate) cause: &'static str,
}

/// Response extension with the reason for which a socket is closed as soon as it is open.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    pub(crate) code: Code,
    pub(crate) cause: &'static str,
    pub(crate) why: Arc<str>,
    /// Whether a case orders it.
    pub(crate) by_case: bool,
}

/// Request extension with the client's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker(pub Option<IpAddr>);

impl Asker {
    /// Whether the client is on this machine. A connection in memory has no address.
    pub(crate) fn is_local(self) -> bool {
        self.0.is_none_or(|address| address.to_canonical().is_loopback())
    }
}

/// The counters of one connection, in the extensions of its requests. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<TrafficCounts>);

#[derive(Debug, Default)]
struct TrafficCounts {
    received: AtomicU64,
    sent: AtomicU64,
    client: OnceLock<Client>,
}

/// The id of a request, which its log lines carry.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    pub(crate) process: Arc<str>,
    pub(crate) number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.process, self.number)
    }
}

impl RequestId {
    /// Creates the span of log lines, at the highest level, so that every one of them is inside.
    pub(crate) fn span(&self) -> Span {
        error_span!("request", id = %self)
    }
}

/// A client that opened a WebSocket or reads `/events`.
#[derive(Debug)]
struct Client {
    /// Not its span, which takes much memory.
    request: RequestId,
    since: Instant,
    reads_lines: bool,
}

/// Held by the connection, upgraded or not. Logs the traffic when dropped.
#[derive(Debug)]
pub(crate) struct Meter(Traffic);

impl Traffic {
    /// Marks the connection as that of a client, which reads `/events` or has opened a WebSocket, by this request.
    pub(crate) fn is_client(&self, request: RequestId, reads_lines: bool) {
        // Set only once: no request follows an upgrade or `/events` on the same connection.
        let _ = self.0.client.set(Client { request, since: clock::now(), reads_lines });
    }

    /// Returns the span of the request that made it one.
    pub(crate) fn span(&self) -> Option<Span> {
        self.0.client.get().map(|client| client.request.span())
    }

    pub(crate) fn received_bytes(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter(self.clone())
    }
}

impl Meter {
    /// Whether the client reads `/events`.
    pub(crate) fn reads_lines(&self) -> bool {
        self.0.0.client.get().is_some_and(|client| client.reads_lines)
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts the bytes of a completed write and returns its result.
    pub(crate) fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.0.0.sent.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let Some(Client { request, since, .. }) = self.0.0.client.get() else { return };
        let _inside = request.span().entered();
        let (received_bytes, sent_bytes) = (self.0.received_bytes(), self.0.sent_bytes());
        let seconds = (clock::now() - *since).as_secs();
        info!(target: CLIENTS, received_bytes, sent_bytes, seconds, "❌ Client disconnected");
    }
}
