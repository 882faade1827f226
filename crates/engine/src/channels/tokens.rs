//! Additional channels: rooms opened with tokens, and private replays.
//!
//! Each runs in its own task, through the same connect and replay code as the main channel. They share a
//! limited number of slots and the upstream rate limit; none is closed to make room for another.

use std::{collections::BTreeMap, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use livetape_cases::table::Suite;
use livetape_core::error::{Cause, Code, Problem, close};
use livetape_feed::{
    control::{
        Answer, Beside, ChannelGuard, ChannelRegistry, ChannelRequests, Control, Driver, PrivateReplay,
        QUEUE_MAX, Refusal, Request, Requested, shutting_down as no_answer,
    },
    hub::{CloseReason, Hub, Limits},
};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, watch},
    time::{sleep_until, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Channel, ChannelOptions, Ended, Role,
    connect::{Origin, RoomRequest},
};
use crate::{
    room::{Needs, Permit, Room, Rooms},
    source::{
        self, Replay, Tape, in_time,
        live::{self, SharedTransport},
        shown_name,
    },
};

/// Maximum time for rooms and replays to end when the server shuts down.
const LEAVE_MAX: Duration = Duration::from_secs(4);
/// Backlog of a private replay, in bytes. Its only subscriber may lag half of that.
const REPLAY_BACKLOG_BYTES_MAX: u64 = 2 << 20;
/// Maximum size of a recording that is changed for a private replay, in bytes: each holds it in memory.
const CHANGED_BYTES_MAX: u64 = 4 << 20;
/// Time that the channel of a token's user stays open after its last subscriber leaves, so that reloading a
/// page causes no new connection.
pub const LINGER: Duration = Duration::from_secs(30);

/// Opens and closes the additional channels, in a task of its own.
pub(super) struct RequestTask {
    pub(super) tokens: TokenChannels,
    requests: ChannelRequests,
    replays: Arc<Semaphore>,
    /// The show of the case that the main channel plays.
    pub(super) show: Option<Tape>,
}

impl RequestTask {
    pub(super) fn new(requests: ChannelRequests, tokens: TokenChannels) -> Self {
        let replays = Arc::new(Semaphore::new(requests.max_replays.min(Semaphore::MAX_PERMITS)));
        Self { tokens, requests, replays, show: None }
    }

    /// Processes requests until the server shuts down, then closes all channels.
    pub(super) async fn run(mut self) {
        loop {
            let request = tokio::select! { biased;
                () = self.tokens.shutdown.cancelled() => break,
                request = self.requests.next_request() => request,
            };
            match request {
                None => break,
                Some(Request::Room(user, answer)) => {
                    let tokens = self.tokens.clone();
                    self.tokens.tasks.spawn(async move { answer.send(tokens.guard(&user).await) });
                }
                Some(Request::Replay(replay, answer)) => self.replay(replay, answer),
            }
        }
        self.requests.refuse_further();
        for channel in self.requests.registry.channels() {
            channel.hub.close(shutting_down());
        }
        self.tokens.tasks.close();
        // Tasks that take longer are dropped with the runtime.
        let _ = timeout(LEAVE_MAX, self.tokens.tasks.wait()).await;
    }

    fn replay(&self, replay: PrivateReplay, answer: Answer<ChannelGuard>) {
        let Ok(slot) = Arc::clone(&self.replays).try_acquire_owned() else {
            let max = self.requests.max_replays;
            let message = format!("the maximum number of private replays, {max}, is already running");
            answer.refuse(Problem::capacity(Cause::Replays, message));
            return;
        };
        let limits = self.tokens.backlog;
        let limits = Limits { bytes_max: limits.bytes_max.min(REPLAY_BACKLOG_BYTES_MAX), ..limits };
        let hub = self.requests.registry.open(&self.tokens.stream, limits);
        let registry = self.requests.registry.clone();
        let beside = self.requests.beside.create(&self.tokens.shutdown);
        let (folder, show) = (self.requests.recordings.clone(), self.show.clone());
        self.tokens.tasks.spawn(async move {
            let PrivateReplay { recording, speed, start, case } = replay;
            let tape = find(folder, show, recording, start, case).await;
            // Use the runtime's timer: each socket has its own replay, and precise timers need a file
            // descriptor each.
            let (wait_clients, exit_when_done) = (1, true);
            let options =
                source::ReplayOptions { speed, start, wait_clients, exit_when_done, ..Default::default() };
            play_alone(tape, options, answer, hub, registry, beside).await;
            drop(slot);
        });
    }
}

type Opened = Result<ChannelGuard, Refusal>;

