//! A WebSocket session: the task that reads a socket, and the stream of messages that a client sends. `/`, `/ws` and
//! `/ws/echo` share its reading, pings and closing. What the library answers goes into the outbox, like everything that the
//! server sends.

use std::{
    future::poll_fn,
    io::{self, Read, Write},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use livetape_core::{
    error::{Cause, Problem, close},
    ws_frame::Heads,
};
use livetape_feed::hub::{MAX_STALL, Subscriber};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    io::ReadBuf,
    select,
    task::yield_now,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tungstenite::{
    Message,
    error::{Error, ProtocolError},
    protocol::{
        CloseFrame, Role, WebSocketConfig, WebSocketContext,
        frame::{
            Frame,
            coding::{Control, Data, OpCode},
        },
    },
};

use super::{
    connection::{End, Limits, PROTOCOL_ERROR, frame, head},
    hooks::Hooked,
    registry::{SocketHandle, Sockets, Unread},
    shard::Outbox,
};

/// Time for a close frame to arrive before the connection is dropped. Unread data turns that drop into a
/// reset, which could discard the frame.
const LINGER: Duration = Duration::from_millis(250);

/// An admitted socket.
pub(crate) struct Session {
    pub(crate) handle: SocketHandle,
    /// The feed that it reads, if any. Boxed, because the shard gets it.
    pub(crate) feed: Option<Box<Subscriber>>,
    /// Its hooks, if the program that embeds the server handles its path.
    pub(crate) hooked: Option<Box<Hooked>>,
}

/// A rejected socket, and the message that it gets before the close frame.
pub(crate) struct TurnedAway {
    pub(crate) problem: Problem,
    pub(crate) message: Option<Bytes>,
    /// Whether a case orders it.
    pub(crate) by_case: bool,
}

/// Reads until either side ends the session, then closes it within [`MAX_STALL`].
pub(crate) async fn converse(
    mut stream: WsStream,
    sockets: Sockets,
    session: Result<Box<Session>, Box<TurnedAway>>,
) {
    let outbox = stream.outbox();
    let (end, unread, hooked) = match session {
        Err(turned_away) => {
            let TurnedAway { problem, message, .. } = *turned_away;
            let _ended = sockets.shared.shards.open(&outbox, None);
            if let Some(message) = message {
                outbox.send(frame(OpCode::Data(Data::Text), &message));
                // If the client does not read this, it will not read the close frame either.
                let _ = Box::pin(timeout(MAX_STALL, outbox.written())).await;
            }
            (End::of(problem.code), Unread::default(), None)
        }
        Ok(mut session) => {
            let Session { handle, feed, hooked } = &mut *session;
            let ended = sockets.shared.shards.open(&outbox, feed.take().map(|feed| *feed));
            let silent = Silent::default();
            let end = select! {
                biased;
                Ok(end) | Err(end) = read(&mut stream, handle, hooked.as_deref_mut(), &silent) => end,
                end = ended => end.unwrap_or(End::Over),
                end = ping(handle, &silent) => end,
            };
            handle.end(&end);
            let hooked = hooked.take().map(|hooked| {
                let last = Box::new(hooked.last(handle));
                (hooked, handle.ended(), last)
            });
            let unread = handle.count(&end);
            (end, unread, hooked)
        }
    };
    // No event may follow the close frame.
    outbox.stop();
    // If the client does not read the close frame in time, dropping the socket resets the connection.
    // Boxed: otherwise, every idle socket would take memory for it.
    let closing = Box::pin(timeout_at(clock::now() + MAX_STALL, close_session(stream, end, unread)));
    let Some((hooked, ended, last)) = hooked else { return drop(closing.await) };
    // The program need not wait for the client's reply.
    let _ = tokio::join!(closing, Box::pin(hooked.closed(ended, last)));
}

/// Since when a socket waits for its client, and the number of bytes that it had sent; `None` while a message is handled.
#[derive(Default)]
struct Silent(Mutex<Option<(Instant, u64)>>);

impl Silent {
    fn begin(&self, handle: &SocketHandle) {
        *self.0.lock() = Some((clock::now(), handle.traffic.received_bytes()));
    }

    fn end(&self) {
        *self.0.lock() = None;
    }

    /// Begins again if a part of a message has arrived, which may take any time.
    fn heed(&self, handle: &SocketHandle) {
        let received = handle.traffic.received_bytes();
        if let Some(silent) = self.0.lock().as_mut().filter(|(_, bytes)| *bytes != received) {
            *silent = (clock::now(), received);
        }
    }

    /// Returns when the client counts as dead.
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        self.0.lock().map(|(since, _)| since + limits.silence_max())
    }
}

