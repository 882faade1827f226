//! What was counted of rooms and recorders, from the start of the process on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{recorder::Gauge, sans_io::error::Code};

/// Of all rooms of a server, those of tokens too.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// How often a room was connected again.
    pub reconnects: u64,
    /// What failed, by code.
    pub failures: BTreeMap<Code, u64>,
    /// How the recorder keeps up that runs now, or ran last.
    pub recorder: Option<Gauge>,
    /// What the recorders before it lost.
    pub recorder_lost: u64,
    /// Recordings that broke off.
    pub recorder_failures: u64,
}

impl Upstream {
    /// Another recorder begins.
    pub fn begin_recording(&mut self, recorder: Gauge) {
        let before = self.recorder.replace(recorder);
        self.recorder_lost += before.as_ref().map_or(0, Gauge::lost);
    }
}

/// The one tally of a server, whatever runs on which channel. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<Upstream>>);

impl Tally {
    pub(super) fn lock(&self) -> MutexGuard<'_, Upstream> {
        // Counts are valid whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
