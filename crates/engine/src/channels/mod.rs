//! A channel is a hub and what it is attached to: a room (`room`), a recording, or nothing. The main channel
//! obeys orders; that of a token's user shows the room of that user, and a private replay its recording,
//! until its only client leaves.
//!
//! ```text
//!          connect USER, a tab or a mock's room             load NAME
//!       ┌───────────────────────────────── Idle ─────────────────────────────┐
//!       ▼                                  ▲ ▲ ▲                             ▼
//!  ┌─► Room ── DELETE USER, or it ends ────┘ │ └── DELETE USER or NAME ──── Tape ◄─┐
//!  │    │ ▲                                  │                                │    │
//!  └────┘ └── enough subscribers, ─ Held ────┘ DELETE USER                    └────┘ load NAME
//!             or connect USER
//!  connect OTHER, once looked up; or its claim is lost
//! ```
//!
//! Any of these ends in `Over` with the server, and without `--stay` also when its room or recording ends.
//! The channel of a token's user has one state:
//!
//! ```text
//!              a client comes, or the main channel opens the room
//!  (closed) ──────────────────────────────────────────────────────► Room
//!      ▲                                                             │
//!      └── the room ends, or nobody needs the channel for 30 s ──────┘
//! ```
//!
//! Its clients need it, and so does the main channel while it shows the same user. Which of the two opened
//! the room decides only whose orders end it: see `room`. A state processes its own orders, and returns the
//! next state: `Idle` and `Held` are here, `connect.rs` and `show.rs` are `Room`, and `show.rs` is also `Tape`.

mod connect;
mod show;
mod terms;
mod tokens;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64, mpsc::SyncSender},
    time::Duration,
};

use livetape_core::{
    decoder::{Counts, Decoder, DecoderOptions},
    error::{Code, Problem, exit, fitting},
    recording::{Flags, Item, Loss, What, records::Header},
    username::normalise,
};
use livetape_feed::{
    control::{
        Answer, Check, Control, Driver, InjectRequest, Injected, Order, Refusal, RegistryEntry, ReplayOrder,
        SourceState, Status, Tester, not_current, nothing_replayed,
    },
    hub::{Hub, Limits},
};
use livetape_io::clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    pipeline::{Pacing, Pipeline},
    recorder::Tap,
    room::{Permit, Rooms},
    source::{
        self, Loading, Replay, Summary, Tape,
        browser::{Browser, TabOptions},
        live as room_source,
        live::{self, Live, Outcome, SharedTransport},
    },
};
use connect::{Origin, RoomRequest};
use show::Played;
use tokens::{RequestTask, TokenChannels};

pub use tokens::LINGER;

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
    /// Returns how the room ends for its channels, if that is told to them.
    fn ended(&self) -> Option<Outcome> {
        match self {
            Self::Deleted(_) => Some(Outcome::Ended("deleted")),
            Self::Replaced(..) => Some(Outcome::Ended("replaced")),
            Self::ShutDown | Self::RecorderEnded | Self::ClaimLost(_) => None,
        }
    }
}

/// State of a channel: what it is attached to.
enum Attached {
    Idle,
    /// Nothing, until it has enough subscribers. Then it shows this room.
    Held(Box<RoomRequest>),
    /// A room, or the attempt to find or open it.
    Room(Box<RoomRequest>),
    Tape(Played),
    Over,
}

enum Role {
    /// The main channel, which opens those of tokens, too.
    Main {
        tokens: Box<TokenChannels>,
        /// Opens them and private replays, until it is started in a task of its own.
        requests: Option<Box<RequestTask>>,
    },
    /// The channel of a token's user, with its entry in the registry until it is closed.
    Token { entry: Option<RegistryEntry> },
}

impl Role {
    fn is_token(&self) -> bool {
        matches!(self, Self::Token { .. })
    }

    fn tokens(&self) -> Option<&TokenChannels> {
        if let Self::Main { tokens, .. } = self { Some(tokens) } else { None }
    }

    /// Lets clients open the channel of the user again.
    fn unlist(&mut self) {
        if let Self::Token { entry } = self {
            *entry = None;
        }
    }
}

/// A channel: a hub, and what it is attached to.
pub struct Channel {
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    transport: SharedTransport,
    options: ChannelOptions,
    rooms: Rooms,
    role: Role,
    /// Number of generations so far, which keeps ids of later ones distinct.
    generation: u32,
    ended: Ended,
    /// What was injected since the channel has been idle, and since when: streaks add up across requests.
    injecting: Option<(Pipeline, Instant)>,
}

