//! A recording as a source: drives pace over a tape.
//!
//! One loop waits for whatever comes first: the end of the server, an order, or the next due thing. Due things are
//! items of the recording and the deadlines of gift streaks; both are offsets, so that speed, pauses and idle limits
//! change nothing but the time at which they are broadcast.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Lateness,
    tape::{Fed, Feed, Tape},
};
use crate::{
    clock,
    control::{Driver, ReplayPhase, ReplayState, SourceState},
    hub::{CloseReason, Hub},
    pipeline::{Pacing, Pipeline},
    sans_io::{
        decoder::{self, Decoder},
        error::{Problem, close},
        pace::{IdleLimit, ReplayClock, Speed},
        recording::{Item, What},
    },
};

mod orders;

/// Counts are told to `/status` at least so often, in things played, where nothing is waited for.
const REPORT_EVERY: u32 = 256;

/// How to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// How fast.
    pub speed: Speed,
    /// Laps in all; `None` for ever.
    pub laps: Option<u32>,
    /// Where each lap begins.
    pub start: Duration,
    /// Where each lap ends; `None` at the end of the recording.
    pub end: Option<Duration>,
    /// Longer gaps are shortened to this.
    pub idle_limit: Option<Duration>,
    /// Hold the first frame until so many subscribers are there.
    pub wait_clients: usize,
    /// Close the subscribers and return at the end.
    pub exit_when_done: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            speed: Speed::Times(1.0),
            laps: Some(1),
            start: Duration::ZERO,
            end: None,
            idle_limit: None,
            wait_clients: 0,
            exit_when_done: false,
        }
    }
}

/// What a replay came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The recording.
    pub recording: String,
    /// Events broadcast.
    pub events: u64,
    /// How long it took.
    pub took: Duration,
    /// How late its frames were; empty at speed `max`.
    pub lateness: Lateness,
    /// Whether records are missing or could not be read.
    pub is_lossy: bool,
    /// Records that are missing.
    pub records_missing: u64,
    /// Frames and messages that could not be read.
    pub unreadable: u64,
}

/// A replay.
pub struct Replay {
    tape: Tape,
    duration: Option<Duration>,
    options: Options,
    pipeline: Pipeline,
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    on_end: Box<dyn FnMut(&Summary) + Send>,
    feed: Feed,
    epoch: Instant,
    clock: ReplayClock,
    idle: IdleLimit,
    phase: ReplayPhase,
    lap: u32,
    /// Missing records of this pass, and the most of any pass of this recording: laps count them once.
    missing: (u64, u64),
    lateness: Lateness,
    started: Instant,
    unreported: u32,
}

/// The next thing to do, and its offset.
enum Due {
    Item(Duration),
    Deadline(Duration),
    End(Duration),
}

impl Due {
    fn offset(&self) -> Duration {
        match *self {
            Self::Item(offset) | Self::Deadline(offset) | Self::End(offset) => offset,
        }
    }
}

