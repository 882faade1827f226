//! Effects: actions that a lobby requests from its caller.

use std::collections::BTreeMap;

use bytes::Bytes;
use livetape_core::error::Code;
use serde::Serialize;

use super::Key;

/// An action to perform, in order, before the next input to the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Send {
        /// Recipients, without duplicates.
        to: Vec<Key>,
        payload: Payload,
    },
    /// Close a connection after everything already sent to it.
    Close { key: Key, code: u16, reason: String },
    /// Log that a room was created.
    Created {
        /// Id of the room.
        room: String,
    },
    /// Change the feed that a connection reads.
    Read {
        key: Key,
        /// Stream of the feed; `None` for no feed.
        stream: Option<String>,
    },
}

/// A message, shared by all recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// JSON in valid UTF-8.
    Text(Bytes),
    /// A client's binary message, unchanged.
    Binary(Bytes),
}

impl Payload {
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never needed")]
    pub fn len(&self) -> usize {
        let (Self::Text(bytes) | Self::Binary(bytes)) = self;
        bytes.len()
    }
}

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub opened: u64,
    pub closed: u64,
    /// Number of messages from clients, including pings and pongs, excluding messages on `/ws/echo`.
    pub received: u64,
    /// Number of messages to clients, excluding events: one for each recipient.
    pub sent: u64,
    /// Number of rejected messages, by code.
    pub refused: BTreeMap<Code, u64>,
}
