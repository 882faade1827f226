//! A connection that knows how much was read, and breaks if too much of that is not a message: the library skips frames
//! without content, without end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sans_io::session::UNFINISHED_BYTES_MAX;

/// How many bytes were read since somebody asked. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Received(Arc<AtomicUsize>);

impl Received {
    /// What reading fails with after more than [`UNFINISHED_BYTES_MAX`] that nobody asked for.
    pub(in crate::source::live) const TOO_MUCH: io::ErrorKind = io::ErrorKind::QuotaExceeded;

    /// Returns the count and begins anew.
    pub(in crate::source::live) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// The connection.
#[derive(Debug)]
pub struct Counted<S> {
    io: S,
    received: Received,
}

impl<S> Counted<S> {
    pub(super) fn new(io: S) -> (Self, Received) {
        let received = Received::default();
        (Self { io, received: received.clone() }, received)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
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
