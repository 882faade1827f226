//! The handle to the channels beside the main one: each token's room, and private replays.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::{
    Answer, Channel, ChannelRegistry, Control, Driver, Lease, ORDERS_WAITING_MAX, Refusal, Sources, Status,
    Token, give,
    tokens::{self, key},
    upstream::Tally,
};
use crate::{
    hub::Hub,
    sans_io::{
        error::{Code, Problem},
        pace::Speed,
    },
};

/// The handle. Clones share it.
#[derive(Clone, Debug)]
pub struct Channels {
    tokens: Arc<[Token]>,
    tell: fn(&str),
    registry: ChannelRegistry,
    requests: mpsc::Sender<Request>,
    ended: CancellationToken,
}

/// What is asked of the task that opens channels.
#[derive(Debug)]
pub enum Request {
    /// The room of this user.
    Room(String, Answer<Lease>),
    /// A replay of this recording, for whoever asks alone.
    Replay(String, Speed, Answer<Lease>),
}

/// The receiving end of requests for channels.
#[derive(Debug)]
pub struct ChannelRequests {
    /// What there is.
    pub registry: ChannelRegistry,
    /// How many rooms may be connected at a time.
    pub max_live: usize,
    /// How many private replays may run at a time.
    pub max_replays: usize,
    /// The folder of recordings that are called by name.
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

    /// The room of the token's user, connected unless it is already. It is kept for a while after its last reader.
    ///
    /// # Errors
    /// `unauthorized`, `invalid_username` where no user is given, `rate_limited` without asking again, `capacity`.
    pub async fn open(&self, token: &str) -> Result<Lease, Refusal> {
        let Token { client, user, .. } = self.token(token)?;
        let Some(user) = user.clone() else {
            let warning = format!("⚠️ TikTok username not given for {client}");
            warn!("{warning}");
            (self.tell)(&warning);
            let problem =
                Problem::new(Code::InvalidUsername, format!("TikTok username not given for {client}"));
            return Err(problem.hint("give the token a user in the configuration").into());
        };
        give(&self.requests, |answer| Request::Room(user, answer)).await
    }

    /// A replay of the token's recording from its start, for as long as the lease is held.
    ///
    /// # Errors
    /// `unauthorized`, `recording_not_found`, `bad_recording`, `newer_recording`, `io`, `capacity`.
    pub async fn replay(&self, token: &str, speed: Speed) -> Result<Lease, Refusal> {
        let Token { client, recording, .. } = self.token(token)?;
        let Some(recording) = recording.clone() else {
            let message = format!("no test recording is given for {client}");
            let problem = Problem::new(Code::RecordingNotFound, message);
            return Err(problem.hint("give the token one in the configuration, `demo` for instance").into());
        };
        give(&self.requests, |answer| Request::Replay(recording, speed, answer)).await
    }

    /// The events of a user whose room a token has open.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<Hub> {
        self.registry.find(user).map(|channel| channel.hub)
    }

    /// What the source of that room is doing.
    #[must_use]
    pub fn status(&self, user: &str) -> Option<Status> {
        self.registry.find(user).map(|channel| channel.status())
    }

    /// The users whose rooms tokens have open.
    #[must_use]
    pub fn users(&self) -> Vec<String> {
        self.statuses().into_iter().filter_map(|channel| channel.user).collect()
    }

    /// Every channel beside the main one.
    #[must_use]
    pub fn statuses(&self) -> Vec<Channel> {
        self.registry.channels()
    }

    /// How many read these channels.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.statuses().iter().map(|channel| channel.hub.subscriber_count()).sum()
    }

    /// Waits until every room was left and every replay has ended, after [`Control::shut_down`](super::Control::shut_down).
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    fn token(&self, given: &str) -> Result<&Token, Problem> {
        tokens::find(&self.tokens, given).ok_or_else(|| {
            let problem = Problem::new(Code::Unauthorized, "this token is not known here");
            problem.hint("the configuration says which tokens there are")
        })
    }
}

impl ChannelRequests {
    /// A handle for a source beside the main one, and the driver's end of it: it ends with `shutdown`, or before, and
    /// counts where the main one does.
    #[must_use]
    pub fn beside(&self, shutdown: &CancellationToken) -> (Control, Driver) {
        Control::under(shutdown.child_token(), self.upstream.clone(), Sources::default())
            .expect("nothing is wrong with no tokens")
    }

    /// The next request, when there is one.
    pub async fn next_request(&mut self) -> Option<Request> {
        self.requests.recv().await
    }

    /// Refuses what is asked from now on: the server is shutting down.
    pub fn refuse_further(&mut self) {
        self.requests.close();
        while self.requests.try_recv().is_ok() {}
    }
}
