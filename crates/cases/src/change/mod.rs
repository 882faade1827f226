//! Changes of shows. Each is a function in the file of its area, which the table of cases names.

mod batches;
pub(crate) mod gifts;
mod node;
pub(crate) mod people;
pub(crate) mod room;
mod stage;
#[cfg(test)]
mod tests;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::Event,
    recording::Item,
    truth::{Added, Tally, Truth},
};
use serde_json::Value;

use crate::mistakes::SlimEvent;

pub(crate) use batches::{Piece, pieces};

/// A function from the items of a show to those of the changed one.
pub type Change = fn(Vec<Item>) -> Vec<Item>;

/// Returns the items of a show after changes. The same items give the same result. Offsets never decrease.
#[must_use]
pub fn change(changes: &[Change], items: Vec<Item>) -> Vec<Item> {
    changes.iter().fold(items, |items, change| in_order(change(in_order(items))))
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

/// Returns events of a replay by their index. `has_inferred`: finals that livetape infers count as events. `is_numbered`: each
/// has the `seq` of the feed, in which nothing else is sent.
#[must_use]
pub fn json_of(
    items: impl IntoIterator<Item = impl Borrow<Item>>,
    has_inferred: bool,
    is_numbered: bool,
    wanted: &BTreeSet<usize>,
) -> BTreeMap<usize, Value> {
    let (mut found, mut index, mut seq) = (BTreeMap::new(), 0, 0_u64);
    decode(items, |event| {
        seq += 1;
        if has_inferred || !SlimEvent::of(&event).is_inferred() {
            if wanted.contains(&index) {
                let mut json: Value = serde_json::from_slice(&event.to_json_alone()).unwrap_or_default();
                if is_numbered {
                    json["seq"] = seq.into();
                }
                found.insert(index, json);
            }
            index += 1;
        }
    });
    found
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
