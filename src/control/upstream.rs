//! Counters of rooms and recorders since the start of the process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{recorder::Gauge, sans_io::error::Code, webhook};

/// Counters of all rooms of a server, including those of tokens.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// Number of reconnects.
    pub reconnects: u64,
    /// Number of failures, by code.
    pub failures: BTreeMap<Code, u64>,
    /// Queue of the current or last recorder.
    pub recorder: Option<Gauge>,
    /// Number of items that earlier recorders lost.
    pub recorder_lost: u64,
    /// Number of failed recordings.
    pub recorder_failures: u64,
    /// Events of the webhook, if there is one.
    pub webhook: Option<Arc<webhook::Counts>>,
}

impl Upstream {
    /// Switches to the gauge of a new recorder.
    pub fn begin_recording(&mut self, recorder: Gauge) {
        let before = self.recorder.replace(recorder);
        self.recorder_lost += before.as_ref().map_or(0, Gauge::lost);
    }
}

/// The counters of a server, across all channels. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<Upstream>>);

impl Tally {
    pub(super) fn lock(&self) -> MutexGuard<'_, Upstream> {
        // Counters are valid even if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
