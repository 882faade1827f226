//! Starts, stops and replaces sources: one at a time on the main channel, and those of tokens and private
//! replays on additional channels.
//!
//! A running source processes its own orders. It ends and returns here for an order that needs another
//! source.

mod backlog;
mod candidate;
mod channels;
mod common;
mod connect;
mod idle;
mod inject;
mod live;
mod mocked;
mod opener;
mod play;
mod recording;
mod room;
mod rooms;
mod terms;
mod test;

use std::path::PathBuf;

use channels::Channels;
use common::{Common, Place};
pub use opener::LINGER;
use opener::Opener;
use rooms::Followed;
use terms::Inherited;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    control::{
        Answer, ChannelRegistry, Claim, Control, Driver, Lease, MockRoom, RegistryEntry, ReplayState, Status,
    },
    hub::{Hub, Limits},
    sans_io::{
        error::{Problem, exit},
        recording::Loss,
    },
    source::{
        self, Replay, Summary, Tape,
        live::{self as room_source, Live, Outcome, Transport},
    },
};

/// Options of a supervisor.
#[derive(Clone, Debug)]
pub struct SupervisorOptions {
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
    /// Maximum length of a recording, in bytes.
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
    /// Number of subscribers to wait for before [`Supervisor::live`] connects.
    pub wait_clients: usize,
}

impl SupervisorOptions {
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
    /// [`crate::sans_io::error::Code::OutputExists`], or the reason why it cannot be created.
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
    /// This file.
    File(PathBuf),
}

/// Result of a supervisor.
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
    /// Paths of the recordings.
    pub recordings: Vec<PathBuf>,
    /// Why a recording failed.
    pub recorder: Option<Problem>,
    /// Length of a recording that reached its maximum, in bytes.
    pub full_bytes: Option<u64>,
}

impl Ended {
    /// Returns the exit code of the process.
    ///
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
}

/// Why a room is left before it ends.
enum Leaving {
    ShutDown,
    /// The recorder failed or reached its limit.
    RecorderEnded,
    Deleted(Answer<Status>),
    Replaced(String, Answer<Status>),
    /// Another process may connect to this user.
    ClaimLost(String),
}

impl Leaving {
    /// Returns how the room ends for a channel that follows this one, if it ends.
    fn ended(&self) -> Option<Outcome> {
        match self {
            Self::Deleted(_) => Some(Outcome::Ended("deleted")),
            Self::Replaced(..) => Some(Outcome::Ended("replaced")),
            Self::ShutDown | Self::RecorderEnded | Self::ClaimLost(_) => None,
        }
    }

    /// Returns the user who replaces the current one.
    fn replacement(&self) -> Option<String> {
        match self {
            Self::Replaced(user, _) => Some(user.clone()),
            _ => None,
        }
    }
}

/// The next state.
enum Next {
    Idle,
    /// Wait for subscribers, then connect this user.
    Hold(String),
    Connect(String, Option<Answer<Status>>),
    Mock(MockRoom, Answer<Status>),
    Play(Tape, Option<Answer<ReplayState>>),
    Exit,
}

/// Starts, stops and replaces sources.
pub struct Supervisor<T> {
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    transport: T,
    options: SupervisorOptions,
    common: Common,
    /// Held while a room is connected, and kept for the room that replaces it.
    place: Option<Place>,
    /// The claim on the user who is connected next.
    claim: Option<Claim>,
    /// When the next room may be looked up, if that was reserved.
    turn: Option<Instant>,
    /// Whether the next room waits for processes of the cluster that are gone.
    waits: bool,
    /// Whether the current room is one of a mock.
    is_mocked: bool,
    /// Registry entry of this channel, if a token opened it.
    listing: Option<RegistryEntry>,
    /// Lets another channel follow this one.
    followed: Option<Followed>,
    /// Whether this channel follows another, which counts the failures.
    follows: bool,
    /// Keeps the room open that the main channel follows.
    following: Option<Lease>,
    /// Opens the rooms of tokens, for the main channel.
    opener: Option<Opener<T>>,
    /// Registry in which the main channel shares its room with tokens.
    registry: Option<ChannelRegistry>,
    /// Task for the channels of tokens, until it is started.
    channels: Option<Channels<T>>,
    /// Number of generations so far, which keeps ids of later ones distinct.
    generation: u32,
    /// What the next source continues, if another process started it.
    inherited: Option<Inherited>,
    ended: Ended,
}

