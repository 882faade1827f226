//! Shared by these tests: recorded data, and decoded events.

#[path = "../../../../tests/it/support/boundaries.rs"]
pub(crate) mod boundaries;
#[path = "../../../../tests/it/support/decoded.rs"]
mod decoded;
#[path = "../../../../tests/it/support/expected.rs"]
pub(crate) mod expected;
#[path = "../../../../tests/it/support/fixture.rs"]
pub(crate) mod fixture;
#[path = "../../../../tests/it/support/items.rs"]
pub(crate) mod items;
#[path = "../../../../tests/it/support/messages.rs"]
pub(crate) mod messages;
#[path = "../../../../tests/it/support/payloads.rs"]
pub(crate) mod payloads;
#[path = "../../../../tests/it/support/repository.rs"]
mod repository;
#[path = "../../../../tests/it/support/same.rs"]
pub(crate) mod same;
#[path = "../../../../tests/it/support/sessions.rs"]
pub(crate) mod sessions;

use livetape_core::{
    decoder::Decoder,
    event::{Event, finish_json},
    recording::Item,
};
use serde_json::Value;

/// Returns all events of `items` as JSON, in order.
pub(crate) fn decode(items: &[Item], dedup: bool) -> Vec<Value> {
    numbered(decoded::decoded(items, dedup))
}

/// Takes the pending events of `decoder`.
pub(crate) fn take(decoder: &mut Decoder) -> Vec<Value> {
    numbered(decoder.take_events())
}

/// Returns events as JSON, numbered from 1.
fn numbered(events: impl IntoIterator<Item = Event>) -> Vec<Value> {
    let json = |(event, seq): (Event, u64)| {
        let mut json = Vec::new();
        event.begin_json("test", &mut json);
        finish_json(seq, &mut json);
        serde_json::from_slice(&json).unwrap()
    };
    events.into_iter().zip(1..).map(json).collect()
}

/// Whether an event comes from TikTok: the decoder infers the finals of streaks that TikTok leaves open.
pub(crate) fn is_sent(event: &Value) -> bool {
    event["data"]["inferred"] != true
}
