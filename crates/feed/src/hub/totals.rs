//! What clients should have counted.

use std::sync::Arc;

use livetape_core::{
    error::{Code, Problem},
    truth::Truth,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::Hub;

/// The truth after an event.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct TruthAt {
    /// Id of the channel that `seq` counts in.
    pub stream: Arc<str>,
    /// Number of the last counted event; 0 before the first.
    pub seq: u64,
    /// The totals.
    #[serde(flatten)]
    pub truth: Truth,
}

impl Hub {
    /// Returns the truth after event `until`, or after the newest event.
    ///
    /// # Errors
    /// `unknown_position` if `until` is after the newest event, or before the backlog. `bad_request` for a
    /// channel that several processes share.
    pub fn truth(&self, until: Option<u64>) -> Result<TruthAt, Problem> {
        if self.is_relayed() {
            let message = "this channel is shared with other processes, and only a process of its own counts";
            return Err(Problem::new(Code::BadRequest, message).hint("replay it with `livetape replay`"));
        }
        let state = self.shared.state.read();
        let head = state.ring.head();
        let seq = until.unwrap_or(head);
        let Some(tally) = state.ring.tally(seq) else {
            let message = match state.ring.tail() {
                tail if seq < tail => {
                    format!("event {seq} is no longer in the backlog, which starts at {}", tail + 1)
                }
                _ => format!("event {seq} is after the newest, {head}"),
            };
            return Err(Problem::new(Code::UnknownPosition, message).hint("ask without `until`"));
        };
        let stream = Arc::clone(&state.stream);
        drop(state);
        Ok(TruthAt { stream, seq, truth: tally.truth() })
    }
}
