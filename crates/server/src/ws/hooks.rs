//! What the program that embeds the server is told of the sockets that it handles, what it learns about their requests,
//! and its answers.
//!
//! All events cross one bounded queue. A socket has at most one event that waits for an answer, and reads
//! its next message after the answer: a slow program slows down its clients, and nothing piles up.

use std::{
    fmt, mem,
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
use livetape_core::error::{Cause, Code};
use livetape_feed::hub::MAX_STALL;
use serde_json::{json, value::RawValue};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};
use tungstenite::Message;
use uuid::Uuid;

use super::{connection::End, registry::SocketHandle};
use crate::lobby::{ConnectionView, Intent, Metadata};

/// Maximum size of the messages of a socket that the program has not handled, in bytes. A single one may be longer.
const UNHANDLED_BYTES_MAX: u32 = 64 * 1024;
/// Minimum that a message counts for, in bytes, so that at most 16 are not handled.
const UNHANDLED_BYTES_MIN: u32 = UNHANDLED_BYTES_MAX / 16;

/// Limits of the events of handled sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerLimits {
    /// Maximum number of events that wait until the program takes them. A socket whose next event finds no
    /// place for ten seconds is closed with 4101.
    pub events_max: usize,
    /// Time for an answer. Without one, what the program could have refused is refused. Messages have no answer: the
    /// program itself limits the time of their handlers.
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
    /// For [`Handlers::answer`](crate::Handlers::answer); `None` if nothing waits for an answer.
    pub answer: Option<Answer>,
    /// Id of the connection.
    pub socket: Uuid,
    pub what: What,
}

/// Lets a socket go on, when it is passed on or dropped.
#[derive(Debug)]
pub struct Answer(Waiting);

#[derive(Debug)]
enum Waiting {
    /// The socket waits for the reply.
    Reply {
        reply: oneshot::Sender<Reply>,
        /// The connection that the reply accepts, if it is about one.
        connecting: Option<Uuid>,
    },
    /// A message, whose socket reads on as long as few wait.
    Message { _unhandled: OwnedSemaphorePermit },
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
    /// Whether the server closed it.
    pub by_server: bool,
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

/// The queue of events.
#[derive(Debug)]
pub(crate) struct Hooks {
    queue: mpsc::Sender<Event>,
    answer_max: Duration,
    fail_open: bool,
    /// Number of events without an answer in time.
    pub(crate) unanswered: AtomicU64,
}

impl Hooks {
    pub(crate) fn new(limits: HandlerLimits) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let HandlerLimits { events_max, answer_max, fail_open } = limits;
        let (queue, events) = mpsc::channel(events_max.max(1));
        (Arc::new(Self { queue, answer_max, fail_open, unanswered: AtomicU64::new(0) }), events)
    }

    /// Calls `accept` if the answer lets a connection in.
    pub(crate) fn answer(&self, answer: Answer, reply: Reply, accept: impl FnOnce(Uuid)) {
        let Waiting::Reply { reply: asked, connecting } = answer.0 else { return };
        let verdict = self.settle(reply);
        let is_refused = matches!(verdict, Reply::Cancel | Reply::Failed);
        if let Some(id) = connecting.filter(|_| !is_refused && !asked.is_closed()) {
            accept(id);
        }
        // The socket may have closed in the meantime.
        let _ = asked.send(verdict);
    }

    /// Converts `Failed` to `Continue` if handlers fail open.
    fn settle(&self, verdict: Reply) -> Reply {
        if verdict == Reply::Failed && self.fail_open { Reply::Continue } else { verdict }
    }
}

/// The hooks of one socket.
#[derive(Debug)]
pub(crate) struct Hooked {
    hooks: Arc<Hooks>,
    /// Id of the connection.
    pub(crate) id: Uuid,
    pub(crate) path: HandledPath,
    /// The request, until it is reported.
    pub(crate) handshake: Box<Handshake>,
    /// Bytes of messages that may still be read ahead.
    space: Arc<Semaphore>,
}

impl Hooked {
    pub(crate) fn new(hooks: Arc<Hooks>, path: HandledPath) -> Self {
        let space = Arc::new(Semaphore::new(UNHANDLED_BYTES_MAX as usize));
        Self { hooks, id: Uuid::new_v4(), path, handshake: Box::default(), space }
    }

