//! Additional channels: rooms opened with tokens, and private replays.
//!
//! Each runs in its own task, through the same connect and replay code as the main channel. They share a
//! limited number of slots and the upstream rate limit; none is closed to make room for another.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Common, Ended, Supervisor, SupervisorOptions};
use crate::{
    control::{
        Answer, ChannelRegistry, ChannelRequests, Control, Driver, Lease, NodeState, PrivateReplay, Refusal,
        Request, Requested, shutting_down as no_answer,
    },
    hub::{CloseReason, Hub, Limits},
    sans_io::error::{Code, Problem, close},
    source::{
        self, Replay, Tape, in_time,
        live::{self, Transport},
        shown_name,
    },
};

/// Time that a room stays connected after its last subscriber leaves, so that reloading a page causes no new
/// connection.
pub const LINGER: Duration = Duration::from_secs(30);
/// Maximum time for rooms and replays to end when the server shuts down.
const LEAVE_MAX: Duration = Duration::from_secs(4);
/// Backlog of a private replay, in bytes. Its only subscriber may lag half of that.
const REPLAY_BACKLOG_BYTES_MAX: u64 = 2 << 20;

/// Opens and closes the additional channels.
pub(super) struct Channels<T> {
    pub(super) requests: ChannelRequests,
    pub(super) common: Common,
    pub(super) transport: T,
    pub(super) live: live::LiveOptions,
    backlog: Limits,
    /// Name of the main channel's stream.
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

    /// Processes requests until the server shuts down, then closes all channels.
    pub(super) async fn run(mut self) {
        loop {
            let request = tokio::select! { biased;
                () = self.shutdown.cancelled() => break,
                request = self.requests.next_request() => request,
            };
            match request {
                None => break,
                Some(Request::Room(user, answer)) => answer.send(self.room(&user).await),
                Some(Request::Replay(replay, answer)) => self.replay(replay, answer),
            }
        }
        self.requests.refuse_further();
        for channel in self.requests.registry.channels() {
            channel.hub.close(shutting_down());
        }
        self.tasks.close();
        // Tasks that take longer are dropped with the runtime.
        let _ = timeout(LEAVE_MAX, self.tasks.wait()).await;
    }

    /// Returns a lease of the room of `user`, which is connected if necessary.
    async fn room(&self, user: &str) -> Result<Lease, Refusal> {
        let registry = &self.requests.registry;
        if let Some(lease) = registry.lease(user) {
            return Ok(lease);
        }
        if self.common.claims.are_shared() {
            return self.shared_room(user).await;
        }
        self.common.limit.check()?;
        let place = self.common.place(false).await?;
        let claim = self.common.claim(user, false).await?;
        let (control, driver) = self.requests.beside(&self.shutdown);
        let hub = registry.open(&self.stream, self.backlog);
        let (lease, listing) = registry.enter(user, &hub, driver.view());
        if let Some(listing) = listing {
            let mut supervisor = self.supervisor(user, hub.clone(), &control, driver);
            (supervisor.place, supervisor.claim) = (Some(place), Some(claim));
            supervisor.listing = Some(listing);
            let room = TokenRoom { hub, control, registry: registry.clone() };
            self.tasks.spawn(room.run(supervisor.live(user.to_owned())));
        }
        Ok(lease)
    }

    /// Returns a lease of a room that all nodes of the cluster share: one of them connects it.
    async fn shared_room(&self, user: &str) -> Result<Lease, Refusal> {
        let registry = &self.requests.registry;
        let (control, driver) = self.requests.beside(&self.shutdown);
        let hub = registry.open_relayed(&self.stream, self.backlog);
        let joined = self.common.claims.join(user, &hub, &control).await?.ok_or_else(no_answer)?;
        let (lease, listing) = registry.enter(user, &hub, driver.view());
        match listing {
            // The main channel has connected to the user in the meantime.
            None => control.shut_down(),
            Some(listing) => {
                let mut supervisor = self.supervisor(user, hub.clone(), &control, driver);
                (supervisor.listing, supervisor.followed) = (Some(listing), None);
                let room = TokenRoom { hub, control, registry: registry.clone() };
                self.tasks.spawn(room.run(supervisor.serve_room(user.to_owned(), joined)));
            }
        }
        Ok(lease)
    }

