//! Finds a small show with which a command still fails.
//!
//! The search removes *units*: messages, and then what is special about those that are left (comments, nicknames,
//! users, gaps). A block of units that cannot go together is split in two, streaks last. Finally each unit that is
//! left is tried alone, until none can go: each is needed then. Where gaps take time, they are closed before all, so that
//! the other runs are short.
//!
//! Several candidates can be tried at once. They are those that the search probably needs after the ones under way,
//! and answers are remembered until it gets there. Callers ask with [`Shrink::propose`] for as many as they can try, and
//! give each an [`Shrink::answer`], in any order; nothing is left to try if none is proposed and none is under way. So the
//! result depends on the answers, but not on their order.

mod show;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    sync::Arc,
};

use livetape_core::recording::Item;

use show::{Gone, Show, Unit};

#[derive(Debug)]
pub struct Shrink {
    original: Vec<Item>,
    show: Show,
    search: Search,
    /// What is known about candidates, by their hash; `None` while one is under way.
    answers: HashMap<u64, Option<bool>>,
    is_done: bool,
}

/// A smaller show that may still fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate(Gone);

impl Shrink {
    /// Starts with the items of a recording, before any change. `is_timed`: gaps take time, so they are tried first,
    /// all at once.
    #[must_use]
    pub fn new(items: Vec<Item>, is_timed: bool) -> Self {
        let show = Show::new(items.clone());
        let search = Search::new(&show, is_timed);
        let mut this = Self { original: items, show, search, answers: HashMap::new(), is_done: false };
        this.advance();
        this
    }

    /// Returns the next candidate to be tried: never the same twice. `None` if that depends on an answer, or if
    /// the search is done. The more are under way, the less likely it is that the next one is needed: ask for as
    /// many as can run.
    pub fn propose(&mut self) -> Option<Candidate> {
        let success = self.search.success_rate();
        let mut paths: Vec<(f64, Search)> = vec![(1.0, self.search.clone())];
        loop {
            let likeliest = (0..paths.len()).max_by(|a, b| paths[*a].0.total_cmp(&paths[*b].0))?;
            let (probability, mut path) = paths.swap_remove(likeliest);
            let Some(gone) = path.trial(&self.show) else { continue };
            let answers = match self.answers.entry(hash(&gone)) {
                Entry::Vacant(entry) => {
                    entry.insert(None);
                    return Some(Candidate(gone));
                }
                Entry::Occupied(entry) => match *entry.get() {
                    Some(still_fails) => vec![(1.0, still_fails)],
                    None => vec![(1.0 - success, false), (success, true)],
                },
            };
            for (share, still_fails) in answers {
                let mut path = path.clone();
                path.decide(&self.show, gone.clone(), still_fails);
                paths.push((probability * share, path));
            }
        }
    }

    pub fn answer(&mut self, candidate: &Candidate, still_fails: bool) {
        self.answers.insert(hash(&candidate.0), Some(still_fails));
        self.advance();
    }

    /// Whether nothing more can be removed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    #[must_use]
    pub fn items(&self, candidate: &Candidate) -> Vec<Item> {
        self.show.items(&candidate.0)
    }

    /// Returns the smallest show so far; the recording itself if no candidate has failed.
    #[must_use]
    pub fn smallest(&self) -> Vec<Item> {
        if self.search.gone().is_empty() {
            self.original.clone()
        } else {
            self.show.items(self.search.gone())
        }
    }

    /// Returns the number of messages in the smallest show so far.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.show.messages(self.search.gone())
    }

    /// Goes on as far as answers are known.
    fn advance(&mut self) {
        loop {
            let Some(gone) = self.search.trial(&self.show) else {
                self.is_done = true;
                return;
            };
            let Some(Some(still_fails)) = self.answers.get(&hash(&gone)) else { return };
            self.search.decide(&self.show, gone, *still_fails);
        }
    }
}

fn hash(gone: &Gone) -> u64 {
    let mut hasher = DefaultHasher::new();
    gone.hash(&mut hasher);
    hasher.finish()
}

/// A search that waits for the answer to one candidate. Clones share the units.
#[derive(Clone, Debug)]
struct Search {
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
    fn new(show: &Show, is_timed: bool) -> Self {
        let gone = Gone::new();
        let (round, units) = match is_timed {
            true => (Round::Gaps, vec![Unit::Gaps]),
            false => (Round::Items, show.removable(&gone)),
        };
        let blocks = [Block { range: 0..units.len(), is_rest: false }].into();
        Self { round, gone, units: units.into(), blocks, answers: 0, successes: 0 }
    }

    fn gone(&self) -> &Gone {
        &self.gone
    }

    /// Returns how likely a candidate of this round still fails, from 0 to 1.
    fn success_rate(&self) -> f64 {
        f64::from(self.successes + 1) / f64::from(self.answers + 2)
    }

    /// Returns what is gone from the next candidate; `None` at the end.
    fn trial(&mut self, show: &Show) -> Option<Gone> {
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
    fn decide(&mut self, show: &Show, gone: Gone, still_fails: bool) {
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
