//! Starts, stops and replaces sources: one at a time on the main channel.
//!
//! What runs takes its own orders; what it cannot do itself ends it, and comes back here.

mod limit;
mod live;
mod room;
mod test;

use std::path::PathBuf;

use limit::Limit;
use tokio_util::sync::CancellationToken;

use crate::{
    control::{Answer, Control, Driver, Order, Status, not_current, nothing_replayed},
    hub::Hub,
    sans_io::error::{Problem, exit},
    source::{
        self, Left, Replay, Summary, Tape,
        live::{self as room_source, Live, Transport},
    },
};

/// What a server is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How to connect to rooms; the user is filled in.
    pub live: room_source::Options,
    /// Whether sockets end with the source: under `live`, but not under `serve`.
    pub ends_with_source: bool,
    /// Where to record what is connected; `None` for not at all.
    pub record: Option<Record>,
    /// Whether it ends where the recorder fails: under `record`. Serving goes on without it.
    pub record_only: bool,
    /// Told when the recorder fails.
    pub warn: fn(&Problem),
}

/// Where to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `recordings/<user>-<utc>.bin`.
    Named,
    /// This file.
    File(PathBuf),
}

/// What a server came to.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Why the last source ended, if it failed; an `error` event has told it.
    pub problem: Option<Problem>,
    /// Why nothing was even tried; nobody was told.
    pub refused: Option<Problem>,
    /// Whether something was lost.
    pub is_lossy: bool,
    /// What was recorded.
    pub recordings: Vec<PathBuf>,
    /// Why a recording broke off.
    pub recorder: Option<Problem>,
}

impl Ended {
    /// What the process exits with.
    ///
    /// # Errors
    /// What nobody was told.
    pub fn exit_code(&self) -> Result<u8, Problem> {
        match (&self.refused, &self.problem) {
            (Some(refused), _) => Err(refused.clone()),
            (None, Some(problem)) => Ok(problem.code.exit_code()),
            (None, None) if self.is_lossy || self.recorder.is_some() => Ok(exit::LOST),
            (None, None) => Ok(exit::DONE),
        }
    }
}

/// What to do next.
enum Next {
    Idle,
    Connect(String, Option<Answer<Status>>),
    Exit,
}

/// The one that starts, stops and replaces.
pub struct Supervisor<T> {
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    transport: T,
    options: Options,
    limit: Limit,
    ended: Ended,
}

impl<T: Transport> Supervisor<T> {
    /// Over `hub`, at the other end of `control`.
    pub fn new(hub: Hub, control: &Control, mut driver: Driver, transport: T, options: Options) -> Self {
        let limit = Limit::default();
        driver.set_tester(test::tester(transport.clone(), options.live.clone(), limit.clone()));
        let shutdown = control.shutdown().clone();
        Self { hub, driver, shutdown, transport, options, limit, ended: Ended::default() }
    }

    /// Serves with nothing connected; orders decide.
    pub async fn serve(mut self) -> Ended {
        self.run(Next::Idle).await
    }

    /// Connects `user`, and serves.
    pub async fn live(mut self, user: String) -> Ended {
        self.run(Next::Connect(user, None)).await
    }

    /// Follows a source that is connected already, in which `user` is watched.
    pub async fn follow(mut self, user: &str, live: Live) -> Ended {
        let next = match self.start_recorder(user, live.header().clone()) {
            Ok(recorder) => self.pass_on(user, live, recorder, None).await,
            Err(problem) => self.refuse(None, problem).await,
        };
        self.run(next).await
    }

    /// Plays a recording, and serves on if its user is disconnected.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub async fn replay(
        mut self,
        tape: Tape,
        options: source::Options,
        on_end: impl FnMut(&Summary) + Send + 'static,
    ) -> Result<Ended, Problem> {
        let (hub, shutdown) = (self.hub.clone(), self.shutdown.clone());
        let replay = Replay::new(tape, options, hub, &mut self.driver, shutdown, on_end)?;
        let summary = replay.run().await;
        self.ended.is_lossy = summary.is_lossy;
        Ok(match summary.left {
            Left::Done | Left::ShutDown => self.ended,
            Left::Stopped => self.run(Next::Idle).await,
        })
    }

    async fn run(&mut self, mut next: Next) -> Ended {
        loop {
            next = match next {
                Next::Idle => self.idle().await,
                Next::Connect(user, answer) => self.connect(user, answer).await,
                Next::Exit => return std::mem::take(&mut self.ended),
            };
        }
    }

    async fn idle(&mut self) -> Next {
        loop {
            let order = tokio::select! { biased;
                () = self.shutdown.cancelled() => return Next::Exit,
                order = self.driver.next_order() => order,
            };
            match order {
                None => return Next::Exit,
                Some(Order::Connect(user, answer)) => match self.limit.check() {
                    Err(refusal) => drop(answer.send(Err(refusal))),
                    Ok(()) => return Next::Connect(user, Some(answer)),
                },
                Some(Order::Replay(_, answer)) => drop(answer.send(Err(nothing_replayed().into()))),
                Some(Order::Disconnect(user, answer)) => drop(answer.send(Err(not_current(&user).into()))),
                Some(order @ Order::Test(..)) => order.refuse(nothing_replayed()),
            }
        }
    }
}
