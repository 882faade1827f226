//! A connection that joins what is written, as a stream of bytes both ways.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{heads::Heads, shared_sink::Station, write_queue::Flow};

/// How much is read of a client that was told to go, in bytes: it may not have seen that yet.
const AFTER_CLOSE_BYTES_MAX: usize = 256 << 10;

/// What the socket's task reads and writes. With it goes the connection.
pub(super) struct Pipe {
    station: Station,
    heads: Heads,
    /// What was read of it cannot go on.
    is_malformed: bool,
    /// How much is still read, in bytes.
    readable: usize,
}

impl Pipe {
    pub(super) fn new(io: Upgraded) -> Self {
        let station = Station::new(Flow::new(io));
        Self { station, heads: Heads::default(), is_malformed: false, readable: usize::MAX }
    }

    pub(super) fn station(&self) -> Station {
        self.station.clone()
    }

    pub(super) fn is_full(&self) -> bool {
        self.station.lock().is_full()
    }

    /// Whether a frame came that says nothing; each is told once, and before that nothing more is read.
    pub(super) fn take_empty(&mut self) -> bool {
        self.heads.take_empty()
    }

    /// The client is told to go: of what it goes on to send not all is read.
    pub(super) fn end_reading(&mut self) {
        self.readable = self.readable.min(AFTER_CLOSE_BYTES_MAX);
    }

    /// Lets nothing of a feed follow.
    pub(super) fn end_frames(&self) {
        let mut flow = self.station.lock();
        flow.is_closing = true;
        // This is called by the task itself, which looks at it before it waits.
        flow.is_returned = true;
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.station.break_off();
    }
}

impl AsyncRead for Pipe {
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
        match &mut self.station.lock().io {
            Some(io) => ready!(Pin::new(io).poll_read(cx, buf))?,
            None => return Poll::Ready(Ok(())),
        }
        let came = &buf.filled()[before..];
        self.readable = self.readable.saturating_sub(came.len());
        let Some(good) = self.heads.read(came) else { return Poll::Ready(Ok(())) };
        self.is_malformed = true;
        buf.set_filled(before + good);
        if good > 0 { Poll::Ready(Ok(())) } else { Poll::Ready(Err(io::ErrorKind::InvalidData.into())) }
    }
}

impl AsyncWrite for Pipe {
    /// Takes all of it or nothing: what is queued is whole frames.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut flow = self.station.lock();
        if flow.is_full() {
            ready!(flow.poll_flush(cx))?;
        }
        flow.put(Bytes::copy_from_slice(buf));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.station.lock().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.station.lock().io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
