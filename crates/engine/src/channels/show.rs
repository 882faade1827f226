//! A channel that shows a room or a recording: passes its items to the recorder and the pipeline, and reports the
//! status, until the source ends or is left.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use livetape_core::{
    decoder::Counts,
    error::{Code, Problem, close},
    recording::{
        Flags, Item, Loss, What,
        records::{self, Gap, Header},
    },
    username::normalise,
};
use livetape_feed::{
    control::{
        Answer, Driver, Order, Refusal, ReplayOrder, ReplayState, SourceState, Status, UpstreamCounters,
        not_current, nothing_replayed, shutting_down,
    },
    hub::CloseReason,
};
use livetape_io::clock;
use tokio::{sync::watch, time::Instant};
use tracing::{info, warn};

use super::{
    Attached, Channel, Leaving, Record,
    connect::{Candidate, Origin, RoomRequest, Shown, looked_up, source_of},
    room_running,
};
use crate::{
    log_target::{TOKENS, UNRECORDED},
    pipeline::{Pacing, Pipeline},
    recorder::{Recorder, RecorderOptions, Target},
    room::{End, Permit, Slot},
    source::{
        Left, Position, Replay, Tape,
        live::{Outcome, RECORDER_BYTES_MAX},
    },
};

/// [`Header::source`] of a recorded replay.
const REPLAY: &str = "replay";
/// Maximum time for processing frames after the shutdown began; the rest becomes a Gap record.
const HANDLED_MAX: Duration = Duration::from_secs(1);

/// How a room ended for this channel.
struct LiveEnd {
    leaving: Option<Leaving>,
    outcome: Outcome,
    /// The slot of the room, if this channel opened it.
    slot: Option<Slot>,
    /// The look-up that was still in progress.
    candidate: Option<Candidate>,
    /// Offset of the last item or deadline.
    last: Duration,
    was_connected: bool,
}

impl Channel {
    /// Passes the items of a room to the recorder and the pipeline until the room ends or is left.
    pub(super) async fn show(
        &mut self,
        shown: Shown,
        recorder: Option<Recorder>,
        answer: Option<Answer<Status>>,
    ) -> Attached {
        let Shown { user, is_mock, room, .. } = &shown;
        let tap = recorder.as_ref().map(Recorder::tap);
        let mut pipeline = self.pipeline(Counts::default(), room.header.clone(), tap).await;
        let is_shared = !is_mock && self.is_shared_with_token(user);
        self.begin_room(&shown, is_shared, &mut pipeline).await;
        let mut status = RoomStatus {
            user: user.clone(),
            is_mock: *is_mock,
            is_of_token: self.role.is_token(),
            is_opener: room.is_opener(),
            was_connected: false,
            open: BTreeSet::new(),
            waiting: answer.into_iter().collect(),
            refusal: None,
        };
        status.begin(&self.driver, source_of(&room.header));
        let mut failed = recorder.as_ref().map(Recorder::watch);
        let over = self.pump(shown, &mut pipeline, &mut status, &mut failed).await;
        self.leave(over, pipeline, status, (recorder, failed)).await
    }

