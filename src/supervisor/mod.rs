//! Starts, stops and replaces sources: one at a time on the main channel, and those of tokens beside it.
//!
//! What runs takes its own orders; what it cannot do itself ends it, and comes back here.

mod backlog;
mod candidate;
mod channels;
mod common;
mod idle;
mod inject;
mod limit;
mod live;
mod play;
mod room;
mod rooms;
mod test;

use std::path::PathBuf;

use channels::Channels;
pub use channels::LINGER;
use common::Common;
use limit::Limit;
use rooms::Followed;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::{
    control::{Answer, ChannelRegistry, Control, Driver, Lease, RegistryEntry, ReplayState, Status},
    hub::{Hub, Limits},
    sans_io::error::{Problem, exit},
    source::{
        self, Summary, Tape,
        live::{self as room_source, Live, Transport},
    },
};

/// What a server is to do.
#[derive(Clone, Debug)]
pub struct SupervisorOptions {
    /// How to connect to rooms; the user is filled in.
    pub live: room_source::LiveOptions,
    /// Whether sockets end with the source: under `live`, but not under `serve`.
    pub ends_with_source: bool,
    /// Where to record what is connected; `None` for not at all.
    pub record: Option<Record>,
    /// When a recording goes on in the next file.
    pub rotate: Option<crate::recorder::Rotate>,
    /// How much of a recording a power cut may cost.
    pub sync: crate::recorder::Sync,
    /// How long a recording may become, in bytes.
    pub record_bytes_max: Option<u64>,
    /// Whether it ends where the recorder fails: under `record`. Serving goes on without it.
    pub record_only: bool,
    /// Whether frames may be injected into a live room.
    pub allow_inject: bool,
    /// Told when the recorder fails.
    pub warn: fn(&Problem),
    /// What each channel beside the main one keeps.
    pub backlog: Limits,
    /// How to play the first recording; later ones are played [`source::ReplayOptions::for_another`].
    pub play: source::ReplayOptions,
    /// Told at each end of a recording.
    pub on_end: fn(&Summary),
    /// Subscribers to wait for before [`Supervisor::live`] connects.
    pub wait_clients: usize,
}

impl SupervisorOptions {
    /// Serves on when a source ends, and records nothing.
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
}

/// Where to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `<user>-<utc>.bin` in this folder.
    Folder(PathBuf),
    /// This file.
    File(PathBuf),
}

/// What a server came to.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Why the last source ended, if it failed; an `error` event has told it.
    pub problem: Option<Problem>,
    /// Why nothing was even tried; nobody was told.
    pub refused: Option<Problem>,
    /// Whether something was lost.
    pub is_lossy: bool,
    /// What was recorded.
    pub recordings: Vec<PathBuf>,
    /// Why a recording broke off.
    pub recorder: Option<Problem>,
    /// The length of a recording that ended because of its size, in bytes.
    pub full_bytes: Option<u64>,
}

impl Ended {
    /// What the process exits with.
    ///
    /// # Errors
    /// What nobody was told.
    pub fn exit_code(&self) -> Result<u8, Problem> {
        match (&self.refused, &self.problem) {
            (Some(refused), _) => Err(refused.clone()),
            (None, Some(problem)) => Ok(problem.code.exit_code()),
            (None, None) if self.is_lossy || self.recorder.is_some() => Ok(exit::LOST),
            (None, None) => Ok(exit::DONE),
        }
    }
}

/// Why a room is left before it ends.
enum Leaving {
    ShutDown,
    /// It failed, or has all that was asked for.
    RecorderEnded,
    Deleted(Answer<Status>),
    Replaced(String, Answer<Status>),
}

/// What to do next.
enum Next {
    Idle,
    /// Wait for subscribers, then connect this user.
    Hold(String),
    Connect(String, Option<Answer<Status>>),
    Play(Tape, Option<Answer<ReplayState>>),
    Exit,
}

/// The one that starts, stops and replaces.
pub struct Supervisor<T> {
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    transport: T,
    options: SupervisorOptions,
    common: Common,
    /// Held while a room is connected, and from one to the next.
    place: Option<OwnedSemaphorePermit>,
    /// Where tokens find this channel, if it is one of theirs.
    listing: Option<RegistryEntry>,
    /// Where the main channel can follow this one.
    followed: Option<Followed>,
    /// Keeps the room that the main channel follows.
    following: Option<Lease>,
    /// Where rooms are listed for tokens to read along.
    registry: Option<ChannelRegistry>,
    /// Who keeps the channels of tokens, until it is started.
    channels: Option<Channels<T>>,
    /// Generations of recordings so far: ids of later ones differ.
    generation: u32,
    ended: Ended,
}

impl<T: Transport> Supervisor<T> {
    /// Over `hub`, at the other end of `control`.
    pub fn new(
        hub: Hub,
        control: &Control,
        mut driver: Driver,
        transport: T,
        options: SupervisorOptions,
    ) -> Self {
        let requests = driver.take_channel_requests();
        let common = Common::new(requests.as_ref().map_or(1, |requests| requests.max_live));
        driver.set_tester(test::tester(transport.clone(), options.live.clone(), common.limit.clone()));
        let shutdown = control.shutdown().clone();
        let registry = requests.as_ref().map(|requests| requests.registry.clone());
        let channels = requests.map(|requests| {
            let (transport, stream) = (transport.clone(), hub.stream().to_owned());
            Channels::new(requests, common.clone(), transport, &options, stream, shutdown.clone())
        });
        Self {
            hub,
            driver,
            shutdown,
            transport,
            options,
            common,
            place: None,
            listing: None,
            followed: None,
            following: None,
            registry,
            channels,
            generation: 0,
            ended: Ended::default(),
        }
    }

    /// Serves with nothing connected; orders decide.
    pub async fn serve(mut self) -> Ended {
        self.run(Next::Idle).await
    }

    /// Connects `user` once enough subscribers are there, and serves.
    pub async fn live(mut self, user: String) -> Ended {
        let next = if self.options.wait_clients > 0 { Next::Hold(user) } else { Next::Connect(user, None) };
        self.run(next).await
    }

    /// Follows a source that is connected already, in which `user` is watched.
    pub async fn follow(mut self, user: &str, live: Live) -> Ended {
        let next = self.follow_live(user, live, None).await;
        self.run(next).await
    }

    /// Plays a recording, and serves on if its user is disconnected.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub async fn replay(mut self, tape: Tape) -> Result<Ended, Problem> {
        let next = self.play(tape, None).await.map_err(|(problem, _)| problem)?;
        Ok(self.run(next).await)
    }

    async fn run(&mut self, mut next: Next) -> Ended {
        loop {
            next = match next {
                Next::Idle => {
                    self.place = None;
                    self.start_channels();
                    self.idle().await
                }
                Next::Hold(user) => self.hold(user).await,
                Next::Connect(user, answer) => self.connect(user, answer).await,
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

    /// Tokens are served from now on: the main channel has what it needs.
    fn start_channels(&mut self) {
        if let Some(channels) = self.channels.take() {
            tokio::spawn(channels.run());
        }
    }
}