impl Channel {
    pub fn new(
        hub: Hub,
        control: &Control,
        mut driver: Driver,
        transport: impl Into<SharedTransport>,
        mut options: ChannelOptions,
    ) -> Self {
        let (transport, limit) = (transport.into(), driver.limit.clone());
        limit.set_budget(options.live.lookup_budget());
        options.live.limit = limit;
        if let Some(watch) = &options.watch {
            driver.update_upstream(|upstream| upstream.drift = Some(Arc::clone(&watch.findings)));
        }
        driver.tester = tester(transport.clone(), options.live.clone());
        let shutdown = control.shutdown().clone();
        let requests = driver.channel_requests.take();
        let max_live = requests.as_ref().map_or(1, |requests| requests.max_live);
        let rooms = Rooms::new(max_live, driver.claims.clone());
        let role = match requests {
            None => Role::Token { entry: None },
            Some(requests) => {
                let (transport, stream) = (transport.clone(), hub.name_here().to_string());
                let tokens = TokenChannels::new(
                    &requests,
                    rooms.clone(),
                    transport,
                    &options,
                    stream,
                    shutdown.clone(),
                );
                let requests = Some(Box::new(RequestTask::new(requests, tokens.clone())));
                Role::Main { tokens: Box::new(tokens), requests }
            }
        };
        let ended = Ended::default();
        let (generation, injecting) = (0, None);
        Self { hub, driver, shutdown, transport, options, rooms, role, generation, ended, injecting }
    }

    /// Starts idle, and serves until shutdown.
    pub async fn serve(mut self) -> Ended {
        self.run(Attached::Idle).await
    }

    /// Connects to `user` once enough subscribers have joined, and serves.
    pub async fn live(self, user: String) -> Ended {
        self.open(RoomRequest::user(user, None)).await
    }

    /// Follows a tab of a browser once enough subscribers have joined, and serves.
    pub async fn tab(self, tab: TabOptions) -> Ended {
        self.open(RoomRequest::tab(tab, None)).await
    }

    async fn open(mut self, wanted: RoomRequest) -> Ended {
        let is_held = self.options.wait_clients > 0;
        self.run(if is_held { Attached::Held(Box::new(wanted)) } else { wanted.into() }).await
    }

    /// Shows a source that is already connected to `user`.
    pub async fn show_connected(self, user: &str, live: Live) -> Ended {
        let origin = Origin::Connected(Box::new(live));
        self.show_room(RoomRequest::of(user.to_owned(), origin, None)).await
    }

    async fn show_room(mut self, wanted: RoomRequest) -> Ended {
        self.run(wanted.into()).await
    }

    /// Plays a recording, and keeps serving if its user is disconnected. Clients find the replay as soon as
    /// this returns, and their orders wait for the future to run.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn replay(mut self, tape: Tape) -> impl Future<Output = Result<Ended, Problem>> {
        let show = tape.show_name().map(|_| tape.clone());
        if let Role::Main { requests: Some(requests), .. } = &mut self.role {
            requests.show = show.clone();
        }
        self.options.play.show = show;
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

    async fn run(&mut self, mut state: Attached) -> Ended {
        loop {
            self.injecting = None;
            state = match state {
                Attached::Idle => {
                    self.start_channels();
                    self.intend(None);
                    self.idle().await
                }
                Attached::Held(wanted) => self.hold(*wanted).await,
                Attached::Room(wanted) => self.connect(*wanted).await,
                Attached::Tape(played) => match self.play(played).await {
                    Ok(next) => next,
                    Err((problem, answer)) => {
                        answer.into_iter().for_each(|answer| answer.refuse(problem.clone()));
                        Attached::Idle
                    }
                },
                Attached::Over => return std::mem::take(&mut self.ended),
            };
        }
    }

    /// Starts serving tokens, now that the main channel has claimed its slot.
    fn start_channels(&mut self) {
        if let Role::Main { requests, .. } = &mut self.role
            && let Some(requests) = requests.take()
        {
            tokio::spawn(requests.run());
        }
    }

    /// Waits for an order that starts something.
    async fn idle(&mut self) -> Attached {
        let mut opening: Option<Loading> = None;
        loop {
            let order = tokio::select! { biased;
                () = self.shutdown.cancelled() => return Attached::Over,
                order = self.driver.next_order() => order,
                loaded = Loading::finished(&mut opening) => {
                    let Some(Loading { answer, .. }) = opening.take() else { continue };
                    match loaded {
                        Ok(loaded) => return Attached::Tape(Played::tape(loaded.tape, Some(answer))),
                        Err(problem) => answer.refuse(problem),
                    }
                    continue;
                }
            };
            match order {
                None => return Attached::Over,
                Some(Order::Replay(ReplayOrder::Load(name), answer)) => {
                    let loading = Loading::new(&self.options.play, name, answer);
                    opening.replace(loading).into_iter().for_each(Loading::give_up);
                }
                Some(order) => {
                    if let Some(wanted) = self.wanted_by(order).await {
                        opening.into_iter().for_each(Loading::give_up);
                        return wanted.into();
                    }
                }
            }
        }
    }

