//! Failures as `error` events, for clients that expect feed messages but could not join or fell behind.

use std::time::Duration;

use livetape_core::{
    error::Problem,
    event::{Data, Event, Failure, Millis, finish_json},
};
use livetape_io::clock;

/// Builds the JSON in the same shape as failures of a source. `position` is the subscriber's, if it has
/// joined a stream.
pub(crate) fn event(
    problem: &Problem,
    retry_after: Option<Duration>,
    position: Option<(&str, u64)>,
) -> Vec<u8> {
    let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let data = Data::Failure(Failure { retry_after_ms, ..Failure::from(problem) });
    let now = Millis::from(clock::wall());
    let event = Event {
        username: "".into(),
        user: None,
        timestamp: now,
        ts: now,
        id: None,
        replay: false,
        injected: false,
        data,
    };
    let Some((stream, seq)) = position else { return event.to_json_alone() };
    let mut json = Vec::new();
    event.begin_json(stream, &mut json);
    finish_json(seq, &mut json);
    json
}
