//! The one fan-out point. A channel is a ring of encoded events, and a subscriber is a cursor in it.
//!
//! An event is numbered and encoded once, whoever reads it; its bytes are shared. Publishing never waits for anybody:
//! who lags more than half the ring is told so at once ([`Next::Slow`]), while what it has yet to read is still there,
//! so that it can resume. Only [`Hub::publish_paced`] waits, for the slowest cursor.

mod audience;
mod batches;
mod cursor;
mod delivery;
mod encode;
mod entry;
mod filter;
mod join;
mod limits;
mod line;
mod pacing;
mod position;
mod publish;
mod ring;
mod state;
mod subscriber;

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

pub use batches::Batches;
pub use delivery::Delivery;
pub use filter::{Filter, Gifts, Types};
pub use join::{Join, Reader};
pub use limits::{BACKLOG_BYTES_MAX, BACKLOG_EVENTS_MAX, Limits, MAX_STALL};
pub use position::{OnGap, Since};
pub use subscriber::{Next, Subscriber};
use tokio::sync::watch;

use self::{encode::Encoder, pacing::Pacing, state::State};

/// A channel. Clones share it.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stream: Box<str>,
    limits: Limits,
    /// Held while a batch is numbered, encoded and pushed: it orders publishers, and keeps them out of the readers'
    /// way. Nothing is awaited inside.
    encoder: Mutex<Encoder>,
    /// Readers share it, publishing and joining exclude them; nothing is awaited inside, and nothing encoded.
    state: RwLock<State>,
    /// Wakes every subscriber at once, when something was published, the channel was closed,
    /// or somebody fell behind.
    news: watch::Sender<()>,
    present: watch::Sender<Present>,
    pacing: Pacing,
    traffic: Traffic,
}

/// Who is here, displays aside.
#[derive(Clone, Copy, Debug, Default)]
struct Present {
    clients: usize,
    observers: usize,
}

/// What was counted; each reader adds to it once a batch.
#[derive(Debug, Default)]
struct Traffic {
    bytes: AtomicU64,
    slow: AtomicU64,
}

/// Why a channel was closed, for those who read it: a WebSocket close code and a word or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The close code.
    pub code: u16,
    /// At most 123 bytes, the room that a close frame has.
    pub reason: Cow<'static, str>,
}

/// Whether there is something new.
#[derive(Debug)]
pub struct News(watch::Receiver<()>);

impl News {
    /// Waits until something was published since, the channel was closed, or somebody fell behind.
    pub async fn wait(&mut self) {
        // An error means that the channel is gone, and then there is nobody who could ask.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Hub {
    /// An empty channel. `stream` names it in every event: random for a channel and process, since positions in
    /// another stream mean nothing here.
    #[must_use]
    pub fn new(stream: String, limits: Limits) -> Self {
        let limits = limits.at_least_workable();
        Self {
            shared: Arc::new(Shared {
                stream: stream.into(),
                limits,
                encoder: Mutex::default(),
                state: RwLock::new(State::new(limits)),
                news: watch::Sender::new(()),
                present: watch::Sender::default(),
                pacing: Pacing::default(),
                traffic: Traffic::default(),
            }),
        }
    }

    /// What this channel is called in every event.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.shared.stream
    }

    /// The number of the newest event; 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.shared.read().ring.head()
    }

    /// Tells of what is new, for whoever asks subscribers of this channel for their [`frames`](Subscriber::frames).
    #[must_use]
    pub fn news(&self) -> News {
        News(self.shared.news.subscribe())
    }

    /// How many read this channel now, observers aside.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.shared.present.borrow().clients
    }

    /// How many only look on.
    #[must_use]
    pub fn observer_count(&self) -> usize {
        self.shared.present.borrow().observers
    }

    /// The bytes of all events that were handed to readers.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.shared.traffic.bytes.load(Ordering::Relaxed)
    }

    /// How many readers fell behind, displays aside.
    #[must_use]
    pub fn slow_count(&self) -> u64 {
        self.shared.traffic.slow.load(Ordering::Relaxed)
    }

    /// Waits until at least `n` subscribers read this channel, observers aside.
    pub async fn wait_for_subscribers(&self, n: usize) {
        let mut present = self.shared.present.subscribe();
        let waited = present.wait_for(|present| present.clients >= n).await;
        waited.expect("the sender lives as long as the hub");
    }

    /// Waits until nobody reads this channel, observers aside.
    pub async fn wait_for_nobody(&self) {
        let mut present = self.shared.present.subscribe();
        let waited = present.wait_for(|present| present.clients == 0).await;
        waited.expect("the sender lives as long as the hub");
    }

    /// Ends the channel: all that was published is still delivered, then everybody gets `reason`, later joiners too.
    /// What is published after this goes nowhere. The first reason stands.
    pub fn close(&self, reason: CloseReason) {
        self.shared.write().closed.get_or_insert(reason);
        self.shared.news.send_replace(());
    }
}

impl Hub {
    /// Ends every current subscriber with `reason`, at once. The channel goes on, and they may join again.
    pub fn dismiss(&self, reason: &CloseReason) {
        let dismissed = self.shared.write().dismiss(reason);
        self.shared.lost(&dismissed);
        self.shared.news.send_replace(());
    }
}

impl Shared {
    // The invariants of the state hold between any two statements, so a panic elsewhere under the lock spoils nothing.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
