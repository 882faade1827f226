//! Changes of shows: each is a function from recorded items to recorded items.

mod batches;
mod decode;
mod gifts;
mod node;
mod people;
mod pieces;
mod room;
mod stage;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use decode::{counted, counted_with_repeats, events_of, truth_of, truth_with_repeats};
use livetape_core::recording::Item;
pub(crate) use pieces::{Piece, pieces};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Two users send the same gift in streaks that alternate, and one user two gifts.
    Interleaved,
    /// The same user sends the same gift again in a second, shorter streak.
    Again,
    /// The host ends and goes live again, in another room.
    NewRoom,
    /// No streak's last message arrives.
    NoFinal,
    /// Each streak's last message arrives 90 s later.
    LateFinal,
    /// Unusual nicknames and texts.
    Names,
    /// Messages without user, text or details of the gift.
    Missing,
    /// Ids above 2^53, and the largest gift.
    Big,
    /// So many events at once.
    Burst(u16),
    /// Three failures that are retried, before the room connects.
    Retrying,
}

/// Returns the items of a show after a change. The same items give the same result. Offsets never decrease.
#[must_use]
pub fn change(change: Change, items: Vec<Item>) -> Vec<Item> {
    let items = in_order(items);
    in_order(match change {
        Change::Interleaved => gifts::interleaved(items),
        Change::Again => gifts::again(items),
        Change::NewRoom => room::new_room(items),
        Change::NoFinal => gifts::no_final(items),
        Change::LateFinal => gifts::late_final(items),
        Change::Names => people::names(items),
        Change::Missing => people::missing(items),
        Change::Big => people::big_ids(gifts::big(items)),
        Change::Burst(number) => room::burst(items, number.into()),
        Change::Retrying => room::retrying(items),
    })
}

/// Raises each offset that is less than the one before, as recordings do.
fn in_order(mut items: Vec<Item>) -> Vec<Item> {
    let mut last = Duration::ZERO;
    for item in &mut items {
        last = last.max(item.offset);
        item.offset = last;
    }
    items
}
