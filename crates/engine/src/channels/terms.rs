//! A channel that several processes share: each has one, and that of the process that owns it works.

use std::{sync::Arc, time::Duration};

use livetape_core::{
    decoder::Counts,
    error::{Cause, Problem, close},
    recording::{
        Flags, Item, What,
        records::{ConnClose, Status},
    },
};
use livetape_feed::{
    control::{Answer, Joined, Term, shutting_down},
    hub::CloseReason,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{
    Attached, Channel, Ended,
    connect::{RoomRequest, Shown},
    header_from_now,
    show::Played,
};
use crate::{
    pipeline::{Pacing, Pipeline},
    source::{Position, load},
};

/// What the owner of the channel is doing, for its successor.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Intent {
    Idle {
        generation: u32,
    },
    /// It is connected, or tries to connect, to a room.
    Live {
        user: String,
        generation: u32,
        /// Whether the channel of the user belongs to the same process, and follows: see [`followed_user`].
        #[serde(default)]
        followed: bool,
    },
    /// The room of a token ended, and its sockets were closed with this code and reason.
    Ended {
        code: u16,
        reason: String,
        /// A newer version may have others.
        #[serde(default)]
        cause: Option<String>,
    },
    Replay(Box<Position>),
}

impl Channel {
    /// Works in each term, until the last one is over. Between terms, nothing runs here but the channels of
    /// tokens.
    pub async fn serve_terms(mut self, mut terms: mpsc::Receiver<Term>) -> Ended {
        self.start_channels();
        let mut ended = Ended::default();
        while let Some(term) = self.next_term(&mut terms).await {
            ended = ended.and(self.work(term, None).await);
        }
        ended
    }

    /// Works in the terms of the channel of `user`, until its room ends, here or at another process.
    pub async fn serve_room(mut self, user: String, joined: Joined) -> Ended {
        let Joined { mut terms, mut intent } = joined;
        // A room that ended before this process joined does not concern it.
        intent.borrow_and_update();
        let mut ended = Ended::default();
        loop {
            let term = tokio::select! { biased;
                reason = ended_elsewhere(&mut intent) => {
                    self.role.unlist();
                    self.hub.drain(reason).await;
                    return ended;
                }
                term = self.next_term(&mut terms) => term,
            };
            let Some(term) = term else { return ended };
            let over = term.over.clone();
            ended = ended.and(self.work(term, Some(&user)).await);
            if !over.is_cancelled() {
                return ended;
            }
        }
    }

    /// Works in a term. `home` is the user of a token's channel.
    async fn work(&mut self, term: Term, home: Option<&str>) -> Ended {
        let Term { epoch, intent, passed, over, ended: told } = term;
        self.shutdown = over;
        self.driver.injector.begin_term(epoch);
        self.driver.forget_user();
        self.driver.set_replay(None);
        let intent = intent.and_then(|intent| serde_json::from_str(&intent).ok());
        let next = match (home, intent) {
            (None, intent) => self.resume(intent, passed).await,
            (Some(user), intent) => {
                let continues = matches!(intent, Some(Intent::Live { .. }));
                RoomRequest { continues, ..RoomRequest::user(user.to_owned(), None) }.into()
            }
        };
        let ended = self.run(next).await;
        self.driver.forget_user();
        self.driver.set_replay(None);
        let _ = told.send(());
        ended
    }

    /// Cancel safe.
    async fn next_term(&mut self, terms: &mut mpsc::Receiver<Term>) -> Option<Term> {
        loop {
            tokio::select! { biased;
                term = terms.recv() => return term,
                Some(order) = self.driver.next_order() => order.refuse(shutting_down()),
            }
        }
    }

    /// Returns the state in which the previous owner was.
    async fn resume(&mut self, intent: Option<Intent>, passed: u64) -> Attached {
        let generation = match &intent {
            None | Some(Intent::Ended { .. }) => 0,
            Some(Intent::Idle { generation } | Intent::Live { generation, .. }) => *generation,
            // This pass is played again.
            Some(Intent::Replay(position)) => position.generation.saturating_sub(1),
        };
        self.generation = self.generation.max(generation);
        match intent {
            None | Some(Intent::Idle { .. } | Intent::Ended { .. }) => Attached::Idle,
            Some(Intent::Live { user, .. }) => {
                RoomRequest { continues: true, ..RoomRequest::user(user, Some(Answer::unheard())) }.into()
            }
            Some(Intent::Replay(position)) => {
                self.generation = position.generation.saturating_sub(1);
                let folder = self.options.play.recordings.clone();
                let tape = load(folder, None, position.recording.clone()).await;
                let tape = match tape {
                    Ok(loaded) => position.check(&loaded.tape).await.map(|()| loaded.tape),
                    Err(problem) => Err(problem),
                };
                match tape {
                    Ok(tape) => {
                        let continued = Some((position, passed));
                        Attached::Tape(Played { continued, ..Played::tape(tape, None) })
                    }
                    Err(mut problem) => {
                        problem.message += ": copy the recording to this node, and load it again";
                        self.tell(&problem, 0).await;
                        Attached::Idle
                    }
                }
            }
        }
    }

