//! The channels beside the main one: rooms that tokens have open, and private replays.
//!
//! Each runs in a task of its own, through the same connect and replay as the main channel. What they share is the
//! number of places and the limiter towards the upstream; nobody is turned out to make room for another.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Common, Ended, Supervisor, SupervisorOptions};
use crate::{
    control::{Answer, ChannelRegistry, ChannelRequests, Control, Driver, Lease, Refusal, Request},
    hub::{CloseReason, Hub, Limits},
    sans_io::{
        error::{Code, Problem, close},
        pace::Speed,
    },
    source::{
        self, Replay, Tape, in_time,
        live::{self, Transport},
        shown_name,
    },
};

/// How long a room is kept after its last reader: a page that is loaded anew costs the upstream nothing.
pub const LINGER: Duration = Duration::from_secs(30);
/// How long rooms and replays have to end, when the server shuts down.
const LEAVE_MAX: Duration = Duration::from_secs(4);
/// What a private replay keeps for its one reader, in bytes: half of it is how far the reader may be behind.
const REPLAY_BACKLOG_BYTES_MAX: u64 = 2 << 20;

/// The one that opens and closes channels.
pub(super) struct Channels<T> {
    pub(super) requests: ChannelRequests,
    pub(super) common: Common,
    pub(super) transport: T,
    pub(super) live: live::LiveOptions,
    backlog: Limits,
    /// What the main channel is called.
    pub(super) stream: String,
    pub(super) shutdown: CancellationToken,
    replays: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl<T: Transport> Channels<T> {
    pub(super) fn new(
        requests: ChannelRequests,
        common: Common,
        transport: T,
        options: &SupervisorOptions,
        stream: String,
        shutdown: CancellationToken,
    ) -> Self {
        let (live, backlog) = (options.live.clone(), options.backlog);
        let replays = Arc::new(Semaphore::new(requests.max_replays.min(Semaphore::MAX_PERMITS)));
        let tasks = TaskTracker::new();
        Self { requests, common, transport, live, backlog, stream, shutdown, replays, tasks }
    }

    /// Serves requests until the server ends, then closes all that runs.
    pub(super) async fn run(mut self) {
        loop {
            let request = tokio::select! { biased;
                () = self.shutdown.cancelled() => break,
                request = self.requests.next_request() => request,
            };
            match request {
                None => break,
                Some(Request::Room(user, answer)) => answer.send(self.room(&user)),
                Some(Request::Replay(recording, speed, answer)) => self.replay(recording, speed, answer),
            }
        }
        self.requests.refuse_further();
        for channel in self.requests.registry.channels() {
            channel.hub.close(shutting_down());
        }
        self.tasks.close();
        // Whoever takes longer is dropped with the runtime.
        let _ = timeout(LEAVE_MAX, self.tasks.wait()).await;
    }

    /// The room of `user`: the one that runs, or a new one.
    fn room(&self, user: &str) -> Result<Lease, Refusal> {
        let registry = &self.requests.registry;
        if let Some(lease) = registry.lease(user) {
            return Ok(lease);
        }
        self.common.limit.check()?;
        let place = self.common.place()?;
        let (control, driver) = self.requests.beside(&self.shutdown);
        let hub = registry.open(&self.stream, self.backlog);
        let (lease, listing) = registry.enter(user, &hub, driver.view());
        if let Some(listing) = listing {
            let mut supervisor = self.supervisor(user, hub.clone(), &control, driver);
            (supervisor.place, supervisor.listing) = (Some(place), Some(listing));
            let room = TokenRoom { user: user.to_owned(), hub, control, registry: registry.clone() };
            self.tasks.spawn(room.run(supervisor));
        }
        Ok(lease)
    }

    fn supervisor(&self, user: &str, hub: Hub, control: &Control, driver: Driver) -> Supervisor<T> {
        // Rooms that fail together must not come back together.
        let seed = self.live.seed ^ u64::from(crc32fast::hash(user.as_bytes()));
        let live = live::LiveOptions { seed, ..self.live.clone() };
        Supervisor {
            hub,
            driver,
            shutdown: control.shutdown().clone(),
            transport: self.transport.clone(),
            options: SupervisorOptions { ends_with_source: true, ..SupervisorOptions::new(live) },
            common: self.common.clone(),
            place: None,
            listing: None,
            followed: Some(self.common.rooms.offer(user)),
            following: None,
            registry: None,
            channels: None,
            generation: 0,
            ended: Ended::default(),
        }
    }

    fn replay(&self, recording: String, speed: Speed, answer: Answer<Lease>) {
        let Ok(place) = Arc::clone(&self.replays).try_acquire_owned() else {
            let max = self.requests.max_replays;
            let message = format!("{max} test replays run already, and no more may at a time");
            answer.refuse(Problem::new(Code::Capacity, message));
            return;
        };
        let hub = self.requests.registry.open(&self.stream, self.replay_backlog());
        let (registry, beside) = (self.requests.registry.clone(), self.requests.beside(&self.shutdown));
        let folder = self.requests.recordings.clone();
        self.tasks.spawn(async move {
            let called = shown_name(&recording);
            let tape = in_time(&called, move || Tape::find_for_client(&folder, &recording)).await;
            play_alone(tape, speed, answer, hub, registry, beside).await;
            drop(place);
        });
    }

    fn replay_backlog(&self) -> Limits {
        Limits { bytes_max: self.backlog.bytes_max.min(REPLAY_BACKLOG_BYTES_MAX), ..self.backlog }
    }
}

/// A room that tokens have open.
struct TokenRoom {
    user: String,
    hub: Hub,
    control: Control,
    registry: ChannelRegistry,
}

impl TokenRoom {
    /// Until it ends, or nobody wants it any more.
    async fn run<T: Transport>(self, supervisor: Supervisor<T>) {
        let mut serving = pin!(supervisor.live(self.user.clone()));
        tokio::select! { biased;
            _ = serving.as_mut() => {}
            () = self.deserted() => {
                self.control.shut_down();
                serving.await;
            }
        }
        // Where the source has ended this was said already, and the first reason stands.
        self.hub.close(shutting_down());
    }

