//! Starts, stops and replaces sources: one at a time on the main channel, and those of tokens and private
//! replays on additional channels.
//!
//! A running source processes its own orders. It ends and returns here for an order that needs another
//! source.

mod backlog;
mod candidate;
mod channels;
mod connect;
mod idle;
mod inject;
mod live;
mod opener;
mod play;
mod recording;
mod rooms;
mod slots;
mod status;
mod terms;
mod test;

use std::path::PathBuf;

use channels::Channels;
use connect::{Origin, Wanted};
pub use opener::LINGER;
use opener::Opener;
use play::Played;
use rooms::Rooms;
use slots::Permit;
use tokio_util::sync::CancellationToken;

use crate::{
    control::{Answer, Control, Driver, RegistryEntry, Status},
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
    /// By this user, with what was obtained for the next room.
    Replaced(String, Answer<Status>, Permit),
    /// Another process may connect to this user.
    ClaimLost(String),
}

impl Leaving {
    /// Returns how the room ends for its guests, if it ends for them.
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
            Self::Replaced(user, ..) => Some(user.clone()),
            _ => None,
        }
    }
}

/// State of a channel: what it is attached to.
enum State {
    /// Nothing.
    Idle,
    /// Nothing, until it has enough subscribers. Then it connects to this user.
    Held(String),
    /// A room, or the attempt to find or open it.
    Room(Box<Wanted>),
    /// A recording.
    Tape(Played),
    /// Nothing any more.
    Over,
}

/// Which channel it is.
enum Role<T> {
    /// The main channel, which opens those of tokens, too.
    Main {
        opener: Opener<T>,
        /// Task for the channels of tokens, until it is started.
        channels: Option<Channels<T>>,
    },
    /// The channel of a token's user, with its entry in the registry until it is closed.
    Token { entry: Option<RegistryEntry> },
}

impl<T> Role<T> {
    fn is_token(&self) -> bool {
        matches!(self, Self::Token { .. })
    }

    fn opener(&self) -> Option<&Opener<T>> {
        if let Self::Main { opener, .. } = self { Some(opener) } else { None }
    }

    /// Lets clients open the channel of the user again.
    fn unlist(&mut self) {
        if let Self::Token { entry } = self {
            *entry = None;
        }
    }
}

/// A channel: a hub, and what it is attached to.
pub struct Supervisor<T> {
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    transport: T,
    options: SupervisorOptions,
    rooms: Rooms,
    role: Role<T>,
    /// Number of generations so far, which keeps ids of later ones distinct.
    generation: u32,
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
        let limit = driver.limit().clone();
        limit.set_budget(options.live.lookup_budget());
        options.live.limit = limit;
        driver.set_tester(test::tester(transport.clone(), options.live.clone()));
        let shutdown = control.shutdown().clone();
        let requests = driver.take_channel_requests();
        let max_live = requests.as_ref().map_or(1, |requests| requests.max_live);
        let rooms = Rooms::new(max_live, driver.claims().clone());
        let role = match requests {
            None => Role::Token { entry: None },
            Some(requests) => {
                let (transport, stream) = (transport.clone(), hub.name_here().to_string());
                let opener =
                    Opener::new(&requests, rooms.clone(), transport, &options, stream, shutdown.clone());
                Role::Main { opener: opener.clone(), channels: Some(Channels::new(requests, opener)) }
            }
        };
        let ended = Ended::default();
        Self { hub, driver, shutdown, transport, options, rooms, role, generation: 0, ended }
    }

    /// Starts idle, and serves until shutdown.
    pub async fn serve(mut self) -> Ended {
        self.run(State::Idle).await
    }

    /// Connects to `user` once enough subscribers have joined, and serves.
    pub async fn live(mut self, user: String) -> Ended {
        let is_held = self.options.wait_clients > 0;
        self.run(if is_held { State::Held(user) } else { Wanted::user(user, None).into() }).await
    }

    /// Shows a source that is already connected to `user`.
    pub async fn show_connected(self, user: &str, live: Live) -> Ended {
        let origin = Origin::Connected(Box::new(live));
        self.show_wanted(Wanted::of(user.to_owned(), origin, None)).await
    }

    async fn show_wanted(mut self, wanted: Wanted) -> Ended {
        self.run(wanted.into()).await
    }

    /// Plays a recording, and keeps serving if its user is disconnected. Clients find the replay as soon as this returns,
    /// and their orders wait for the future to run.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn replay(mut self, tape: Tape) -> impl Future<Output = Result<Ended, Problem>> {
        Replay::announce(&tape, &self.options.play, &self.driver);
        async move {
            match self.play(Played::tape(tape, None)).await {
                Ok(next) => Ok(self.run(next).await),
                Err((problem, _)) => {
                    self.driver.set_replay(None);
                    self.driver.forget_user();
                    Err(problem)
                }
            }
        }
    }

    async fn run(&mut self, mut state: State) -> Ended {
        loop {
            state = match state {
                State::Idle => {
                    self.start_channels();
                    self.intend(None);
                    self.idle().await
                }
                State::Held(user) => self.hold(user).await,
                State::Room(wanted) => self.connect(*wanted).await,
                State::Tape(played) => match self.play(played).await {
                    Ok(next) => next,
                    Err((problem, answer)) => {
                        answer.into_iter().for_each(|answer| answer.refuse(problem.clone()));
                        State::Idle
                    }
                },
                State::Over => return std::mem::take(&mut self.ended),
            };
        }
    }

    /// Starts serving tokens, now that the main channel has claimed its slot.
    fn start_channels(&mut self) {
        if let Role::Main { channels, .. } = &mut self.role
            && let Some(channels) = channels.take()
        {
            tokio::spawn(channels.run());
        }
    }
}
