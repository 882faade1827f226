//! A byte stream over a connection whose writes are queued and joined.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::{
    Message,
    error::{Error, ProtocolError},
};

use super::{heads::Heads, shared_sink::SharedSink};

/// Maximum number of bytes read from a client after our close frame, which it may not have seen yet.
const AFTER_CLOSE_BYTES_MAX: usize = 256 << 10;

/// The read and write halves that the socket's task uses. Dropping it closes the connection.
pub(super) struct QueuedIo {
    sink: SharedSink,
    heads: Heads,
    /// Whether the input is malformed, so that reading cannot continue.
    is_malformed: bool,
    /// Number of bytes that may still be read.
    readable: usize,
}

impl QueuedIo {
    pub(super) fn new(io: Upgraded) -> Self {
        let sink = SharedSink::new(io);
        Self { sink, heads: Heads::default(), is_malformed: false, readable: usize::MAX }
    }

    pub(super) fn sink(&self) -> SharedSink {
        self.sink.clone()
    }

    pub(super) fn is_full(&self) -> bool {
        self.sink.0.lock().queue.is_full()
    }

    /// Returns whether an empty frame has arrived, once for each. Reading pauses until all are taken.
    pub(super) fn take_empty(&mut self) -> bool {
        self.heads.take_empty()
    }

    /// Limits how much is still read, now that the client has been told to leave.
    pub(super) fn end_reading(&mut self) {
        self.readable = self.readable.min(AFTER_CLOSE_BYTES_MAX);
    }

    /// Queues a text or binary message without copying it. Returns other messages.
    pub(super) fn put(&self, message: Message) -> Result<Option<Message>, Error> {
        let mut state = self.sink.0.lock();
        if state.is_ended() && (message.is_text() || message.is_binary()) {
            return Err(ProtocolError::SendAfterClosing.into());
        }
        Ok(state.queue.put_message(message))
    }

    /// Prevents further events. The task calls this, and checks it before it waits.
    pub(super) fn end_events(&self) {
        self.sink.end();
    }
}

impl Drop for QueuedIo {
    fn drop(&mut self) {
        self.sink.disconnect();
    }
}

impl AsyncRead for QueuedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_malformed {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if self.heads.has_empty() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.readable == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(self.sink.0.lock().queue.poll_read(cx, buf))?;
        let received = &buf.filled()[before..];
        self.readable = self.readable.saturating_sub(received.len());
        let Some(good) = self.heads.read(received) else { return Poll::Ready(Ok(())) };
        self.is_malformed = true;
        buf.set_filled(before + good);
        if good > 0 { Poll::Ready(Ok(())) } else { Poll::Ready(Err(io::ErrorKind::InvalidData.into())) }
    }
}

impl AsyncWrite for QueuedIo {
    /// Queues all of `buf` or nothing, so that the queue holds whole frames only.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.sink.0.lock();
        if state.queue.is_full() {
            ready!(state.poll_flush(cx))?;
        }
        state.queue.put(Bytes::copy_from_slice(buf));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink.0.lock().queue.poll_shutdown(cx)
    }
}