    /// Reports an event after all messages are handled, and waits for the answer. A missing one is counted.
    ///
    /// # Errors
    /// How the socket ends if the program does not take events.
    async fn ask(&self, what: What) -> Result<Reply, End> {
        self.handled().await?;
        let (reply, replied) = oneshot::channel();
        let connecting = matches!(what, What::Connect { .. }).then_some(self.id);
        self.report(Some(Answer(Waiting::Reply { reply, connecting })), what).await?;
        let verdict = timeout(self.hooks.answer_max, replied).await;
        if verdict.is_err() {
            self.hooks.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(verdict.ok().and_then(Result::ok).unwrap_or_else(|| self.hooks.settle(Reply::Failed)))
    }

    /// Reports a message, once few others wait.
    ///
    /// # Errors
    /// Same as [`ask`](Self::ask).
    async fn message(&self, what: What, bytes: usize) -> Result<(), End> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let unhandled = self.space(bytes.clamp(UNHANDLED_BYTES_MIN, UNHANDLED_BYTES_MAX)).await?;
        self.report(Some(Answer(Waiting::Message { _unhandled: unhandled })), what).await
    }

    /// Waits until the program has handled all messages.
    ///
    /// # Errors
    /// Same as [`ask`](Self::ask).
    async fn handled(&self) -> Result<(), End> {
        self.space(UNHANDLED_BYTES_MAX).await.map(drop)
    }

    /// The program limits the time of its handlers: if nothing is handled for longer, it does not run.
    async fn space(&self, bytes: u32) -> Result<OwnedSemaphorePermit, End> {
        let handled_max = self.hooks.answer_max.saturating_add(MAX_STALL);
        let space = timeout(handled_max, Arc::clone(&self.space).acquire_many_owned(bytes)).await;
        space.ok().and_then(Result::ok).ok_or_else(|| End::slow(Cause::UnhandledMessages))
    }

    /// Reports an event that needs no answer, after all messages are handled.
    ///
    /// # Errors
    /// Same as [`ask`](Self::ask).
    async fn tell(&self, what: What) -> Result<(), End> {
        self.handled().await?;
        self.report(None, what).await
    }

    async fn report(&self, answer: Option<Answer>, what: What) -> Result<(), End> {
        match timeout(MAX_STALL, self.hooks.queue.reserve()).await {
            Err(_) => Err(End::slow(Cause::UnhandledMessages)),
            // The program no longer takes events.
            Ok(Err(_)) => Err(End::of(Code::ShuttingDown)),
            Ok(Ok(place)) => {
                place.send(Event { answer, socket: self.id, what });
                Ok(())
            }
        }
    }

    /// Reports the end of the socket, however long the queue stays full.
    pub(super) async fn closed(&self, (code, reason): (u16, String), last: Box<Last>) {
        let event = Event { answer: None, socket: self.id, what: What::Close { code, reason, last } };
        // If the program no longer takes events, it no longer needs this one.
        let _ = self.hooks.queue.send(event).await;
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

/// Options of a handled path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandledPath {
    /// Client id of a client that chooses none, unless another connection has it.
    pub client_id: Option<String>,
    pub wanted: Wanted,
    /// Subprotocols to select: the first that the client offers and that is listed, or the first it offers if
    /// this is empty.
    pub protocols: Vec<String>,
}

/// What the socket asks and tells.
impl Hooked {
    /// Reports that the socket has connected.
    ///
    /// # Errors
    /// How the socket ends, if the program refuses it or does not take events.
    pub(super) async fn connect(&mut self, handle: &SocketHandle) -> Result<(), End> {
        let view = handle.sockets.with(|lobby| lobby.connection_view(&self.id.to_string()));
        let Ok(ConnectionView { path, client_id, .. }) = view else { return Ok(()) };
        let path = path.into_owned();
        let handshake = mem::take(&mut self.handshake);
        let what = What::Connect { path, client_id, handshake };
        if !self.path.wanted.connect {
            return self.tell(what).await;
        }
        match self.ask(what).await? {
            Reply::Cancel => Err(End::of(Code::Refused)),
            Reply::Failed => Err(End::of(Code::HandlerFailed)),
            Reply::Continue | Reply::Replace(_) => {
                // An answer has accepted it already. If the lack of one lets it in, this does.
                handle.sockets.with(|lobby| lobby.accept(self.id));
                Ok(())
            }
        }
    }

