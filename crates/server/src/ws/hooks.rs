//! Events of sockets for the program that embeds the server, what it learns about their requests, and its
//! answers.
//!
//! All events cross one bounded queue. A socket has at most one event that waits for an answer, and reads
//! its next message after the answer: a slow program slows down its clients, and nothing piles up.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Uri},
};
use livetape_core::error::{Code, Problem};
use livetape_feed::hub::MAX_STALL;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use uuid::Uuid;

use super::End;
use crate::{access::bearer::is_token, lobby::Metadata};

/// Limits of the events of handled sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerLimits {
    /// Maximum number of events that wait until the program takes them. A socket whose next event finds no
    /// place for ten seconds is closed with 4101.
    pub events_max: usize,
    /// Time for an answer. Without one, what the program could have refused is refused.
    pub answer_max: Duration,
    /// Whether events continue without an answer, and after [`Reply::Failed`].
    pub fail_open: bool,
}

impl Default for HandlerLimits {
    fn default() -> Self {
        Self { events_max: 256, answer_max: Duration::from_secs(5), fail_open: false }
    }
}

/// An event of a socket.
#[derive(Debug)]
pub struct Event {
    /// Identifies the event in [`Handlers::answer`](super::handlers::Handlers::answer); `None` if nothing
    /// waits for an answer.
    pub ticket: Option<u64>,
    /// Id of the connection.
    pub socket: Uuid,
    pub what: What,
}

/// What happened on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It connected. Nothing is read before the answer.
    Connect {
        path: String,
        client_id: String,
        handshake: Box<Handshake>,
    },
    /// It sent a text message that is not for the lobby.
    Message(String),
    Binary(Bytes),
    /// It is about to send a message to a room.
    Say {
        room_id: String,
        /// JSON of the message.
        message: String,
    },
    /// It is about to join a room.
    Join(String),
    /// It is about to leave a room.
    Leave(String),
    Ping,
    Pong,
    /// It closed. Comes last, once for each socket that connected.
    Close {
        /// Close code; 1005 if the client sent none, 1006 if the connection broke.
        code: u16,
        reason: String,
        last: Box<Last>,
    },
}

/// The state of a socket when it closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// The room that it had joined last.
    pub room_id: Option<String>,
    pub metadata: Metadata,
}

/// The answer to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Continue,
    /// Refuse the connection, or drop the message or request.
    Cancel,
    /// Continue with this JSON as the message to the room; for other events, the same as `Continue`.
    Replace(String),
    /// The program failed to decide: the same as `Cancel`, but reported as `handler_failed`. So is a missing
    /// answer.
    Failed,
}

/// Which optional events the sockets of a path report. They always report [`What::Connect`] and
/// [`What::Close`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether a connection waits for the answer to [`What::Connect`]: until then, it is not listed, and
    /// receives no broadcasts or messages to rooms. Otherwise, nothing can refuse it.
    pub connect: bool,
    /// [`What::Message`] and [`What::Say`].
    pub message: bool,
    pub binary: bool,
    pub join: bool,
    pub leave: bool,
    pub ping: bool,
    pub pong: bool,
}

/// The queue of events, and the answers that are missing. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Hooks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: mpsc::Sender<Event>,
    answer_max: Duration,
    fail_open: bool,
    answers: Mutex<HashMap<u64, Unanswered>>,
    last_ticket: AtomicU64,
    unanswered: AtomicU64,
}

/// An event that waits for its answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) answer: oneshot::Sender<Reply>,
    /// The connection that the answer accepts, if it is about one.
    pub(super) connecting: Option<Uuid>,
}

impl Hooks {
    pub(super) fn new(limits: HandlerLimits) -> (Self, mpsc::Receiver<Event>) {
        let HandlerLimits { events_max, answer_max, fail_open } = limits;
        let (queue, events) = mpsc::channel(events_max.max(1));
        let shared = Shared {
            queue,
            answer_max,
            fail_open,
            answers: Mutex::default(),
            last_ticket: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        };
        (Self { shared: Arc::new(shared) }, events)
    }

    pub(super) fn take(&self, ticket: u64) -> Option<Unanswered> {
        self.shared.answers.lock().remove(&ticket)
    }

    /// Converts `Failed` to `Continue` if handlers fail open.
    pub(super) fn settle(&self, verdict: Reply) -> Reply {
        if verdict == Reply::Failed && self.shared.fail_open { Reply::Continue } else { verdict }
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.shared.unanswered.load(Ordering::Relaxed)
    }
}

/// How a new socket of a handled path is hooked.
#[derive(Clone, Debug)]
pub(crate) struct Hooking {
    pub(super) hooks: Hooks,
    pub(super) wanted: Wanted,
    /// Client id of a client that chooses none, unless another connection has it.
    pub(super) client_id: Option<String>,
    /// Subprotocols that the program speaks; empty for any.
    pub(crate) protocols: Vec<String>,
    pub(crate) handshake: Box<Handshake>,
}

impl Hooking {
    pub(super) fn socket(self, id: Uuid) -> Hooked {
        let handshake = Mutex::new(Some(self.handshake));
        Hooked { hooks: self.hooks, id, wanted: self.wanted, handshake }
    }
}

