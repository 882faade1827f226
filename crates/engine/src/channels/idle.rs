//! The idle state: nothing runs until an order starts something.

use std::{pin::Pin, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Code, Problem},
    recording::{Flags, Item, What, records::Header},
};
use livetape_feed::control::{
    Answer, InjectRequest, Injected, Order, ReplayOrder, ReplayState, SourceState, Status, not_current,
    nothing_replayed,
};
use livetape_io::clock;

use super::{
    Channel, State,
    connect::{Origin, Wanted},
    play::Played,
};
use crate::{
    pipeline::{Pacing, Pipeline},
    room::Permit,
    source::{Loaded, load},
};

/// A recording that is being opened while orders are still processed, and the order for it.
struct Opening {
    loaded: Pin<Box<dyn Future<Output = Result<Loaded, Problem>> + Send>>,
    answer: Answer<ReplayState>,
}

impl Opening {
    fn give_up(self) {
        let problem = Problem::new(
            Code::RecordingBusy,
            "another command replaced this one before the recording was open",
        )
        .hint("load it again: POST /replay/load");
        self.answer.refuse(problem);
    }
}

impl Channel {
    /// Waits for an order that starts something.
    pub(super) async fn idle(&mut self) -> State {
        let mut opening: Option<Opening> = None;
        loop {
            let order = tokio::select! { biased;
                () = self.shutdown.cancelled() => return State::Over,
                order = self.driver.next_order() => order,
                loaded = opened(&mut opening) => {
                    let Some(Opening { answer, .. }) = opening.take() else { continue };
                    match loaded {
                        Ok(loaded) => return State::Tape(Played::tape(loaded.tape, Some(answer))),
                        Err(problem) => answer.refuse(problem),
                    }
                    continue;
                }
            };
            match order {
                None => return State::Over,
                Some(Order::Replay(ReplayOrder::Load(name), answer)) => {
                    let loaded = Box::pin(load(self.options.play.recordings.clone(), name));
                    let before = opening.replace(Opening { loaded, answer });
                    before.into_iter().for_each(Opening::give_up);
                }
                Some(Order::Connect(user, answer)) => {
                    opening.into_iter().for_each(Opening::give_up);
                    return Wanted::user(user, Some(answer)).into();
                }
                Some(Order::ConnectMock(room, answer)) => match self.mock(&room) {
                    Ok(origin) => {
                        opening.into_iter().for_each(Opening::give_up);
                        return Wanted { origin, ..Wanted::user(room.user, Some(answer)) }.into();
                    }
                    Err(problem) => answer.refuse(problem),
                },
                Some(order) => self.take_other_order(order).await,
            }
        }
    }

    /// Waits for subscribers before connecting `user`, so that they see the attempt. An order to connect does
    /// not wait. Tokens are served in the meantime, but not with the slot of this room.
    pub(super) async fn hold(&mut self, user: String) -> State {
        let permit = Permit { slot: self.rooms.slots.take(false).await.ok(), ..Permit::default() };
        self.start_channels();
        self.driver.update_status(|status| {
            *status = Status {
                state: SourceState::Connecting,
                source: Some("live"),
                username: Some(user.clone()),
                ..Status::default()
            };
        });
        loop {
            let order = tokio::select! { biased;
                () = self.shutdown.cancelled() => return State::Over,
                order = self.driver.next_order() => order,
                () = self.hub.wait_for_subscribers(self.options.wait_clients) => {
                    return Wanted::of(user, Origin::TikTok(permit), None).into();
                }
            };
            match order {
                None => return State::Over,
                Some(Order::Connect(user, answer)) => {
                    // The order may be refused, or be for another user.
                    self.driver.forget_user();
                    return Wanted::of(user, Origin::TikTok(permit), Some(answer)).into();
                }
                Some(Order::Disconnect(name, answer)) if self.driver.status().is_of(&name) => {
                    self.forget_user(answer);
                    return State::Idle;
                }
                Some(Order::Replay(ReplayOrder::Load(_), answer)) => {
                    answer.refuse(room_running(&user));
                }
                Some(Order::ConnectMock(_, answer)) => answer.refuse(room_running(&user)),
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
        let counts = self.driver.status().counts;
        let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true }).with_counts(counts);
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        let wall_anchor_ns = i64::try_from(clock::wall().as_nanos()).ok();
        let what = What::Header(Header { wall_anchor_ns, ..Header::default() });
        let anchor = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
        pipeline.handle(&anchor, Pacing::Free).await;
        let (injected, _) =
            pipeline.inject(self.driver.injector(), request, Duration::ZERO, Pacing::Free).await;
        pipeline.report(&self.driver);
        answer.accept(injected);
    }

    pub(super) fn forget_user(&self, answer: Answer<Status>) {
        self.driver.forget_user();
        answer.accept(self.driver.status());
    }
}

/// Waits for the recording that is being opened; forever, if there is none.
async fn opened(opening: &mut Option<Opening>) -> Result<Loaded, Problem> {
    match opening {
        Some(opening) => opening.loaded.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Builds the error for loading a recording while `user` is connected.
pub(super) fn room_running(user: &str) -> Problem {
    Problem::new(Code::RoomRunning, format!("the room of `{user}` is connected"))
        .hint(format!("disconnect the room first: DELETE /connect/{user}"))
}
