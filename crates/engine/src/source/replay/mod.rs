//! A recording as a source: plays a tape at its original pace.
//!
//! One loop waits for whatever comes first: the shutdown of the server, an order, or the next deadline.
//! Deadlines belong to items of the recording and to gift streaks. They are offsets, so speed, pauses and
//! idle limits change the times of broadcasts, but not their order.

mod orders;
mod position;

use std::{collections::VecDeque, fmt, path::PathBuf, time::Duration};

use hdrhistogram::Histogram;
use livetape_core::{
    decoder::{self, Decoder},
    error::{Problem, close},
    pace::{IdleLimit, ReplayClock, Speed},
    recording::{Item, Loss, What},
};
use livetape_feed::{
    control::{Answer, Driver, Refusal, ReplayPhase, ReplayState},
    hub::{CloseReason, Hub},
};
use livetape_io::clock::{self, Timer};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::tape::{Fed, Feed, Loaded, Loading, Tape};
use crate::{
    pipeline::{Pacing, Pipeline},
    recorder::{FOLDER, Tap},
};
use position::Handover;

pub use position::Position;

/// Minimum length of a lap, so that an empty recording does not loop without a pause.
const LAP_MIN: Duration = Duration::from_millis(10);
/// Maximum number of frames published together at speed `max`.
const FRAMES_AT_ONCE: usize = 32;
/// Number of events after which no further frame is published together with the previous ones.
const EVENTS_AT_ONCE: usize = 64;
/// Number of played items after which counts are reported to `/status`, even if the replay never waits.
const REPORT_EVERY: u32 = 256;
/// Maximum lateness that is measured, in microseconds: an hour.
const LATE_US_MAX: u64 = 3_600_000_000;
/// Number of frames at the start and at the end whose mean lateness is compared to calculate the drift.
const DRIFT_FRAMES: usize = 100;

pub struct Replay<'a> {
    tape: Tape,
    duration: Option<Duration>,
    options: ReplayOptions,
    pipeline: Pipeline,
    hub: Hub,
    driver: &'a mut Driver,
    shutdown: CancellationToken,
    on_end: Box<dyn FnMut(&Summary) + Send>,
    /// What `on_end` was told to be missing.
    told_loss: Loss,
    /// The order to load this recording, answered when it can be played.
    loaded_for: Option<Answer<ReplayState>>,
    feed: Feed,
    /// The recording that is being opened to be played next.
    loading: Option<Loading>,
    time: RealTime,
    clock: ReplayClock,
    idle: IdleLimit,
    phase: ReplayPhase,
    pass: Pass,
    /// The maximum of what was missing in any pass of this recording, so that laps count it once.
    missing: Loss,
    reporting: Reporting,
    handover: Handover,
}

/// The time that passes while a recording is replayed, at any speed.
struct RealTime {
    /// Time 0 of the replay's clock.
    epoch: Instant,
    timer: Timer,
    /// When it first played.
    started: Option<Instant>,
}

impl RealTime {
    async fn reach(&self, at: Option<Duration>) {
        let Some(at) = at else { return std::future::pending().await };
        self.timer.sleep_until(self.epoch + at).await;
    }
}

/// A lap, or what follows a seek or a load.
struct Pass {
    start: Duration,
    /// When its first item was shown, or would have been.
    began: Duration,
    /// Number of the last event before it.
    after: u64,
    lap: u32,
    missing: Loss,
}

/// What is reported now and then.
struct Reporting {
    lateness: Lateness,
    lateness_due: Instant,
    /// Number of items since the last report.
    unreported: u32,
}

