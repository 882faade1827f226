//! How the main channel or that of a token comes to a room: it looks up the user, then opens a room, or becomes the
//! guest of a channel that has.

use std::{pin::Pin, time::Duration};

use livetape_core::{
    error::{Cause, Code, Problem},
    recording::records::Header,
    username::normalise,
};
use livetape_feed::control::{Answer, ChannelGuard, MockRoom, QUEUE_MAX, Refusal, Status, TabRoom};
use livetape_io::clock;
use tokio::time::timeout_at;
use tokio_util::sync::DropGuard;
use tracing::warn;

use super::{Attached, Channel, Leaving, room_running};
use crate::{
    log_target::{CLIENTS, TOKENS},
    room::{Attachment, Needs, Permit, Refused, Room, Slot},
    source::{
        browser::{self, TabOptions},
        live::{self, Check, Live, LiveOptions},
    },
};

/// Interval at which the main channel checks that the channel of its user's tokens is open, and that channel
/// whether it has readers elsewhere.
const CHANNEL_CHECKED: Duration = Duration::from_secs(1);

/// A room that the channel is to show.
pub(super) struct RoomRequest {
    pub(super) user: String,
    pub(super) origin: Origin,
    /// The order to connect.
    pub(super) answer: Option<Answer<Status>>,
    /// Whether it continues a room that this or another process has left.
    pub(super) continues: bool,
}

/// Where the items of a room come from.
pub(super) enum Origin {
    /// TikTok, or another channel that has the room. Contains what was obtained so far.
    TikTok(Permit),
    /// A mock in this process, with its own rate limit and without the credentials for TikTok.
    Mock(Box<LiveOptions>),
    /// A tab of a browser. Contains what was obtained so far.
    Tab(Box<TabOptions>, Permit),
    /// A source that is already connected, such as a tab to record.
    Connected(Box<Live>),
    /// A room that another channel opens now.
    Guest(Box<Attachment>),
}

impl RoomRequest {
    pub(super) fn user(user: String, answer: Option<Answer<Status>>) -> Self {
        Self::of(user, Origin::TikTok(Permit::default()), answer)
    }

    pub(super) fn of(user: String, origin: Origin, answer: Option<Answer<Status>>) -> Self {
        Self { user, origin, answer, continues: false }
    }

    pub(super) fn tab(tab: TabOptions, answer: Option<Answer<Status>>) -> Self {
        Self::of(tab.user().to_owned(), Origin::Tab(Box::new(tab), Permit::default()), answer)
    }

    pub(super) fn with_slot(mut self, slot: Option<Slot>) -> Self {
        if let Origin::TikTok(permit) | Origin::Tab(_, permit) = &mut self.origin {
            permit.slot = slot;
        }
        self
    }

    /// Returns the source in the status.
    pub(super) fn source(&self) -> &'static str {
        if let Origin::Tab(..) = self.origin { TAB } else { LIVE }
    }
}

/// Sources in the status.
const LIVE: &str = "live";
const TAB: &str = "tab";

/// Returns the source in the status of a room with this header.
pub(super) fn source_of(header: &Header) -> &'static str {
    if header.source == browser::SOURCE { TAB } else { LIVE }
}

impl From<RoomRequest> for Attached {
    fn from(wanted: RoomRequest) -> Self {
        Self::Room(Box::new(wanted))
    }
}

/// A room that was found, or may be opened.
enum FoundRoom {
    /// Another channel has it. If that is the channel of a token, the guard keeps it open.
    Guest(Attachment, Option<ChannelGuard>),
    Connected(Live, Permit),
    /// It cannot be connected, as the upstream answered a moment ago.
    Remembered(Live),
    Permitted(Box<LiveOptions>, Permit),
}

/// Keeps the channel of the user's tokens open while the main channel shows the room.
struct Kept {
    _guard: Option<ChannelGuard>,
    /// Opens the channel again when it has ended.
    _task: Option<DropGuard>,
}

pub(super) struct Shown {
    pub(super) user: String,
    /// Whether another order to connect must wait: the options of a mock's room are not those of the next
    /// one.
    pub(super) is_mock: bool,
    pub(super) continues: bool,
    pub(super) room: Attachment,
}

