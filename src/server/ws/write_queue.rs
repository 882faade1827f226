//! What is written to a connection: all that is queued goes out at once.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use axum::body::Bytes;
use bytes::Buf as _;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite as _;

use super::shared_sink::{Found, Round};
use crate::hub::{Batches, Next, Subscriber};

/// What may be queued before somebody has to wait, in bytes; the piece that passes it is still taken.
const QUEUE_BYTES_MAX: usize = 32 * 1024;
/// How many pieces one write takes.
const SLICES_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Flow {
    /// `None` when the pipe is gone.
    pub(super) io: Option<TokioIo<Upgraded>>,
    /// Whole frames, but for the first: the beginning of that may be written.
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// How many places with a writer it has had; the last one counts.
    pub(super) place: u64,
    /// Here while the writer has it.
    pub(super) feed: Option<Subscriber>,
    /// The task waits to have the feed back.
    pub(super) task: Option<Waker>,
    /// The task is to go on by itself.
    pub(super) is_returned: bool,
    /// The client has closed it: what the feed has does not follow.
    pub(super) is_closing: bool,
}

impl Flow {
    pub(super) fn new(io: Upgraded) -> Self {
        Self {
            io: Some(TokioIo::new(io)),
            queue: VecDeque::new(),
            bytes: 0,
            place: 0,
            feed: None,
            task: None,
            is_returned: false,
            is_closing: false,
        }
    }

    pub(super) fn has_place(&self, place: u64) -> bool {
        self.io.is_some() && self.place == place
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= QUEUE_BYTES_MAX
    }

    /// `None`: this is for the task.
    pub(super) fn write(&mut self, round: &mut Round) -> Option<Found> {
        if self.is_returned || self.feed.is_none() {
            return Some(Found::Nothing);
        }
        if !self.queue.is_empty() {
            return None;
        }
        // Most frames go out at once: the queue that they go through is the same for all.
        mem::swap(&mut self.queue, &mut round.queue);
        match self.feed.as_mut()?.frames(&mut round.batches, &mut self.queue) {
            None => {
                mem::swap(&mut self.queue, &mut round.queue);
                return Some(Found::Nothing);
            }
            Some(Next::Events) => {}
            // It says so again when it is asked by the task.
            Some(_) => return None,
        }
        self.bytes += self.queue.iter().map(Bytes::len).sum::<usize>();
        // The task asks for itself when it goes on, so nobody has to be woken for this.
        match self.poll_drain(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => mem::swap(&mut self.queue, &mut round.queue),
            Poll::Ready(Err(_)) | Poll::Pending => return None,
        }
        self.feed.as_ref()?.written_by(round.now);
        Some(Found::Written)
    }

    /// Queues what `feed` has.
    pub(super) fn take(&mut self, feed: &mut Subscriber) -> Option<Next> {
        let before = self.queue.len();
        let next = feed.frames(&mut Batches::default(), &mut self.queue);
        self.bytes += self.queue.iter().skip(before).map(Bytes::len).sum::<usize>();
        next
    }

    /// Puts this behind what is queued.
    pub(super) fn put(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.queue.push_back(frame);
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        while !self.queue.is_empty() {
            let written = ready!(poll_write(Pin::new(&mut *io), cx, &self.queue))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes -= written;
            advance(&mut self.queue, written);
        }
        Pin::new(io).poll_flush(cx)
    }

    /// A socket that waits keeps no memory for what it had to write.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.queue = VecDeque::new();
        Poll::Ready(Ok(()))
    }
}

/// One write, of as much as one takes.
fn poll_write(
    io: Pin<&mut TokioIo<Upgraded>>,
    cx: &mut Context<'_>,
    queue: &VecDeque<Bytes>,
) -> Poll<io::Result<usize>> {
    if let [piece] = queue.as_slices().0
        && queue.len() == 1
    {
        return io.poll_write(cx, piece);
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = slices.len().min(queue.len());
    for (slice, frame) in slices.iter_mut().zip(queue) {
        *slice = IoSlice::new(frame);
    }
    io.poll_write_vectored(cx, &slices[..count])
}

fn advance(queue: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(first) = queue.front_mut() {
        if first.len() > count {
            first.advance(count);
            return;
        }
        count -= first.len();
        queue.pop_front();
    }
}
