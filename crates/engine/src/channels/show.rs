//! A channel that shows a room: passes its items to the recorder and the pipeline until the room ends or is
//! left.

use std::time::Duration;

use livetape_core::{
    decoder::{self, Decoder},
    error::{Code, Problem},
    recording::{Flags, Item, What},
    username::normalise,
};
use livetape_feed::{
    control::{
        Answer, Driver, InjectRequest, Injected, Order, ReplayOrder, Status, not_current, nothing_replayed,
    },
    hub::CloseReason,
};
use livetape_io::clock;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    Channel, Leaving, State,
    backlog::Backlog,
    candidate::{Candidate, looked_up},
    connect::{Origin, Shown, Wanted},
    idle::room_running,
    status::{RoomStatus, replaced_by},
    why,
};
use crate::{
    pipeline::{Pacing, Pipeline},
    recorder::Recorder,
    room::{End, Permit, Slot},
    source::live::Outcome,
};

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
    ) -> State {
        let Shown { user, is_mock, continues, room } = &shown;
        let decoder = Decoder::new(decoder::DecoderOptions { replay: false, dedup: true });
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        pipeline.set_tap(recorder.as_ref().map(Recorder::tap));
        let what = What::Header(room.header().clone());
        let anchor = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
        pipeline.handle(&anchor, Pacing::Free).await;
        let is_shared = !is_mock && self.is_shared_with_token(user);
        self.begin_room(user, is_shared, *continues, &mut pipeline).await;
        let (is_opener, is_of_token) = (room.is_opener(), self.role.is_token());
        let mut status = RoomStatus::new(&self.driver, user, answer, is_opener, is_of_token);
        let failed = recorder.as_ref().map(Recorder::watch);
        let over = self.pump(shown, &mut pipeline, &mut status, failed).await;
        self.leave(over, pipeline, status, recorder).await
    }

    async fn pump(
        &mut self,
        shown: Shown,
        pipeline: &mut Pipeline,
        status: &mut RoomStatus,
        mut recorder_failed: Option<watch::Receiver<Option<Problem>>>,
    ) -> LiveEnd {
        let Shown { user, is_mock, mut room, .. } = shown;
        let started = room.started();
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
                        let (allowed, injection) = (self.options.allow_inject, (request, answer));
                        let injected = inject_live(pipeline, &mut self.driver, injection, last, allowed).await;
                        if let Some(item) = injected {
                            room.inject(item).await;
                        }
                        continue;
                    }
                    let has_slot = room.is_opener();
                    leaving = self.take_order(order, &user, (is_mock, has_slot), status, &mut candidate);
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
                item = room.next() => {
                    let Some(item) = item else { break };
                    last = item.offset;
                    if backlog.drops(&item) {
                        continue;
                    }
                    was_connected |= matches!(item.what, What::ConnOpen(_) | What::Frame(_));
                    pipeline.handle(&item, Pacing::Free).await;
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
                backlog.shut_down();
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
        user: &str,
        (is_mock, has_slot): (bool, bool),
        room: &mut RoomStatus,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        match order {
            Order::Connect(_, answer) if is_mock => answer.refuse(room_running(user)),
            Order::Connect(other, answer) => match normalise(&other) {
                Err(problem) => answer.refuse(problem),
                Ok(other) if other.eq_ignore_ascii_case(user) => room.join(&self.driver, answer),
                Ok(other) => return self.look_up(other, answer, has_slot, candidate),
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
    ) -> State {
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
        pipeline.finish(last, told, Pacing::Free).await;
        pipeline.report(&self.driver);
        let replacement = leaving.as_ref().and_then(Leaving::replacement);
        room.end(&self.driver, problem.clone(), leaving.as_ref());
        self.finish_recorder(recorder, was_connected, pipeline.decoder().counts().loss()).await;
        let next = match leaving {
            Some(Leaving::ShutDown | Leaving::RecorderEnded) => State::Over,
            Some(Leaving::Replaced(user, answer, permit)) => {
                let permit = Permit { slot: permit.slot.or(slot), ..permit };
                Wanted::of(user, Origin::TikTok(permit), Some(answer)).into()
            }
            Some(Leaving::ClaimLost(user)) => self.claim_again(user),
            Some(Leaving::Deleted(answer)) => {
                self.forget_user(answer);
                State::Idle
            }
            None => self.end(problem, reason.unwrap_or_default()).await,
        };
        match (next, candidate, replacement) {
            // The current room is gone, so nothing needs replacing.
            (State::Idle, Some(Candidate { user, answer, .. }), _) => Wanted::user(user, Some(answer)).into(),
            (next, Some(Candidate { user, answer, .. }), Some(other)) => {
                answer.refuse(replaced_by(&user, &other));
                next
            }
            (next, ..) => next,
        }
    }

    /// Handles a room that this channel did not leave.
    async fn end(&mut self, problem: Option<Problem>, reason: &'static str) -> State {
        if !self.options.ends_with_source {
            return State::Idle;
        }
        self.close_with(why(problem.as_ref(), reason)).await;
        self.ended.problem = problem;
        State::Over
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
}

/// Injects into the live room at `offset`, without recording it. Returns the frame.
async fn inject_live(
    pipeline: &mut Pipeline,
    driver: &mut Driver,
    (request, answer): (InjectRequest, Answer<Injected>),
    offset: Duration,
    allowed: bool,
) -> Option<Item> {
    if !allowed {
        let problem = Problem::new(Code::InjectRefused, "injecting into a live room is not allowed");
        answer.refuse(problem);
        return None;
    }
    let (injected, item) = pipeline.inject(driver.injector(), &request, offset, Pacing::Free).await;
    pipeline.report(driver);
    answer.accept(injected);
    Some(item)
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