impl Channel {
    /// Connects to a room, or attaches to it, and shows it until it ends or is left.
    pub(super) async fn connect(&mut self, wanted: RoomRequest) -> Attached {
        let RoomRequest { user, origin, answer, continues } = wanted;
        let user = match normalise(&user) {
            Ok(user) => user,
            Err(problem) => return self.refuse(answer, problem).await,
        };
        let is_mock = matches!(origin, Origin::Mock(_));
        let shutdown = self.shutdown.clone();
        let found = tokio::select! { biased;
            () = shutdown.cancelled() => return Attached::Over,
            found = self.find(&user, origin, answer.is_some(), continues) => found,
        };
        let found = match found {
            Ok(found) => found,
            Err(refusal) => {
                self.report_refusal(&user, &refusal.problem, answer.is_some());
                let is_unheard = answer.is_none() && (self.hub.is_relayed() || self.role.is_token());
                if is_unheard || (self.hub.is_relayed() && continues) {
                    self.tell(&refusal.problem, 1).await;
                }
                return self.refuse(answer, refusal).await;
            }
        };
        // If recording is impossible, a room of TikTok gets no request.
        let header = match &found {
            FoundRoom::Guest(room, _) => room.header.clone(),
            FoundRoom::Connected(live, _) | FoundRoom::Remembered(live) => live.header().clone(),
            FoundRoom::Permitted(options, _) => live::header(options),
        };
        let recorder = match found {
            _ if is_mock => Ok(None),
            FoundRoom::Remembered(_) => Ok(None),
            _ => self.start_recorder(&user, header),
        };
        let recorder = match recorder {
            Ok(recorder) => recorder,
            Err(problem) => return self.refuse(answer, problem).await,
        };
        let (room, _kept) = self.enter(&user, found, is_mock);
        self.show(Shown { user, is_mock, continues, room }, recorder, answer).await
    }

    /// Counts and logs that a room was refused before it was connected. Without an order, the command prints
    /// it when it ends.
    fn report_refusal(&self, user: &str, problem: &Problem, is_order: bool) {
        let (code, cause, why) = (problem.code.name(), problem.cause(), problem.message.as_str());
        self.driver.update_upstream(|upstream| *upstream.refused.entry([code, cause]).or_default() += 1);
        if self.role.is_token() {
            warn!(target: TOKENS, code, cause, why, "❌ TikTok Live failed for @{user}");
        } else if is_order {
            warn!(target: CLIENTS, code, cause, why, "❌ TikTok Live failed for @{user}");
        }
    }

    /// Finds the channel that has the room, or obtains what is necessary to open it.
    async fn find(
        &mut self,
        user: &str,
        origin: Origin,
        is_order: bool,
        continues: bool,
    ) -> Result<FoundRoom, Refusal> {
        let (permit, options, is_mock) = match origin {
            Origin::Guest(room) => return Ok(FoundRoom::Guest(*room, None)),
            Origin::Connected(live) => return Ok(FoundRoom::Connected(*live, Permit::default())),
            Origin::Tab(tab, permit) => return self.follow(*tab, permit).await,
            Origin::Mock(options) => (Permit::default(), *options, true),
            Origin::TikTok(mut permit) => {
                if permit.reserved.is_none() {
                    // Held as long as the main channel is a guest.
                    let guard = self.role.tokens().and_then(|tokens| tokens.registry.guard(user));
                    match self.reserve_or_attach(user, &mut permit).await {
                        Some(room) => return Ok(FoundRoom::Guest(room, guard)),
                        None => drop(guard),
                    }
                }
                (permit, self.options.live.clone(), false)
            }
        };
        let is_shared = !is_mock && self.is_shared_with_token(user);
        if is_shared {
            // Another node that has the room open for tokens then leaves it.
            self.intend(Some((user, true)));
        }
        let wall_anchor = Some(options.wall_anchor.unwrap_or_else(clock::wall));
        let options = LiveOptions { user: user.to_owned(), wall_anchor, continues, ..options };
        let waits = continues || is_shared;
        // A room that continues waits for its turn and the end of a pause where its requests are made, not here.
        let wait_max = if is_order { Duration::ZERO } else { QUEUE_MAX };
        let turn_max = (!continues).then_some(wait_max);
        let needs = Needs { claim: !is_mock, slot: true, waits, turn_max };
        let permit = match self.rooms.obtain(permit, &options, needs).await {
            Ok(permit) => permit,
            // It is broadcast like an answer.
            Err(Refused::ByUpstream(refusal)) if is_order => {
                return Ok(FoundRoom::Remembered(Live::refused(&options, refusal)));
            }
            Err(refused) => return Err(refused.into()),
        };
        Ok(FoundRoom::Permitted(Box::new(LiveOptions { turn: permit.turn, ..options }), permit))
    }