    async fn pump(
        &mut self,
        shown: Shown,
        pipeline: &mut Pipeline,
        status: &mut RoomStatus,
        recorder_failed: &mut Option<Failure>,
    ) -> LiveEnd {
        let Shown { user, is_mock, mut room, .. } = shown;
        let started = room.started;
        let (mut leaving, mut candidate) = (None, None);
        let (mut last, mut was_connected) = (Duration::ZERO, false);
        let mut backlog = Backlog::default();
        loop {
            let deadline = pipeline.decoder().next_deadline().map(|offset| started + offset);
            tokio::select! { biased;
                () = self.shutdown.cancelled(), if leaving.is_none() => leaving = Some(Leaving::ShutDown),
                Some(order) = self.driver.next_order(), if leaving.is_none() => {
                    if let Order::Inject(request, answer) = order {
                        last = clock::now().duration_since(started).max(last);
                        // The room of the mock has no real viewers.
                        if !self.options.allow_inject && !is_mock {
                            let message = "injecting into a live room is not allowed";
                            answer.refuse(Problem::new(Code::InjectRefused, message));
                            continue;
                        }
                        // It is not recorded.
                        let injector = &mut self.driver.injector;
                        let injected = pipeline.inject(injector, &request, last, Pacing::Free).await;
                        pipeline.report(&self.driver);
                        match injected {
                            Ok((injected, item)) => {
                                answer.accept(injected);
                                room.inject(item).await;
                            }
                            Err(problem) => answer.refuse(problem),
                        }
                        continue;
                    }
                    leaving = self.take_order(order, status, &mut candidate);
                }
                found = looked_up(&mut candidate), if leaving.is_none() => {
                    leaving = self.take_found(candidate.take(), found);
                }
                problem = failure(recorder_failed) => {
                    *recorder_failed = None;
                    // Keep serving; only `record` ends.
                    if self.options.record_only && leaving.is_none() {
                        leaving = Some(Leaving::RecorderEnded);
                    }
                    report_recorder(&problem, &format!("@{user}"), &self.driver.tally(), self.options.warn);
                }
                item = room.next() => {
                    let Some(item) = item else { break };
                    last = item.offset;
                    if backlog.drops(&item) {
                        continue;
                    }
                    // A room is not slowed down by what only compares it.
                    if let Some(watch) = &self.options.watch
                        && watch.items.try_send(item.clone()).is_err()
                    {
                        watch.left_out.fetch_add(1, Ordering::Relaxed);
                    }
                    was_connected |= matches!(item.what, What::ConnOpen(_) | What::Frame(_));
                    if self.moves(leaving.as_ref()) && matches!(item.what, What::ConnClose(_)) {
                        pipeline.record(&item);
                    } else {
                        pipeline.handle(&item, Pacing::Free).await;
                    }
                    pipeline.report(&self.driver);
                    // Answer waiting orders only after the event was broadcast.
                    status.note(&self.driver, &item);
                }
                () = clock::passed(deadline) => {
                    last = clock::now().duration_since(started);
                    pipeline.advance(last, Pacing::Free).await;
                }
            }
            if let Some(leaving) = &leaving {
                room.leave(leaving.ended());
            }
            if self.shutdown.is_cancelled() {
                backlog.shut_down(clock::now() - started);
            }
        }
        if let Some(gap) = backlog.into_gap(last) {
            pipeline.handle(&gap, Pacing::Free).await;
        }
        let End { outcome, slot } = room.end().await;
        // Nobody here has left the room: a claim was lost, or the channel that opened it left, and the room
        // goes on elsewhere.
        let is_lost = leaving.is_none() && outcome == Outcome::Stopped;
        if is_lost && !is_mock && self.rooms.are_shared() {
            leaving = Some(Leaving::ClaimLost(user));
        }
        LiveEnd { leaving, outcome, slot, candidate, last, was_connected }
    }

    fn take_order(
        &self,
        order: Order,
        room: &mut RoomStatus,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        let user = room.user.clone();
        match order {
            Order::Connect(_, answer) if room.is_mock => answer.refuse(room_running(&user)),
            Order::Connect(other, answer) => match normalise(&other) {
                Err(problem) => answer.refuse(problem),
                Ok(other) if other.eq_ignore_ascii_case(&user) => room.join(&self.driver, answer),
                Ok(other) => return self.look_up(other, answer, room.is_opener, candidate),
            },
            Order::Disconnect(other, answer) if self.driver.status().is_of(&other) => {
                return Some(Leaving::Deleted(answer));
            }
            Order::Disconnect(other, answer) => answer.refuse(not_current(&other)),
            order @ (Order::ConnectMock(..)
            | Order::ConnectTab(..)
            | Order::Replay(ReplayOrder::Load(_), _)) => {
                order.refuse(room_running(&user));
            }
            order => order.refuse(nothing_replayed()),
        }
        None
    }

