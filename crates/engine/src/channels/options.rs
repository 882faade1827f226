//! Options and result of a channel.

use std::path::PathBuf;

use livetape_core::{
    error::{Problem, exit},
    recording::Loss,
};
use livetape_feed::hub::Limits;

use crate::source::{self, Summary, live as room_source};

#[derive(Clone, Debug)]
pub struct ChannelOptions {
    /// Options for connecting to rooms; the user is filled in later.
    pub live: room_source::LiveOptions,
    /// Whether sockets close when the source ends: true for `live`, false for `serve`.
    pub ends_with_source: bool,
    /// Where to record connected rooms; `None` disables recording.
    pub record: Option<Record>,
    /// When a recording continues in a new file.
    pub rotate: Option<crate::recorder::Rotate>,
    /// How much of a recording a power failure may destroy.
    pub sync: crate::recorder::Sync,
    pub record_bytes_max: Option<u64>,
    /// Whether to end when the recorder fails, as in `record`. Otherwise serving continues without it.
    pub record_only: bool,
    /// Whether events may be injected into a live room.
    pub allow_inject: bool,
    /// Called when the recorder fails.
    pub warn: fn(&Problem),
    /// Backlog limits of each additional channel.
    pub backlog: Limits,
    /// How to play the first recording; later ones are played with [`source::ReplayOptions::for_another`].
    pub play: source::ReplayOptions,
    /// Called at each end of a recording.
    pub on_end: fn(&Summary),
    /// Number of subscribers to wait for before [`Channel::live`](super::Channel::live) connects.
    pub wait_clients: usize,
}

impl ChannelOptions {
    /// Returns options that keep serving when a source ends and record nothing.
    #[must_use]
    pub fn new(live: room_source::LiveOptions) -> Self {
        Self {
            live,
            ends_with_source: false,
            record: None,
            rotate: None,
            sync: crate::recorder::Sync::default(),
            record_bytes_max: None,
            record_only: false,
            allow_inject: false,
            warn: |_| (),
            backlog: Limits::default(),
            play: source::ReplayOptions::default(),
            on_end: |_| (),
            wait_clients: 0,
        }
    }

    /// Checks that the file to record to can be created, before anything begins.
    ///
    /// # Errors
    /// [`livetape_core::error::Code::OutputExists`], or the reason why it cannot be created.
    pub fn check_file(&self) -> Result<(), Problem> {
        match &self.record {
            Some(Record::File(path)) => crate::recorder::check_new(path, self.rotate.is_some()),
            Some(Record::Folder(_)) | None => Ok(()),
        }
    }
}

/// Destination of recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `<user>-<utc>.bin` in this directory.
    Folder(PathBuf),
    File(PathBuf),
}

/// Result of a channel.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Failure of the last source, already reported in an `error` event.
    pub problem: Option<Problem>,
    /// Reason why nothing was attempted; not reported yet.
    pub refused: Option<Problem>,
    /// Whether a replay lost anything, already reported at its end.
    pub is_lossy: bool,
    /// What rooms and their recordings lost.
    pub loss: Loss,
    pub recordings: Vec<PathBuf>,
    /// Why a recording failed.
    pub recorder: Option<Problem>,
    /// Length of a recording that reached its maximum, in bytes.
    pub full_bytes: Option<u64>,
}

impl Ended {
    /// # Errors
    /// The problem that has not been reported yet.
    pub fn exit_code(&self) -> Result<u8, Problem> {
        match (&self.refused, &self.problem) {
            (Some(refused), _) => Err(refused.clone()),
            (None, Some(problem)) => Ok(problem.code.exit_code()),
            (None, None) if self.is_lossy || self.loss.is_some() || self.recorder.is_some() => Ok(exit::LOST),
            (None, None) => Ok(exit::DONE),
        }
    }

    /// Adds the result of a later term.
    pub(super) fn and(self, later: Self) -> Self {
        let mut loss = self.loss;
        loss += later.loss;
        let recordings = self.recordings.into_iter().chain(later.recordings).collect();
        Self {
            problem: later.problem.or(self.problem),
            refused: later.refused.or(self.refused),
            is_lossy: self.is_lossy || later.is_lossy,
            loss,
            recordings,
            recorder: later.recorder.or(self.recorder),
            full_bytes: later.full_bytes.or(self.full_bytes),
        }
    }
}
