//! A connection that counts bytes read, and fails if too many of them yield no message: the library skips
//! empty frames endlessly.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use livetape_core::session::UNFINISHED_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// Number of bytes read since the last call to `take`. Clones share the counter.
#[derive(Clone, Debug, Default)]
pub struct Received(Arc<AtomicUsize>);

impl Received {
    /// Error kind of a read after more than [`UNFINISHED_BYTES_MAX`] bytes without a message.
    pub(in crate::source::live) const TOO_MUCH: io::ErrorKind = io::ErrorKind::QuotaExceeded;

    pub(in crate::source::live) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

pub struct Counted {
    io: Box<dyn Stream>,
    received: Received,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Counted {
    pub(super) fn new(io: impl Stream + 'static) -> (Self, Received) {
        let received = Received::default();
        (Self { io: Box::new(io), received: received.clone() }, received)
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        if this.received.0.fetch_add(read, Ordering::Relaxed) > UNFINISHED_BYTES_MAX {
            return Poll::Ready(Err(Received::TOO_MUCH.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
