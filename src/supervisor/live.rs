//! A live room as the source: passes items to the recorder and the pipeline until the room ends or is
//! replaced.

use std::{pin::Pin, time::Duration};

use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    Leaving, Next, Supervisor,
    backlog::Backlog,
    candidate::{Candidate, looked_up},
    common::lost,
    idle::room_running,
    inject::inject_live,
    room::{RoomStatus, replaced_by},
    rooms::requested,
};
use crate::{
    clock,
    control::{Answer, ChannelRegistry, Order, ReplayOrder, Shared, Status, not_current, nothing_replayed},
    hub::CloseReason,
    pipeline::{Pacing, Pipeline},
    recorder::Recorder,
    sans_io::{
        decoder::{self, Decoder},
        error::{Code, Problem, close},
        recording::{Flags, Item, What},
        username::normalise,
    },
    source::live::{Live, Outcome, Transport},
};

/// Ends when another process may connect to the user.
type Lost = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a source ended.
struct LiveEnd {
    leaving: Option<Leaving>,
    outcome: Outcome,
    /// The look-up that was still in progress.
    candidate: Option<Candidate>,
    /// Offset of the last item or deadline.
    last: Duration,
    /// Whether a room was connected.
    was_connected: bool,
}

impl<T: Transport> Supervisor<T> {
    /// Passes items from the source to the recorder and the pipeline until the source ends or is left.
    pub(super) async fn pass_on(
        &mut self,
        user: &str,
        live: Live,
        recorder: Option<Recorder>,
        answer: Option<Answer<Status>>,
    ) -> Next {
        // A replacement brings its own.
        let claim = self.claim.take();
        let decoder = Decoder::new(decoder::DecoderOptions { replay: false, dedup: true });
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        if let Some(recorder) = &recorder {
            pipeline = pipeline.with_tap(recorder.tap());
        }
        let share = |registry: &ChannelRegistry| {
            registry.share(user, &self.hub.name_here(), self.options.backlog, self.driver.view())
        };
        let is_alone = !self.is_mocked && !self.common.claims.are_shared();
        let shared = self.registry.as_ref().filter(|_| is_alone).and_then(share);
        let _room = self.keep_room(user);
        if let Some(shared) = &shared {
            pipeline = pipeline.with_mirror(shared.hub().clone());
        }
        let what = What::Header(live.header().clone());
        let anchor = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
        pipeline.handle(&anchor, Pacing::Free).await;
        self.begin_room(user, &mut pipeline).await;
        let mut room = RoomStatus::new(&self.driver, user, answer, !self.follows, self.listing.is_some());
        let failed = recorder.as_ref().map(Recorder::watch);
        let lost = lost(self.place.as_ref(), claim.as_ref());
        let over = self.pump(live, user, &mut pipeline, &mut room, (failed, lost)).await;
        drop(claim);
        self.leave(over, pipeline, room, recorder, shared).await
    }

