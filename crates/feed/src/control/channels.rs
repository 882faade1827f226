//! The additional channels: rooms opened with tokens, and private replays. Their handle, their registry, and the
//! tokens that may open them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    pace::Speed,
    recording::{FOLDER, Loss},
    secret::{Secret, check as check_token},
    username::normalise,
};
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::{
    Answer, Control, Driver, ORDERS_WAITING_MAX, Refusal, SharedStatus, Status, give, state::UpstreamCounters,
};
use crate::hub::{Hub, Limits};

/// Default maximum number of connected rooms, including that of the main channel.
pub const MAX_LIVE: usize = 1;
/// Maximum number of private replays.
pub const MAX_REPLAYS: usize = 16;
/// Maximum number of tokens. Each token in a request is compared with all of them.
pub const TOKENS_MAX: usize = 1_000;

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
    pub beside: Beside,
    requests: mpsc::Receiver<Request>,
    _ended: DropGuard,
}

impl Channels {
    pub(super) fn new(
        sources: Sources,
        upstream: UpstreamCounters,
    ) -> Result<(Self, ChannelRequests), Problem> {
        let Sources { tokens, max_live, max_replays, recordings, tell } = sources;
        let tokens: Arc<[Token]> = check_tokens(tokens)?.into();
        let registry = ChannelRegistry::new(tokens.iter().filter_map(|token| token.user.as_deref()).map(key));
        let (sender, requests) = mpsc::channel(ORDERS_WAITING_MAX);
        let ended = CancellationToken::new();
        let _ended = ended.clone().drop_guard();
        let receiver = ChannelRequests {
            registry: registry.clone(),
            max_live,
            max_replays,
            recordings,
            beside: Beside(upstream),
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
        find_token(&self.tokens, given).ok_or_else(|| {
            let problem = Problem::new(Code::Unauthorized, "unknown token");
            problem.hint("use a token listed under [[tokens]] in livetape.toml")
        })
    }
}

/// Creates handles for the sources of additional channels, which share the counters of the main channel.
#[derive(Clone, Debug)]
pub struct Beside(UpstreamCounters);

impl Beside {
    /// Creates a handle and a driver. The source ends with `shutdown` or earlier.
    #[must_use]
    pub fn create(&self, shutdown: &CancellationToken) -> (Control, Driver) {
        Control::under(shutdown.child_token(), self.0.clone(), Sources::default())
            .expect("an empty list of tokens is valid")
    }
}

impl ChannelRequests {
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

#[derive(Clone, Debug)]
pub struct OpenChannel {
    /// User whose room it is; `None` for a private replay.
    pub user: Option<String>,
    pub hub: Hub,
    shared: Arc<Mutex<SharedStatus>>,
}

impl OpenChannel {
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().status()
    }
}

/// The right to read a channel, which stays open as long as this is held.
#[derive(Debug)]
pub struct ChannelGuard {
    pub hub: Hub,
    _used: Option<Arc<()>>,
    _ends: Option<DropGuard>,
}

impl ChannelGuard {
    #[must_use]
    pub fn another(&self) -> Self {
        Self { hub: self.hub.clone(), _used: self._used.clone(), _ends: None }
    }

    /// Creates a guard of a channel that ends with its only subscriber.
    #[must_use]
    pub fn alone(hub: Hub, ends: DropGuard) -> Self {
        Self { hub, _used: None, _ends: Some(ends) }
    }
}

/// Registry of channels. Clones share it. The lock is held briefly, never across an await.
#[derive(Clone, Debug)]
pub struct ChannelRegistry {
    listed: Arc<Mutex<Listed>>,
    /// Users of all tokens.
    users: Arc<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Listed {
    /// Channels of tokens' users, by user.
    users: BTreeMap<String, RegisteredChannel>,
    replays: BTreeMap<u64, OpenChannel>,
    /// Number of channels opened so far.
    opened: u64,
    /// What private replays have found missing, by recording.
    lost: BTreeMap<String, Loss>,
}

#[derive(Debug)]
struct RegisteredChannel {
    channel: OpenChannel,
    /// One reference for each guard, plus this one.
    used: Arc<()>,
}

impl RegisteredChannel {
    fn guard(&self) -> ChannelGuard {
        ChannelGuard { hub: self.channel.hub.clone(), _used: Some(Arc::clone(&self.used)), _ends: None }
    }
}

impl ChannelRegistry {
    pub(super) fn new(users: impl Iterator<Item = String>) -> Self {
        Self { listed: Arc::default(), users: Arc::new(users.collect()) }
    }

