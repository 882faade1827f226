//! The main channel of several processes: each has a supervisor, and the one whose process owns the channel works.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Ended, Next, Supervisor};
use crate::{
    clock,
    control::{Answer, Term, shutting_down},
    pipeline::{Pacing, Pipeline},
    sans_io::{
        decoder::{Decoder, DecoderOptions},
        error::Problem,
        recording::{
            Flags, Item, What,
            records::{ConnClose, Header, Status},
        },
    },
    source::{Position, live::Transport, load},
};

/// WebSocket close code of a connection that its process did not close itself.
const GONE: u32 = 1006;

/// What the owner of the channel is doing, for its successor.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Intent {
    /// Nothing.
    Idle {
        /// Number of generations so far.
        generation: u32,
    },
    /// It is connected, or tries to connect, to a room.
    Live {
        /// The host.
        user: String,
        /// Number of generations so far.
        generation: u32,
    },
    /// It plays a recording.
    Replay(Box<Position>),
}

/// What the source that starts next continues.
#[derive(Debug)]
pub(super) enum Inherited {
    Room,
    Replay(Box<Position>, u64),
}

impl<T: Transport> Supervisor<T> {
    /// Works in each term, until the last one is over. Between terms, nothing runs here but the channels of tokens.
    pub async fn serve_terms(mut self, mut terms: mpsc::Receiver<Term>) -> Ended {
        self.start_channels();
        let mut ended = Ended::default();
        while let Some(Term { intent, passed, over, ended: told }) = self.next_term(&mut terms).await {
            self.shutdown = over;
            self.driver.injector().skip(self.hub.head());
            self.driver.forget_user();
            self.driver.set_replay(None);
            let intent = intent.and_then(|intent| serde_json::from_str(&intent).ok());
            let next = self.resume(intent, passed).await;
            ended = ended.and(self.run(next).await);
            (self.place, self.inherited) = (None, None);
            self.driver.forget_user();
            self.driver.set_replay(None);
            let _ = told.send(());
        }
        ended
    }

    async fn next_term(&mut self, terms: &mut mpsc::Receiver<Term>) -> Option<Term> {
        loop {
            tokio::select! { biased;
                term = terms.recv() => return term,
                Some(order) = self.driver.next_order() => order.refuse(shutting_down()),
            }
        }
    }

    /// Returns the state in which the previous owner was.
    async fn resume(&mut self, intent: Option<Intent>, passed: u64) -> Next {
        let generation = match &intent {
            None => 0,
            Some(Intent::Idle { generation } | Intent::Live { generation, .. }) => *generation,
            // This pass is played again.
            Some(Intent::Replay(position)) => position.generation.saturating_sub(1),
        };
        self.generation = self.generation.max(generation);
        match intent {
            None | Some(Intent::Idle { .. }) => Next::Idle,
            Some(Intent::Live { user, .. }) => {
                self.inherited = Some(Inherited::Room);
                Next::Connect(user, Some(Answer::unheard()))
            }
            Some(Intent::Replay(position)) => {
                self.generation = position.generation.saturating_sub(1);
                let folder = self.options.play.recordings.clone();
                let tape = load(folder, position.recording.clone()).await;
                let tape = match tape {
                    Ok(loaded) => position.check(&loaded.tape).await.map(|()| loaded.tape),
                    Err(problem) => Err(problem),
                };
                match tape {
                    Ok(tape) => {
                        self.inherited = Some(Inherited::Replay(position, passed));
                        Next::Play(tape, None)
                    }
                    Err(problem) => {
                        self.tell(&problem).await;
                        Next::Idle
                    }
                }
            }
        }
    }

    /// Tells the next owner what this one is doing.
    pub(super) fn intend(&self, user: Option<&str>) {
        let generation = self.generation;
        let intent = match user {
            None => Intent::Idle { generation },
            Some(user) => Intent::Live { user: user.to_owned(), generation },
        };
        self.hub.mark(|| serde_json::to_string(&intent).unwrap_or_default(), Some(0));
    }

    /// Begins a room, or continues that of the previous owner, whose connection is gone.
    pub(super) async fn begin_room(&mut self, user: &str, pipeline: &mut Pipeline) {
        self.start_channels();
        self.intend(Some(user));
        if let Some(Inherited::Room) = self.inherited.take() {
            let reason = "the node of this connection left the cluster".to_owned();
            let close = ConnClose { code: GONE, reason, will_retry: true, ..ConnClose::default() };
            pipeline.take_over(&self.hub.backlog(), close).await;
        }
    }

    /// Broadcasts why the channel cannot continue.
    async fn tell(&mut self, problem: &Problem) {
        let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true });
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        let wall_anchor_ns = i64::try_from(clock::wall().as_nanos()).ok();
        let status = Status {
            code: problem.code.name().to_owned(),
            detail: problem.message.clone(),
            attempt: 1,
            ..Status::default()
        };
        for what in [What::Header(Header { wall_anchor_ns, ..Header::default() }), What::Status(status)] {
            let item = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
            pipeline.handle(&item, Pacing::Free).await;
        }
    }
}

impl Ended {
    /// Adds the result of a later term.
    fn and(self, later: Self) -> Self {
        let mut loss = self.loss;
        loss += later.loss;
        let recordings = self.recordings.into_iter().chain(later.recordings).collect();
        Self {
            problem: later.problem.or(self.problem),
            refused: later.refused.or(self.refused),
            is_lossy: self.is_lossy || later.is_lossy,
            loss,
            recordings,
            recorder: later.recorder.or(self.recorder),
            full_bytes: later.full_bytes.or(self.full_bytes),
        }
    }
}