impl<'a> Replay<'a> {
    /// Creates a replay of a tape. Calls `on_end` at each end of the recording.
    ///
    /// # Errors
    /// If the tape cannot be read or ends before the start.
    pub fn new(
        tape: Tape,
        options: ReplayOptions,
        hub: Hub,
        driver: &'a mut Driver,
        shutdown: CancellationToken,
        on_end: impl FnMut(&Summary) + Send + 'static,
    ) -> Result<Self, Problem> {
        let decoder = Decoder::new(decoder::DecoderOptions { replay: true, dedup: true });
        tape.check_within(options.start)?;
        let feed = tape.feed(options.start)?;
        let mut replay = Self {
            duration: tape.duration(),
            pipeline: Pipeline::new(decoder, hub.clone(), shutdown.clone()),
            clock: ReplayClock::new(options.speed),
            idle: IdleLimit::new(options.idle_limit, options.start, Duration::ZERO),
            pass: Pass {
                start: options.start,
                began: Duration::ZERO,
                after: hub.head(),
                lap: 1,
                missing: Loss::default(),
            },
            on_end: Box::new(on_end),
            told_loss: Loss::default(),
            loaded_for: None,
            time: RealTime {
                epoch: clock::now(),
                timer: if options.is_exact { Timer::of_system() } else { Timer::Runtime },
                started: None,
            },
            phase: ReplayPhase::Waiting,
            missing: Loss::default(),
            reporting: Reporting { lateness: Lateness::default(), lateness_due: clock::now(), unreported: 0 },
            handover: Handover::default(),
            tape,
            options,
            hub,
            driver,
            shutdown,
            feed,
            loading: None,
        };
        replay.report();
        Ok(replay)
    }

    /// Continues the generations of a channel that has already played other recordings.
    #[must_use]
    pub fn after_generation(mut self, generation: u32) -> Self {
        self.pipeline.decoder().set_generation(generation + 1);
        self
    }

    /// Records the replay up to the first lap, seek or load, because later passes repeat ids.
    #[must_use]
    pub fn recorded(mut self, tap: Option<Tap>) -> Self {
        self.pipeline.set_tap(tap);
        self
    }

    /// Answers the order that loaded the recording once it can be played.
    #[must_use]
    pub fn answering(mut self, answer: Option<Answer<ReplayState>>) -> Self {
        self.loaded_for = answer;
        self
    }

    /// Plays and processes orders until the server shuts down or the user is disconnected; with
    /// `exit_when_done`, until the end of the recording.
    pub async fn run(mut self) -> Summary {
        self.prime().await;
        self.answer_load();
        let shutdown = self.shutdown.clone();
        let hub = self.hub.clone();
        let left = loop {
            self.end_catch_up();
            // Peeking may take long in a damaged part of the file or at a gate, so orders must be able to interrupt it.
            tokio::select! { biased;
                _ = self.feed.peek() => {}
                () = shutdown.cancelled() => break Left::ShutDown,
                Some(order) = self.driver.next_order(), if self.takes_orders() => {
                    if self.take_order(order).await.is_break() {
                        break Left::Stopped;
                    }
                    continue;
                }
                loaded = Loading::finished(&mut self.loading) => {
                    self.take_loaded(loaded).await;
                    continue;
                }
            }
            let due = self.next_due().await;
            let at = match &due {
                Some(_) if self.handover.catches_up() => Some(self.now()),
                due => due.as_ref().and_then(|due| self.clock.due(self.idle.preview(due.offset()))),
            };
            if at.is_none_or(|at| self.time.epoch + at > clock::now())
                || self.reporting.unreported >= REPORT_EVERY
            {
                self.report();
            }
            tokio::select! { biased;
                () = shutdown.cancelled() => break Left::ShutDown,
                Some(order) = self.driver.next_order(), if self.takes_orders() => {
                    if self.take_order(order).await.is_break() {
                        break Left::Stopped;
                    }
                }
                loaded = Loading::finished(&mut self.loading) => self.take_loaded(loaded).await,
                () = hub.wait_for_subscribers(self.options.wait_clients),
                    if self.phase == ReplayPhase::Waiting && !self.handover.catches_up() => self.play(),
                () = self.time.reach(at), if at.is_some() => {
                    if let Some(due) = due {
                        self.play_due(due, at).await;
                    }
                }
            }
            if self.options.exit_when_done && self.phase == ReplayPhase::Ended {
                break Left::Done;
            }
        };
        self.driver.set_replay(None);
        Summary { left, ..self.summary() }
    }

    /// Waits for the first item, so that the clock does not run while the first chunk is read.
    async fn prime(&mut self) {
        self.identify().await;
        self.begin_catch_up();
        let generation = self.pipeline.decoder().generation();
        self.tell_position(generation, true);
        let before = self.take_before().await;
        let start = self.pass.start;
        self.pipeline.restore(start, &before, self.pacing()).await;
        self.feed.ahead_of_gates().await;
    }