    async fn leave(
        &mut self,
        over: LiveEnd,
        mut pipeline: Pipeline,
        mut room: RoomStatus,
        (recorder, failed): (Option<Recorder>, Option<Failure>),
    ) -> Attached {
        let LiveEnd { leaving, outcome, slot, candidate, last, was_connected } = over;
        // Only the next room of this channel may keep the slot.
        let slot = slot.filter(|_| matches!(leaving, Some(Leaving::Replaced(..))));
        let outcome = leaving.as_ref().map_or(Some(outcome), Leaving::ended);
        let (reason, problem) = match outcome {
            None => (None, None),
            Some(Outcome::Failed(problem)) => (Some(problem.code.name()), Some(problem)),
            Some(Outcome::Ended(reason)) => (Some(reason), None),
            Some(Outcome::Stopped) => (Some("stream_ended"), None),
        };
        // When a failed source ends the server, sockets get its `error` event and the close frame instead.
        let told = reason.filter(|_| problem.is_none() || !self.options.ends_with_source);
        if !self.moves(leaving.as_ref()) {
            pipeline.finish(last, told, Pacing::Free).await;
        }
        pipeline.report(&self.driver);
        let replacement = match &leaving {
            Some(Leaving::Replaced(user, ..)) => Some(user.clone()),
            _ => None,
        };
        room.end(&self.driver, problem.clone(), leaving.as_ref());
        let lost = pipeline.decoder().counts().loss();
        let problem_at_end = self.finish_recorder(recorder, was_connected, lost).await;
        if let Some(problem) = problem_at_end.filter(|_| failed.is_some()) {
            let is_over = match leaving {
                Some(Leaving::ShutDown | Leaving::RecorderEnded) => true,
                Some(_) => false,
                None => self.options.ends_with_source,
            };
            report_recorder(&problem, &format!("@{}", room.user), &self.driver.tally(), self.teller(is_over));
        }
        let next = match leaving {
            Some(Leaving::ShutDown | Leaving::RecorderEnded) => Attached::Over,
            Some(Leaving::Replaced(user, answer, permit)) => {
                let permit = Permit { slot: permit.slot.or(slot), ..permit };
                RoomRequest::of(user, Origin::TikTok(permit), Some(answer)).into()
            }
            Some(Leaving::ClaimLost(user)) => self.claim_again(user),
            Some(Leaving::Deleted(answer)) => {
                self.forget_user(answer);
                Attached::Idle
            }
            None => self.end(problem, reason.unwrap_or_default()).await,
        };
        match (next, candidate, replacement) {
            // The current room is gone, so nothing needs replacing.
            (Attached::Idle, Some(Candidate { user, answer, .. }), _) => {
                RoomRequest::user(user, Some(answer)).into()
            }
            (next, Some(Candidate { user, answer, .. }), Some(other)) => {
                answer.refuse(replaced_by(&user, &other));
                next
            }
            (next, ..) => next,
        }
    }

    /// Whether another process continues the room, or the next one. Its readers then learn from that one that a connection
    /// was closed, and streaks continue there.
    fn moves(&self, leaving: Option<&Leaving>) -> bool {
        matches!(leaving, Some(Leaving::ShutDown)) && self.hub.is_relayed()
    }

    /// Handles a room that this channel did not leave.
    async fn end(&mut self, problem: Option<Problem>, reason: &'static str) -> Attached {
        if !self.options.ends_with_source {
            return Attached::Idle;
        }
        let normal = || CloseReason::new(close::NORMAL, reason);
        self.close_with(problem.as_ref().map_or_else(normal, CloseReason::from)).await;
        self.ended.problem = problem;
        Attached::Over
    }

    pub(super) async fn close_with(&mut self, reason: CloseReason) {
        // Remove it from the registry first, so that returning clients can open the room again.
        self.role.unlist();
        self.end_elsewhere(&reason).await;
        tokio::select! { biased;
            () = self.shutdown.cancelled() => {}
            () = self.hub.drain(reason) => {}
        }
    }

