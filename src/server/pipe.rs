//! A connection that joins what is written: all that is queued goes out at once.

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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What may be queued before somebody has to wait, in bytes; the piece that passes it is still taken.
const QUEUE_BYTES_MAX: usize = 32 * 1024;
/// How many pieces one write takes.
const SLICES_MAX: usize = 64;

pub(super) struct Pipe {
    io: TokioIo<Upgraded>,
    /// Whole frames, but for the first: the beginning of that may be written.
    queue: VecDeque<Bytes>,
    bytes: usize,
}

impl Pipe {
    pub(super) fn new(io: Upgraded) -> Self {
        Self { io: TokioIo::new(io), queue: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= QUEUE_BYTES_MAX
    }

    /// Puts these behind what is queued.
    pub(super) fn put(&mut self, frames: Vec<Bytes>) {
        self.bytes += frames.iter().map(Bytes::len).sum::<usize>();
        if self.queue.is_empty() {
            self.queue = frames.into();
        } else {
            self.queue.extend(frames);
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = slices.len().min(self.queue.len());
            for (slice, frame) in slices.iter_mut().zip(&self.queue) {
                *slice = IoSlice::new(frame);
            }
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written(written);
        }
        // A socket that waits keeps no memory for what it had to write.
        self.queue = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    fn written(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(first) = self.queue.front_mut() {
            if first.len() > count {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.queue.pop_front();
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pipe {
    /// Takes all of it or nothing: what is queued is whole frames.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_full() {
            ready!(this.poll_drain(cx))?;
        }
        this.put(vec![Bytes::copy_from_slice(buf)]);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
