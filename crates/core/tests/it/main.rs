//! Tests of the core that need recorded data, or several of its parts. Here is what they share.

mod decoder;
mod keys;
mod kinds;
mod real;
mod recording;
mod redaction;
mod tikfinity;
mod wire;

use livetape_core::{
    decoder::Decoder,
    event::{Event, finish_json},
    recording::Item,
};
use livetape_samples::decoded;
use serde_json::Value;

pub(crate) use livetape_samples::{
    assert_expected, assert_same, boundaries, expected_session, fixture, item, messages, payloads,
    session_items,
};

/// Returns all events of `items` as JSON, in order.
pub(crate) fn decode(items: &[Item], dedup: bool) -> Vec<Value> {
    numbered(decoded(items, dedup))
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
