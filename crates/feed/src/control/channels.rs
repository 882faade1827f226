//! Handle for the additional channels: rooms opened with tokens, and private replays.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    pace::Speed,
    recording::Loss,
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::{
    Answer, ChannelGuard, ChannelRegistry, Control, Driver, ORDERS_WAITING_MAX, OpenChannel, Refusal,
    Sources, Status, Token, give,
    tokens::{self, key},
    upstream::Tally,
};
use crate::hub::Hub;

/// Handle for the additional channels. Clones share it.
#[derive(Clone, Debug)]
pub struct Channels {
    tokens: Arc<[Token]>,
    tell: fn(&str),
    registry: ChannelRegistry,
    requests: mpsc::Sender<Request>,
    ended: CancellationToken,
}

/// A request to the task that opens channels.
#[derive(Debug)]
pub enum Request {
    /// Open the room of this user.
    Room(String, Answer<ChannelGuard>),
    /// Replay a recording for the requesting client only.
    Replay(PrivateReplay, Answer<ChannelGuard>),
}

/// A replay for a single client.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivateReplay {
    pub recording: Requested,
    pub speed: Speed,
    pub start: Duration,
    /// Name of the case that changes the recording.
    pub case: Option<&'static str>,
}

/// How a recording was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// By the configuration: `demo`, a name or a path.
    Configured(String),
    /// By a client: `demo` or a name, but never a path.
    Named(String),
}

/// The receiving end of channel requests.
#[derive(Debug)]
pub struct ChannelRequests {
    pub registry: ChannelRegistry,
    /// Maximum number of rooms connected at the same time.
    pub max_live: usize,
    pub max_replays: usize,
    /// Directory with the recordings that tokens refer to by name.
    pub recordings: PathBuf,
    upstream: Tally,
    requests: mpsc::Receiver<Request>,
    _ended: DropGuard,
}

impl Channels {
    pub(super) fn new(sources: Sources, upstream: Tally) -> Result<(Self, ChannelRequests), Problem> {
        let Sources { tokens, max_live, max_replays, recordings, tell } = sources;
        let tokens: Arc<[Token]> = tokens::check(tokens)?.into();
        let registry = ChannelRegistry::new(tokens.iter().filter_map(|token| token.user.as_deref()).map(key));
        let (sender, requests) = mpsc::channel(ORDERS_WAITING_MAX);
        let ended = CancellationToken::new();
        let _ended = ended.clone().drop_guard();
        let receiver = ChannelRequests {
            registry: registry.clone(),
            max_live,
            max_replays,
            recordings,
            upstream,
            requests,
            _ended,
        };
        Ok((Self { tokens, tell, registry, requests: sender, ended }, receiver))
    }

    /// Opens the room of the token's user and connects it if necessary. The room stays open for a while after
    /// its last subscriber.
    ///
    /// # Errors
    /// `unauthorized`, `invalid_username` if the token has no user, `capacity`, or `rate_limited`, in which
    /// case the upstream is not contacted.
    pub async fn open(&self, token: &str) -> Result<ChannelGuard, Refusal> {
        let Token { client, user, .. } = self.token(token)?;
        let Some(user) = user.clone() else {
            let warning = format!("⚠️ TikTok username not given for {client}");
            warn!("{warning}");
            (self.tell)(&warning);
            let problem =
                Problem::new(Code::InvalidUsername, format!("TikTok username not given for {client}"));
            return Err(problem.hint("set `user` for the token under [[tokens]] in livetape.toml").into());
        };
        give(&self.requests, |answer| Request::Room(user, answer)).await
    }

    /// Starts a replay of the token's recording, which runs as long as the guard is held.
    ///
    /// # Errors
    /// `unauthorized`, `recording_not_found`, `bad_recording`, `newer_recording`, `io`, `capacity`.
    pub async fn replay(&self, token: &str, speed: Speed) -> Result<ChannelGuard, Refusal> {
        let Token { client, recording, .. } = self.token(token)?;
        let Some(recording) = recording.clone() else {
            let message = format!("no test recording is set for {client}");
            let problem = Problem::new(Code::RecordingNotFound, message);
            return Err(problem
                .hint("set `recording` for the token under [[tokens]] in livetape.toml, e.g. `demo`")
                .into());
        };
        let recording = Requested::Configured(recording);
        self.play(PrivateReplay { recording, speed, start: Duration::ZERO, case: None }).await
    }

    /// Starts a private replay, which runs as long as the guard is held.
    ///
    /// # Errors
    /// `recording_not_found`, `bad_recording`, `newer_recording`, `io`, `capacity`, `bad_request` if it
    /// starts after the end.
    pub async fn play(&self, replay: PrivateReplay) -> Result<ChannelGuard, Refusal> {
        give(&self.requests, |answer| Request::Replay(replay, answer)).await
    }

    /// Returns the hub of a user whose room a token has open.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<Hub> {
        self.registry.find(user).map(|channel| channel.hub)
    }

    #[must_use]
    pub fn status(&self, user: &str) -> Option<Status> {
        self.registry.find(user).map(|channel| channel.status())
    }

    /// Returns the users whose rooms tokens have open.
    #[must_use]
    pub fn users(&self) -> Vec<String> {
        self.statuses().into_iter().filter_map(|channel| channel.user).collect()
    }

    #[must_use]
    pub fn statuses(&self) -> Vec<OpenChannel> {
        self.registry.channels()
    }

    /// Returns whether any of these channels has been opened.
    #[must_use]
    pub fn were_used(&self) -> bool {
        self.registry.was_used()
    }

    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.statuses().iter().map(|channel| channel.hub.subscriber_count()).sum()
    }

    /// Returns what private replays have found missing in their recordings.
    #[must_use]
    pub fn lost(&self) -> BTreeMap<String, Loss> {
        self.registry.lost()
    }

    /// Waits until all rooms and replays have ended after [`Control::shut_down`](super::Control::shut_down).
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    fn token(&self, given: &str) -> Result<&Token, Problem> {
        tokens::find(&self.tokens, given).ok_or_else(|| {
            let problem = Problem::new(Code::Unauthorized, "unknown token");
            problem.hint("use a token listed under [[tokens]] in livetape.toml")
        })
    }
}

/// Creates handles for the sources of additional channels, which share the counters of the main channel.
#[derive(Clone, Debug)]
pub struct Beside(Tally);

impl Beside {
    /// Creates a handle and a driver. The source ends with `shutdown` or earlier.
    #[must_use]
    pub fn create(&self, shutdown: &CancellationToken) -> (Control, Driver) {
        Control::under(shutdown.child_token(), self.0.clone(), Sources::default())
            .expect("an empty list of tokens is valid")
    }
}

impl ChannelRequests {
    #[must_use]
    pub fn beside(&self) -> Beside {
        Beside(self.upstream.clone())
    }

    /// Returns `None` when all handles are gone.
    pub async fn next_request(&mut self) -> Option<Request> {
        self.requests.recv().await
    }

    /// Rejects all further requests, because the server is shutting down.
    pub fn refuse_further(&mut self) {
        self.requests.close();
        while self.requests.try_recv().is_ok() {}
    }
}