    /// Follows a tab. Tokens of its user share it.
    async fn follow(&self, tab: TabOptions, mut permit: Permit) -> Result<FoundRoom, Refusal> {
        if let Some(user) = &tab.user {
            permit.reserved = self.rooms.reserve(user);
            if permit.reserved.is_none() {
                return Err(room_running(user).hint("wait until the clients of its tokens have left").into());
            }
        }
        let needs = Needs { claim: false, slot: true, waits: false, turn_max: None };
        let permit = self.rooms.obtain(permit, &self.options.live, needs).await?;
        Ok(FoundRoom::Connected(browser::follow(tab, &self.options.live), permit))
    }

    /// Attaches to the room of `user` if another channel of this process has it, or else reserves it, so that
    /// no user is connected twice.
    async fn reserve_or_attach(&self, user: &str, permit: &mut Permit) -> Option<Attachment> {
        loop {
            self.until_needed(user).await;
            permit.reserved = self.rooms.reserve(user);
            if permit.reserved.is_some() {
                return None;
            }
            if let Some(room) = self.rooms.attach(user).await {
                return Some(room);
            }
        }
    }

    /// If processes share channels, waits until that of a token has readers, here or elsewhere, or the main channel
    /// has the room. It may have been opened for the main channel, which has left the room since.
    async fn until_needed(&self, user: &str) {
        if !self.role.is_token() || !self.rooms.are_shared() {
            return;
        }
        let is_read = || self.driver.nodes().is_some_and(|nodes| nodes.is_read_elsewhere());
        while !self.rooms.has(user) && !is_read() {
            let soon = clock::now() + CHANNEL_CHECKED;
            if timeout_at(soon, self.hub.wait_for_subscribers(1)).await.is_ok() {
                return;
            }
        }
    }

    /// Whether this is a main channel that processes share, and tokens of `user` have a channel, too.
    pub(super) fn is_shared_with_token(&self, user: &str) -> bool {
        self.rooms.are_shared() && self.role.tokens().is_some_and(|tokens| tokens.registry.has_token(user))
    }

    /// Opens the room unless another channel has it. The main channel opens the channel of the user's tokens,
    /// too: as a guest that misses nothing, or, if processes share it, as soon as this one has joined it.
    fn enter(&self, user: &str, found: FoundRoom, is_mock: bool) -> (Attachment, Kept) {
        let are_shared = self.rooms.are_shared();
        let tokens = self.role.tokens().filter(|tokens| !is_mock && tokens.registry.has_token(user));
        let _task = tokens.filter(|_| are_shared).map(|tokens| tokens.keep_open(user, CHANNEL_CHECKED));
        let mut room = match found {
            FoundRoom::Guest(room, _guard) => return (room, Kept { _guard, _task }),
            FoundRoom::Connected(live, permit) => Room::new(live, permit, self.options.live.limit.clone()),
            FoundRoom::Remembered(live) => {
                Room::new(live, Permit::default(), self.options.live.limit.clone())
            }
            FoundRoom::Permitted(options, permit) => self.room(*options, permit),
        };
        let _guard = tokens.filter(|_| !are_shared).and_then(|tokens| tokens.open_guest(user, &mut room));
        (room.start(), Kept { _guard, _task })
    }

    pub(super) fn room(&self, options: LiveOptions, permit: Permit) -> Room {
        let limit = options.limit.clone();
        Room::new(Live::start(options, self.transport.clone()), permit, limit)
    }

    /// Connects again, when the other processes let this one.
    pub(super) fn claim_again(&self, user: String) -> Attached {
        warn!("❌ This node may no longer connect to @{user}");
        let is_order = !self.options.ends_with_source;
        // History that TikTok repeats must not be broadcast again.
        RoomRequest { continues: true, ..RoomRequest::user(user, is_order.then(Answer::unheard)) }.into()
    }

    /// Handles a failure before the first attempt. With `answer`, it rejects the order; without one, the
    /// command ends.
    async fn refuse(&mut self, answer: Option<Answer<Status>>, refusal: impl Into<Refusal>) -> Attached {
        let refusal = refusal.into();
        let Some(answer) = answer else {
            self.close_with((&refusal.problem).into()).await;
            self.ended.refused = Some(refusal.problem);
            return Attached::Over;
        };
        answer.refuse(refusal);
        Attached::Idle
    }