impl Replay {
    /// Puts a tape in. `on_end` is told at each end of the recording.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub fn new(
        tape: Tape,
        options: Options,
        hub: Hub,
        driver: Driver,
        shutdown: CancellationToken,
        on_end: impl FnMut(&Summary) + Send + 'static,
    ) -> Result<Self, Problem> {
        let decoder = Decoder::new(decoder::Options { replay: true, dedup: true });
        let feed = tape.feed(options.start)?;
        let mut replay = Self {
            duration: tape.duration(),
            pipeline: Pipeline::new(decoder, hub.clone(), shutdown.clone()),
            clock: ReplayClock::new(options.speed),
            idle: IdleLimit::new(options.idle_limit, options.start, Duration::ZERO),
            on_end: Box::new(on_end),
            epoch: clock::now(),
            started: clock::now(),
            phase: ReplayPhase::Waiting,
            lap: 1,
            missing: (0, 0),
            lateness: Lateness::default(),
            unreported: 0,
            tape,
            options,
            hub,
            driver,
            shutdown,
            feed,
        };
        replay.report();
        Ok(replay)
    }

    /// Plays, and takes orders, until the server ends; with `exit_when_done` until the end of the recording.
    pub async fn run(mut self) -> Summary {
        self.prime().await;
        let shutdown = self.shutdown.clone();
        let hub = self.hub.clone();
        loop {
            let due = self.next_due().await;
            let at = due.as_ref().and_then(|due| self.clock.due(self.idle.preview(due.offset())));
            if at.is_none_or(|at| self.epoch + at > clock::now()) || self.unreported >= REPORT_EVERY {
                self.report();
            }
            tokio::select! { biased;
                () = shutdown.cancelled() => break,
                Some((order, answer)) = self.driver.next_order() => {
                    let result = self.obey(order).await;
                    self.report();
                    // Whoever asked may have gone; the order stands all the same.
                    drop(answer.send(result.map(|()| self.state())));
                }
                () = hub.wait_for_subscribers(self.options.wait_clients),
                    if self.phase == ReplayPhase::Waiting => self.play(),
                () = sleep_until(self.epoch, at), if at.is_some() => {
                    if let Some(due) = due {
                        self.play_due(due, at).await;
                    }
                }
            }
            if self.options.exit_when_done && self.phase == ReplayPhase::Ended {
                break;
            }
        }
        self.summary()
    }

    /// Waits for the first item, so that the clock does not run while the first portion is read.
    async fn prime(&mut self) {
        let before = self.take_before().await;
        let start = self.options.start;
        self.pipeline.restore(start, &before, self.pacing()).await;
        self.feed.peek().await;
    }

    /// Takes what lies before the start of a pass.
    async fn take_before(&mut self) -> Vec<Item> {
        let mut before = Vec::new();
        while let Some(Fed::Before(_) | Fed::Missing(_)) = self.feed.peek().await {
            match self.feed.pop() {
                Some(Fed::Before(item)) => before.push(item),
                Some(Fed::Missing(records)) => self.count_missing(records),
                _ => {}
            }
        }
        before
    }

    /// What comes next: finals of streaks that are due come before the item at their offset.
    async fn next_due(&mut self) -> Option<Due> {
        if self.phase == ReplayPhase::Ended {
            return None;
        }
        let end = self.options.end.unwrap_or(Duration::MAX);
        let next = loop {
            match self.feed.peek().await {
                Some(Fed::Item(item)) => break Some(item.offset),
                Some(Fed::Missing(_) | Fed::Failed(_) | Fed::Before(_)) => self.take_note(),
                None => break None,
            }
        };
        let here = self.idle.position().0;
        let deadline = self.pipeline.decoder().next_deadline();
        Some(match (next, deadline) {
            (None, _) => Due::End(here),
            (Some(next), Some(deadline)) if deadline <= next && deadline < end => Due::Deadline(deadline),
            (Some(next), _) if next >= end => Due::End(end.max(here)),
            (Some(next), _) => Due::Item(next),
        })
    }

    fn take_note(&mut self) {
        match self.feed.pop() {
            Some(Fed::Missing(records)) => self.count_missing(records),
            // What cannot be read is missing, at least one record of it.
            Some(Fed::Failed(_)) => self.count_missing(1),
            _ => {}
        }
    }

    fn count_missing(&mut self, records: u64) {
        let (pass, most) = &mut self.missing;
        *pass += records;
        let new = pass.saturating_sub(*most);
        *most += new;
        self.pipeline.decoder().count_missing(new);
    }

    async fn play_due(&mut self, due: Due, at: Option<Duration>) {
        match due {
            Due::Item(_) => {
                if let Some(at) = at.filter(|_| self.clock.speed() != Speed::Max) {
                    self.lateness.record(self.now().saturating_sub(at));
                }
                self.play_next_item().await;
            }
            Due::Deadline(offset) => self.pipeline.advance(offset, self.pacing()).await,
            Due::End(offset) => return self.end_lap(offset).await,
        }
        self.went_to(due.offset());
        self.unreported += 1;
        // Catching up must not keep others from running.
        tokio::task::coop::consume_budget().await;
    }

    /// Plays the item that [`Replay::next_due`] found, and tells how many ordinary events came of it.
    async fn play_next_item(&mut self) -> usize {
        let Some(Fed::Item(item)) = self.feed.pop() else { return 0 };
        self.note_user(&item);
        self.pipeline.handle(&item, self.pacing()).await
    }

    fn went_to(&mut self, offset: Duration) {
        self.idle.advance(offset);
        if self.clock.speed() == Speed::Max || self.clock.is_paused() {
            self.clock.jump(self.now(), self.idle.position().1);
        }
    }

    async fn end_lap(&mut self, offset: Duration) {
        self.went_to(offset);
        let is_last = self.options.laps.is_some_and(|laps| self.lap >= laps);
        let reason = is_last.then_some("recording_ended");
        self.pipeline.finish(offset, reason, self.pacing()).await;
        if !is_last {
            self.lap += 1;
            let shown = self.idle.position().1;
            if self.start_pass(self.options.start, shown).await.is_ok() {
                return;
            }
        }
        self.phase = ReplayPhase::Ended;
        self.clock.pause(self.now());
        self.report();
        let summary = self.summary();
        (self.on_end)(&summary);
        if self.options.exit_when_done {
            self.hub.close(CloseReason { code: close::NORMAL, reason: "recording_ended".into() });
        }
    }

    /// Starts a generation at `offset`, shown at `shown`.
    async fn start_pass(&mut self, offset: Duration, shown: Duration) -> Result<(), Problem> {
        self.feed = self.tape.feed(offset)?;
        self.missing.0 = 0;
        let before = self.take_before().await;
        self.idle = IdleLimit::new(self.options.idle_limit, offset, shown);
        self.pipeline.start_generation(offset, &before, self.pacing()).await;
        self.feed.peek().await;
        Ok(())
    }

    fn play(&mut self) {
        self.phase = ReplayPhase::Playing;
        self.clock.resume(self.now());
        self.started = clock::now();
    }

    fn pacing(&self) -> Pacing {
        if self.clock.speed() == Speed::Max { Pacing::Slowest } else { Pacing::Free }
    }

    /// Time since the replay was made, which its clock counts in.
    fn now(&self) -> Duration {
        clock::now().duration_since(self.epoch)
    }

    fn note_user(&self, item: &Item) {
        if let What::ConnOpen(open) = &item.what {
            let (username, room_id) = (open.unique_id.clone(), open.room_id.to_string());
            self.driver.update_status(|status| {
                (status.username, status.room_id) = (Some(username), Some(room_id));
            });
        }
    }

    fn report(&mut self) {
        self.unreported = 0;
        self.pipeline.report(&self.driver);
        let state = self.state();
        self.driver.update_status(|status| {
            status.source = Some("replay");
            status.state = match state.state {
                ReplayPhase::Waiting => SourceState::Connecting,
                ReplayPhase::Playing | ReplayPhase::Paused => SourceState::Connected,
                ReplayPhase::Ended => SourceState::Ended,
            };
        });
        self.driver.set_replay(Some(state));
    }

    fn state(&mut self) -> ReplayState {
        let shown = self.clock.shown(self.now());
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        ReplayState {
            recording: self.tape.name.clone(),
            state: self.phase,
            offset_ms: ms(self.idle.offset_at(shown, self.duration.unwrap_or(Duration::MAX))),
            duration_ms: self.duration.map(ms),
            speed: self.clock.speed(),
            lap: self.lap,
            laps: self.options.laps,
            generation: self.pipeline.decoder().generation(),
        }
    }

    fn summary(&mut self) -> Summary {
        let counts = self.pipeline.decoder().counts();
        Summary {
            recording: self.tape.name.clone(),
            events: counts.events.values().sum(),
            took: clock::now().duration_since(self.started),
            is_lossy: counts.is_lossy(),
            records_missing: counts.records_missing,
            unreadable: counts.unreadable(),
            lateness: self.lateness.clone(),
        }
    }
}

async fn sleep_until(epoch: Instant, at: Option<Duration>) {
    let Some(at) = at else { return std::future::pending().await };
    let due = epoch + at;
    if due > clock::now() {
        tokio::time::sleep_until(due).await;
    }
}