    /// Returns the state of a socket before the lobby forgets it.
    pub(super) fn last(&self, handle: &SocketHandle) -> Last {
        handle.sockets.with(|lobby| Last {
            room_id: lobby.latest_room(self.id).map(str::to_owned),
            metadata: lobby
                .connection_view(&self.id.to_string())
                .map_or_else(|_| Metadata::new(), |it| it.metadata),
            by_server: handle.is_ended(),
        })
    }

    /// Waits until the program has handled the messages, and what it sent in response is written.
    ///
    /// # Errors
    /// How the socket ends, if the program does not take events.
    pub(super) async fn finish(&self, handle: &SocketHandle) -> Result<(), End> {
        self.handled().await?;
        // A client that does not read loses the rest.
        let _ = timeout(MAX_STALL, handle.outbox.written()).await;
        Ok(())
    }

    /// # Errors
    /// How the socket ends, if the program does not take events.
    pub(super) async fn receive(&self, handle: &SocketHandle, message: Message) -> Result<(), End> {
        let wanted = self.path.wanted;
        match message {
            Message::Text(text) => self.receive_text(handle, &text).await?,
            Message::Binary(bytes) => {
                handle.count_received();
                if wanted.binary {
                    let length = bytes.len();
                    self.message(What::Binary(bytes), length).await?;
                }
            }
            Message::Ping(_) => {
                handle.heard();
                if wanted.ping {
                    self.tell(What::Ping).await?;
                }
            }
            Message::Pong(_) => {
                handle.heard();
                if wanted.pong {
                    self.tell(What::Pong).await?;
                }
            }
            Message::Frame(_) | Message::Close(_) => handle.heard(),
        }
        Ok(())
    }

    async fn receive_text(&self, handle: &SocketHandle, text: &str) -> Result<(), End> {
        let wanted = self.path.wanted;
        match Intent::read(text, handle.sockets.shared.json_depth_max) {
            Intent::Message => {
                handle.count_received();
                if wanted.message {
                    self.message(What::Message(text.to_owned()), text.len()).await?;
                }
            }
            // The program sees only requests that can succeed. The lobby rejects the others.
            Intent::Say { room_id, message }
                if wanted.message && handle.sockets.with(|lobby| lobby.may_say(self.id, &room_id)) =>
            {
                match self.ask(What::Say { room_id: room_id.clone(), message }).await? {
                    Reply::Continue => handle.text(text),
                    Reply::Cancel => handle.count_received(),
                    Reply::Failed => handle.sockets.with(|lobby| lobby.fail_message(self.id, &room_id)),
                    Reply::Replace(json) => handle.text(&room_message(&room_id, json)),
                }
            }
            Intent::Join(room_id) if wanted.join && handle.sockets.with(|lobby| lobby.may_join(&room_id)) => {
                match self.ask(What::Join(room_id.clone())).await? {
                    Reply::Cancel => handle.sockets.with(|lobby| lobby.refuse_join(self.id, &room_id)),
                    Reply::Failed => handle.sockets.with(|lobby| lobby.fail_join(self.id, &room_id)),
                    Reply::Continue | Reply::Replace(_) => handle.text(text),
                }
            }
            Intent::Leave(room_id)
                if wanted.leave && handle.sockets.with(|lobby| lobby.is_in(self.id, &room_id)) =>
            {
                self.ask(What::Leave(room_id)).await?;
                handle.text(text);
            }
            Intent::Ping => {
                handle.text(text);
                if wanted.ping {
                    self.tell(What::Ping).await?;
                }
            }
            Intent::Say { .. } | Intent::Join(_) | Intent::Leave(_) | Intent::Command => handle.text(text),
        }
        Ok(())
    }
}

/// Builds a `room_message` with this message, which counts as text if it is not JSON.
fn room_message(room_id: &str, message: String) -> String {
    let is_json = serde_json::from_str::<&RawValue>(&message).is_ok();
    let message = if is_json { message } else { json!(message).to_string() };
    format!(r#"{{"type":"room_message","room_id":{},"message":{message}}}"#, json!(room_id))
}

#[cfg(test)]
mod tests {
    use super::*;

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
