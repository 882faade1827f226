//! The connection of a socket, which its task reads and its shard writes to.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use bytes::Buf as _;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

/// Maximum number of pieces in one vectored write.
const SLICES_MAX: usize = 64;

/// `None` before the handshake, and once the connection is gone. The lock is held for one system call.
#[derive(Debug, Default)]
pub(super) struct Connection(Mutex<Option<TokioIo<Upgraded>>>);

impl Connection {
    pub(super) fn open(&self, io: Upgraded) {
        *self.0.lock() = Some(TokioIo::new(io));
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Closes the connection immediately.
    pub(super) fn close(&self) {
        let gone = self.0.lock().take();
        drop(gone);
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.lock() {
            Some(io) => Pin::new(io).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Writes all pieces, as many at once as possible. The first of those that are left may be partly written. Calls
    /// `written` after the last one, before anything that the client answers can be read.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        pieces: &mut VecDeque<Bytes>,
        written: impl FnOnce(),
    ) -> Poll<io::Result<()>> {
        let mut io = self.0.lock();
        let Some(io) = &mut *io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        while !pieces.is_empty() {
            let written = ready!(poll_write(Pin::new(&mut *io), cx, pieces))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            advance(pieces, written);
        }
        ready!(Pin::new(io).poll_flush(cx))?;
        written();
        Poll::Ready(Ok(()))
    }
}

/// Writes as many pieces as fit into one call.
fn poll_write(
    io: Pin<&mut TokioIo<Upgraded>>,
    cx: &mut Context<'_>,
    pieces: &VecDeque<Bytes>,
) -> Poll<io::Result<usize>> {
    if let ([piece], []) = pieces.as_slices() {
        return io.poll_write(cx, piece);
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = slices.len().min(pieces.len());
    for (slice, piece) in slices.iter_mut().zip(pieces) {
        *slice = IoSlice::new(piece);
    }
    io.poll_write_vectored(cx, &slices[..count])
}

fn advance(pieces: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(first) = pieces.front_mut() {
        if first.len() > count {
            first.advance(count);
            return;
        }
        count -= first.len();
        pieces.pop_front();
    }
}
