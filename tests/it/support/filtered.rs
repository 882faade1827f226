//! Events as a subscriber with a filter receives them.

use livetape_core::{event::Event, recording::Item};
use livetape_feed::hub::Filter;
use serde_json::Value;

use livetape_samples::decoded;

/// Returns all events of `items` as JSON, in order.
pub(crate) fn decode(items: &[Item], filter: &Filter, dedup: bool) -> Vec<Value> {
    filtered(decoded(items, dedup), filter)
}

/// Returns events as JSON, numbered from 1.
pub(crate) fn filtered(events: impl IntoIterator<Item = Event>, filter: &Filter) -> Vec<Value> {
    let mut shown = Vec::new();
    for (event, seq) in events.into_iter().zip(1..) {
        let mut json = Vec::new();
        if filter.encode("test", seq, &event, &mut json) {
            shown.push(serde_json::from_slice(&json).unwrap());
        }
    }
    shown
}
