//! The single fan-out point. A channel is a ring of encoded events; each subscriber has a cursor in it.
//!
//! Each event is numbered and encoded once, and subscribers share its bytes. Publishing never waits: a
//! subscriber that lags more than half the ring gets [`Next::Slow`] at once, while its unread events are
//! still available for resuming. Only [`Hub::publish_paced`] waits for the slowest cursor.

mod audience;
mod batches;
mod choice;
mod cursor;
mod delivery;
mod encode;
mod ends;
mod entry;
mod filter;
mod join;
mod limits;
mod line;
mod pacing;
mod position;
mod publish;
mod relay;
mod ring;
mod state;
mod subscriber;
mod totals;

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};

pub use batches::Batches;
pub use delivery::Delivery;
pub use ends::Ends;
pub use filter::{Filter, Format, Gifts, Types};
pub use join::{Join, Reader};
pub use limits::{BACKLOG_BYTES_MAX, BACKLOG_EVENTS_MAX, Limits, MAX_STALL};
pub use position::{OnGap, Since};
pub use relay::{EVENT_BYTES_MAX, Encoding, Mark, Staged, Unfit};
pub use subscriber::{Next, Progress, Subscriber};
use tokio::sync::watch;
pub use totals::TruthAt;

use self::{encode::Encoder, ends::Tally, pacing::Pacing, relay::Relay, state::ChannelState};

/// A channel. Clones share it.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    /// Where events wait until they are stored for other processes. Without it, they enter the ring at once.
    relay: Option<Relay>,
    /// Held while a batch is numbered, encoded and pushed. Orders publishers without blocking readers.
    /// Nothing is awaited while it is held.
    encoder: Mutex<Encoder>,
    /// Shared by readers, exclusive for publishing and joining. Nothing is awaited or encoded while it is
    /// held.
    state: RwLock<ChannelState>,
    notices: AtomicU64,
    /// Wakes all subscribers when events are published, the channel closes or a subscriber falls behind.
    news: watch::Sender<()>,
    present: watch::Sender<Present>,
    pacing: Pacing,
    traffic: Traffic,
    /// Locked only while it is read or updated.
    tally: Mutex<Tally>,
}

/// Number of subscribers by role, displays excluded.
#[derive(Clone, Copy, Debug, Default)]
struct Present {
    clients: usize,
    clients_peak: usize,
    observers: usize,
    observers_peak: usize,
}

/// Traffic counters. Each subscriber updates them once per batch.
#[derive(Debug, Default)]
struct Traffic {
    bytes: AtomicU64,
    slow: AtomicU64,
}

/// Why a channel was closed: a WebSocket close code and a short reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// WebSocket close code; 1006 to end connections without a close frame.
    pub code: u16,
    /// Reason; at most 123 bytes, the limit of a close frame.
    pub reason: Cow<'static, str>,
}

#[derive(Debug)]
pub struct News(watch::Receiver<()>);

impl News {
    /// Waits until events are published, the channel closes or a subscriber falls behind.
    pub async fn wait(&mut self) {
        // An error means that the channel is gone, so nothing follows.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Hub {
    /// Creates an empty channel. `stream` names it in every event. Use a random name for each channel and
    /// process, because positions are only valid within one stream.
    #[must_use]
    pub fn new(stream: String, limits: Limits) -> Self {
        Self::with(stream, limits, None)
    }

    /// Creates an empty channel that several processes share: events enter the ring only through
    /// [`Hub::accept`]. `name_here` replaces the stream's name in names that must be different in each process.
    #[must_use]
    pub fn relayed(stream: String, name_here: String, limits: Limits) -> Self {
        Self::with(stream, limits, Some(Relay::new(name_here, limits)))
    }

    fn with(stream: String, limits: Limits, relay: Option<Relay>) -> Self {
        let limits = limits.at_least_workable();
        Self {
            shared: Arc::new(Shared {
                limits,
                relay,
                encoder: Mutex::default(),
                state: RwLock::new(ChannelState::new(stream.into(), limits)),
                notices: AtomicU64::new(0),
                news: watch::Sender::new(()),
                present: watch::Sender::default(),
                pacing: Pacing::default(),
                traffic: Traffic::default(),
                tally: Mutex::default(),
            }),
        }
    }

    /// Name of this channel in every event.
    #[must_use]
    pub fn stream(&self) -> Arc<str> {
        Arc::clone(&self.shared.state.read().stream)
    }

    /// Name of the channel, or of this process if several share the channel.
    #[must_use]
    pub fn name_here(&self) -> Arc<str> {
        self.shared.relay.as_ref().map_or_else(|| self.stream(), Relay::name_here)
    }

    /// Sequence number of the newest event; 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.shared.state.read().ring.head()
    }

    /// Subscribes to news, for writers that poll [`frames`](Subscriber::frames) of subscribers.
    #[must_use]
    pub fn news(&self) -> News {
        News(self.shared.news.subscribe())
    }

    /// Number of current subscribers, observers excluded.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.shared.present.borrow().clients
    }

    /// Highest number of simultaneous subscribers so far, observers excluded.
    #[must_use]
    pub fn subscriber_peak(&self) -> usize {
        self.shared.present.borrow().clients_peak
    }

    #[must_use]
    pub fn observer_count(&self) -> usize {
        self.shared.present.borrow().observers
    }

    #[must_use]
    pub fn observer_peak(&self) -> usize {
        self.shared.present.borrow().observers_peak
    }

    /// Total size of all events delivered to subscribers, in bytes.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.shared.traffic.bytes.load(Ordering::Relaxed)
    }

    /// Number of subscribers that fell behind so far, displays excluded.
    #[must_use]
    pub fn slow_count(&self) -> u64 {
        self.shared.traffic.slow.load(Ordering::Relaxed)
    }

    /// Waits until the channel has at least `n` subscribers, observers excluded.
    pub async fn wait_for_subscribers(&self, n: usize) {
        let mut present = self.shared.present.subscribe();
        let waited = present.wait_for(|present| present.clients >= n).await;
        waited.expect("the sender lives as long as the hub");
    }

    /// Waits until the channel has no subscribers, observers excluded.
    pub async fn wait_for_nobody(&self) {
        let mut present = self.shared.present.subscribe();
        let waited = present.wait_for(|present| present.clients == 0).await;
        waited.expect("the sender lives as long as the hub");
    }

    /// Closes the channel. Subscribers, later ones included, receive all events published so far and then
    /// `reason`. Later events are discarded. Only the first reason counts.
    pub fn close(&self, reason: CloseReason) {
        self.shared.state.write().closed.get_or_insert(reason);
        self.shared.news.send_replace(());
    }

    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.shared.state.read().closed.as_ref().map(|reason| reason.code)
    }
}

impl Hub {
    /// Disconnects all current clients at once, with `reason`, but no observers and displays. The channel
    /// stays open, and they may join again.
    pub fn dismiss(&self, reason: &CloseReason) {
        let dismissed = self.shared.state.write().dismiss(reason, |reader| reader == Reader::Client);
        self.shared.remove_present(&dismissed);
        self.shared.news.send_replace(());
    }
}

#[cfg(test)]
mod tests;
