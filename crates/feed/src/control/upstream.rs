//! Counters of rooms and recorders since the start of the process.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use livetape_core::error::Code;
use parking_lot::Mutex;

/// Counters of all rooms of a server, including those of tokens.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    pub reconnects: u64,
    pub failures: BTreeMap<Code, u64>,
    /// Number of rooms that were refused before they were connected, by code and cause.
    pub refused: BTreeMap<[&'static str; 2], u64>,
    /// Queue of the current or last recorder.
    pub recorder: Option<Arc<dyn RecorderQueue>>,
    /// Number of items that earlier recorders lost.
    pub recorder_lost: u64,
    pub recorder_failures: u64,
    pub webhook: Option<Arc<WebhookCounts>>,
}

impl Upstream {
    pub fn begin_recording(&mut self, recorder: Arc<dyn RecorderQueue>) {
        let before = self.recorder.replace(recorder);
        self.recorder_lost += before.map_or(0, |before| before.lost());
    }
}

/// What waits for a recorder's disk. It can be read even after the recorder has ended.
pub trait RecorderQueue: Debug + Send + Sync {
    /// Number of items that wait for the disk, and their size in bytes.
    fn waiting(&self) -> (usize, usize);

    fn lost(&self) -> u64;

    /// Ends the recording and waits until it is sealed or has failed, for processes that are about to exit.
    fn seal(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Number of events for the webhook by outcome. It can be read while events are being delivered.
#[derive(Debug, Default)]
pub struct WebhookCounts {
    /// Accepted with a status of 200 to 299.
    pub delivered: AtomicU64,
    /// Given up after the last attempt.
    pub failed: AtomicU64,
    /// Left out because the webhook lagged too far, or the server shut down.
    pub skipped: AtomicU64,
}

impl WebhookCounts {
    #[must_use]
    pub fn by_outcome(&self) -> [(&'static str, u64); 3] {
        let counts = [("delivered", &self.delivered), ("failed", &self.failed), ("skipped", &self.skipped)];
        counts.map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
    }

    #[must_use]
    pub fn lost(&self) -> u64 {
        self.failed.load(Ordering::Relaxed) + self.skipped.load(Ordering::Relaxed)
    }
}

/// The counters of a server, across all channels. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(pub(super) Arc<Mutex<Upstream>>);
