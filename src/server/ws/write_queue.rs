//! What is written to a connection: all that is queued goes out at once.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use bytes::Buf as _;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

/// Maximum size of the queue before somebody has to wait, in bytes; the frame that passes it is still taken.
const QUEUE_BYTES_MAX: usize = 32 * 1024;
/// How many pieces one write takes.
const SLICES_MAX: usize = 64;

/// A connection, with the frames that are still to be written to it.
#[derive(Debug)]
pub(super) struct WriteQueue {
    /// `None` once the connection is gone.
    io: Option<TokioIo<Upgraded>>,
    /// Frames, or a head and its payload. The beginning of the first may be written.
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl WriteQueue {
    pub(super) fn new(io: Upgraded) -> Self {
        Self { io: Some(TokioIo::new(io)), frames: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.io.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= QUEUE_BYTES_MAX
    }

    /// Puts a frame, or a part of one, behind what is queued.
    pub(super) fn put(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.frames.push_back(piece);
    }

    /// Lets `fill` put frames behind what is queued.
    pub(super) fn fill<T>(&mut self, fill: impl FnOnce(&mut VecDeque<Bytes>) -> T) -> T {
        let before = self.frames.len();
        let filled = fill(&mut self.frames);
        self.bytes += self.frames.iter().skip(before).map(Bytes::len).sum::<usize>();
        filled
    }

    /// Exchanges the memory of an empty queue for other memory: an idle socket needs none of its own.
    pub(super) fn swap_memory(&mut self, spare: &mut VecDeque<Bytes>) {
        debug_assert!(self.is_empty() && spare.is_empty());
        mem::swap(&mut self.frames, spare);
    }

    /// Takes the connection away; it is closed when the result is dropped.
    pub(super) fn disconnect(&mut self) -> Option<TokioIo<Upgraded>> {
        self.io.take()
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => Pin::new(io).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }

    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        while !self.frames.is_empty() {
            let written = ready!(poll_write(Pin::new(&mut *io), cx, &self.frames))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes -= written;
            advance(&mut self.frames, written);
        }
        Pin::new(io).poll_flush(cx)
    }

    /// A socket that waits keeps no memory for what it had to write.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.frames = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// One write, of as much as one takes.
fn poll_write(
    io: Pin<&mut TokioIo<Upgraded>>,
    cx: &mut Context<'_>,
    frames: &VecDeque<Bytes>,
) -> Poll<io::Result<usize>> {
    if let [frame] = frames.as_slices().0
        && frames.len() == 1
    {
        return io.poll_write(cx, frame);
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = slices.len().min(frames.len());
    for (slice, frame) in slices.iter_mut().zip(frames) {
        *slice = IoSlice::new(frame);
    }
    io.poll_write_vectored(cx, &slices[..count])
}

fn advance(frames: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(first) = frames.front_mut() {
        if first.len() > count {
            first.advance(count);
            return;
        }
        count -= first.len();
        frames.pop_front();
    }
}
