//! The connections that have left.

use std::collections::VecDeque;

use livetape_core::{error::close, event::Millis};
use schemars::JsonSchema;
use serde::Serialize;
use tungstenite::protocol::CloseFrame;

use super::end::PROTOCOL_ERROR;
use crate::lobby::ConnectionView;

/// Maximum number of connections that have left in the list.
pub(crate) const LEFT_MAX: usize = 100;
/// Reason that the library puts in place of a close code that must not be sent, such as 1005.
const INVALID_CODE: &str = "Protocol violation";

/// A connection that has left, in responses: its last state, and how it ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeftView {
    #[serde(flatten)]
    pub(super) connection: ConnectionView,
    /// When it left.
    pub(super) left_at: Millis,
    /// Close code; 1005 if the client sent none, 1006 if it was cut or broke.
    pub(super) code: u16,
    /// Reason in the close frame.
    pub(super) reason: String,
    /// Whether the server ended it.
    pub(super) by_server: bool,
    /// Number of bytes sent to it, the response to its request included.
    pub(super) sent_bytes: u64,
}

/// The last connections that have left, oldest first.
#[derive(Debug, Default)]
pub(super) struct Departures(VecDeque<LeftView>);

impl Departures {
    pub(super) fn push(&mut self, left: LeftView) {
        if self.0.len() >= LEFT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(left);
    }

    pub(super) fn views(&self) -> Vec<LeftView> {
        self.0.iter().cloned().collect()
    }
}

pub(super) fn code_and_reason(frame: Option<&CloseFrame>) -> (u16, String) {
    match frame {
        Some(frame) if frame.reason == INVALID_CODE => (close::PROTOCOL, PROTOCOL_ERROR.to_owned()),
        Some(frame) => (frame.code.into(), frame.reason.to_string()),
        None => (close::NO_CODE, String::new()),
    }
}