/// Opens the channels of tokens' users. Clones share them.
#[derive(Clone)]
pub(super) struct TokenChannels {
    pub(super) registry: ChannelRegistry,
    beside: Beside,
    rooms: Rooms,
    transport: SharedTransport,
    live: live::LiveOptions,
    pub(super) backlog: Limits,
    /// Name of the main channel's stream.
    pub(super) stream: String,
    pub(super) shutdown: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// Channels that are being opened, by user.
    openings: Arc<Mutex<BTreeMap<String, watch::Receiver<Option<Opened>>>>>,
}

impl TokenChannels {
    pub(super) fn new(
        requests: &ChannelRequests,
        rooms: Rooms,
        transport: SharedTransport,
        options: &ChannelOptions,
        stream: String,
        shutdown: CancellationToken,
    ) -> Self {
        let (registry, beside) = (requests.registry.clone(), requests.beside.clone());
        let (live, backlog) = (options.live.clone(), options.backlog);
        let (tasks, openings) = (TaskTracker::new(), Arc::default());
        Self { registry, beside, rooms, transport, live, backlog, stream, shutdown, tasks, openings }
    }

    /// Returns a guard of the channel of `user`, which is opened if necessary.
    pub(super) async fn guard(&self, user: &str) -> Opened {
        let mut opening = {
            let mut openings = self.openings.lock();
            if let Some(guard) = self.registry.guard(user) {
                return Ok(guard);
            }
            openings.entry(user.to_lowercase()).or_insert_with(|| self.begin(user)).clone()
        };
        let opened = opening.wait_for(Option::is_some).await;
        match opened.as_deref() {
            Ok(Some(Ok(guard))) => Ok(guard.another()),
            Ok(Some(Err(refusal))) => Err(refusal.clone()),
            Ok(None) | Err(_) => Err(no_answer().into()),
        }
    }

    /// Starts to open a channel. All who want it get the same answer.
    fn begin(&self, user: &str) -> watch::Receiver<Option<Opened>> {
        let (answers, opening) = watch::channel(None);
        let (tokens, user) = (self.clone(), user.to_owned());
        self.tasks.spawn(async move {
            let opened = tokio::select! { biased;
                () = tokens.shutdown.cancelled() => Err(no_answer().into()),
                opened = tokens.open(&user) => opened,
            };
            tokens.openings.lock().remove(&user.to_lowercase());
            answers.send_replace(Some(opened));
        });
        opening
    }

    async fn open(&self, user: &str) -> Opened {
        if self.rooms.are_shared() {
            return self.open_shared(user).await;
        }
        let mut permit = Permit { reserved: self.rooms.reserve(user), ..Permit::default() };
        // Otherwise the main channel has the room.
        if permit.reserved.is_some() {
            let options = live::LiveOptions { user: user.to_owned(), ..self.live.clone() };
            // Rooms that open together wait for each other.
            let needs = Needs { claim: true, slot: true, waits: false, turn_max: Some(QUEUE_MAX) };
            permit = self.rooms.obtain(permit, &options, needs).await?;
        }
        Ok(self.open_channel(user, Origin::TikTok(permit)))
    }

    /// Opens the channel of `user` as a guest of a room that the main channel opens now. Returns `None` if it
    /// is still open from before.
    pub(super) fn open_guest(&self, user: &str, room: &mut Room) -> Option<ChannelGuard> {
        if self.registry.guard(user).is_some() {
            return None;
        }
        Some(self.open_channel(user, Origin::Guest(Box::new(room.attach()))))
    }

    fn open_channel(&self, user: &str, origin: Origin) -> ChannelGuard {
        let hub = self.registry.open(&self.stream, self.backlog);
        let wanted = RoomRequest::of(user.to_owned(), origin, None);
        self.start(user, hub, self.beside.create(&self.shutdown), |channel| channel.show_room(wanted))
    }

    /// Keeps the channel of `user` open until the returned value is dropped, and opens it again when it has
    /// ended.
    pub(super) fn keep_open(&self, user: &str, interval: Duration) -> DropGuard {
        let (dropped, tokens, user) = (CancellationToken::new(), self.clone(), user.to_owned());
        let guard = dropped.clone().drop_guard();
        tokio::spawn(dropped.run_until_cancelled_owned(async move {
            loop {
                let _guard = tokens.guard(&user).await;
                // It may have ended, or the other processes have been unreachable.
                sleep_until(clock::now() + interval).await;
            }
        }));
        guard
    }

    /// Opens a channel that all processes share: one of them connects the room.
    async fn open_shared(&self, user: &str) -> Opened {
        let (control, driver) = self.beside.create(&self.shutdown);
        let hub = self.registry.open_relayed(&self.stream, self.backlog);
        let joined = self.rooms.slots.claims.join(user, &hub, &control).await?.ok_or_else(no_answer)?;
        let user_here = user.to_owned();
        Ok(self.start(user, hub, (control, driver), |channel| channel.serve_room(user_here, joined)))
    }

