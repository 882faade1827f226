//! The events that items of recordings are decoded to.

use std::time::Duration;

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::Event,
    recording::Item,
};

/// Returns all events of `items`, in order.
pub(crate) fn decoded(items: &[Item], dedup: bool) -> Vec<Event> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup });
    for item in items {
        decoder.handle(item);
    }
    decoder.flush(items.last().map_or(Duration::ZERO, |item| item.offset));
    decoder.take_events().collect()
}
