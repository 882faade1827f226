//! The write half of a socket, shared by two tasks: the socket's own, and the writer of the channel that it
//! reads. The subscriber is kept here; its [`Owner`] may put events into the queue. [`super`] has a diagram.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io, mem,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use livetape_feed::hub::{Batches, Next, Progress, Subscriber};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::time::Instant;
use tungstenite::Message;

use super::write_queue::WriteQueue;

/// The write half of a socket. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SharedSink(pub(super) Arc<Mutex<SinkState>>);

#[derive(Debug)]
pub(super) struct SinkState {
    pub(super) queue: WriteQueue,
    owner: Owner,
    /// Number of writer slots so far. The latest one is valid.
    slot: u64,
}

/// Who may write events, with the subscriber that they come from.
#[derive(Debug)]
enum Owner {
    /// Nobody: the socket reads no channel.
    Nobody,
    /// The socket's task.
    Task(Subscriber),
    /// The channel's writer. The waker wakes the task when the writer gives the subscriber back.
    Writer(Subscriber, Option<Waker>),
    /// Nobody, permanently: no event may follow a close frame.
    Ended,
}

/// State that a channel writer shares across all sockets of one round.
pub(super) struct Round {
    /// Current time, updated now and then rather than for each socket.
    pub(super) now: Instant,
    pub(super) batches: Batches,
    /// Memory for the queue of the current socket.
    spare: VecDeque<Bytes>,
}

impl Round {
    pub(super) fn new() -> Self {
        Self { now: clock::now(), batches: Batches::default(), spare: VecDeque::new() }
    }
}

/// Result of [`SharedSink::lend`].
pub(super) enum Lend<'a> {
    /// The channel's writer may write events until the loan ends.
    Lent(Loan<'a>),
    /// The task remains the owner: events are queued and must be flushed first, or the feed has ended.
    Kept(Next),
    /// The client has closed the socket.
    Ended,
}

/// While this exists, the channel's writer may write events.
pub(super) struct Loan<'a>(&'a SharedSink);

/// Result of [`SharedSink::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Everything new is written.
    Written,
    /// Nothing to write for now.
    Nothing,
    /// The connection is gone, or moved to another slot.
    Gone,
}

/// Result of [`SharedSink::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing was done, because something else comes first.
    Nothing,
    /// Everything is written.
    Written,
    /// Everything is queued, and the task has to flush it.
    Queued,
}

impl SharedSink {
    pub(super) fn new(io: Upgraded) -> Self {
        let queue = WriteQueue::new(io);
        Self(Arc::new(Mutex::new(SinkState { queue, owner: Owner::Nobody, slot: 0 })))
    }

    /// Changes the feed that the socket reads. The task becomes its owner.
    pub(super) fn read(&self, feed: Option<Subscriber>) {
        let next = feed.map_or(Owner::Nobody, Owner::Task);
        let mut state = self.0.lock();
        let unused = match state.owner {
            Owner::Ended => next,
            _ => mem::replace(&mut state.owner, next),
        };
        // Dropping a subscriber takes the channel's lock, so release ours first.
        drop(state);
        drop(unused);
    }

    /// Prevents further events, because the client has closed the socket or the server is about to.
    pub(super) fn end(&self) {
        let ended = mem::replace(&mut self.0.lock().owner, Owner::Ended);
        drop(ended);
    }