    async fn pump(
        &mut self,
        mut live: Live,
        user: &str,
        pipeline: &mut Pipeline,
        room: &mut RoomStatus,
        (mut recorder_failed, mut lost): (Option<watch::Receiver<Option<Problem>>>, Lost),
    ) -> LiveEnd {
        let (header, started) = (live.header().clone(), live.started());
        let (mut leaving, mut candidate) = (None, None);
        let (mut last, mut was_connected) = (Duration::ZERO, false);
        let mut backlog = Backlog::default();
        loop {
            let deadline = pipeline.decoder().next_deadline().map(|offset| started + offset);
            tokio::select! { biased;
                () = self.shutdown.cancelled(), if leaving.is_none() => leaving = Some(Leaving::ShutDown),
                () = lost.as_mut(), if leaving.is_none() => leaving = Some(Leaving::ClaimLost(user.to_owned())),
                Some(order) = self.driver.next_order(), if leaving.is_none() => {
                    if let Order::Inject(request, answer) = order {
                        last = clock::now().duration_since(started).max(last);
                        let (allowed, injection) = (self.options.allow_inject, (request, answer));
                        let injected = inject_live(pipeline, &mut self.driver, injection, last, allowed).await;
                        if let (Some(item), Some(followed)) = (injected, &mut self.followed) {
                            followed.pass(&item).await;
                        }
                        continue;
                    }
                    leaving = self.take_order(order, user, room, &mut candidate);
                }
                follower = requested(&mut self.followed), if leaving.is_none() => {
                    if let Some(followed) = &mut self.followed {
                        followed.accept(follower, &header, started).await;
                    }
                }
                found = looked_up(&mut candidate), if leaving.is_none() => {
                    leaving = self.take_found(candidate.take(), found);
                }
                problem = failure(&mut recorder_failed) => {
                    recorder_failed = None;
                    // Keep serving; only `record` ends.
                    if self.options.record_only && leaving.is_none() {
                        leaving = Some(Leaving::RecorderEnded);
                    }
                    if problem.code == Code::RecordingFull {
                        info!(why = %problem, "📼 The recording of @{user} reached its maximum size");
                    } else {
                        self.driver.update_upstream(|upstream| upstream.recorder_failures += 1);
                        warn!(why = %problem, "❌ Recording @{user} failed");
                        (self.options.warn)(&problem);
                    }
                }
                item = live.next() => {
                    let Some(item) = item else { break };
                    last = item.offset;
                    if backlog.drops(&item) {
                        continue;
                    }
                    was_connected |= matches!(item.what, What::ConnOpen(_) | What::Frame(_));
                    self.note_limit(&item);
                    if let Some(followed) = &mut self.followed {
                        followed.pass(&item).await;
                    }
                    pipeline.handle(&item, Pacing::Free).await;
                    pipeline.report(&self.driver);
                    // Answer waiting orders only after the event was broadcast.
                    room.note(&self.driver, &item);
                }
                () = sleep_until(deadline) => {
                    last = clock::now().duration_since(started);
                    pipeline.advance(last, Pacing::Free).await;
                }
            }
            if leaving.is_some() {
                live.stop();
            }
            if self.shutdown.is_cancelled() {
                backlog.shut_down();
            }
        }
        if let Some(gap) = backlog.into_gap(last) {
            pipeline.handle(&gap, Pacing::Free).await;
        }
        let outcome = live.outcome().await;
        if let Some(followed) = self.followed.take() {
            followed.end(&leaving.as_ref().and_then(Leaving::ended).unwrap_or_else(|| outcome.clone()));
        }
        // The channel that this one follows has left the room, but the room goes on.
        if self.follows && self.common.claims.are_shared() && leaving.is_none() && outcome == Outcome::Stopped
        {
            leaving = Some(Leaving::ClaimLost(user.to_owned()));
        }
        LiveEnd { leaving, outcome, candidate, last, was_connected }
    }

    fn take_order(
        &self,
        order: Order,
        user: &str,
        room: &mut RoomStatus,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        match order {
            // The options of a mock's room are not those of the next one.
            Order::Connect(_, answer) if self.is_mocked => answer.refuse(room_running(user)),
            Order::Connect(other, answer) => match normalise(&other) {
                Err(problem) => answer.refuse(problem),
                Ok(other) if other.eq_ignore_ascii_case(user) => room.join(&self.driver, answer),
                Ok(other) => return self.look_up(other, answer, candidate),
            },
            Order::Disconnect(other, answer) if self.driver.status().is_of(&other) => {
                return Some(Leaving::Deleted(answer));
            }
            Order::Disconnect(other, answer) => answer.refuse(not_current(&other)),
            order @ (Order::ConnectMock(..) | Order::Replay(ReplayOrder::Load(_), _)) => {
                order.refuse(room_running(user));
            }
            order @ (Order::Replay(..) | Order::Test(..) | Order::Inject(..)) => {
                order.refuse(nothing_replayed());
            }
        }
        None
    }