    /// Tells the next owner what this one is doing: nothing, or showing a user, who may be that of a token's
    /// channel, too.
    pub(super) fn intend(&self, shown: Option<(&str, bool)>) {
        let generation = self.generation;
        let intent = match shown {
            None => Intent::Idle { generation },
            Some((user, followed)) => Intent::Live { user: user.to_owned(), generation, followed },
        };
        self.hub.mark(|| serde_json::to_string(&intent).unwrap_or_default(), Some(0));
    }

    /// Tells the other processes that the room has ended, and closes their sockets like those here.
    pub(super) async fn end_elsewhere(&self, reason: &CloseReason) {
        let CloseReason { code, ref reason, cause } = *reason;
        let cause = cause.map(|cause| cause.name().to_owned());
        let intent = Intent::Ended { code, reason: reason.to_string(), cause };
        self.hub.mark(|| serde_json::to_string(&intent).unwrap_or_default(), Some(0));
        tokio::select! { biased;
            () = self.shutdown.cancelled() => {}
            () = async {
                if let Some(term) = self.hub.relay_term() {
                    self.hub.relay_marked(term).await;
                }
            } => {}
        }
    }

    /// Begins a room, or continues that of the previous owner, whose connection is gone.
    pub(super) async fn begin_room(&mut self, shown: &Shown, is_shared: bool, pipeline: &mut Pipeline) {
        self.start_channels();
        self.intend(Some((&shown.user, is_shared)));
        if shown.continues {
            let (code, reason) = (close::ABNORMAL.into(), "the node of this connection is gone".to_owned());
            let close = ConnClose { code, reason, will_retry: true, ..ConnClose::default() };
            pipeline.take_over(&self.hub.backlog(), close).await;
        }
    }

    /// Broadcasts why the channel cannot continue.
    pub(super) async fn tell(&mut self, problem: &Problem, attempt: u32) {
        let mut pipeline = self.pipeline(Counts::default(), header_from_now(), None).await;
        let status = Status {
            code: problem.code.name().to_owned(),
            detail: problem.message.clone(),
            attempt,
            ..Status::default()
        };
        let (flags, what) = (Flags::default(), What::Status(status));
        pipeline.handle(&Item { offset: Duration::ZERO, conn: 0, flags, what }, Pacing::Free).await;
    }
}

/// Waits until the owner tells that the room has ended; forever, if it does not.
async fn ended_elsewhere(intent: &mut watch::Receiver<Option<Arc<str>>>) -> CloseReason {
    while intent.changed().await.is_ok() {
        let told = intent.borrow_and_update().clone();
        let told = told.and_then(|told| serde_json::from_str(&told).ok());
        if let Some(Intent::Ended { code, reason, cause }) = told {
            let cause = cause.as_deref().and_then(Cause::named);
            return CloseReason { code, reason: reason.into(), cause };
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use livetape_feed::control::{followed_user, live_user};

    use super::*;

    #[test]
    fn other_processes_read_whom_the_main_channel_shows() {
        let live = |followed| Intent::Live { user: "ann".to_owned(), generation: 1, followed };
        for (intent, expected) in
            [(live(true), Some("ann")), (live(false), None), (Intent::Idle { generation: 1 }, None)]
        {
            let text = serde_json::to_string(&intent).unwrap();
            assert_eq!(followed_user(&text).as_deref(), expected, "{text}");
            let user = if let Intent::Live { user, .. } = &intent { Some(user) } else { None };
            assert_eq!(live_user(&text).as_ref(), user, "{text}");
        }
        // The previous version's words.
        assert_eq!(followed_user(r#"{"live":{"user":"ann","generation":1}}"#), None);
    }
}