    /// Starts the channel of `user`, unless it is open already.
    fn start<F: Future<Output = Ended> + Send + 'static>(
        &self,
        user: &str,
        hub: Hub,
        (control, driver): (Control, Driver),
        serve: impl FnOnce(Channel) -> F,
    ) -> ChannelGuard {
        let (guard, entry) = self.registry.enter(user, &hub, &driver);
        if entry.is_none() {
            control.shut_down();
            return guard;
        }
        // Vary the seed, so that rooms that fail together do not reconnect together.
        let seed = self.live.seed ^ u64::from(crc32fast::hash(user.as_bytes()));
        let live = live::LiveOptions { seed, ..self.live.clone() };
        let channel = Channel {
            hub: hub.clone(),
            driver,
            shutdown: control.shutdown().clone(),
            transport: self.transport.clone(),
            options: ChannelOptions { ends_with_source: true, ..ChannelOptions::new(live) },
            rooms: self.rooms.clone(),
            role: Role::Token { entry },
            generation: 0,
            ended: Ended::default(),
            injecting: None,
        };
        let open = TokenChannel { hub, control, registry: self.registry.clone() };
        self.tasks.spawn(open.run(serve(channel)));
        guard
    }
}

/// The channel of a token's user, as long as it is open.
struct TokenChannel {
    hub: Hub,
    control: Control,
    registry: ChannelRegistry,
}

impl TokenChannel {
    /// Runs until the room ends or nobody needs the channel.
    async fn run(self, serving: impl Future<Output = Ended>) {
        let mut serving = pin!(serving);
        tokio::select! { biased;
            _ = serving.as_mut() => {}
            () = self.deserted() => {
                self.control.shut_down();
                serving.await;
            }
        }
        // No effect if the source has already closed the hub, because only the first reason counts.
        self.hub.close(shutting_down());
        self.control.shut_down();
    }

    /// Waits until the channel has had no subscribers for a while, and the main channel does not show its
    /// user: it holds a guard then, which `strike_unused` sees. Then removes it from the registry.
    async fn deserted(&self) {
        loop {
            self.hub.wait_for_nobody().await;
            let came_back = timeout(LINGER, self.hub.wait_for_subscribers(1)).await.is_ok();
            if came_back || self.is_read_elsewhere() {
                continue;
            }
            if self.registry.strike_unused(&self.hub) {
                return;
            }
        }
    }

    /// Whether this process is the owner of a channel that others read.
    fn is_read_elsewhere(&self) -> bool {
        self.control.nodes().is_some_and(|nodes| nodes.is_owner() && nodes.is_read_elsewhere())
    }
}

/// Opens the recording of a private replay.
async fn find(
    folder: PathBuf,
    show: Option<Tape>,
    recording: Requested,
    start: Duration,
    case: Option<&'static str>,
) -> Result<Tape, Problem> {
    let (Requested::Configured(name) | Requested::Named(name)) = &recording;
    let called = shown_name(name);
    let open = move || {
        let tape = match recording {
            Requested::Configured(name) => Tape::find_for_client(&folder, &name),
            Requested::Named(name) => Tape::find_shown(show.as_ref(), &folder, &name),
        }?
        .without_gates();
        let tape = match case {
            Some(case) => tape.changed(Suite::Feed.find(case)?, CHANGED_BYTES_MAX)?,
            None => tape,
        };
        tape.check_within(start)?;
        Ok(tape)
    };
    in_time(&called, open).await
}

/// Plays a recording for the holder of the guard.
async fn play_alone(
    tape: Result<Tape, Problem>,
    options: source::ReplayOptions,
    answer: Answer<ChannelGuard>,
    hub: Hub,
    registry: ChannelRegistry,
    (control, mut driver): (Control, Driver),
) {
    let shutdown = control.shutdown().clone();
    let _listed = registry.list_replay(&hub, &driver);
    let guard = ChannelGuard::alone(hub.clone(), shutdown.clone().drop_guard());
    let replay = match tape {
        Ok(tape) => Replay::new(tape, options, hub.clone(), &mut driver, shutdown, |_| ()),
        Err(problem) => Err(problem),
    };
    match replay {
        // If the client has left in the meantime, the guard is dropped and the replay ends at once.
        Ok(replay) => {
            answer.accept(guard);
            let summary = replay.run().await;
            registry.note_loss(&summary.recording, summary.loss);
        }
        Err(problem) => answer.refuse(problem),
    }
    hub.close(shutting_down());
}

pub(super) fn shutting_down() -> CloseReason {
    CloseReason::new(close::GOING_AWAY, Code::ShuttingDown.name())
}