    /// Plays a recording until the server shuts down or the recording is disconnected.
    ///
    /// # Errors
    /// If the recording cannot be read, or the replay cannot be recorded. Nothing was played then.
    pub(super) async fn play(
        &mut self,
        played: Played,
    ) -> Result<Attached, (Problem, Option<Answer<ReplayState>>)> {
        let Played { tape, answer, continued } = played;
        self.start_channels();
        let another = self.options.play.for_another();
        let mut options = std::mem::replace(&mut self.options.play, another);
        if let Some((position, _)) = &continued {
            (options.start, options.speed) = (position.pass_start, position.speed);
        }
        let recorder = match self.record_replay(&tape) {
            Ok(recorder) => recorder,
            Err(problem) => return Err((problem, answer)),
        };
        let (hub, shutdown) = (self.hub.clone(), self.shutdown.clone());
        let (name, tally) = (tape.name.clone(), self.driver.tally());
        let replay = Replay::new(tape, options, hub, &mut self.driver, shutdown, self.options.on_end);
        let mut failed = recorder.as_ref().map(Recorder::watch);
        let summary = match replay {
            Ok(replay) => {
                let tap = recorder.as_ref().map(Recorder::tap);
                let continued = continued.map(|(position, passed)| (*position, passed));
                let replay = replay.after_generation(self.generation).continuing(continued);
                let mut run = pin!(replay.recorded(tap).answering(answer).run());
                loop {
                    tokio::select! { biased;
                        summary = &mut run => break summary,
                        problem = failure(&mut failed) => {
                            failed = None;
                            report_recorder(&problem, &name, &tally, self.options.warn);
                        }
                    }
                }
            }
            Err(problem) => {
                self.finish_recorder(recorder, true, Loss::default()).await;
                return Err((problem, answer));
            }
        };
        self.generation = summary.generation;
        self.ended.is_lossy |= summary.loss.is_some();
        self.ended.loss += summary.untold;
        let problem_at_end = self.finish_recorder(recorder, true, Loss::default()).await;
        if let Some(problem) = problem_at_end.filter(|_| failed.is_some()) {
            report_recorder(&problem, &name, &tally, self.teller(!matches!(summary.left, Left::Stopped)));
        }
        Ok(match summary.left {
            Left::Done | Left::ShutDown => Attached::Over,
            Left::Stopped => Attached::Idle,
        })
    }

    /// Starts recording the replay, if configured.
    fn record_replay(&mut self, tape: &Tape) -> Result<Option<Recorder>, Problem> {
        if self.options.record.is_none() {
            return Ok(None);
        }
        let header = Header { source: REPLAY.to_owned(), ..tape.header()? };
        self.start_recorder(&tape.name, header)
    }

    pub(super) fn start_recorder(&mut self, user: &str, header: Header) -> Result<Option<Recorder>, Problem> {
        // The later parts must not exist either.
        self.options.check_file()?;
        // The offsets of a replay are those of its recording, so no wall clock belongs to them.
        let is_replay = header.source == REPLAY;
        let at = if is_replay { "" } else { "@" };
        let target = match &self.options.record {
            None => return Ok(None),
            Some(Record::File(path)) => Target::File(path.clone()),
            Some(Record::Folder(folder)) => Target::Folder { folder: folder.clone(), user: user.to_owned() },
            Some(Record::Full(path)) => {
                warn!(target: UNRECORDED, file = %path.display(), "⚠️ Not recording {at}{user}: the file holds an earlier room");
                return Ok(None);
            }
        };
        let defaults = RecorderOptions::default();
        let options = RecorderOptions {
            rotate: self.options.rotate,
            bytes_max: self.options.record_bytes_max,
            queue_bytes_max: RECORDER_BYTES_MAX,
            wall: defaults.wall.filter(|_| !is_replay),
            ..defaults
        };
        let recorder = Recorder::start(&target, header, &options)?;
        self.driver.update_upstream(|upstream| upstream.begin_recording(Arc::new(recorder.gauge())));
        info!(path = shown(recorder.path()), "📼 Recording {at}{user}");
        Ok(Some(recorder))
    }

    /// Returns what tells people of a failure at the end of a recording. If the channel is over, [`super::Ended`] does.
    fn teller(&self, is_over: bool) -> fn(&Problem) {
        if is_over { |_| () } else { self.options.warn }
    }

