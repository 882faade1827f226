//! How to play, and what a replay came to.

use std::{path::PathBuf, time::Duration};

use crate::{
    clock::Waiting,
    recorder::FOLDER,
    sans_io::{pace::Speed, recording::Loss},
    source::Lateness,
};

/// How to play.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// How fast.
    pub speed: Speed,
    /// Laps in all; `None` for ever.
    pub laps: Option<u32>,
    /// Where each lap begins.
    pub start: Duration,
    /// Where each lap ends; `None` at the end of the recording.
    pub end: Option<Duration>,
    /// Longer gaps are shortened to this.
    pub idle_limit: Option<Duration>,
    /// How to wait for what is due.
    pub waiting: Waiting,
    /// Hold the first frame until so many subscribers are there.
    pub wait_clients: usize,
    /// Close the subscribers and return at the end.
    pub exit_when_done: bool,
    /// Where recordings are that are loaded by name.
    pub recordings: PathBuf,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            speed: Speed::Times(1.0),
            laps: Some(1),
            start: Duration::ZERO,
            end: None,
            idle_limit: None,
            waiting: Waiting::default(),
            wait_clients: 0,
            exit_when_done: false,
            recordings: FOLDER.into(),
        }
    }
}

impl ReplayOptions {
    /// For a recording that is played after this one: all of it, once.
    #[must_use]
    pub fn for_another(&self) -> Self {
        let Self { laps, start, end, .. } = Self::default();
        Self { laps, start, end, ..self.clone() }
    }
}

/// What a replay came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The recording.
    pub recording: String,
    /// Events broadcast.
    pub events: u64,
    /// How long it took.
    pub took: Duration,
    /// How late its frames were; empty at speed `max`.
    pub lateness: Lateness,
    /// What is missing or could not be read.
    pub loss: Loss,
    /// Generations played on this channel.
    pub generation: u32,
    /// Why it is over.
    pub left: Left,
}

/// Why a replay is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    /// The recording ended, and the replay was to end with it.
    #[default]
    Done,
    /// The server ends.
    ShutDown,
    /// Its user was disconnected.
    Stopped,
}
