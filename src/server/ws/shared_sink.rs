//! A connection that two can write to: the task of the socket, and the writer of the channel that it reads. One of them
//! has the feed at any time, and only that one puts its frames into the queue.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use axum::body::Bytes;
use tokio::time::Instant;

use super::write_queue::Flow;
use crate::{
    clock,
    hub::{Batches, Next, Subscriber},
};

/// The connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Station(Arc<Mutex<Flow>>);

/// A writer's way past its sockets.
pub(super) struct Round {
    /// Looked at from time to time, not for each socket.
    pub(super) now: Instant,
    pub(super) batches: Batches,
    pub(super) queue: VecDeque<Bytes>,
}

impl Round {
    pub(super) fn new() -> Self {
        Self { now: clock::now(), batches: Batches::default(), queue: VecDeque::new() }
    }
}

/// What came of giving a feed away.
pub(super) enum Parked {
    /// The writer has it.
    Waits,
    /// It has this first.
    Has(Next),
    /// The client has closed the socket.
    Left,
}

/// What a writer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All that there was is written.
    Written,
    /// Nothing to be done here, for now.
    Nothing,
    /// The connection is gone, or elsewhere.
    Gone,
}

impl Station {
    pub(super) fn new(flow: Flow) -> Self {
        Self(Arc::new(Mutex::new(flow)))
    }

    /// Gives the feed to the writer, if it has nothing now. What it has is queued, and to be flushed.
    pub(super) fn park(&self, feed: &mut Option<Subscriber>) -> Parked {
        let mut flow = self.lock();
        if flow.is_closing {
            return Parked::Left;
        }
        flow.is_returned = false;
        // Under the lock: what is published from here on, the writer finds.
        match feed.as_mut().and_then(|feed| flow.take(feed)) {
            Some(next) => Parked::Has(next),
            None => {
                flow.feed = feed.take();
                Parked::Waits
            }
        }
    }

    /// Takes the feed back, whoever had it.
    pub(super) fn unpark(&self, feed: &mut Option<Subscriber>) {
        let mut flow = self.lock();
        flow.task = None;
        if let Some(parked) = flow.feed.take() {
            *feed = Some(parked);
        }
    }

    /// Waits until the task has to go on by itself.
    pub(super) fn poll_returned(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut flow = self.lock();
        if flow.is_returned {
            return Poll::Ready(());
        }
        if flow.task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            flow.task = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Begins another place with a writer, and says the how manieth it is.
    pub(super) fn begin_place(&self) -> u64 {
        let mut flow = self.lock();
        flow.place += 1;
        flow.place
    }

    /// Whether the connection is there, and in this place.
    pub(super) fn has_place(&self, place: u64) -> bool {
        self.lock().has_place(place)
    }

    /// Writes what the feed has, if it is here. Where that does not go at once, the task goes on with it.
    pub(super) fn write(&self, place: u64, round: &mut Round) -> Found {
        let mut flow = self.lock();
        if !flow.has_place(place) {
            return Found::Gone;
        }
        match flow.write(round) {
            Some(found) => found,
            None => {
                give_back(flow);
                Found::Nothing
            }
        }
    }

    /// Breaks the connection off.
    pub(super) fn break_off(&self) {
        let mut flow = self.lock();
        let gone = (flow.io.take(), flow.feed.take());
        give_back(flow);
        drop(gone);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Flow> {
        // Every state that a panicking holder could leave behind is a valid one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the task go on by itself.
fn give_back(mut flow: MutexGuard<'_, Flow>) {
    flow.is_returned = true;
    let task = flow.task.take();
    drop(flow);
    task.into_iter().for_each(Waker::wake);
}