    /// Seals a recording, and counts what its source and the recorder lost. Returns why it failed.
    async fn finish_recorder(
        &mut self,
        recorder: Option<Recorder>,
        was_connected: bool,
        mut loss: Loss,
    ) -> Option<Problem> {
        let Some(recorder) = recorder else {
            self.ended.loss += loss;
            return None;
        };
        let files = recorder.files();
        // Sealing waits for the disk.
        let finished = tokio::task::spawn_blocking(move || recorder.finish()).await;
        // If no room was entered, another attempt can still record one. A failure that ends the process is kept, but
        // not by `record`.
        let is_last = self.options.ends_with_source && !self.options.record_only;
        if !was_connected && !is_last && matches!(finished, Ok(Ok(_))) {
            files.paths().iter().for_each(|path| drop(std::fs::remove_file(path)));
            return None;
        }
        if let Some(Record::File(path)) = &self.options.record {
            self.options.record = Some(Record::Full(path.clone()));
        }
        self.ended.loss += loss;
        self.ended.recordings.extend(files.paths());
        let problem = match finished {
            Ok(Ok(summary)) => {
                loss.records += summary.lost;
                self.ended.loss.records += summary.lost;
                let (path, lost) = (shown(files.paths().pop()), loss.records + loss.undecoded);
                info!(path, lost, "📼 Recording sealed");
                self.ended.full_bytes = summary.is_full.then_some(summary.bytes).or(self.ended.full_bytes);
                return None;
            }
            Ok(Err(problem)) => problem,
            Err(_) => Problem::new(Code::Io, "the recorder failed"),
        };
        self.ended.recorder = Some(problem.clone());
        Some(problem)
    }
}

/// A recording to play.
pub(super) struct Played {
    pub(super) tape: Tape,
    /// The order that loaded it.
    pub(super) answer: Option<Answer<ReplayState>>,
    /// Where another process left off, and the number of events that it broadcast.
    pub(super) continued: Option<(Box<Position>, u64)>,
}

impl Played {
    pub(super) fn tape(tape: Tape, answer: Option<Answer<ReplayState>>) -> Self {
        Self { tape, answer, continued: None }
    }
}

/// The deadline for frames, and the frames that missed it. Those that came after the shutdown began are nobody's loss:
/// the connection may take long to close, and in a cluster, the next owner has them.
#[derive(Default)]
pub(super) struct Backlog {
    /// The deadline, and the offset at which the shutdown began.
    until: Option<(Instant, Duration)>,
    gap: Option<Gap>,
}

impl Backlog {
    /// Starts the deadline. Only the first call counts.
    pub(super) fn shut_down(&mut self, offset: Duration) {
        self.until.get_or_insert_with(|| (clock::now() + HANDLED_MAX, offset));
    }

    /// Whether `item` must be dropped because the deadline has passed. Counts it if it came before the shutdown.
    fn drops(&mut self, item: &Item) -> bool {
        let (What::Frame(frame), Some((until, began))) = (&item.what, self.until) else { return false };
        if clock::now() < until {
            return false;
        }
        if item.offset > began {
            return true;
        }
        let offset_ns = u64::try_from(item.offset.as_nanos()).unwrap_or(u64::MAX);
        let reason = || "the server was shut down".to_owned();
        let first = || Gap { first_t_ns: offset_ns, reason: reason(), ..Gap::default() };
        let gap = self.gap.get_or_insert_with(first);
        gap.last_t_ns = offset_ns;
        gap.records += 1;
        gap.bytes += frame.bytes.len() as u64;
        true
    }

    /// Converts the dropped frames into a Gap item at `offset`.
    fn into_gap(self, offset: Duration) -> Option<Item> {
        let gap = |gap| Item { offset, conn: 0, flags: Flags::default(), what: What::Gap(gap) };
        self.gap.map(gap)
    }
}

/// Logs a line about a room. Those of tokens have their own target, because no terminal displays their
/// events. As guests, they log nothing: the main channel logs the same.
macro_rules! log {
    ($room:expr, $level:ident, $($line:tt)*) => {
        if !$room.is_of_token {
            $level!($($line)*);
        } else if $room.is_opener {
            $level!(target: TOKENS, $($line)*);
        }
    };
}