    /// Creates a hub with a unique stream name, derived from the main channel's `stream`.
    #[must_use]
    pub fn open(&self, stream: &str, limits: Limits) -> Hub {
        let mut listed = self.listed.lock();
        listed.opened += 1;
        Hub::new(format!("{stream}-{}", listed.opened), limits)
    }

    /// Like [`open`](Self::open), for a channel that other processes share. Its stream has no name yet.
    #[must_use]
    pub fn open_relayed(&self, node: &str, limits: Limits) -> Hub {
        let mut listed = self.listed.lock();
        listed.opened += 1;
        Hub::relayed(String::new(), format!("{node}-{}", listed.opened), limits)
    }

    #[must_use]
    pub fn guard(&self, user: &str) -> Option<ChannelGuard> {
        self.listed.lock().users.get(&key(user)).map(RegisteredChannel::guard)
    }

    /// Registers the channel of a user, and returns a guard of it. If one of theirs is registered already,
    /// guards that one and returns no entry.
    #[must_use]
    pub fn enter(&self, user: &str, hub: &Hub, driver: &Driver) -> (ChannelGuard, Option<RegistryEntry>) {
        let mut listed = self.listed.lock();
        if let Some(registered) = listed.users.get(&key(user)) {
            return (registered.guard(), None);
        }
        let shared = Arc::clone(&driver.shared);
        let channel = OpenChannel { user: Some(user.to_owned()), hub: hub.clone(), shared };
        let registered = RegisteredChannel { channel, used: Arc::default() };
        let guard = registered.guard();
        listed.users.insert(key(user), registered);
        (guard, Some(RegistryEntry { registry: self.clone(), user: key(user), hub: hub.clone() }))
    }

    /// Removes the room with this hub, unless it is guarded or has subscribers. Returns whether it was
    /// removed.
    #[must_use]
    pub fn strike_unused(&self, hub: &Hub) -> bool {
        let mut listed = self.listed.lock();
        let unused = |it: &RegisteredChannel| Arc::strong_count(&it.used) == 1 && hub.subscriber_count() == 0;
        let before = listed.users.len();
        listed.users.retain(|_, it| it.channel.hub.name_here() != hub.name_here() || !unused(it));
        listed.users.len() < before
    }

    #[must_use]
    pub fn has_token(&self, user: &str) -> bool {
        self.users.contains(&key(user))
    }

    /// Registers a private replay until the returned value is dropped.
    #[must_use]
    pub fn list_replay(&self, hub: &Hub, driver: &Driver) -> ListedReplay {
        let mut listed = self.listed.lock();
        listed.opened += 1;
        let number = listed.opened;
        let shared = Arc::clone(&driver.shared);
        listed.replays.insert(number, OpenChannel { user: None, hub: hub.clone(), shared });
        ListedReplay { registry: self.clone(), number }
    }

    pub fn note_loss(&self, recording: &str, loss: Loss) {
        if loss.is_some() {
            let mut listed = self.listed.lock();
            let known = listed.lost.entry(recording.to_owned()).or_default();
            // Each replay finds the same damage again.
            *known += loss.since(known);
        }
    }

    pub(super) fn lost(&self) -> BTreeMap<String, Loss> {
        self.listed.lock().lost.clone()
    }

    /// Returns all channels; those of users come first.
    #[must_use]
    pub fn channels(&self) -> Vec<OpenChannel> {
        let listed = self.listed.lock();
        let of_users = listed.users.values().map(|registered| &registered.channel);
        of_users.chain(listed.replays.values()).cloned().collect()
    }

    fn was_used(&self) -> bool {
        self.listed.lock().opened > 0
    }

    pub(super) fn find(&self, user: &str) -> Option<OpenChannel> {
        let name = user.trim().trim_start_matches('@');
        self.listed.lock().users.get(&key(name)).map(|registered| registered.channel.clone())
    }
}

/// A registered channel. Unregisters it on drop if it is still there.
#[derive(Debug)]
pub struct RegistryEntry {
    registry: ChannelRegistry,
    user: String,
    hub: Hub,
}

impl Drop for RegistryEntry {
    fn drop(&mut self) {
        let mut listed = self.registry.listed.lock();
        // Another room may have taken its place by now.
        let is_ours = |it: &RegisteredChannel| it.channel.hub.name_here() == self.hub.name_here();
        if listed.users.get(&self.user).is_some_and(is_ours) {
            listed.users.remove(&self.user);
        }
    }
}

/// A registered private replay. Unregisters it on drop.
#[derive(Debug)]
pub struct ListedReplay {
    registry: ChannelRegistry,
    number: u64,
}

impl Drop for ListedReplay {
    fn drop(&mut self) {
        self.registry.listed.lock().replays.remove(&self.number);
    }
}

/// A client's token, and what it opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    pub secret: Secret,
    pub client: String,
    /// TikTok user whose room the token opens.
    pub user: Option<String>,
    /// Recording for test replays: `demo`, a name under `recordings/`, or a path.
    pub recording: Option<String>,
}

/// Configuration of the additional channels.
#[derive(Clone, Debug)]
pub struct Sources {
    pub tokens: Vec<Token>,
    /// Maximum number of connected rooms, including that of the main channel.
    pub max_live: usize,
    pub max_replays: usize,
    /// Directory with the recordings that tokens refer to by name.
    pub recordings: PathBuf,
    /// Called with warnings for the operator of the server.
    pub tell: fn(&str),
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            max_live: MAX_LIVE,
            max_replays: MAX_REPLAYS,
            recordings: FOLDER.into(),
            tell: |_| (),
        }
    }
}