impl<T: Transport> Supervisor<T> {
    /// Creates a supervisor for `hub` that processes the orders of `control`.
    pub fn new(
        hub: Hub,
        control: &Control,
        mut driver: Driver,
        transport: T,
        mut options: SupervisorOptions,
    ) -> Self {
        let requests = driver.take_channel_requests();
        let max_live = requests.as_ref().map_or(1, |requests| requests.max_live);
        let common = Common::new(max_live, driver.limit().clone(), driver.claims().clone());
        common.limit.set_budget(options.live.lookup_budget());
        options.live.limit = common.limit.clone();
        driver.set_tester(test::tester(transport.clone(), options.live.clone(), common.limit.clone()));
        let shutdown = control.shutdown().clone();
        let registry = requests.as_ref().map(|requests| requests.registry.clone());
        let channels = requests.map(|requests| {
            let (transport, stream) = (transport.clone(), hub.name_here().to_string());
            let opener =
                Opener::new(&requests, common.clone(), transport, &options, stream, shutdown.clone());
            Channels::new(requests, opener)
        });
        Self {
            hub,
            driver,
            shutdown,
            transport,
            options,
            common,
            place: None,
            claim: None,
            turn: None,
            waits: false,
            is_mocked: false,
            listing: None,
            followed: None,
            follows: false,
            following: None,
            opener: channels.as_ref().map(|channels: &Channels<T>| channels.opener.clone()),
            registry,
            channels,
            generation: 0,
            inherited: None,
            ended: Ended::default(),
        }
    }

    /// Starts idle, and serves until shutdown.
    pub async fn serve(mut self) -> Ended {
        self.run(Next::Idle).await
    }

    /// Connects to `user` once enough subscribers have joined, and serves.
    pub async fn live(mut self, user: String) -> Ended {
        let next = if self.options.wait_clients > 0 { Next::Hold(user) } else { Next::Connect(user, None) };
        self.run(next).await
    }

    /// Follows a source that is already connected and shows `user`.
    pub async fn follow(mut self, user: &str, live: Live) -> Ended {
        let next = self.follow_live(user, live, None).await;
        self.run(next).await
    }

    /// Plays a recording, and keeps serving if its user is disconnected. Clients find the replay as soon as this returns,
    /// and their orders wait for the future to run.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn replay(mut self, tape: Tape) -> impl Future<Output = Result<Ended, Problem>> {
        Replay::announce(&tape, &self.options.play, &self.driver);
        async move {
            match self.play(tape, None).await {
                Ok(next) => Ok(self.run(next).await),
                Err((problem, _)) => {
                    self.driver.set_replay(None);
                    self.driver.forget_user();
                    Err(problem)
                }
            }
        }
    }

    async fn run(&mut self, mut next: Next) -> Ended {
        loop {
            next = match next {
                Next::Idle => {
                    (self.place, self.claim, self.turn) = (None, None, None);
                    (self.inherited, self.followed) = (None, None);
                    self.start_channels();
                    self.intend(None);
                    self.idle().await
                }
                Next::Hold(user) => self.hold(user).await,
                Next::Connect(user, answer) => self.connect(user, answer).await,
                Next::Mock(room, answer) => self.connect_mock(room, answer).await,
                Next::Play(tape, answer) => match self.play(tape, answer).await {
                    Ok(next) => next,
                    Err((problem, answer)) => {
                        answer.into_iter().for_each(|answer| answer.refuse(problem.clone()));
                        Next::Idle
                    }
                },
                Next::Exit => return std::mem::take(&mut self.ended),
            };
        }
    }

    /// Starts serving tokens, now that the main channel has claimed its slot.
    fn start_channels(&mut self) {
        if let Some(channels) = self.channels.take() {
            tokio::spawn(channels.run());
        }
    }
}
