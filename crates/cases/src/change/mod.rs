//! Changes of shows: each is a function from recorded items to recorded items.

mod batches;
mod gifts;
mod node;
mod people;
mod pieces;
mod room;
mod stage;
#[cfg(test)]
mod tests;

use std::{borrow::Borrow, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::Event,
    recording::Item,
    truth::{Added, Tally, Truth},
};

use crate::mistakes::SlimEvent;

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
    /// Most messages with likes are missing, while their total moves on.
    Thinned,
    /// A user sends the same gift to two guests of the host, and another one to the host.
    Guests,
}

impl Change {
    /// Whether it makes a show much longer.
    pub(crate) fn is_long(self) -> bool {
        matches!(self, Self::Burst(_))
    }
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
        Change::Thinned => room::thinned(items),
        Change::Guests => gifts::guests(items),
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

/// Decodes items as a replay does, and passes each event to `take`. Returns the decoder at the end, after
/// `disconnected`.
fn decode(items: impl IntoIterator<Item = impl Borrow<Item>>, take: impl FnMut(Event)) -> Decoder {
    decode_with(true, items, take)
}

fn decode_with(
    dedup: bool,
    items: impl IntoIterator<Item = impl Borrow<Item>>,
    mut take: impl FnMut(Event),
) -> Decoder {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup });
    let mut last = Duration::ZERO;
    for item in items {
        let item = item.borrow();
        last = last.max(item.offset);
        decoder.handle(item);
        decoder.take_events().for_each(&mut take);
    }
    decoder.flush(last);
    decoder.disconnect(last, "recording_ended");
    decoder.take_events().for_each(take);
    decoder
}

/// Returns the events that a replay broadcasts, in its first generation.
#[must_use]
pub fn events_of(items: impl IntoIterator<Item = impl Borrow<Item>>) -> Vec<Event> {
    let mut events = Vec::new();
    decode(items, |event| events.push(event));
    events
}

/// Returns what a client should have counted after a replay.
#[must_use]
pub fn truth_of(items: impl IntoIterator<Item = impl Borrow<Item>>) -> Truth {
    let mut tally = Tally::default();
    decode(items, |event| tally.add(&Added::by(&event)));
    tally.truth()
}

/// Returns what clients count by in the events of a replay.
#[must_use]
pub fn counted(items: impl IntoIterator<Item = impl Borrow<Item>>) -> Vec<SlimEvent> {
    let mut events = Vec::new();
    decode(items, |event| events.push(SlimEvent::of(&event)));
    events
}

/// Like [`counted`], but with messages that were sent before.
#[must_use]
pub fn counted_with_repeats(items: impl IntoIterator<Item = impl Borrow<Item>>) -> Vec<SlimEvent> {
    let mut events = Vec::new();
    decode_with(false, items, |event| events.push(SlimEvent::of(&event)));
    events
}

/// Like [`truth_of`], but messages that were sent again count again.
#[must_use]
pub fn truth_with_repeats(items: impl IntoIterator<Item = impl Borrow<Item>>) -> Truth {
    let mut tally = Tally::default();
    decode_with(false, items, |event| tally.add(&Added::by(&event)));
    tally.truth()
}