    async fn leave(
        &mut self,
        over: LiveEnd,
        mut pipeline: Pipeline,
        mut room: RoomStatus,
        recorder: Option<Recorder>,
        shared: Option<Shared>,
    ) -> Next {
        let LiveEnd { leaving, outcome, candidate, last, was_connected } = over;
        let (reason, problem) = match (&leaving, outcome) {
            (Some(Leaving::ShutDown | Leaving::RecorderEnded | Leaving::ClaimLost(_)), _) => (None, None),
            (Some(Leaving::Deleted(_)), _) => (Some("deleted"), None),
            (Some(Leaving::Replaced(..)), _) => (Some("replaced"), None),
            (None, Outcome::Failed(problem)) => (Some(problem.code.name()), Some(problem)),
            (None, Outcome::Ended(reason)) => (Some(reason), None),
            (None, Outcome::Stopped) => (Some("stream_ended"), None),
        };
        // When a failed source ends the server, sockets get its `error` event and the close frame instead.
        let told = reason.filter(|_| problem.is_none() || !self.options.ends_with_source);
        pipeline.finish(last, told, Pacing::Free).await;
        pipeline.report(&self.driver);
        if let Some(shared) = shared {
            shared.close(match reason {
                Some(reason) => why(problem.as_ref(), reason),
                None => CloseReason { code: close::GOING_AWAY, reason: Code::ShuttingDown.name().into() },
            });
        }
        let replacement = leaving.as_ref().and_then(Leaving::replacement);
        room.end(&self.driver, problem.clone(), leaving.as_ref());
        self.finish_recorder(recorder, was_connected, pipeline.decoder().counts().loss()).await;
        let next = match leaving {
            Some(Leaving::ShutDown | Leaving::RecorderEnded) => Next::Exit,
            Some(Leaving::Replaced(user, answer)) => Next::Connect(user, Some(answer)),
            Some(Leaving::ClaimLost(user)) => self.claim_again(user),
            Some(Leaving::Deleted(answer)) => {
                self.forget_user(answer);
                Next::Idle
            }
            None => self.end(problem).await,
        };
        match (next, candidate, replacement) {
            // The current room is gone, so nothing needs replacing.
            (Next::Idle, Some(Candidate { user, answer, .. }), _) => Next::Connect(user, Some(answer)),
            (next, Some(Candidate { user, answer, .. }), Some(other)) => {
                answer.refuse(replaced_by(&user, &other));
                next
            }
            (next, ..) => next,
        }
    }

    /// Handles a source that ended by itself.
    async fn end(&mut self, problem: Option<Problem>) -> Next {
        if !self.options.ends_with_source {
            return Next::Idle;
        }
        self.close_with(why(problem.as_ref(), "stream_ended")).await;
        self.ended.problem = problem;
        Next::Exit
    }

    pub(super) async fn close_with(&mut self, reason: CloseReason) {
        // Free the slot first, so that returning clients can open the room again.
        (self.place, self.listing) = (None, None);
        self.end_elsewhere(&reason).await;
        tokio::select! { biased;
            () = self.shutdown.cancelled() => {}
            () = self.hub.drain(reason) => {}
        }
    }

    fn note_limit(&self, item: &Item) {
        if let What::Status(status) = &item.what
            && status.code == Code::RateLimited.name()
            && let Some(wait) = status.retry_after_ms
        {
            self.common.limit.set(Duration::from_millis(wait));
        }
    }
}

/// Builds the close reason of sockets: the code of the failure, or a normal close.
pub(super) fn why(problem: Option<&Problem>, reason: &'static str) -> CloseReason {
    match problem {
        Some(problem) => CloseReason { code: problem.code.close_code(), reason: problem.code.name().into() },
        None => CloseReason { code: close::NORMAL, reason: reason.into() },
    }
}

/// Waits until the recorder fails; forever, if it does not.
async fn failure(failed: &mut Option<watch::Receiver<Option<Problem>>>) -> Problem {
    if let Some(failed) = failed
        && let Ok(problem) = failed.wait_for(Option::is_some).await
        && let Some(problem) = problem.clone()
    {
        return problem;
    }
    std::future::pending().await
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
