//! The search, one candidate after the other.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use super::show::{Gone, Show, Unit};

/// A search that waits for the answer to one candidate. Clones share the units.
#[derive(Clone, Debug)]
pub(super) struct Search {
    round: Round,
    /// What is gone from the smallest show so far.
    gone: Gone,
    /// The units of this round, sorted by their keys.
    units: Arc<[Unit]>,
    /// Blocks of units that are still to be tried.
    blocks: VecDeque<Block>,
    /// Number of answers in this round, and how many candidates still failed.
    answers: u32,
    successes: u32,
}

#[derive(Clone, Debug)]
struct Block {
    range: Range<usize>,
    /// Whether it is the rest of a block that could not go. If the block before it can, it is needed.
    is_rest: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// All gaps at once, so that the other runs are short.
    Gaps,
    /// Items: all, then blocks of kinds, of streaks, and of messages.
    Items,
    /// What is special about those that are left.
    Details,
    /// Each unit alone, until none can go.
    Each,
}

impl Search {
    /// Starts with the gaps, if `is_timed`.
    pub(super) fn new(show: &Show, is_timed: bool) -> Self {
        let gone = Gone::new();
        let (round, units) = match is_timed {
            true => (Round::Gaps, vec![Unit::Gaps]),
            false => (Round::Items, show.removable(&gone)),
        };
        let blocks = [Block { range: 0..units.len(), is_rest: false }].into();
        Self { round, gone, units: units.into(), blocks, answers: 0, successes: 0 }
    }

    pub(super) fn gone(&self) -> &Gone {
        &self.gone
    }

    /// Returns how likely a candidate of this round still fails, from 0 to 1.
    pub(super) fn success_rate(&self) -> f64 {
        f64::from(self.successes + 1) / f64::from(self.answers + 2)
    }

    /// Returns what is gone from the next candidate; `None` at the end.
    pub(super) fn trial(&mut self, show: &Show) -> Option<Gone> {
        loop {
            let Some(block) = self.blocks.front() else {
                if self.start_round(show) {
                    continue;
                }
                return None;
            };
            let gone = show.without(&self.gone, &self.units[block.range.clone()]);
            if gone != self.gone {
                return Some(gone);
            }
            self.blocks.pop_front();
        }
    }

    /// Takes the answer for what [`Self::trial`] returned.
    pub(super) fn decide(&mut self, show: &Show, gone: Gone, still_fails: bool) {
        let Some(block) = self.blocks.pop_front() else { return };
        self.answers += 1;
        if !still_fails {
            return self.split(show, block.range);
        }
        self.gone = gone;
        self.successes += 1;
        if !block.is_rest
            && let Some(rest) = self.blocks.pop_front_if(|next| next.is_rest)
        {
            self.split(show, rest.range);
        }
    }

    /// Replaces a block that cannot go by two smaller ones.
    fn split(&mut self, show: &Show, range: Range<usize>) {
        let Some([first, rest]) = show.split(&self.units, range) else { return };
        self.blocks.push_back(Block { range: first, is_rest: false });
        self.blocks.push_back(Block { range: rest, is_rest: true });
    }

    /// Starts the next round. Returns whether there is one.
    fn start_round(&mut self, show: &Show) -> bool {
        if self.round == Round::Each && self.successes == 0 {
            return false;
        }
        let (items, details) = (show.removable(&self.gone), show.details(&self.gone));
        let (round, units) = match self.round {
            Round::Gaps => (Round::Items, items),
            Round::Items => (Round::Details, details),
            Round::Details | Round::Each => (Round::Each, [items, details].concat()),
        };
        (self.round, self.units) = (round, units.into());
        let size = if round == Round::Each { 1 } else { self.units.len().max(1) };
        let blocks = (0..self.units.len()).step_by(size).map(|at| at..at + size);
        self.blocks.extend(blocks.map(|range| Block { range, is_rest: false }));
        (self.answers, self.successes) = (0, 0);
        true
    }
}
