//! What clients did, as data.

use serde::Serialize;
use tracing::{debug, info};

/// Most entries that are kept; what comes later is counted.
///
/// ```
/// assert!(livetape_mock::ENTRIES_MAX > 10_000);
/// ```
pub const ENTRIES_MAX: usize = 50_000;
/// Most bytes of texts that are kept in all entries together.
const LOG_BYTES_MAX: usize = 64 << 20;
/// The longest text of an entry, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Headers and parameters of which only the name is logged.
const SECRETS: [&str; 13] = [
    "apikey",
    "authorization",
    "cookie",
    "mstoken",
    "session_id",
    "sessionid",
    "ttwid",
    "x-api-key",
    "x-bogus",
    "x-cookie-header",
    "x-gnarly",
    "x-jwt-key",
    "x-oauth-token",
];
const MASK: &str = "***";

/// Something that a client did, or that was done to it.
///
/// ```
/// # use livetape_mock::{Happened, LogEntry};
/// let entry = LogEntry { at_ms: 5, connection: 1, what: Happened::Enter };
/// assert_eq!(serde_json::to_string(&entry).unwrap(), r#"{"at_ms":5,"connection":1,"what":"enter"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// Milliseconds since the start of the mock, or its last reset.
    pub at_ms: u64,
    /// Counts the connections to the mock from 1.
    pub connection: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: Happened,
}

/// What happened.
///
/// ```
/// # use livetape_mock::Happened;
/// let ack = Happened::Ack { log_id: 7, internal_ext: String::new() };
/// assert_eq!(serde_json::to_value(ack).unwrap()["what"], "ack");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// A request, and how it was answered. Values of cookies, keys and tokens are masked.
    Request {
        /// The method.
        method: String,
        /// The path, decoded.
        path: String,
        /// Names and values, as they came.
        query: Vec<(String, String)>,
        /// Names in lower case and values, as they came.
        headers: Vec<(String, String)>,
        /// The status of the answer; 0 if there was none.
        status: u16,
        /// The fault that answered it.
        #[serde(skip_serializing_if = "Option::is_none")]
        fault: Option<String>,
    },
    /// A WebSocket was opened.
    Upgrade {
        /// The room.
        #[serde(serialize_with = "as_text")]
        room_id: i64,
        /// Counts the connections of the room from 1.
        attempt: u32,
    },
    /// A client entered the room.
    Enter,
    /// A heartbeat.
    Heartbeat,
    /// An ack.
    Ack {
        /// The frame that it is for.
        #[serde(serialize_with = "as_text")]
        log_id: u64,
        /// What it carries.
        internal_ext: String,
    },
    /// A message of a type that the mock does not know.
    Other {
        /// The type.
        payload_type: String,
    },
    /// A fault on a socket.
    Fault {
        /// Its kind.
        kind: String,
    },
    /// The end of a WebSocket.
    Closed {
        /// Who ended it.
        by: By,
        /// The code; 1005 if there was none in the close frame, 1006 if there was no close frame.
        code: u16,
        /// The reason.
        reason: String,
        /// How many frames of the recording were sent on it.
        frames: u64,
    },
}

/// Who ended a WebSocket.
///
/// ```
/// # use livetape_mock::{By, Happened};
/// let closed = Happened::Closed { by: By::Client, code: 1000, reason: String::new(), frames: 3 };
/// assert_eq!(serde_json::to_value(closed).unwrap()["by"], "client");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The client.
    Client,
    /// The mock.
    Mock,
}

impl LogEntry {
    /// Queries and headers stay out of the log: what is secret in them is not always known by its name.
    fn log(&self) {
        let connection = self.connection;
        match &self.what {
            Happened::Request { method, path, status, fault, .. } => {
                let fault = fault.as_deref().unwrap_or_default();
                info!(connection, method, path, status, fault, "📨 Request");
            }
            Happened::Upgrade { room_id, attempt } => {
                info!(connection, room_id, attempt, "✅ Client connected");
            }
            Happened::Fault { kind } => info!(connection, kind, "❌ Fault"),
            Happened::Closed { by, code, frames, .. } => {
                info!(connection, ?by, code, frames, "❌ Client disconnected");
            }
            Happened::Enter | Happened::Heartbeat | Happened::Ack { .. } | Happened::Other { .. } => {
                debug!(connection, "📨 Message received");
            }
        }
    }
}

