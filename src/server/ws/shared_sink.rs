//! The write half of a socket, which two tasks share: the socket's own, and the writer of the channel that it reads. The
//! subscriber stays in here; its [`Owner`] may put events into the queue. [`super`] has the diagram.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use tokio::time::Instant;

use super::write_queue::WriteQueue;
use crate::{
    clock,
    hub::{Batches, Next, Subscriber},
};

/// The write half. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SharedSink(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: WriteQueue,
    owner: Owner,
    /// Number of writer slots so far; the last one counts.
    slot: u64,
}

/// Who may write events, with the subscriber that they come from.
#[derive(Debug)]
enum Owner {
    /// Nobody: the socket reads no channel.
    Nobody,
    /// The socket's task.
    Task(Subscriber),
    /// The channel's writer, and the task to wake when it gives up.
    Writer(Subscriber, Option<Waker>),
    /// Nobody any more: no event may follow a close frame.
    Ended,
}

/// A channel writer's way past its sockets.
pub(super) struct Round {
    /// Looked at from time to time, not for each socket.
    pub(super) now: Instant,
    pub(super) batches: Batches,
    /// Memory for the queue of the socket whose turn it is.
    spare: VecDeque<Bytes>,
}

impl Round {
    pub(super) fn new() -> Self {
        Self { now: clock::now(), batches: Batches::default(), spare: VecDeque::new() }
    }
}

/// Result of [`SharedSink::lend`].
pub(super) enum Lend<'a> {
    /// The channel's writer may write events, until the loan ends.
    Lent(Loan<'a>),
    /// The task keeps it: this is queued and to be flushed first, or the feed has ended.
    Kept(Next),
    /// The client has closed the socket.
    Ended,
}

/// While this exists, the channel's writer may write events.
pub(super) struct Loan<'a>(&'a SharedSink);

/// Result of [`SharedSink::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Everything new is written.
    Written,
    /// Nothing to do here, for now.
    Nothing,
    /// The connection is gone, or in another slot.
    Gone,
}

impl SharedSink {
    pub(super) fn new(io: Upgraded) -> Self {
        let queue = WriteQueue::new(io);
        Self(Arc::new(Mutex::new(State { queue, owner: Owner::Nobody, slot: 0 })))
    }

    /// Changes what the socket reads. The task owns it first.
    pub(super) fn read(&self, feed: Option<Subscriber>) {
        let next = feed.map_or(Owner::Nobody, Owner::Task);
        let mut state = self.lock();
        let unused = match state.owner {
            Owner::Ended => next,
            _ => mem::replace(&mut state.owner, next),
        };
        // A subscriber takes the channel's lock when it is dropped.
        drop(state);
        drop(unused);
    }

    /// Lets no event follow: the client has closed the socket, or the server is about to.
    pub(super) fn end(&self) {
        let ended = mem::replace(&mut self.lock().owner, Owner::Ended);
        drop(ended);
    }

    /// Makes the channel's writer the owner, unless there is something to write now; that is queued.
    pub(super) fn lend(&self) -> Lend<'_> {
        let mut state = self.lock();
        let State { queue, owner, .. } = &mut *state;
        let Owner::Task(feed) = owner else { return Lend::Ended };
        // Under the lock: what is published after this, the writer finds.
        if let Some(next) = queue.fill(|frames| feed.frames(&mut Batches::default(), frames)) {
            return Lend::Kept(next);
        }
        owner.lend();
        Lend::Lent(Loan(self))
    }

    /// Begins another slot with a writer, and returns its number.
    pub(super) fn begin_slot(&self) -> u64 {
        let mut state = self.lock();
        state.slot += 1;
        state.slot
    }

    /// Whether the connection exists, and in this slot.
    pub(super) fn has_slot(&self, slot: u64) -> bool {
        self.lock().has_slot(slot)
    }

    /// Writes what the feed has, if the writer owns it. Where the socket does not take that at once, its task goes on.
    pub(super) fn write(&self, slot: u64, round: &mut Round) -> Found {
        let mut state = self.lock();
        if !state.has_slot(slot) {
            return Found::Gone;
        }
        if let Some(found) = state.write(round) {
            return found;
        }
        let task = state.owner.give_back();
        drop(state);
        task.into_iter().for_each(Waker::wake);
        Found::Nothing
    }

    /// Closes the connection at once.
    pub(super) fn disconnect(&self) {
        let mut state = self.lock();
        let task = state.owner.give_back();
        let gone = (state.queue.disconnect(), mem::replace(&mut state.owner, Owner::Ended));
        drop(state);
        task.into_iter().for_each(Waker::wake);
        drop(gone);
    }

    /// Writes all that is queued.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_flush(cx)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every state that a panicking holder could leave behind is a valid one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loan<'_> {
    /// Waits until the task has to go on by itself.
    pub(super) async fn returned(&self) {
        poll_fn(|cx| self.0.lock().owner.poll_returned(cx)).await;
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        // The task is here: nobody is to be woken.
        drop(self.0.lock().owner.give_back());
    }
}

impl State {
    fn has_slot(&self, slot: u64) -> bool {
        self.queue.is_connected() && self.slot == slot
    }

    /// Whether nothing may follow: the client has closed the socket, or it is gone.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.owner, Owner::Ended)
    }

    /// `None`: this is for the task.
    fn write(&mut self, round: &mut Round) -> Option<Found> {
        let Self { queue, owner, .. } = self;
        let Owner::Writer(feed, _) = owner else { return Some(Found::Nothing) };
        if !queue.is_empty() {
            return None;
        }
        // Most frames go out at once: the memory that they go through is the same for all sockets.
        queue.swap_memory(&mut round.spare);
        match queue.fill(|frames| feed.frames(&mut round.batches, frames)) {
            None => {
                queue.swap_memory(&mut round.spare);
                return Some(Found::Nothing);
            }
            Some(Next::Events) => {}
            // The task gets the same result when it asks.
            Some(_) => return None,
        }
        // The task polls for itself when it goes on, so nobody has to be woken for this.
        match queue.poll_drain(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => queue.swap_memory(&mut round.spare),
            Poll::Ready(Err(_)) | Poll::Pending => return None,
        }
        feed.written_by(round.now);
        Some(Found::Written)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.queue.poll_flush(cx))?;
        // What the feed had is written with all else.
        if let Owner::Task(feed) = &self.owner {
            feed.written();
        }
        Poll::Ready(Ok(()))
    }
}

impl Owner {
    /// From the task to the writer.
    fn lend(&mut self) {
        *self = match mem::replace(self, Self::Nobody) {
            Self::Task(feed) => Self::Writer(feed, None),
            other => other,
        };
    }

    /// From the writer to the task, which is to be woken if it waits.
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
