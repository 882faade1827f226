//! What was counted of rooms and recorders, from the start of the process on.

use std::collections::BTreeMap;

use crate::{recorder::Gauge, sans_io::error::Code};

/// Of all rooms of a channel, one after the other.
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