    /// Until nobody has read it for a while; it is off the list then.
    async fn deserted(&self) {
        loop {
            self.hub.wait_for_nobody().await;
            let came_back = timeout(LINGER, self.hub.wait_for_subscribers(1)).await.is_ok();
            if !came_back && self.registry.strike_unused(&self.hub) {
                return;
            }
        }
    }
}

/// Plays a recording to whoever holds the lease.
async fn play_alone(
    tape: Result<Tape, Problem>,
    speed: Speed,
    answer: Answer<Lease>,
    hub: Hub,
    registry: ChannelRegistry,
    (control, mut driver): (Control, Driver),
) {
    let shutdown = control.shutdown().clone();
    // Each socket has one of these: they wait by the runtime, as that costs no file.
    let options = source::ReplayOptions {
        speed,
        wait_clients: 1,
        exit_when_done: true,
        ..source::ReplayOptions::default()
    };
    let _listed = registry.list_replay(&hub, driver.view());
    let lease = Lease::alone(hub.clone(), shutdown.clone().drop_guard());
    let replay = match tape {
        Ok(tape) => Replay::new(tape, options, hub.clone(), &mut driver, shutdown, |_| ()),
        Err(problem) => Err(problem),
    };
    match replay {
        // Who has gone meanwhile has given the lease back, and it ends at once.
        Ok(replay) => {
            answer.accept(lease);
            replay.run().await;
        }
        Err(problem) => answer.refuse(problem),
    }
    hub.close(shutting_down());
}

fn shutting_down() -> CloseReason {
    CloseReason { code: close::GOING_AWAY, reason: Code::ShuttingDown.name().into() }
}
