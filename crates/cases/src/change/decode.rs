//! What a replay of items broadcasts, and the truth of it.

use std::{borrow::Borrow, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::Event,
    recording::Item,
    truth::{Added, Tally, Truth},
};

use crate::mistakes::SlimEvent;

/// Decodes items as a replay does, and passes each event to `take`. Returns the decoder at the end, after
/// `disconnected`.
pub(super) fn decode(items: impl IntoIterator<Item = impl Borrow<Item>>, take: impl FnMut(Event)) -> Decoder {
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