impl Happened {
    /// The names of all kinds, as in JSON.
    pub(super) const NAMES: [&str; 8] =
        ["request", "upgrade", "enter", "heartbeat", "ack", "other", "fault", "closed"];

    /// The name of its kind, as in JSON.
    pub(super) fn name(&self) -> &'static str {
        let [request, upgrade, enter, heartbeat, ack, other, fault, closed] = Self::NAMES;
        match self {
            Self::Request { .. } => request,
            Self::Upgrade { .. } => upgrade,
            Self::Enter => enter,
            Self::Heartbeat => heartbeat,
            Self::Ack { .. } => ack,
            Self::Other { .. } => other,
            Self::Fault { .. } => fault,
            Self::Closed { .. } => closed,
        }
    }

    /// The length of its texts.
    fn bytes(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| -> usize {
            pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
        };
        match self {
            Self::Request { method, path, query, headers, .. } => {
                method.len() + path.len() + pairs(query) + pairs(headers)
            }
            Self::Ack { internal_ext: text, .. }
            | Self::Other { payload_type: text }
            | Self::Fault { kind: text }
            | Self::Closed { reason: text, .. } => text.len(),
            Self::Upgrade { .. } | Self::Enter | Self::Heartbeat => 0,
        }
    }

    /// Whether an attempt to connect, or a connection, failed or ended there.
    pub(super) fn is_end(&self) -> bool {
        match self {
            Self::Request { status, fault, .. } => fault.is_some() || !matches!(status, 100..=399),
            Self::Closed { .. } => true,
            Self::Upgrade { .. }
            | Self::Enter
            | Self::Heartbeat
            | Self::Ack { .. }
            | Self::Other { .. }
            | Self::Fault { .. } => false,
        }
    }
}

/// All entries since the start, or the last reset.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) entries: Vec<LogEntry>,
    /// Entries that were not kept.
    pub(super) dropped: u64,
    /// Of the texts in the entries.
    bytes: usize,
}

impl Journal {
    pub(super) fn add(&mut self, entry: LogEntry) {
        entry.log();
        let bytes = self.bytes.saturating_add(entry.what.bytes());
        if self.entries.len() < ENTRIES_MAX && bytes <= LOG_BYTES_MAX {
            self.bytes = bytes;
            self.entries.push(entry);
        } else {
            self.dropped += 1;
        }
    }
}

/// Names and values without what is secret, and bounded.
pub(super) fn masked(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let mask = |(name, value): &(String, String)| {
        let is_secret = SECRETS.contains(&name.to_ascii_lowercase().as_str());
        let value = if is_secret && !value.is_empty() { MASK.to_owned() } else { bounded(value) };
        (bounded(name), value)
    };
    pairs.iter().map(mask).collect()
}

/// A text of a client, cut off where it is too long.
pub(super) fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

/// 64-bit numbers are texts in JSON: they exceed what JavaScript's numbers hold.
fn as_text<S: serde::Serializer>(number: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_fill_the_log_before_so_many_entries_do() {
        let mut journal = Journal::default();
        let payload_type = "x".repeat(TEXT_BYTES_MAX);
        for connection in 0..20_000 {
            let what = Happened::Other { payload_type: payload_type.clone() };
            journal.add(LogEntry { at_ms: 0, connection, what });
        }
        assert_eq!(journal.entries.len(), LOG_BYTES_MAX / TEXT_BYTES_MAX);
        assert_eq!(journal.dropped, 20_000 - journal.entries.len() as u64);
    }
}