    fn answer_load(&mut self) {
        let Some(answer) = self.loaded_for.take() else { return };
        self.play_if_awaited();
        self.report();
        answer.accept(self.state());
    }

    /// Starts playing if enough subscribers have joined.
    fn play_if_awaited(&mut self) {
        if self.hub.subscriber_count() >= self.options.wait_clients {
            self.play();
        }
    }

    /// Takes the items before the start of a pass.
    async fn take_before(&mut self) -> Vec<Item> {
        let mut before = Vec::new();
        // Take the header, too, so that events injected before the start get the recording's clock.
        while let Some(Fed::Before(_) | Fed::Missing(_) | Fed::Item(Item { what: What::Header(_), .. })) =
            self.feed.ahead_of_gates().await
        {
            match self.feed.pop() {
                Some(Fed::Before(item) | Fed::Item(item)) => {
                    self.note_user(&item);
                    before.push(item);
                }
                Some(Fed::Missing(loss)) => self.count_missing(loss),
                _ => {}
            }
        }
        before
    }

    async fn play_due(&mut self, due: Due, at: Option<Duration>) {
        match due {
            Due::Item(offset) if self.clock.speed() == Speed::Max => self.play_at_hand(offset).await,
            Due::Item(offset) => {
                if let Some(at) = at.filter(|_| !self.handover.catches_up()) {
                    self.reporting.lateness.record(self.now().saturating_sub(at));
                }
                self.decode_next_item();
                self.pipeline.publish(self.pacing()).await;
                self.went_to(offset);
            }
            Due::Deadline(offset) => {
                self.pipeline.advance(offset, self.pacing()).await;
                self.went_to(offset);
            }
            Due::End(offset) => self.end_lap(offset).await,
        }
        self.reporting.unreported += 1;
        // Yield now and then, so that catching up does not starve other tasks.
        tokio::task::coop::consume_budget().await;
    }

    /// Plays the item that [`Replay::next_due`] found, and any that are already available, because waking
    /// subscribers costs about as much for many frames as for one.
    async fn play_at_hand(&mut self, mut offset: Duration) {
        let end = self.options.end.unwrap_or(Duration::MAX);
        for _ in 0..FRAMES_AT_ONCE {
            let Some(Fed::Item(item)) = self.feed.pop() else { break };
            self.note_user(&item);
            self.pipeline.decode(&item);
            self.went_to(offset);
            self.reporting.unreported += 1;
            match self.feed.at_hand() {
                Some(Fed::Item(next)) if next.offset < end && self.pipeline.waiting() < EVENTS_AT_ONCE => {
                    offset = next.offset;
                }
                _ => break,
            }
        }
        self.pipeline.publish(self.pacing()).await;
    }

    /// Decodes the item that [`Replay::next_due`] found.
    fn decode_next_item(&mut self) {
        if let Some(Fed::Item(item)) = self.feed.pop() {
            self.note_user(&item);
            self.pipeline.decode(&item);
        }
    }

    fn went_to(&mut self, offset: Duration) {
        self.idle.advance(offset);
        if self.clock.speed() == Speed::Max || self.clock.is_paused() || self.handover.catches_up() {
            self.clock.jump(self.now(), self.idle.position().1);
        }
    }

    async fn end_lap(&mut self, offset: Duration) {
        self.went_to(offset);
        self.pipeline.finish(offset, None, self.pacing()).await;
        if !self.pass.start.is_zero() || self.feed.at_hand().is_some() {
            self.count_missing_outside().await;
        }
        if self.options.laps.is_none_or(|laps| self.pass.lap < laps) {
            self.pass.lap += 1;
            let shown = self.idle.position().1.max(self.pass.began + LAP_MIN);
            if self.start_pass(self.options.start, shown).await.is_ok() {
                return;
            }
        }
        // A reader of the last event may ask for the losses.
        self.report();
        self.pipeline.finish(offset, Some("recording_ended"), self.pacing()).await;
        self.phase = ReplayPhase::Ended;
        self.clock.pause(self.now());
        self.report();
        let summary = self.summary();
        (self.on_end)(&summary);
        self.told_loss = summary.loss;
        if self.options.exit_when_done {
            let reason = CloseReason::new(close::NORMAL, "recording_ended");
            tokio::select! { biased;
                () = self.shutdown.cancelled() => {}
                () = self.hub.drain(reason) => {}
            }
        }
    }

