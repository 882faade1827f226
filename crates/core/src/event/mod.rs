//! Events: what they are read from, and their JSON, as subscribers receive it.
//!
//! A file has a group of events: their `data`, and how it is converted from the messages of `proto/webcast.proto`.

mod battle;
mod business;
mod chat;
mod common;
pub mod compose;
mod gift;
mod goals;
mod json;
mod keys;
mod kinds;
mod link;
mod names;
mod notices;
mod room;
mod viewers;

use std::sync::Arc;

use smol_str::SmolStr;

use common::is_zero;
use kinds::Kind;

pub use battle::*;
pub use business::*;
pub use chat::*;
pub use common::{BADGES, Badge, Id, Millis, Person, Text, User};
pub use gift::*;
pub use goals::*;
pub use json::{Layout, finish_json};
pub use kinds::*;
pub use link::*;
pub use names::app_method;
pub use notices::*;
pub use room::*;
pub use viewers::*;

/// A broadcast event. The hub assigns its sequence number.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Username of the host; empty if unknown.
    pub username: Arc<str>,
    /// The acting user, if a user caused the event.
    pub user: Option<User>,
    /// Creation time of the message, or `ts`.
    pub timestamp: Millis,
    /// Time of receipt: the stream's wall anchor plus the offset.
    pub ts: Millis,
    /// Id of the message, with a suffix from the second generation on; `None` for events without a message.
    pub id: Option<SmolStr>,
    /// Whether the event comes from a recording.
    pub replay: bool,
    /// Whether the event was created by `/inject`.
    pub injected: bool,
    /// The type-specific data.
    pub data: Data,
}

impl Event {
    /// Returns the value of `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.data.kind()
    }
}