    /// Returns the room of a mock in this process.
    ///
    /// # Errors
    /// If the mock cannot be reached, or this server does not connect to rooms.
    pub(super) fn mock(&self, room: &MockRoom) -> Result<Origin, Problem> {
        let live = &self.options.live;
        if live.proxy.is_some() {
            return Err(Problem::new(Code::BadRequest, "a mock cannot be reached through the proxy")
                .hint("start the server without `live.proxy`"));
        }
        Ok(Origin::Mock(Box::new(LiveOptions {
            upstream: Some(url_of(room)?),
            offline: live.offline,
            attempts_max: live.attempts_max,
            seed: live.seed,
            ..LiveOptions::default()
        })))
    }

    /// Returns a tab of the browser that this server knows.
    pub(super) fn tab_options(&self, tab: TabRoom) -> Result<TabOptions, Problem> {
        let TabRoom { user, number } = tab;
        let Some(browser) = self.options.browser.clone() else {
            return Err(Problem::new(Code::BadRequest, "this server knows no browser")
                .hint("set `live.cdp` to the debugging port of Chrome and restart the server"));
        };
        Ok(TabOptions { browser, user: user.as_deref().map(normalise).transpose()?, number })
    }

    /// Starts to look up `user`, one look-up at a time. If a token already has that room open, it replaces
    /// the current room at once. `has_slot`: the current room leaves its slot to the next one.
    pub(super) fn look_up(
        &self,
        user: String,
        answer: Answer<Status>,
        has_slot: bool,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        if self.rooms.has(&user) {
            return Some(Leaving::Replaced(user, answer, Permit::default()));
        }
        if let Some(Candidate { user, .. }) = candidate {
            let problem = Problem::capacity(Cause::LookupRunning, format!("`{user}` is being looked up"));
            answer.refuse(problem.hint(format!("wait for the response to POST /connect/{user}")));
            return None;
        }
        let mut options = LiveOptions { user: user.clone(), ..self.options.live.clone() };
        let (rooms, transport) = (self.rooms.clone(), self.transport.clone());
        // Another process may have to leave the room first.
        let claim = !self.is_shared_with_token(&user);
        let needs = Needs { claim, slot: !has_slot, waits: false, turn_max: Some(Duration::ZERO) };
        let search = Box::pin(async move {
            let permit = rooms.obtain(Permit::default(), &options, needs).await?;
            options.turn = permit.turn;
            Ok(FoundUser { permit, check: live::check(&options, transport).await })
        });
        *candidate = Some(Candidate { user, answer, search });
        None
    }

    /// Replaces the current room, or rejects the order if the user cannot be connected to.
    pub(super) fn take_found(
        &self,
        candidate: Option<Candidate>,
        found: Result<FoundUser, Refusal>,
    ) -> Option<Leaving> {
        let Candidate { user, answer, .. } = candidate?;
        let FoundUser { permit, check: Check { why, wait, .. } } = match found {
            Ok(found) => found,
            Err(refusal) => {
                self.report_refusal(&user, &refusal.problem, true);
                answer.refuse(refusal);
                return None;
            }
        };
        let limit = &self.options.live.limit;
        let Some(problem) = why.filter(|why| !self.options.live.may_follow_tab(why.code)) else {
            // The current room ends for it.
            let permit = Permit { turn: Some(limit.overdraw()), ..permit };
            return Some(Leaving::Replaced(user, answer, permit));
        };
        if let Some(wait) = wait {
            limit.set(wait);
        }
        answer.refuse(Refusal { problem, retrying: false, retry_after: wait });
        None
    }
}

/// A user who is being looked up, and the order to connect.
pub(super) struct Candidate {
    pub(super) user: String,
    pub(super) answer: Answer<Status>,
    search: Pin<Box<dyn Future<Output = Result<FoundUser, Refusal>> + Send>>,
}

pub(super) struct FoundUser {
    permit: Permit,
    check: Check,
}

#[cfg(feature = "live")]
fn url_of(room: &MockRoom) -> Result<live::Url, Problem> {
    let invalid = |_| Problem::new(Code::BadRequest, format!("`{}` is not a URL", room.url));
    room.url.parse().map_err(invalid)
}

#[cfg(not(feature = "live"))]
fn url_of(_: &MockRoom) -> Result<live::Url, Problem> {
    Err(Problem::new(Code::NotFound, "this server does not connect to rooms"))
}

/// Waits for the look-up in progress; forever, if there is none.
pub(super) async fn looked_up(candidate: &mut Option<Candidate>) -> Result<FoundUser, Refusal> {
    match candidate {
        Some(candidate) => candidate.search.as_mut().await,
        None => std::future::pending().await,
    }
}