/// The hooks of one socket.
#[derive(Debug)]
pub(crate) struct Hooked {
    hooks: Hooks,
    id: Uuid,
    pub(super) wanted: Wanted,
    /// The request, until it is reported.
    handshake: Mutex<Option<Box<Handshake>>>,
}

impl Hooked {
    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn take_handshake(&self) -> Box<Handshake> {
        self.handshake.lock().take().unwrap_or_default()
    }

    /// Reports an event and waits for the answer. A missing one is counted.
    ///
    /// # Errors
    /// How the socket ends if the queue stays full.
    pub(super) async fn ask(&self, what: What) -> Result<Reply, End> {
        let ticket = self.hooks.shared.last_ticket.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        let connecting = matches!(what, What::Connect { .. }).then_some(self.id);
        self.hooks.shared.answers.lock().insert(ticket, Unanswered { answer, connecting });
        let waiting = Waiting { hooks: &self.hooks, ticket };
        self.report(Some(ticket), what).await?;
        let verdict = timeout(self.hooks.shared.answer_max, answered).await;
        drop(waiting);
        if verdict.is_err() {
            self.hooks.shared.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(verdict.ok().and_then(Result::ok).unwrap_or_else(|| self.hooks.settle(Reply::Failed)))
    }

    /// Reports an event that needs no answer.
    ///
    /// # Errors
    /// Same as [`ask`](Self::ask).
    pub(super) async fn tell(&self, what: What) -> Result<(), End> {
        self.report(None, what).await
    }

    async fn report(&self, ticket: Option<u64>, what: What) -> Result<(), End> {
        match timeout(MAX_STALL, self.hooks.shared.queue.reserve()).await {
            Err(_) => Err(End::of(Code::SlowConsumer)),
            // The program no longer takes events.
            Ok(Err(_)) => Err(End::of(Code::ShuttingDown)),
            Ok(Ok(place)) => {
                place.send(Event { ticket, socket: self.id, what });
                Ok(())
            }
        }
    }

    /// Reports the end of the socket, however long the queue stays full.
    pub(super) async fn closed(&self, (code, reason): (u16, String), last: Box<Last>) {
        let event = Event { ticket: None, socket: self.id, what: What::Close { code, reason, last } };
        // If the program no longer takes events, it no longer needs this one.
        let _ = self.hooks.shared.queue.send(event).await;
    }
}

/// Forgets a ticket, also if the socket ends before the answer.
struct Waiting<'a> {
    hooks: &'a Hooks,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.hooks.shared.answers.lock().remove(&self.ticket);
    }
}

/// The request that opened a socket. It may contain credentials, so `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Path and query.
    pub url: String,
    /// Headers in their order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Address of the client; `None` for a connection in memory.
    pub address: Option<IpAddr>,
    /// The subprotocol that the server selected.
    pub protocol: Option<String>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl Handshake {
    pub(crate) fn new(uri: &Uri, headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        let url = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        // Bytes beyond ASCII are Latin-1, as in other HTTP servers.
        let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
        let header = |(name, value): (&HeaderName, _)| (name.as_str().to_owned(), text(value));
        Self { url, headers: headers.iter().map(header).collect(), address, protocol: None }
    }
}

/// Selects a subprotocol: the first that the client offers and that the program speaks. An empty list means
/// any but those that carry a token.
pub(crate) fn select_protocol<'a>(offered: &'a [String], spoken: &[String]) -> Option<&'a String> {
    let is_spoken = |name: &&String| match spoken {
        [] => !is_token(name) && check_protocol(name).is_ok(),
        spoken => spoken.contains(name),
    };
    offered.iter().find(is_spoken)
}

pub(super) fn check_protocol(name: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(());
    }
    let problem = Problem::new(Code::BadRequest, format!("`{}` is not a subprotocol", name.escape_debug()));
    Err(problem.hint("use letters, digits and punctuation other than separators: chat.v1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offered_subprotocol_that_the_program_speaks_is_selected() {
        let selected = |offered: &[&str], spoken: &[&str]| {
            let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            select_protocol(&texts(offered), &texts(spoken)).cloned()
        };
        assert_eq!(selected(&["chat", "other"], &[]).as_deref(), Some("chat"));
        assert_eq!(selected(&["bearer.secret", "", "a b", "livetape"], &[]).as_deref(), Some("livetape"));
        assert_eq!(selected(&["v1", "v2"], &["v2", "v3"]).as_deref(), Some("v2"));
        assert_eq!(selected(&["v1"], &["v2"]), None);
        assert_eq!(selected(&["bearer.secret"], &[]), None);
        assert_eq!(selected(&[], &["v2"]), None);
    }

    #[test]
    fn a_handshake_does_not_show_its_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_bytes(b"session=secr\xe9t").unwrap());
        let handshake = Handshake::new(&"/chat?ticket=secret".parse().unwrap(), &headers, None);
        assert_eq!(handshake.url, "/chat?ticket=secret");
        assert_eq!(handshake.headers, [("cookie".to_owned(), "session=secr\u{e9}t".to_owned())]);
        assert_eq!(format!("{handshake:?}"), "Handshake { .. }");
    }
}