/// Validates the tokens and normalises their users. Tokens must be unique.
fn check_tokens(tokens: Vec<Token>) -> Result<Vec<Token>, Problem> {
    if tokens.len() > TOKENS_MAX {
        return Err(bad(format!("{} tokens are more than the maximum of {TOKENS_MAX}", tokens.len()))
            .hint(format!("keep at most {TOKENS_MAX} tokens")));
    }
    let mut seen = BTreeSet::new();
    for token in &tokens {
        let (secret, client) = (token.secret.reveal(), &token.client);
        if let Err(why) = check_token(secret) {
            return Err(bad(format!("the token of `{client}` cannot be part of a URL")).hint(why));
        }
        if !seen.insert(secret) {
            return Err(
                bad(format!("the token of `{client}` is used twice")).hint("give each client its own token")
            );
        }
    }
    let normalised = tokens.into_iter().map(|token| {
        // A blank name counts as none.
        let given = token.user.as_deref().filter(|user| !user.trim().is_empty());
        let user = given.map(normalise).transpose();
        let of_token = |problem: Problem| {
            let message = format!("the token of `{}`: {}", token.client, problem.message);
            Problem { message, ..problem }
        };
        Ok(Token { user: user.map_err(of_token)?, ..token })
    });
    normalised.collect()
}

/// Finds the matching token. Takes constant time, so that timing reveals nothing about the tokens.
fn find_token<'a>(tokens: &'a [Token], given: &str) -> Option<&'a Token> {
    let mut found = None;
    for token in tokens {
        if token.secret.reveal().as_bytes().ct_eq(given.as_bytes()).into() {
            found = Some(token);
        }
    }
    found
}

/// Returns the key of a user in the registry, which ignores case.
pub(super) fn key(user: &str) -> String {
    user.to_lowercase()
}

fn bad(message: String) -> Problem {
    Problem::new(Code::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use livetape_core::secret::TOKEN_BYTES_MAX;

    use super::*;

    fn token(secret: &str, user: Option<&str>) -> Token {
        let user = user.map(str::to_owned);
        Token { secret: secret.to_owned().into(), client: "stage".to_owned(), user, recording: None }
    }

    #[test]
    fn users_are_normalised_and_blank_ones_removed() {
        let given = [("a", Some("@Ann")), ("b", Some(" ")), ("c", None)];
        let tokens = check_tokens(given.map(|(secret, user)| token(secret, user)).to_vec()).unwrap();
        let users: Vec<_> = tokens.iter().map(|token| token.user.as_deref()).collect();
        assert_eq!(users, [Some("Ann"), None, None]);
        for (given, expected) in [("a", true), ("A", false), ("", false), ("aa", false)] {
            assert_eq!(find_token(&tokens, given).is_some(), expected, "{given}");
        }
    }

    #[test]
    fn invalid_tokens_are_rejected_without_being_shown() {
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        for secrets in
            [&["test"][..], &["echo"], &["s3cret", "s3cret"], &[""], &["a/b"], &["."], &["ä"], &[&long]]
        {
            let tokens = secrets.iter().map(|secret| token(secret, None)).collect();
            let problem = check_tokens(tokens).unwrap_err();
            assert_eq!(problem.code, Code::BadRequest, "{secrets:?}");
            assert!(problem.message.contains("stage"), "{problem}");
            assert!(!format!("{problem:?}").contains("s3cret"), "{problem:?}");
        }
        assert_eq!(check_tokens(vec![token("a", Some("a b"))]).unwrap_err().code, Code::InvalidUsername);
        assert!(check_tokens(vec![Token::default(); TOKENS_MAX + 1]).is_err());
        assert!(!format!("{:?}", token("s3cret", None)).contains("s3cret"));
    }
}
