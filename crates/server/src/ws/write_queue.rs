//! Write queue of a connection: joins the queued frames into few writes.

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
use tungstenite::{
    Message,
    protocol::frame::{
        FrameHeader,
        coding::{Data, OpCode},
    },
};

/// Queue size at which writers have to wait, in bytes. The frame that exceeds it is still queued.
const QUEUE_BYTES_MAX: usize = 32 * 1024;
/// Maximum length of a server's frame header, in bytes.
const HEAD_BYTES_MAX: usize = 10;
/// Maximum number of slices in one vectored write.
const SLICES_MAX: usize = 64;

/// A connection with the frames that wait to be written.
#[derive(Debug)]
pub(super) struct WriteQueue {
    /// `None` once the connection is gone.
    io: Option<TokioIo<Upgraded>>,
    /// Whole frames, or a head followed by its payload. The first one may be partly written.
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

    /// Queues a frame or a part of one.
    pub(super) fn put(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.frames.push_back(piece);
    }

    /// Queues a text or binary message without copying it. Returns other messages.
    pub(super) fn put_message(&mut self, message: Message) -> Option<Message> {
        let (data, payload) = match message {
            Message::Text(text) => (Data::Text, text.into()),
            Message::Binary(bytes) => (Data::Binary, bytes),
            other => return Some(other),
        };
        let header = FrameHeader { opcode: OpCode::Data(data), ..FrameHeader::default() };
        let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
        header.format(payload.len() as u64, &mut head).expect("a Vec accepts everything");
        self.put(head.into());
        self.put(payload);
        None
    }

    /// Lets `fill` append frames to the queue.
    pub(super) fn fill<T>(&mut self, fill: impl FnOnce(&mut VecDeque<Bytes>) -> T) -> T {
        let before = self.frames.len();
        let filled = fill(&mut self.frames);
        self.bytes += self.frames.iter().skip(before).map(Bytes::len).sum::<usize>();
        filled
    }

    /// Swaps the memory of an empty queue, because an idle socket needs none of its own.
    pub(super) fn swap_memory(&mut self, spare: &mut VecDeque<Bytes>) {
        assert!(self.is_empty() && spare.is_empty());
        mem::swap(&mut self.frames, spare);
    }

    /// Removes the connection, which closes when the result is dropped.
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

    /// Flushes the queue and frees its memory, so that idle sockets use none.
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

/// Writes as many slices as fit into one call.
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