/// Sends pings until the client counts as dead. One timer for both: each message would have to start another.
async fn ping(handle: &SocketHandle, silent: &Silent) -> End {
    let limits = &handle.sockets.shared.limits;
    let mut due = clock::now() + limits.ping_interval();
    loop {
        sleep_until(silent.deadline(limits).map_or(due, |deadline| deadline.min(due))).await;
        silent.heed(handle);
        let now = clock::now();
        if silent.deadline(limits).is_some_and(|deadline| deadline <= now) {
            return End::Over;
        }
        if due <= now {
            handle.outbox.send(frame(OpCode::Control(Control::Ping), &[]));
            due = now + limits.ping_interval();
        }
    }
}

/// Reads the client's messages until it closes the socket or violates the protocol.
///
/// # Errors
/// How the socket ends, if the client is not the reason.
async fn read(
    stream: &mut WsStream,
    handle: &SocketHandle,
    mut hooked: Option<&mut Hooked>,
    silent: &Silent,
) -> Result<End, End> {
    // Boxed, as above.
    if let Some(hooked) = &mut hooked {
        Box::pin(hooked.connect(handle)).await?;
    }
    let mut count = 0;
    let end = loop {
        silent.begin(handle);
        let Some(message) = stream.next().await else { break End::Left };
        silent.end();
        match (message, &hooked) {
            (Err(Error::Capacity(_)), hooked) => {
                if let Some(hooked) = hooked {
                    Box::pin(hooked.finish(handle)).await?;
                }
                handle.too_large();
                return Err(until_closed().await);
            }
            (Err(error), _) => break end_for(&error),
            (Ok(Message::Close(Some(frame))), _) if frame.reason == INVALID_CODE => {
                break End::close(close::PROTOCOL, PROTOCOL_ERROR);
            }
            (Ok(Message::Close(frame)), hooked) => {
                // The client gets what answers everything before.
                if let Some(hooked) = hooked {
                    Box::pin(hooked.finish(handle)).await?;
                }
                // No event may follow the reply, which the library writes when it is polled again.
                handle.outbox.stop();
                handle.left(frame.as_ref());
            }
            (Ok(message), Some(hooked)) => Box::pin(hooked.receive(handle, message)).await?,
            (Ok(message), None) => take(handle, message).await?,
        }
        if handle.outbox.is_closing() {
            return Err(until_closed().await);
        }
        // A client that sends without pause must not keep its socket from being written to or closed.
        count += 1;
        if count % TURN_MESSAGES == 0 {
            yield_now().await;
        }
    };
    if let Some(hooked) = &hooked {
        Box::pin(hooked.finish(handle)).await?;
    }
    Ok(end)
}

/// Takes a message of a socket without hooks.
///
/// # Errors
/// How the socket ends if the client does not read its echoes.
async fn take(handle: &SocketHandle, message: Message) -> Result<(), End> {
    match message {
        Message::Text(_) | Message::Binary(_) if handle.echoes() => {
            let opcode = OpCode::Data(if message.is_text() { Data::Text } else { Data::Binary });
            let payload = message.into_data();
            handle.outbox.send_long(head(opcode, payload.len()).into(), payload);
            // Read the next message only when this one is written, so that echoes do not pile up. Boxed, as above.
            let written = Box::pin(timeout(MAX_STALL, handle.outbox.written()));
            return written.await.map_err(|_| End::slow(Cause::UnreadEchoes));
        }
        Message::Text(text) => handle.text(&text),
        Message::Binary(bytes) => handle.binary(bytes),
        Message::Pong(payload) => handle.answered(&payload),
        Message::Ping(_) | Message::Frame(_) | Message::Close(_) => handle.heard(),
    }
    Ok(())
}

/// Reason that the library puts in place of a close code that must not be sent, such as 1005. It answers with it, too.
const INVALID_CODE: &str = "Protocol violation";
/// Number of messages of a client before other tasks run.
const TURN_MESSAGES: usize = 16;

/// Waits until the shard closes the socket. Its close frame waits behind messages that the client may never read, and
/// reading on would only cost time.
async fn until_closed() -> End {
    // Boxed, as above.
    Box::pin(sleep_until(clock::now() + MAX_STALL)).await;
    End::slow(Cause::UnreadMessages)
}

