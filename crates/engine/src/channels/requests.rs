//! Additional channels: rooms opened with tokens, and private replays.
//!
//! Each runs in its own task, through the same connect and replay code as the main channel. They share a
//! limited number of slots and the upstream rate limit; none is closed to make room for another.

use std::{path::PathBuf, sync::Arc, time::Duration};

use livetape_cases::table::Suite;
use livetape_core::error::{Cause, Problem};
use livetape_feed::{
    control::{
        Answer, ChannelGuard, ChannelRegistry, ChannelRequests, Control, Driver, PrivateReplay, Request,
        Requested,
    },
    hub::{Hub, Limits},
};
use tokio::{sync::Semaphore, time::timeout};

use super::tokens::{TokenChannels, shutting_down};
use crate::source::{self, Replay, Tape, in_time, shown_name};

/// Maximum time for rooms and replays to end when the server shuts down.
const LEAVE_MAX: Duration = Duration::from_secs(4);
/// Backlog of a private replay, in bytes. Its only subscriber may lag half of that.
const REPLAY_BACKLOG_BYTES_MAX: u64 = 2 << 20;
/// Maximum size of a recording that is changed for a private replay, in bytes: each holds it in memory.
const CHANGED_BYTES_MAX: u64 = 4 << 20;

/// Opens and closes the additional channels, in a task of its own.
pub(super) struct RequestTask {
    pub(super) tokens: TokenChannels,
    requests: ChannelRequests,
    replays: Arc<Semaphore>,
}

impl RequestTask {
    pub(super) fn new(requests: ChannelRequests, tokens: TokenChannels) -> Self {
        let replays = Arc::new(Semaphore::new(requests.max_replays.min(Semaphore::MAX_PERMITS)));
        Self { tokens, requests, replays }
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
        let hub = self.requests.registry.open(&self.tokens.stream, self.replay_backlog());
        let registry = self.requests.registry.clone();
        let beside = self.requests.beside().create(&self.tokens.shutdown);
        let folder = self.requests.recordings.clone();
        self.tokens.tasks.spawn(async move {
            let PrivateReplay { recording, speed, start, case } = replay;
            let tape = find(folder, recording, start, case).await;
            let options = source::ReplayOptions { speed, start, ..alone() };
            play_alone(tape, options, answer, hub, registry, beside).await;
            drop(slot);
        });
    }

    fn replay_backlog(&self) -> Limits {
        let limits = self.tokens.backlog;
        Limits { bytes_max: limits.bytes_max.min(REPLAY_BACKLOG_BYTES_MAX), ..limits }
    }
}

/// Opens the recording of a private replay.
async fn find(
    folder: PathBuf,
    recording: Requested,
    start: Duration,
    case: Option<&'static str>,
) -> Result<Tape, Problem> {
    let (Requested::Configured(name) | Requested::Named(name)) = &recording;
    let called = shown_name(name);
    let open = move || {
        let tape = match recording {
            Requested::Configured(name) => Tape::find_for_client(&folder, &name),
            Requested::Named(name) => Tape::find_by_name(&folder, &name),
        }?;
        let tape = match case {
            Some(case) => tape.changed(Suite::Feed.find(case)?, CHANGED_BYTES_MAX)?,
            None => tape,
        };
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
    let _listed = registry.list_replay(&hub, driver.view());
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