    fn supervisor(&self, user: &str, hub: Hub, control: &Control, driver: Driver) -> Supervisor<T> {
        // Vary the seed, so that rooms that fail together do not reconnect together.
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
            claim: None,
            waits: false,
            is_mocked: false,
            listing: None,
            followed: Some(self.common.rooms.offer(user)),
            following: None,
            registry: None,
            channels: None,
            generation: 0,
            inherited: None,
            ended: Ended::default(),
        }
    }

    fn replay(&self, replay: PrivateReplay, answer: Answer<Lease>) {
        let Ok(place) = Arc::clone(&self.replays).try_acquire_owned() else {
            let max = self.requests.max_replays;
            let message = format!("the maximum number of private replays, {max}, is already running");
            answer.refuse(Problem::new(Code::Capacity, message));
            return;
        };
        let hub = self.requests.registry.open(&self.stream, self.replay_backlog());
        let (registry, beside) = (self.requests.registry.clone(), self.requests.beside(&self.shutdown));
        let folder = self.requests.recordings.clone();
        self.tasks.spawn(async move {
            let PrivateReplay { recording, speed, start } = replay;
            let tape = find(folder, recording, start).await;
            let options = source::ReplayOptions { speed, start, ..alone() };
            play_alone(tape, options, answer, hub, registry, beside).await;
            drop(place);
        });
    }

    fn replay_backlog(&self) -> Limits {
        Limits { bytes_max: self.backlog.bytes_max.min(REPLAY_BACKLOG_BYTES_MAX), ..self.backlog }
    }
}

/// A room that a token opened.
struct TokenRoom {
    hub: Hub,
    control: Control,
    registry: ChannelRegistry,
}

impl TokenRoom {
    /// Runs until the room ends or all subscribers have left.
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

    /// Waits until the room has had no subscribers for a while, and removes it from the registry.
    async fn deserted(&self) {
        loop {
            self.hub.wait_for_nobody().await;
            let came_back = timeout(LINGER, self.hub.wait_for_subscribers(1)).await.is_ok();
            if came_back || self.is_needed() {
                continue;
            }
            if self.registry.strike_unused(&self.hub) {
                return;
            }
        }
    }

    /// Whether this process is the owner of a channel that others of the cluster read. They report it several times in
    /// the lifetime of a lease.
    fn is_needed(&self) -> bool {
        let Some(cluster) = self.control.cluster() else { return false };
        let is_read = |node: &NodeState| node.node != cluster.node && node.clients > 0;
        cluster.owner.as_ref() == Some(&cluster.node) && cluster.nodes.iter().any(is_read)
    }
}

/// Opens the recording of a private replay.
async fn find(folder: PathBuf, recording: Requested, start: Duration) -> Result<Tape, Problem> {
    let (Requested::Configured(name) | Requested::Named(name)) = &recording;
    let called = shown_name(name);
    let open = move || {
        let tape = match recording {
            Requested::Configured(name) => Tape::find_for_client(&folder, &name),
            Requested::Named(name) => Tape::find_by_name(&folder, &name),
        }?;
        tape.check_within(start)?;
        Ok(tape)
    };
    in_time(&called, open).await
}

/// Returns the options of every private replay.
fn alone() -> source::ReplayOptions {
    // Use the runtime's timer: each socket has its own replay, and precise timers need a file descriptor
    // each.
    source::ReplayOptions { wait_clients: 1, exit_when_done: true, ..source::ReplayOptions::default() }
}

/// Plays a recording for the holder of the lease.
async fn play_alone(
    tape: Result<Tape, Problem>,
    options: source::ReplayOptions,
    answer: Answer<Lease>,
    hub: Hub,
    registry: ChannelRegistry,
    (control, mut driver): (Control, Driver),
) {
    let shutdown = control.shutdown().clone();
    let _listed = registry.list_replay(&hub, driver.view());
    let lease = Lease::alone(hub.clone(), shutdown.clone().drop_guard());
    let replay = match tape {
        Ok(tape) => Replay::new(tape, options, hub.clone(), &mut driver, shutdown, |_| ()),
        Err(problem) => Err(problem),
    };
    match replay {
        // If the client has left in the meantime, the lease is dropped and the replay ends at once.
        Ok(replay) => {
            answer.accept(lease);
            let summary = replay.run().await;
            registry.note_loss(&summary.recording, summary.loss);
        }
        Err(problem) => answer.refuse(problem),
    }
    hub.close(shutting_down());
}

fn shutting_down() -> CloseReason {
    CloseReason { code: close::GOING_AWAY, reason: Code::ShuttingDown.name().into() }
}
