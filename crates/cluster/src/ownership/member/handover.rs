//! A planned hand-over: the owner serves until the upstream of its successor is connected. As ever, the lease
//! decides who that is, and the log when the next ownership begins.
//!
//! ```text
//! owner                                                  successor
//!   │ ── tells that it leaves, releases the lease ─────►    │ takes the lease, connects
//!   │ ◄───────────────────────── tells that it connects ─   │
//!   │ ◄─────────────── tells that it awaits the end ─────   │
//!   │ ends its upstream, stores everything                  │
//!   │ ── the record `closed` ──────────────────────────►    │ stores its first record
//! ```
//!
//! If a message is lost, or one of the two does not answer, the other goes on.

use std::time::Duration;

use super::{Action, Member, Phase};
use crate::ownership::record::{Step, View};

/// Maximum time for an owner to wait for a successor that connects. Shorter leases are the limit.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
/// Maximum time for a successor to connect, and then for the owner to end. Shorter leases are the limit.
pub const HANDOVER_TIME_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Handover {
    /// When this owner ends, although no successor is connected.
    ends_at: Option<Duration>,
    /// The owner that has told that it leaves.
    leaver: String,
    /// What this successor waits for, and until when.
    awaited: Option<(Awaited, Duration)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Upstream,
    EndOfOwner,
}

impl Handover {
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.ends_at.into_iter().chain(self.awaited.map(|(_, until)| until)).min()
    }

    /// The ownership, or the attempt, has ended.
    pub(super) fn end(&mut self) {
        (self.ends_at, self.awaited) = (None, None);
    }
}

impl Member {
    fn handover_ends(&self) -> Duration {
        self.now + HANDOVER_TIME_MAX.min(self.options.lease)
    }

    fn tell_step(&mut self, step: Step) {
        let view = self.reader.view(&self.options.node, false);
        self.actions.push_back(Action::Tell(View { step: step.into(), ..view }));
    }

    pub(super) fn leave(&mut self) {
        if self.phase != Phase::Owning {
            return self.stop();
        }
        self.wanted = None;
        self.handover.ends_at = Some(self.now + ANSWER_TIME_MAX.min(self.options.lease));
        self.tell_step(Step::Leaves);
    }

    pub(super) fn handover_told(&mut self, view: &View) {
        let ends = self.handover_ends();
        match view.step() {
            Step::Leaves if view.node == self.reader.owner().0 => self.handover.leaver.clone_from(&view.node),
            Step::Leaves | Step::None => {}
            Step::Connects => self.handover.ends_at.iter_mut().for_each(|at| *at = ends),
            Step::Awaits => self.end_upstream(),
        }
    }

    fn end_upstream(&mut self) {
        if self.handover.ends_at.take().is_some() {
            self.actions.push_back(Action::EndUpstream);
        }
    }

    /// Whether this successor leaves the channel to the owner for now, which still serves.
    pub(super) fn awaits_owner(&mut self) -> bool {
        let is_leaving = self.is_owner_leaving();
        if !is_leaving {
            self.handover.leaver.clear();
            self.handover.awaited = None;
        } else if self.handover.awaited.is_none() {
            self.handover.awaited = Some((Awaited::Upstream, self.handover_ends()));
            self.actions.push_back(Action::PrepareUpstream);
            self.tell_step(Step::Connects);
        }
        is_leaving
    }

    fn is_owner_leaving(&self) -> bool {
        let leaver = &*self.handover.leaver;
        !leaver.is_empty() && leaver == self.reader.owner().0 && !self.reader.is_closed()
    }

    /// The upstream of this successor is connected, or cannot be.
    pub(super) fn prepared(&mut self) {
        if let Some((Awaited::Upstream, _)) = self.handover.awaited {
            self.handover.awaited = Some((Awaited::EndOfOwner, self.handover_ends()));
            self.tell_step(Step::Awaits);
        }
    }

    /// Goes on with a hand-over if it is time, or the owner has ended.
    pub(super) fn hand_over_due(&mut self) {
        if let Some(at) = self.handover.ends_at {
            // Again if it was just being renewed.
            self.release();
            if at <= self.now {
                self.end_upstream();
            }
        }
        let is_leaving = self.is_owner_leaving();
        match self.handover.awaited {
            Some((Awaited::Upstream, until)) if is_leaving && until <= self.now => self.prepared(),
            Some((_, until)) if !is_leaving || until <= self.now => {
                self.handover.leaver.clear();
                self.open_or_ask();
            }
            _ => {}
        }
    }
}
