//! A room as a source: items → recorder and pipeline, until it ends or is replaced.

use std::time::Duration;

use super::{Next, Record, Supervisor, room::Room};
use crate::{
    clock,
    control::{Answer, Order, Status, not_current, nothing_replayed},
    hub::CloseReason,
    pipeline::{Pacing, Pipeline},
    recorder::{self, Recorder},
    sans_io::{
        decoder::{self, Decoder},
        error::{Code, Problem, close},
        recording::{Flags, Item, What, records},
        username::normalise,
    },
    source::live::{Live, Outcome, Transport},
};

/// Why a room is left before it ends.
enum Leaving {
    ShutDown,
    Deleted,
    Replaced(String, Answer<Status>),
}

impl<T: Transport> Supervisor<T> {
    /// Connects `user` and stays until it ends.
    pub(super) async fn connect(&mut self, user: String, answer: Option<Answer<Status>>) -> Next {
        let user = match normalise(&user) {
            Ok(user) => user,
            Err(problem) => return self.refuse(answer, problem).await,
        };
        let header = header();
        let recorder = match self.start_recorder(&user, &header) {
            Ok(recorder) => recorder,
            Err(problem) => return self.refuse(answer, problem).await,
        };
        let decoder = Decoder::new(decoder::Options { replay: false, dedup: true });
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        let anchor = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what: What::Header(header) };
        pipeline.handle(&anchor, Pacing::Free).await;
        let mut room = Room::new(&self.driver, &user, answer);
        let (leaving, outcome, last) = self.pump(&user, &mut pipeline, &mut room, recorder.as_ref()).await;
        self.leave(leaving, outcome, last, pipeline, room, recorder).await
    }

    async fn pump(
        &mut self,
        user: &str,
        pipeline: &mut Pipeline,
        room: &mut Room,
        recorder: Option<&Recorder>,
    ) -> (Option<Leaving>, Outcome, Duration) {
        let options = crate::source::live::Options { user: user.to_owned(), ..self.options.live.clone() };
        let mut live = Live::start(options, self.transport.clone());
        let started = clock::now();
        let (mut leaving, mut last) = (None, Duration::ZERO);
        loop {
            let deadline = pipeline.decoder().next_deadline().map(|offset| started + offset);
            tokio::select! { biased;
                () = self.shutdown.cancelled(), if leaving.is_none() => {
                    leaving = Some(Leaving::ShutDown);
                    live.stop();
                }
                Some(order) = self.driver.next_order(), if leaving.is_none() => {
                    leaving = self.take_order(order, user, room);
                    if leaving.is_some() {
                        live.stop();
                    }
                }
                item = live.next() => {
                    let Some(item) = item else { break };
                    last = item.offset;
                    self.note_limit(&item);
                    if let Some(recorder) = recorder {
                        recorder.record(&item);
                    }
                    pipeline.handle(&item, Pacing::Free).await;
                    // What is told to whoever waits was broadcast before.
                    pipeline.report(&self.driver);
                    room.note(&self.driver, &item);
                }
                () = sleep_until(deadline) => {
                    last = clock::now().duration_since(started);
                    pipeline.advance(last, Pacing::Free).await;
                }
            }
        }
        (leaving, live.outcome().await, last)
    }

    fn take_order(&self, order: Order, user: &str, room: &mut Room) -> Option<Leaving> {
        match order {
            Order::Connect(other, answer) => match normalise(&other) {
                Err(problem) => drop(answer.send(Err(problem.into()))),
                Ok(other) if other.eq_ignore_ascii_case(user) => room.join(&self.driver, answer),
                Ok(other) => match self.limit.check() {
                    Err(refusal) => drop(answer.send(Err(refusal))),
                    Ok(()) => return Some(Leaving::Replaced(other, answer)),
                },
            },
            Order::Disconnect(other, answer) if self.driver.status().is_of(&other) => {
                drop(answer.send(Ok(self.driver.status())));
                return Some(Leaving::Deleted);
            }
            Order::Disconnect(other, answer) => drop(answer.send(Err(not_current(&other).into()))),
            order @ (Order::Replay(..) | Order::Test(..)) => order.refuse(nothing_replayed()),
        }
        None
    }

    async fn leave(
        &mut self,
        leaving: Option<Leaving>,
        outcome: Outcome,
        last: Duration,
        mut pipeline: Pipeline,
        mut room: Room,
        recorder: Option<Recorder>,
    ) -> Next {
        let (reason, problem) = match (&leaving, outcome) {
            (Some(Leaving::ShutDown), _) => (None, None),
            (Some(Leaving::Deleted), _) => (Some("deleted"), None),
            (Some(Leaving::Replaced(..)), _) => (Some("replaced"), None),
            (None, Outcome::Failed(problem)) => (Some(problem.code.name()), Some(problem)),
            (None, Outcome::Ended | Outcome::Stopped) => (Some("stream_ended"), None),
        };
        // The sockets that end with a failed source get its `error`, and the close.
        let told = reason.filter(|_| problem.is_none() || !self.options.ends_with_source);
        pipeline.finish(last, told, Pacing::Free).await;
        pipeline.report(&self.driver);
        room.end(&self.driver, problem.clone());
        self.ended.is_lossy |= pipeline.decoder().counts().is_lossy();
        self.finish_recorder(recorder);
        match leaving {
            Some(Leaving::ShutDown) => Next::Exit,
            Some(Leaving::Replaced(user, answer)) => Next::Connect(user, Some(answer)),
            Some(Leaving::Deleted) => Next::Idle,
            None => self.end(problem).await,
        }
    }

    /// The source is over by itself.
    async fn end(&mut self, problem: Option<Problem>) -> Next {
        if !self.options.ends_with_source {
            return Next::Idle;
        }
        let (code, reason) = problem
            .as_ref()
            .map_or((close::NORMAL, "stream_ended"), |problem| (problem.code.close_code(), problem.code.name()));
        tokio::select! { biased;
            () = self.shutdown.cancelled() => {}
            () = self.hub.drain(CloseReason { code, reason: reason.into() }) => {}
        }
        self.ended.problem = problem;
        Next::Exit
    }

    /// Nothing was even tried.
    async fn refuse(&mut self, answer: Option<Answer<Status>>, problem: Problem) -> Next {
        match answer {
            Some(answer) => {
                drop(answer.send(Err(problem.into())));
                Next::Idle
            }
            None => self.end(Some(problem)).await,
        }
    }

    fn note_limit(&self, item: &Item) {
        if let What::Status(status) = &item.what
            && status.code == Code::RateLimited.name()
            && let Some(wait) = status.retry_after_ms
        {
            self.limit.set(Duration::from_millis(wait));
        }
    }

    fn start_recorder(&self, user: &str, header: &records::Header) -> Result<Option<Recorder>, Problem> {
        let path = match &self.options.record {
            None => return Ok(None),
            Some(Record::File(path)) => path.clone(),
            Some(Record::Named) => recorder::default_path(user, clock::wall()),
        };
        Recorder::start(&path, header, recorder::Options::default()).map(Some)
    }

    fn finish_recorder(&mut self, recorder: Option<Recorder>) {
        let Some(recorder) = recorder else { return };
        self.ended.recordings.push(recorder.path().to_owned());
        match recorder.finish() {
            Ok(summary) => self.ended.is_lossy |= summary.gaps > 0,
            Err(problem) => self.ended.recorder = Some(problem),
        }
    }
}

fn header() -> records::Header {
    records::Header {
        tool: "livetape".into(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
        source: "live".into(),
        wall_anchor_ns: i64::try_from(clock::wall().as_nanos()).ok(),
        timing: records::header::Timing::Original.into(),
        privacy: records::header::Privacy::Private.into(),
        ..records::Header::default()
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
