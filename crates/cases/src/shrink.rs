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

mod search;
mod show;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use livetape_core::recording::Item;
use search::Search;
use show::{Gone, Show};

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
