//! The messages that a client sends. What the library answers goes into the outbox, like everything that the server
//! sends.

use std::{
    future::poll_fn,
    io::{self, Read, Write},
    sync::Arc,
    task::{Context, Poll},
};

use hyper::upgrade::Upgraded;
use livetape_core::ws_frame::Heads;
use tokio::io::ReadBuf;
use tungstenite::{
    Message,
    error::Error,
    protocol::{
        CloseFrame, Role, WebSocketConfig, WebSocketContext,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::shard::Outbox;

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