fn end_for(error: &Error) -> End {
    let (code, reason) = match error {
        Error::Utf8(_) => (close::NOT_TEXT, "not_utf8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Over,
        Error::Protocol(_) => (close::PROTOCOL, PROTOCOL_ERROR),
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => (close::PROTOCOL, PROTOCOL_ERROR),
        _ => return End::Over,
    };
    End::close(code, reason)
}

/// Sends the close frame after everything queued, and waits for the client's reply. Dropped before its end,
/// it counts the client as unread.
async fn close_session(mut stream: WsStream, end: End, unread: Unread) {
    let frame = match end {
        End::Cut | End::Over => return,
        End::Left => return stream.flush().await,
        End::Close(frame, _) => frame,
    };
    if stream.close(frame).await.is_err() {
        // The client closed it at the same time.
        unread.confirm();
        return stream.flush().await;
    }
    stream.flush().await;
    let mut is_answered = false;
    while let Some(Ok(message)) = stream.next().await {
        is_answered |= message.is_close();
        // Let other tasks run. A server that shuts down drops sessions that take too long.
        yield_now().await;
    }
    unread.confirm();
    if !is_answered {
        sleep_until(clock::now() + LINGER).await;
    }
}

/// Reads messages, and answers pings and close frames. Dropping it closes the connection.
pub(crate) struct WsStream {
    /// Boxed, because a future stores its arguments twice: as captures and as locals.
    socket: Box<Socket>,
}

struct Socket {
    library: WebSocketContext,
    io: OutboxIo,
    is_over: bool,
}

impl WsStream {
    pub(crate) fn open(io: Upgraded, outbox: Arc<Outbox>, config: WebSocketConfig) -> Self {
        outbox.connection.open(io);
        // The outbox already joins writes. With another buffer in front of it, frames would overtake messages.
        let library = WebSocketContext::new(Role::Server, Some(config.write_buffer_size(0)));
        let io = OutboxIo { outbox, heads: Heads::default(), is_malformed: false, readable: usize::MAX };
        Self { socket: Box::new(Socket { library, io, is_over: false }) }
    }

    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.socket.io.outbox)
    }

    /// Returns the next message; `None` once the socket is closed.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let Socket { library, io, is_over } = &mut *self.socket;
        if *is_over {
            return Poll::Ready(None);
        }
        // The library does not report empty frames. Report each before the next message.
        if io.heads.take_empty() {
            return Poll::Ready(Some(Ok(empty())));
        }
        match ready_or_pending(library.read(&mut Polled { io, cx })) {
            Poll::Pending if io.heads.take_empty() => Poll::Ready(Some(Ok(empty()))),
            Poll::Ready(Err(error)) => {
                *is_over = true;
                let is_closed = matches!(error, Error::ConnectionClosed | Error::AlreadyClosed);
                Poll::Ready((!is_closed).then_some(Err(error)))
            }
            polled => polled.map(Some),
        }
    }

    /// Queues a close frame.
    ///
    /// # Errors
    /// If the client has closed the socket.
    pub(super) async fn close(&mut self, frame: CloseFrame) -> Result<(), Error> {
        self.socket.io.readable = self.socket.io.readable.min(AFTER_CLOSE_BYTES_MAX);
        // The library would put an answer to a ping behind the close frame.
        self.write(|library, io| library.flush(io)).await?;
        self.write(|library, io| library.close(io, Some(frame.clone()))).await
    }

    /// Writes what the library and the outbox have.
    pub(super) async fn flush(&mut self) {
        // If the client no longer reads, it is lost; nothing can be done.
        let _ = self.write(|library, io| library.flush(io)).await;
        self.socket.io.outbox.written().await;
    }

    /// Repeats `write` until the outbox has taken everything.
    async fn write(
        &mut self,
        write: impl Fn(&mut WebSocketContext, &mut Polled<'_, '_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Socket { library, io, .. } = &mut *self.socket;
        poll_fn(|cx| ready_or_pending(write(library, &mut Polled { io, cx }))).await
    }
}

fn ready_or_pending<T>(result: Result<T, Error>) -> Poll<Result<T, Error>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// An empty frame that does not end a message.
fn empty() -> Message {
    Message::Frame(Frame::message(Vec::new(), OpCode::Data(Data::Continue), false))
}

/// Maximum number of bytes read from a client after our close frame, which it may not have seen yet.
const AFTER_CLOSE_BYTES_MAX: usize = 256 << 10;

/// What the library reads from and writes to.
struct OutboxIo {
    outbox: Arc<Outbox>,
    heads: Heads,
    /// Whether the input is malformed, so that reading cannot continue.
    is_malformed: bool,
    /// Number of bytes that may still be read.
    readable: usize,
}

impl Drop for OutboxIo {
    fn drop(&mut self) {
        self.outbox.connection.close();
        self.outbox.call();
    }
}

/// What the library sees of it during one poll.
struct Polled<'a, 'b> {
    io: &'a mut OutboxIo,
    cx: &'a mut Context<'b>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { io, cx } = self;
        if io.is_malformed {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if io.heads.has_empty() {
            cx.waker().wake_by_ref();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if io.readable == 0 {
            return Ok(0);
        }
        let mut buf = ReadBuf::new(buf);
        let Poll::Ready(read) = io.outbox.connection.poll_read(cx, &mut buf) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        read?;
        let received = buf.filled();
        io.readable = io.readable.saturating_sub(received.len());
        let Some(good) = io.heads.read(received) else { return Ok(received.len()) };
        io.is_malformed = true;
        if good > 0 { Ok(good) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Write for Polled<'_, '_> {
    /// Queues all of `buf` or nothing, so that the queue holds whole frames only.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.io.outbox.poll_put(self.cx, buf) {
            Poll::Ready(()) => Ok(buf.len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