    /// Returns the room that an order asks for. Processes any other order.
    async fn wanted_by(&mut self, order: Order) -> Option<RoomRequest> {
        let (wanted, answer) = match order {
            Order::Connect(user, answer) => return Some(RoomRequest::user(user, Some(answer))),
            Order::ConnectMock(room, answer) => {
                (self.mock(&room).map(|origin| RoomRequest::of(room.user, origin, None)), answer)
            }
            Order::ConnectTab(tab, answer) => {
                (self.tab_options(tab).map(|tab| RoomRequest::tab(tab, None)), answer)
            }
            order => {
                self.take_other_order(order).await;
                return None;
            }
        };
        match wanted {
            Ok(wanted) => Some(RoomRequest { answer: Some(answer), ..wanted }),
            Err(problem) => {
                answer.refuse(problem);
                None
            }
        }
    }

    /// Waits for subscribers before connecting `user`, so that they see the attempt. An order to connect does
    /// not wait. Tokens are served in the meantime, but not with the slot of this room.
    async fn hold(&mut self, wanted: RoomRequest) -> Attached {
        let slot = self.rooms.slots.take(false).await.ok();
        self.start_channels();
        self.driver.update_status(|status| {
            *status = Status {
                state: SourceState::Connecting,
                source: Some(wanted.source()),
                username: Some(wanted.user.clone()),
                ..Status::default()
            };
        });
        loop {
            let order = tokio::select! { biased;
                () = self.shutdown.cancelled() => return Attached::Over,
                order = self.driver.next_order() => order,
                () = self.hub.wait_for_subscribers(self.options.wait_clients) => {
                    return wanted.with_slot(slot).into();
                }
            };
            match order {
                None => return Attached::Over,
                Some(Order::Connect(user, answer)) => {
                    // The order may be refused, or be for another user.
                    self.driver.forget_user();
                    return RoomRequest::user(user, Some(answer)).with_slot(slot).into();
                }
                Some(Order::Disconnect(name, answer)) if self.driver.status().is_of(&name) => {
                    self.forget_user(answer);
                    return Attached::Idle;
                }
                Some(
                    order @ (Order::ConnectMock(..)
                    | Order::ConnectTab(..)
                    | Order::Replay(ReplayOrder::Load(_), _)),
                ) => order.refuse(room_running(&wanted.user)),
                Some(order) => self.take_other_order(order).await,
            }
        }
    }

    /// Processes an order that starts nothing.
    async fn take_other_order(&mut self, order: Order) {
        match order {
            Order::Inject(request, answer) => self.inject_idle(&request, answer).await,
            Order::Disconnect(user, answer) if self.driver.status().is_of(&user) => self.forget_user(answer),
            Order::Disconnect(user, answer) => answer.refuse(not_current(&user)),
            order => order.refuse(nothing_replayed()),
        }
    }

    /// Injects while nothing is connected, for trying out an overlay. Uses the current time and no room.
    async fn inject_idle(&mut self, request: &InjectRequest, answer: Answer<Injected>) {
        let (mut pipeline, since) = match self.injecting.take() {
            Some(injecting) => injecting,
            None => {
                let counts = self.driver.status().counts;
                (self.pipeline(counts, header_from_now(), None).await, clock::now())
            }
        };
        let now = clock::now() - since;
        pipeline.advance(now, Pacing::Free).await;
        let injected = pipeline.inject(&mut self.driver.injector, request, now, Pacing::Free).await;
        pipeline.report(&self.driver);
        self.injecting = Some((pipeline, since));
        // Without a recording, the offset is 0.
        let injected = injected.map(|(injected, _)| Injected { offset_ms: 0, ..injected });
        answer.send(injected.map_err(Refusal::from));
    }

