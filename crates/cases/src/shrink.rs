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

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use livetape_core::recording::{Item, What};

use crate::change::{Piece, pieces};

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

/// Maximum time between two items after a gap is closed.
const GAP_MAX: Duration = Duration::from_secs(1);

/// What can be removed from a show. Items are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Unit {
    /// All time between items, as far as it is longer than [`GAP_MAX`].
    Gaps,
    /// An item with its message.
    Item(usize),
    /// The comment of a message, which becomes short.
    Comment(usize),
    /// A user, whose place the first one takes.
    User(i64),
    /// The nickname of a user, which becomes short.
    Name(i64),
    /// The time before an item, as far as it is longer than [`GAP_MAX`].
    Gap(usize),
}

type Gone = BTreeSet<Unit>;

#[derive(Debug)]
struct Show {
    pieces: Vec<Piece>,
    /// Kind and streak of each piece: the indexes of the first ones with the same.
    groups: Vec<[usize; 2]>,
    /// The first header and opening of a connection, which stay.
    fixed: [Option<usize>; 2],
    /// The connection that takes the items of others, which are not opened anymore.
    conn: Option<u32>,
}

impl Show {
    fn new(items: Vec<Item>) -> Self {
        let pieces = pieces(items);
        let (mut kinds, mut streaks) = (HashMap::new(), HashMap::new());
        let group = |(at, piece): (usize, &Piece)| {
            let kind = *kinds.entry(piece.method.clone()).or_insert(at);
            [kind, piece.streak.map_or(at, |streak| *streaks.entry(streak).or_insert(at))]
        };
        let groups = pieces.iter().enumerate().map(group).collect();
        let header = pieces.iter().position(|piece| matches!(piece.item.what, What::Header(_)));
        let open = pieces.iter().position(is_open);
        let conn = open.map(|at| pieces[at].item.conn);
        Self { groups, conn, fixed: [header, open], pieces }
    }

    /// Returns the items that can be removed and are left, those of one streak together.
    fn removable(&self, gone: &Gone) -> Vec<Unit> {
        let left = self.left(gone).filter(|(at, _)| !self.fixed.contains(&Some(*at)));
        let mut units: Vec<_> = left.map(|(at, _)| Unit::Item(at)).collect();
        units.sort_by_key(|unit| self.key(*unit));
        units
    }

    /// Returns what is special about the items that are left, sorted.
    fn details(&self, gone: &Gone) -> Vec<Unit> {
        let (first, mut units, mut before) = (self.first_user(gone), Gone::new(), Duration::ZERO);
        for (at, piece) in self.left(gone) {
            if piece.is_long {
                units.insert(Unit::Comment(at));
            }
            if Some(piece.user_id) != first && piece.user_id != 0 {
                units.insert(Unit::User(piece.user_id));
            }
            if piece.has_long_name {
                units.insert(Unit::Name(piece.user_id));
            }
            if piece.item.offset.saturating_sub(before) > GAP_MAX && !gone.contains(&Unit::Gaps) {
                units.insert(Unit::Gap(at));
            }
            before = before.max(piece.item.offset);
        }
        units.difference(gone).copied().collect()
    }

    /// Returns what is gone if a block of units goes, too. What has no effect is left out, so that equal shows
    /// have equal sets.
    fn without(&self, gone: &Gone, block: &[Unit]) -> Gone {
        let (items, details): (Gone, Gone) =
            gone.iter().chain(block).partition(|unit| matches!(unit, Unit::Item(_)));
        if details.is_empty() {
            return items;
        }
        let effective = self.details(&items);
        let is_effective = |unit: &&Unit| match unit {
            // A user whose place is taken has no name.
            Unit::Name(id) if details.contains(&Unit::User(*id)) => false,
            Unit::Gap(_) if details.contains(&Unit::Gaps) => false,
            Unit::Gaps => effective.last().is_some_and(|last| matches!(last, Unit::Gap(_))),
            _ => effective.binary_search(unit).is_ok(),
        };
        let details: Gone = details.iter().filter(is_effective).copied().collect();
        &items | &details
    }

    /// Splits a block at a border between kinds, or else between streaks, or else between units.
    fn split(&self, units: &[Unit], block: Range<usize>) -> Option<[Range<usize>; 2]> {
        if block.len() < 2 {
            return None;
        }
        let (key, middle) = (|at: usize| self.key(units[at]), block.start + block.len() / 2);
        let (first, last) = (key(block.start), key(block.end - 1));
        let level = (0..first.len()).find(|level| first[*level] != last[*level])?;
        let borders = (block.start + 1..block.end).filter(|at| key(at - 1)[level] != key(*at)[level]);
        let at = borders.min_by_key(|at| at.abs_diff(middle))?;
        Some([block.start..at, at..block.end])
    }

    /// Returns the kind, the streak and the number of a unit.
    fn key(&self, unit: Unit) -> [usize; 3] {
        let after = self.pieces.len();
        match unit {
            Unit::Item(at) => [self.groups[at][0], self.groups[at][1], at],
            Unit::Comment(at) => [after, at, 0],
            Unit::User(id) => [after + 1, id as usize, 0],
            Unit::Name(id) => [after + 2, id as usize, 0],
            Unit::Gap(at) => [after + 3, at, 0],
            Unit::Gaps => [after + 4, 0, 0],
        }
    }

    /// Returns the number of messages that are left.
    fn messages(&self, gone: &Gone) -> usize {
        self.left(gone).filter(|(_, piece)| piece.method.is_some()).count()
    }

    /// Returns the items that are left.
    fn items(&self, gone: &Gone) -> Vec<Item> {
        let first = self.first_user(gone);
        let person = self.left(gone).find(|(_, piece)| Some(piece.user_id) == first);
        let person = person.and_then(|(_, piece)| piece.person());
        let opened: BTreeSet<_> =
            self.left(gone).filter(|(_, piece)| is_open(piece)).map(|(_, piece)| piece.item.conn).collect();
        let is_simpler = gone.last().is_some_and(|unit| !matches!(unit, Unit::Item(_)));
        let (mut before, mut now) = (Duration::ZERO, Duration::ZERO);
        let mut items = Vec::new();
        for (at, piece) in self.left(gone) {
            let mut item = if is_simpler {
                piece.simplified(
                    gone.contains(&Unit::Comment(at)).then_some(at),
                    |id| gone.contains(&Unit::Name(id)),
                    |id| person.as_ref().filter(|_| gone.contains(&Unit::User(id))),
                )
            } else {
                piece.item.clone()
            };
            let gap = item.offset.saturating_sub(before);
            before = before.max(item.offset);
            now += if gone.contains(&Unit::Gaps) || gone.contains(&Unit::Gap(at)) {
                gap.min(GAP_MAX)
            } else {
                gap
            };
            item.offset = now;
            if let Some(conn) = self.conn
                && item.conn != 0
                && !opened.contains(&item.conn)
            {
                item.conn = conn;
            }
            items.push(item);
        }
        items
    }

    /// Returns the user of the first message that has one.
    fn first_user(&self, gone: &Gone) -> Option<i64> {
        self.left(gone).map(|(_, piece)| piece.user_id).find(|id| *id != 0)
    }

    fn left<'a>(&'a self, gone: &'a Gone) -> impl Iterator<Item = (usize, &'a Piece)> {
        self.pieces.iter().enumerate().filter(|(at, _)| !gone.contains(&Unit::Item(*at)))
    }
}

fn is_open(piece: &Piece) -> bool {
    matches!(piece.item.what, What::ConnOpen(_))
}