    /// Makes the channel's writer the owner, unless events are waiting; those are queued for the task to
    /// flush.
    pub(super) fn lend(&self) -> Lend<'_> {
        let mut state = self.0.lock();
        let SinkState { queue, owner, .. } = &mut *state;
        let Owner::Task(feed) = owner else { return Lend::Ended };
        // Checked under the lock: the writer finds everything published after this.
        if let Some(next) = queue.fill(|frames| feed.frames(&mut Batches::default(), frames)) {
            return Lend::Kept(next);
        }
        owner.lend();
        Lend::Lent(Loan(self))
    }

    /// Returns how far the task has read. `None` if it is not the owner.
    pub(super) fn progress(&self) -> Option<Progress> {
        match &self.0.lock().owner {
            Owner::Task(feed) => Some(feed.progress()),
            _ => None,
        }
    }

    /// Begins a new writer slot and returns its number.
    pub(super) fn begin_slot(&self) -> u64 {
        let mut state = self.0.lock();
        state.slot += 1;
        state.slot
    }

    /// Whether the connection still exists and is in this slot.
    pub(super) fn has_slot(&self, slot: u64) -> bool {
        self.0.lock().has_slot(slot)
    }

    /// Writes new events if the writer is the owner. If the socket does not accept them all at once, its task
    /// takes over.
    pub(super) fn write(&self, slot: u64, round: &mut Round) -> Wrote {
        let mut state = self.0.lock();
        if !state.has_slot(slot) {
            return Wrote::Gone;
        }
        if let Some(found) = state.write(round) {
            return found;
        }
        let task = state.owner.give_back();
        drop(state);
        task.into_iter().for_each(Waker::wake);
        Wrote::Nothing
    }

    /// Writes messages if nothing else is queued; events may have any owner. `None` is something that only
    /// the task can do.
    pub(super) fn send<'a>(&self, messages: impl Iterator<Item = Option<&'a Message>> + Clone) -> Sent {
        let mut state = self.0.lock();
        let is_possible = messages.clone().all(|it| it.is_some_and(|it| it.is_text() || it.is_binary()));
        if state.is_ended() || !state.queue.is_empty() || !is_possible {
            return Sent::Nothing;
        }
        for message in messages.flatten() {
            state.queue.put_message(message.clone());
        }
        // As in `write`, no waker is needed.
        match state.poll_flush(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Sent::Written,
            // The task finds the error when it flushes.
            Poll::Ready(Err(_)) | Poll::Pending => Sent::Queued,
        }
    }

    /// Closes the connection immediately.
    pub(super) fn disconnect(&self) {
        let mut state = self.0.lock();
        let task = state.owner.give_back();
        let gone = (state.queue.disconnect(), mem::replace(&mut state.owner, Owner::Ended));
        drop(state);
        task.into_iter().for_each(Waker::wake);
        drop(gone);
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_flush(cx)
    }
}

impl Loan<'_> {
    /// Waits until the task has to take over.
    pub(super) async fn returned(&self) {
        poll_fn(|cx| self.0.0.lock().owner.poll_returned(cx)).await;
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        // The task itself drops the loan, so it need not be woken.
        drop(self.0.0.lock().owner.give_back());
    }
}

impl SinkState {
    fn has_slot(&self, slot: u64) -> bool {
        self.queue.is_connected() && self.slot == slot
    }

    /// Whether nothing may follow, because the client has closed the socket or the connection is gone.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.owner, Owner::Ended)
    }

    /// Writes new events. Returns `None` if the task has to take over.
    fn write(&mut self, round: &mut Round) -> Option<Wrote> {
        let Self { queue, owner, .. } = self;
        let Owner::Writer(feed, _) = owner else { return Some(Wrote::Nothing) };
        if !queue.is_empty() {
            return None;
        }
        // Most frames are written immediately, so all sockets can share the memory of one queue.
        queue.swap_memory(&mut round.spare);
        match queue.fill(|frames| feed.frames(&mut round.batches, frames)) {
            None => {
                queue.swap_memory(&mut round.spare);
                return Some(Wrote::Nothing);
            }
            Some(Next::Events) => {}
            // The task gets the same result when it asks.
            Some(_) => return None,
        }
        // The task polls for itself when it takes over, so no waker is needed here.
        match queue.poll_drain(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => queue.swap_memory(&mut round.spare),
            Poll::Ready(Err(_)) | Poll::Pending => return None,
        }
        feed.written_by(round.now);
        Some(Wrote::Written)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.queue.poll_flush(cx))?;
        // The events of the feed are written along with everything else.
        if let Owner::Task(feed) = &self.owner {
            feed.written();
        }
        Poll::Ready(Ok(()))
    }
}

impl Owner {
    /// Passes ownership from the task to the writer.
    fn lend(&mut self) {
        *self = match mem::replace(self, Self::Nobody) {
            Self::Task(feed) => Self::Writer(feed, None),
            other => other,
        };
    }

    /// Passes ownership from the writer to the task. Returns the task's waker if it waits.
    fn give_back(&mut self) -> Option<Waker> {
        let (owner, task) = match mem::replace(self, Self::Nobody) {
            Self::Writer(feed, task) => (Self::Task(feed), task),
            other => (other, None),
        };
        *self = owner;
        task
    }

    fn poll_returned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self::Writer(_, task) = self else { return Poll::Ready(()) };
        if task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