/// Status of the room, and the orders that wait for the first attempt.
struct RoomStatus {
    user: String,
    is_mock: bool,
    is_of_token: bool,
    /// Whether failures are counted here: a room counts once, for the channel that opened it.
    is_opener: bool,
    was_connected: bool,
    /// Numbers of the open connections, of which a tab may have several.
    open: BTreeSet<u32>,
    /// Orders to connect that wait for the first attempt to succeed or fail.
    waiting: Vec<Answer<Status>>,
    /// Why the last attempt failed.
    refusal: Option<Refusal>,
}

impl RoomStatus {
    fn begin(&self, driver: &Driver, source: &'static str) {
        log!(self, info, "🔴 Connecting to TikTok Live: @{}", self.user);
        driver.update_status(|status| {
            let counts = std::mem::take(&mut status.counts);
            *status = Status {
                state: SourceState::Connecting,
                source: Some(source),
                username: Some(self.user.clone()),
                counts,
                ..Status::default()
            };
        });
    }

    /// Handles another order for the same user.
    fn join(&mut self, driver: &Driver, answer: Answer<Status>) {
        match (driver.status().state, &self.refusal) {
            (SourceState::Connected, _) => answer.accept(driver.status()),
            (_, Some(refusal)) => answer.refuse(refusal.clone()),
            (_, None) => self.waiting.push(answer),
        }
    }

    /// Updates the status from an item.
    fn note(&mut self, driver: &Driver, item: &Item) {
        match &item.what {
            What::ConnOpen(open) => {
                self.open.insert(item.conn);
                self.note_open(driver, open);
            }
            What::Status(status) => self.note_status(driver, status),
            What::ConnClose(close) => {
                self.open.remove(&item.conn);
                self.note_close(driver, close);
            }
            _ => {}
        }
    }

    /// Ends the room and rejects waiting orders with `problem`, or because a later order ended it.
    fn end(&mut self, driver: &Driver, problem: Option<Problem>, leaving: Option<&Leaving>) {
        driver.update_status(|status| match leaving {
            // The channel connects to this user again.
            Some(Leaving::ClaimLost(_)) => {
                (status.state, status.next_retry_ms) = (SourceState::Ended, None);
            }
            _ => status.end(),
        });
        log!(self, info, "🔔 TikTok Live client ended for @{}", self.user);
        let problem = match leaving {
            Some(Leaving::Replaced(other, ..)) => replaced_by(&self.user, other),
            Some(Leaving::Deleted(_)) => given_up(&self.user, "cancelled by a request to disconnect"),
            Some(Leaving::ShutDown) => shutting_down(),
            Some(Leaving::RecorderEnded | Leaving::ClaimLost(_)) | None => problem.unwrap_or_else(|| {
                let message = format!("the attempt to connect to `{}` ended without a connection", self.user);
                Problem::new(Code::ConnectionLost, message)
            }),
        };
        for answer in self.waiting.drain(..) {
            answer.refuse(problem.clone());
        }
    }

    fn note_open(&mut self, driver: &Driver, open: &records::ConnOpen) {
        self.refusal = None;
        // The address of a tab may name another user.
        if !open.unique_id.is_empty() && !open.unique_id.eq_ignore_ascii_case(&self.user) {
            open.unique_id.clone_into(&mut self.user);
        }
        let (attempt, room, user) = (open.attempt, open.room_id, &self.user);
        log!(self, info, attempt, room, "✅ TikTok Live client started for @{user}");
        if std::mem::replace(&mut self.was_connected, true) && self.is_opener {
            driver.update_upstream(|upstream| upstream.reconnects += 1);
        }
        driver.update_status(|status| {
            status.state = SourceState::Connected;
            status.username = Some(self.user.clone());
            status.room_id = Some(open.room_id.to_string());
            status.attempt = open.attempt;
            status.next_retry_ms = None;
        });
        for answer in self.waiting.drain(..) {
            answer.accept(driver.status());
        }
    }

