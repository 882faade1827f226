//! The units of a show, and the show without some of them.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    time::Duration,
};

use livetape_core::recording::{Item, What};

use crate::change::{Piece, pieces};

/// Maximum time between two items after a gap is closed.
const GAP_MAX: Duration = Duration::from_secs(1);

/// What can be removed from a show. Items are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unit {
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

pub(super) type Gone = BTreeSet<Unit>;

#[derive(Debug)]
pub(super) struct Show {
    pieces: Vec<Piece>,
    /// Kind and streak of each piece: the indexes of the first ones with the same.
    groups: Vec<[usize; 2]>,
    /// The first header and opening of a connection, which stay.
    fixed: [Option<usize>; 2],
    /// The connection that takes the items of others, which are not opened anymore.
    conn: Option<u32>,
}

impl Show {
    pub(super) fn new(items: Vec<Item>) -> Self {
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
    pub(super) fn removable(&self, gone: &Gone) -> Vec<Unit> {
        let left = self.left(gone).filter(|(at, _)| !self.fixed.contains(&Some(*at)));
        let mut units: Vec<_> = left.map(|(at, _)| Unit::Item(at)).collect();
        units.sort_by_key(|unit| self.key(*unit));
        units
    }

    /// Returns what is special about the items that are left, sorted.
    pub(super) fn details(&self, gone: &Gone) -> Vec<Unit> {
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
    pub(super) fn without(&self, gone: &Gone, block: &[Unit]) -> Gone {
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
    pub(super) fn split(&self, units: &[Unit], block: Range<usize>) -> Option<[Range<usize>; 2]> {
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
    pub(super) fn messages(&self, gone: &Gone) -> usize {
        self.left(gone).filter(|(_, piece)| piece.method.is_some()).count()
    }

    /// Returns the items that are left.
    pub(super) fn items(&self, gone: &Gone) -> Vec<Item> {
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
                    gone.contains(&Unit::Comment(at)),
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