    /// Starts a pipeline that is not a replay, with this header.
    async fn pipeline(&self, counts: Counts, header: Header, tap: Option<Tap>) -> Pipeline {
        let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true }).with_counts(counts);
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        pipeline.set_tap(tap);
        let what = What::Header(Box::new(header));
        let anchor = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
        pipeline.handle(&anchor, Pacing::Free).await;
        pipeline
    }

    fn forget_user(&self, answer: Answer<Status>) {
        self.driver.forget_user();
        answer.accept(self.driver.status());
    }
}

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
    pub record_bytes_max: Option<u64>,
    /// Whether to end when the recorder fails, as in `record`. Otherwise serving continues without it.
    pub record_only: bool,
    /// Whether events may be injected into a live room.
    pub allow_inject: bool,
    /// Called when the recorder fails and the channel goes on. At its end, [`Ended::recorder`] has the failure.
    pub warn: fn(&Problem),
    /// Gets a copy of each item of a live room.
    pub watch: Option<Watch>,
    /// Backlog limits of each additional channel.
    pub backlog: Limits,
    /// How to play the first recording; later ones are played with [`source::ReplayOptions::for_another`].
    pub play: source::ReplayOptions,
    /// Called at each end of a recording.
    pub on_end: fn(&Summary),
    /// Number of subscribers to wait for before [`Channel::live`] connects.
    pub wait_clients: usize,
    /// Browser whose tabs may be followed.
    pub browser: Option<Browser>,
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
            record_bytes_max: None,
            record_only: false,
            allow_inject: false,
            warn: |_| (),
            watch: None,
            backlog: Limits::default(),
            play: source::ReplayOptions::default(),
            on_end: |_| (),
            wait_clients: 0,
            browser: None,
        }
    }

    /// Checks that the file to record to can be created, before anything begins.
    ///
    /// # Errors
    /// [`livetape_core::error::Code::OutputExists`], or the reason why it cannot be created.
    pub fn check_file(&self) -> Result<(), Problem> {
        match &self.record {
            Some(Record::File(path)) => crate::recorder::check_new(path, self.rotate.is_some()),
            Some(Record::Folder(_) | Record::Full(_)) | None => Ok(()),
        }
    }
}

/// What compares the items of live rooms with a baseline.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Takes items. Those that do not fit are left out, and counted.
    pub items: SyncSender<Item>,
    pub left_out: Arc<AtomicU64>,
    /// Number of differences so far.
    pub findings: Arc<AtomicU64>,
}

/// Destination of recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `<user>-<utc>.bin` in this directory.
    Folder(PathBuf),
    /// A file, which holds one room.
    File(PathBuf),
    /// The file of an earlier room: nothing else is recorded.
    Full(PathBuf),
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
    fn and(self, later: Self) -> Self {
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

/// Returns a header whose offset 0 is now.
fn header_from_now() -> Header {
    Header { wall_anchor_ns: i64::try_from(clock::wall().as_nanos()).ok(), ..Header::default() }
}

/// Builds the error for loading a recording while `user` is connected.
fn room_running(user: &str) -> Problem {
    Problem::new(Code::RoomRunning, format!("the room of `{user}` is connected"))
        .hint(format!("disconnect the room first: DELETE /connect/{user}"))
}

/// Returns a function that processes tests over `transport`, each in its own task.
fn tester(transport: SharedTransport, options: live::LiveOptions) -> Tester {
    Box::new(move |user, answer: Answer<Check>| {
        let (transport, options) = (transport.clone(), options.clone());
        tokio::spawn(async move {
            answer.accept(test(user, transport, options).await);
        });
    })
}

async fn test(user: String, transport: SharedTransport, options: live::LiveOptions) -> Check {
    let limit = options.limit.clone();
    let name = match normalise(&user) {
        Ok(name) => name,
        Err(problem) => return refused(user, problem),
    };
    let (found, known_for) = match limit.known(&name, false) {
        Some(known) => (live::Check::from(known.clone()), Some(known.left)),
        None => {
            let turn = match options.admit(Duration::ZERO) {
                Ok(turn) => Some(turn),
                Err(refusal) => return refused(name, refusal),
            };
            let options = live::LiveOptions { user: name.clone(), turn, ..options };
            (live::check(&options, transport).await, None)
        }
    };
    if let Some(wait) = found.wait {
        limit.set(wait);
    }
    let (problem, wait) = (found.why, found.wait.or(known_for));
    Check {
        username: name,
        exists: found.exists,
        live: found.live,
        room_id: found.room_id.map(|room_id| room_id.to_string()),
        can_connect: found.can_connect,
        code: problem.as_ref().map(|problem| problem.code),
        message: problem.as_ref().map(|problem| problem.message.clone()),
        hint: problem.map(|problem| fitting(&problem.hint, false, wait.is_some()).to_owned()),
        retry_after_ms: wait.map(millis),
    }
}

fn refused(username: String, refusal: impl Into<Refusal>) -> Check {
    let refusal = refusal.into();
    let hint = Some(refusal.hint().to_owned());
    let Refusal { problem, retry_after, .. } = refusal;
    Check {
        username,
        code: Some(problem.code),
        message: Some(problem.message),
        hint,
        retry_after_ms: retry_after.map(millis),
        ..Check::default()
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