    fn note_close(&self, driver: &Driver, close: &records::ConnClose) {
        let (code, will_retry) = (close.code, close.will_retry);
        log!(self, info, code, will_retry, "❌ Connection to @{} closed", self.user);
        if !self.open.is_empty() {
            return;
        }
        driver.update_status(|status| match will_retry {
            true => status.state = SourceState::Retrying,
            false => status.end(),
        });
    }

    fn note_status(&mut self, driver: &Driver, failed: &records::Status) {
        driver.update_status(|status| {
            status.attempt = failed.attempt;
            match failed.retrying {
                true => (status.state, status.next_retry_ms) = (SourceState::Retrying, failed.retry_after_ms),
                false => status.end(),
            }
        });
        let code = Code::from_name(&failed.code).unwrap_or(Code::ConnectionLost);
        if self.is_opener {
            driver.update_upstream(|upstream| *upstream.failures.entry(code).or_default() += 1);
        }
        let problem = match &*failed.hint {
            "" => Problem::new(code, &failed.detail),
            hint => Problem::new(code, &failed.detail).hint(hint),
        };
        let (code, attempt, retrying) = (code.name(), failed.attempt, failed.retrying);
        let (retry_after_ms, user, why) = (failed.retry_after_ms, &self.user, failed.detail.as_str());
        log!(self, warn, code, attempt, retrying, retry_after_ms, why, "❌ TikTok Live failed for @{user}");
        let refusal =
            Refusal { problem, retrying, retry_after: failed.retry_after_ms.map(Duration::from_millis) };
        for answer in self.waiting.drain(..) {
            answer.refuse(refusal.clone());
        }
        self.refusal = Some(refusal);
    }
}

/// Reports at once that a recording has ended before its source.
fn report_recorder(problem: &Problem, of: &str, tally: &UpstreamCounters, tell: fn(&Problem)) {
    if problem.code == Code::RecordingFull {
        info!(why = %problem, "📼 The recording of {of} reached its maximum size");
        return;
    }
    tally.update(|upstream| upstream.recorder_failures += 1);
    warn!(why = %problem, "❌ Recording {of} failed");
    tell(problem);
}

/// Watches for a failure of the recorder that is not reported yet.
type Failure = watch::Receiver<Option<Problem>>;

/// Waits until the recorder fails; forever, if it does not.
async fn failure(failed: &mut Option<Failure>) -> Problem {
    if let Some(failed) = failed
        && let Ok(problem) = failed.wait_for(Option::is_some).await
        && let Some(problem) = problem.clone()
    {
        return problem;
    }
    std::future::pending().await
}

fn shown(path: Option<PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// Builds the error for an order to connect `user` that a later order for `other` replaced.
fn replaced_by(user: &str, other: &str) -> Problem {
    given_up(user, &format!("replaced by one to `{other}`"))
}

fn given_up(user: &str, why: &str) -> Problem {
    Problem::new(Code::RoomRunning, format!("the attempt to connect to `{user}` was {why}"))
        .hint(format!("connect again: POST /connect/{user}"))
}

#[cfg(test)]
mod tests {
    use livetape_core::recording::{Frame, Opcode};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frames_after_the_deadline_are_dropped_and_those_from_before_the_shutdown_counted() {
        let frame = Frame { opcode: Opcode::BINARY, bytes: vec![7; 10].into() };
        let what = What::Frame(frame);
        let item = |secs| Item {
            offset: Duration::from_secs(secs),
            conn: 1,
            flags: Flags::default(),
            what: what.clone(),
        };
        let mut backlog = Backlog::default();
        tokio::time::advance(HANDLED_MAX).await;
        assert!(!backlog.drops(&item(1)), "the server is not shutting down");
        backlog.shut_down(Duration::from_secs(4));
        assert!(!backlog.drops(&item(2)));
        tokio::time::advance(HANDLED_MAX).await;
        assert!((3..=5).all(|secs| backlog.drops(&item(secs))));
        let What::Gap(gap) = backlog.into_gap(Duration::from_secs(5)).unwrap().what else { panic!() };
        assert_eq!(
            (gap.records, gap.bytes, gap.first_t_ns, gap.last_t_ns),
            (2, 20, 3_000_000_000, 4_000_000_000)
        );
    }
}
