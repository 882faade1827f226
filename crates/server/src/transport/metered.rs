//! Connections below the HTTP library: counts bytes, holds the slot, and delivers responses to requests that
//! are not read to their end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use livetape_io::clock;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::admission::ConnectionSlot;
use crate::state::traffic::{Meter, Traffic};

/// Maximum number of bytes read after a response that ends the connection.
const UNREAD_BYTES_MAX: usize = 4 << 20;
/// Maximum time for reading them.
const UNREAD_TIME_MAX: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 8 * 1024;

/// Whether the connection ends with a request that was not read to its end. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An accepted connection. It holds its slot until dropped, upgraded or not.
pub(super) struct Metered<I> {
    io: I,
    meter: Meter,
    unread: Unread,
    unread_bytes: usize,
    unread_timer: Option<Pin<Box<Sleep>>>,
    _slot: ConnectionSlot,
}

impl<I> Metered<I> {
    pub(super) fn new(io: I, traffic: &Traffic, unread: Unread, slot: ConnectionSlot) -> Self {
        Self { io, meter: traffic.meter(), unread, unread_bytes: 0, unread_timer: None, _slot: slot }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Metered<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        this.meter.received(buf.filled().len() - before);
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.meter.sent(Pin::new(&mut this.io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.meter.sent(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    /// Closing a socket with unread data would discard the response, so this first reads until the client
    /// closes the connection, within limits.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
        if !this.unread.0.load(Ordering::Relaxed) {
            return Poll::Ready(shut);
        }
        let due = || Box::pin(sleep_until(clock::now() + UNREAD_TIME_MAX));
        let timer = this.unread_timer.get_or_insert_with(due);
        while this.unread_bytes < UNREAD_BYTES_MAX && timer.as_mut().poll(cx).is_pending() {
            let mut ignored = [0; READ_BYTES];
            let mut ignored = ReadBuf::new(&mut ignored);
            let read = ready!(Pin::new(&mut this.io).poll_read(cx, &mut ignored));
            if read.is_err() || ignored.filled().is_empty() {
                break;
            }
            this.unread_bytes += ignored.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}
