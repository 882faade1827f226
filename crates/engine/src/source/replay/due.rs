//! Determines what a replay plays next.

use std::time::Duration;

use livetape_core::recording::Loss;
use livetape_feed::control::ReplayPhase;

use super::Replay;
use crate::source::tape::Fed;

/// The next thing to do, and its offset.
pub(super) enum Due {
    Item(Duration),
    Deadline(Duration),
    End(Duration),
}

impl Due {
    pub(super) fn offset(&self) -> Duration {
        match *self {
            Self::Item(offset) | Self::Deadline(offset) | Self::End(offset) => offset,
        }
    }
}

impl Replay<'_> {
    /// Returns the next due thing, also behind a closed gate: orders must not wait for clients. Finals of gift
    /// streaks precede the item at the same offset.
    pub(super) async fn next_due(&mut self) -> Option<Due> {
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

    pub(super) fn count_missing(&mut self, loss: Loss) {
        let (pass, most) = &mut self.missing;
        *pass += loss;
        let new = pass.since(most);
        *most += new;
        self.pipeline.decoder().count_missing(&new);
    }
}