    /// Counts damage in the parts of the file that this pass left out, which are otherwise not read.
    async fn count_missing_outside(&mut self) {
        let missing = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return,
            missing = self.tape.loss() => missing,
        };
        self.count_missing(missing.since(&self.pass.missing));
    }

    /// Starts a generation at `offset`, shown at `shown`.
    async fn start_pass(&mut self, offset: Duration, shown: Duration) -> Result<(), Problem> {
        let feed = self.tape.feed(offset)?;
        self.start_pass_of(feed, offset, shown).await;
        Ok(())
    }

    async fn start_pass_of(&mut self, feed: Feed, offset: Duration, shown: Duration) {
        self.pipeline.skip(0);
        self.end_catch_up();
        // The rest of a frame that is stepped through.
        self.pipeline.publish(self.pacing()).await;
        self.feed = feed;
        self.pass.missing = Loss::default();
        let before = self.take_before().await;
        self.idle = IdleLimit::new(self.options.idle_limit, offset, shown);
        (self.pass.start, self.pass.began) = (offset, shown);
        self.pass.after = self.hub.head();
        let generation = self.pipeline.decoder().generation() + 1;
        self.tell_position(generation, true);
        self.pipeline.start_generation(offset, &before, self.pacing()).await;
        self.feed.ahead_of_gates().await;
    }

    fn play(&mut self) {
        self.phase = ReplayPhase::Playing;
        self.clock.resume(self.now());
        self.time.started.get_or_insert_with(clock::now);
    }

    fn pause(&mut self) {
        if self.phase != ReplayPhase::Ended {
            self.clock.pause(self.now());
            self.phase = ReplayPhase::Paused;
        }
    }

    fn pacing(&self) -> Pacing {
        if self.clock.speed() == Speed::Max { Pacing::Slowest } else { Pacing::Free }
    }

    /// Returns the time since the replay was created, which its clock uses.
    fn now(&self) -> Duration {
        clock::now().duration_since(self.time.epoch)
    }
}

#[derive(Clone, Debug)]
pub struct ReplayOptions {
    pub speed: Speed,
    /// Total number of laps; `None` loops without end.
    pub laps: Option<u32>,
    /// Start of each lap.
    pub start: Duration,
    /// End of each lap; `None` for the end of the recording.
    pub end: Option<Duration>,
    /// Maximum length of a gap; longer gaps are shortened to this.
    pub idle_limit: Option<Duration>,
    /// Whether frames are sent by the system's most exact timer, which not every replay can have.
    pub is_exact: bool,
    /// Number of subscribers to wait for before the first frame.
    pub wait_clients: usize,
    /// Whether to close the subscribers and return at the end.
    pub exit_when_done: bool,
    /// Directory with the recordings that can be loaded by name.
    pub recordings: PathBuf,
    /// The show of a case, which can be loaded by its own name.
    pub show: Option<Tape>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            speed: Speed::Times(1.0),
            laps: Some(1),
            start: Duration::ZERO,
            end: None,
            idle_limit: None,
            is_exact: false,
            wait_clients: 0,
            exit_when_done: false,
            recordings: FOLDER.into(),
            show: None,
        }
    }
}

impl ReplayOptions {
    /// Returns the options for a recording that is loaded later: played whole and once.
    #[must_use]
    pub fn for_another(&self) -> Self {
        let Self { laps, start, end, .. } = Self::default();
        Self { laps, start, end, ..self.clone() }
    }
}

#[derive(Clone, Debug)]
pub struct Summary {
    pub recording: String,
    pub events: u64,
    /// Time since the replay first started playing, including pauses.
    pub took: Duration,
    /// Lateness of the frames; empty at speed `max`.
    pub lateness: Lateness,
    pub loss: Loss,
    /// The part of it that `on_end` was not told.
    pub untold: Loss,
    /// Number of the last generation on this channel.
    pub generation: u32,
    pub left: Left,
}

