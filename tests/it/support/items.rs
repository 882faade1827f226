//! Items of recordings, and the events that they are decoded to.

use std::time::Duration;

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::Event,
    recording::{Flags, Item, What},
};

/// Builds an item of connection 1.
pub(crate) fn item(offset_ms: u64, what: What) -> Item {
    Item { offset: Duration::from_millis(offset_ms), conn: 1, flags: Flags::default(), what }
}

/// Returns all events of `items`, in order.
pub(crate) fn decoded(items: &[Item], dedup: bool) -> Vec<Event> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup });
    for item in items {
        decoder.handle(item);
    }
    decoder.flush(items.last().map_or(Duration::ZERO, |item| item.offset));
    decoder.take_events().collect()
}
