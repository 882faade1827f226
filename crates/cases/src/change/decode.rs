//! What a replay of items broadcasts, and the truth of it.

use std::time::Duration;

use crate::sans_io::{
    decoder::{Decoder, DecoderOptions},
    event::Event,
    recording::Item,
    truth::{Added, Tally, Truth},
};

/// Decodes items as a replay does, and passes each event to `take`. Returns the decoder at the end, after
/// `disconnected`.
pub(super) fn decode(items: &[Item], take: impl FnMut(Event)) -> Decoder {
    decode_with(true, items, take)
}

fn decode_with(dedup: bool, items: &[Item], mut take: impl FnMut(Event)) -> Decoder {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup });
    let mut last = Duration::ZERO;
    for item in items {
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
pub fn events_of(items: &[Item]) -> Vec<Event> {
    let mut events = Vec::new();
    decode(items, |event| events.push(event));
    events
}

/// Returns what a client should have counted after a replay.
#[must_use]
pub fn truth_of(items: &[Item]) -> Truth {
    let mut tally = Tally::default();
    decode(items, |event| tally.add(&Added::by(&event)));
    tally.truth()
}

/// Like [`events_of`], but with messages that were sent before.
#[must_use]
pub fn events_with_repeats(items: &[Item]) -> Vec<Event> {
    let mut events = Vec::new();
    decode_with(false, items, |event| events.push(event));
    events
}

/// Like [`truth_of`], but messages that were sent again count again.
#[must_use]
pub fn truth_with_repeats(items: &[Item]) -> Truth {
    let mut tally = Tally::default();
    decode_with(false, items, |event| tally.add(&Added::by(&event)));
    tally.truth()
}