/// Why a replay ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    /// The recording ended, and `exit_when_done` is set.
    #[default]
    Done,
    ShutDown,
    /// Its user was disconnected.
    Stopped,
}

#[derive(Clone, Debug)]
pub struct Lateness {
    all: Histogram<u64>,
    first: Vec<u64>,
    last: VecDeque<u64>,
}

impl Default for Lateness {
    fn default() -> Self {
        let all = Histogram::new_with_bounds(1, LATE_US_MAX, 3).expect("constant bounds are valid");
        Self { all, first: Vec::new(), last: VecDeque::new() }
    }
}

impl Lateness {
    pub fn record(&mut self, late: Duration) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.all.saturating_record(us);
        if self.first.len() < DRIFT_FRAMES {
            self.first.push(us);
        }
        self.last.push_back(us);
        if self.last.len() > DRIFT_FRAMES {
            self.last.pop_front();
        }
    }

    #[must_use]
    pub fn frames(&self) -> u64 {
        self.all.len()
    }

    #[must_use]
    pub fn sum_ms(&self) -> f64 {
        self.all.mean() * self.all.len() as f64 / 1e3
    }

    /// `share` is between 0 and 1.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.all.value_at_quantile(share) as f64 / 1e3
    }

    #[must_use]
    pub fn max_ms(&self) -> f64 {
        self.all.max() as f64 / 1e3
    }

    /// Difference between the mean lateness of the last frames and that of the first, in milliseconds. A
    /// drift grows with the length of the recording.
    #[must_use]
    pub fn drift_ms(&self) -> f64 {
        let mean = |sum: u64, count: usize| sum as f64 / count.max(1) as f64 / 1e3;
        mean(self.last.iter().sum(), self.last.len()) - mean(self.first.iter().sum(), self.first.len())
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, max) = (self.quantile_ms(0.5), self.quantile_ms(0.99), self.max_ms());
        write!(
            f,
            "lateness p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms, drift {:+.2} ms",
            self.drift_ms()
        )
    }
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

impl Replay<'_> {
    /// Returns the next due thing, also behind a closed gate: orders must not wait for clients. Finals of gift
    /// streaks precede the item at the same offset.
    async fn next_due(&mut self) -> Option<Due> {
        if self.phase == ReplayPhase::Ended {
            return None;
        }
        let end = self.options.end.unwrap_or(Duration::MAX);
        let next = loop {
            match self.feed.ahead_of_gates().await {
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
            Some(Fed::Missing(loss)) => self.count_missing(loss),
            Some(Fed::Failed(_)) => self.count_missing(Loss::ONE),
            _ => {}
        }
    }

    fn count_missing(&mut self, loss: Loss) {
        self.pass.missing += loss;
        let new = self.pass.missing.since(&self.missing);
        self.missing += new;
        self.pipeline.decoder().count_missing(&new);
    }

    /// Starts opening a recording. Only the last one requested is played.
    fn load(&mut self, name: String, answer: Answer<ReplayState>) {
        let loading = Loading::new(&self.options, name, answer);
        self.loading.replace(loading).into_iter().for_each(Loading::give_up);
    }

    /// Plays the opened recording and answers the order.
    async fn take_loaded(&mut self, loaded: Result<Loaded, Problem>) {
        let Some(Loading { answer, .. }) = self.loading.take() else { return };
        let result = match loaded {
            Ok(loaded) => {
                self.put_in(loaded).await;
                Ok(self.state())
            }
            Err(problem) => Err(Refusal::from(problem)),
        };
        self.report();
        answer.send(result);
    }

    async fn put_in(&mut self, Loaded { tape, duration, feed }: Loaded) {
        if !matches!(self.phase, ReplayPhase::Waiting | ReplayPhase::Ended) {
            self.pipeline.finish(self.idle.position().0, Some("replaced"), self.pacing()).await;
        }
        (self.duration, self.tape) = (duration, tape);
        self.identify().await;
        self.reset();
        self.start_pass_of(feed, Duration::ZERO, Duration::ZERO).await;
        self.play_if_awaited();
    }
}
