//! What a lobby wants done.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::Key;
use crate::sans_io::error::Code;

/// One thing to do; in order, before the lobby is told anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this to these.
    Send {
        /// Who gets it, each once.
        to: Vec<Key>,
        /// What they get.
        payload: Payload,
    },
    /// Close a connection, after what was sent to it.
    Close {
        /// Whose.
        key: Key,
        /// The close code.
        code: u16,
        /// The reason beside it.
        reason: String,
    },
    /// Write down that a room was made.
    Created {
        /// Its id.
        room: String,
    },
    /// Let a connection read a feed, or none, from now on.
    Read {
        /// Which connection.
        key: Key,
        /// The feed's stream.
        stream: Option<String>,
    },
}

/// What is sent, for all recipients once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// JSON, in valid UTF-8.
    Text(Bytes),
    /// What a client sent, unchanged.
    Binary(Bytes),
}

impl Payload {
    /// Its length, in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        let (Self::Text(bytes) | Self::Binary(bytes)) = self;
        bytes.len()
    }
}

/// What was counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Connections that were let in.
    pub opened: u64,
    /// Connections that are gone.
    pub closed: u64,
    /// Messages that clients sent, pings and pongs among them, but nothing to be echoed.
    pub received: u64,
    /// Messages that went to clients, events aside: one for each recipient.
    pub sent: u64,
    /// What was refused, by code.
    pub refused: BTreeMap<Code, u64>,
}
