//! A log of client activity.

use serde::Serialize;
use tracing::{debug, info};

use crate::sans_io::redact::{is_secret_name, redact_text};

/// Maximum number of log entries. Later ones are only counted.
///
/// ```
/// assert!(livetape_mock::ENTRIES_MAX > 10_000);
/// ```
pub const ENTRIES_MAX: usize = 50_000;
/// Maximum size of the text in all entries together, in bytes.
const LOG_BYTES_MAX: usize = 64 << 20;
/// Maximum length of one text in an entry, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;
const MASK: &str = "***";
/// Kind of the fault that a network cuts a connection.
const NETWORK_CUT: &str = "network_cut";

/// An entry in the log of client activity.
///
/// ```
/// # use livetape_mock::{Happened, LogEntry};
/// let entry = LogEntry { at_ms: 5, connection: 1, what: Happened::Enter };
/// assert_eq!(serde_json::to_string(&entry).unwrap(), r#"{"at_ms":5,"connection":1,"what":"enter"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// Milliseconds since the mock was started or reset.
    pub at_ms: u64,
    /// Sequence number among all connections to the mock, from 1.
    pub connection: u64,
    /// The activity itself.
    #[serde(flatten)]
    pub what: Happened,
}

/// Kind of activity, with its details.
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
    /// A request and its response. The values of cookies, keys and tokens are masked.
    Request {
        /// HTTP method.
        method: String,
        /// Percent-decoded path.
        path: String,
        /// Query parameters, in order.
        query: Vec<(String, String)>,
        /// Headers in order, with lowercase names.
        headers: Vec<(String, String)>,
        /// Status of the response; 0 if the mock sent none.
        status: u16,
        /// Name of the fault that shaped the response.
        #[serde(skip_serializing_if = "Option::is_none")]
        fault: Option<String>,
    },
    /// A WebSocket was opened.
    Upgrade {
        /// Id of the room.
        #[serde(serialize_with = "as_text")]
        room_id: i64,
        /// Sequence number among the connections of the room, from 1.
        attempt: u32,
    },
    /// A client entered the room.
    Enter,
    /// A client sent a heartbeat.
    Heartbeat,
    /// A client acknowledged a frame.
    Ack {
        /// Log id of the frame.
        #[serde(serialize_with = "as_text")]
        log_id: u64,
        /// Content of the ack.
        internal_ext: String,
    },
    /// A message of a type unknown to the mock.
    Other {
        /// The payload type.
        payload_type: String,
    },
    /// A fault occurred on a socket, or the network cut a connection.
    Fault {
        /// Name of the fault's kind, or `network_cut`.
        kind: String,
    },
    /// A WebSocket ended.
    Closed {
        /// The side that ended it.
        by: By,
        /// Close code; 1005 if the close frame had none, 1006 if there was no close frame.
        code: u16,
        /// Close reason.
        reason: String,
        /// Number of recorded frames that were sent on it.
        frames: u64,
    },
}

/// The side that ended a WebSocket.
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
    /// Writes the entry to the program's log, without query and headers: not every secret has a known name.
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
    /// Names of all kinds, as in JSON.
    pub(super) const NAMES: [&str; 8] =
        ["request", "upgrade", "enter", "heartbeat", "ack", "other", "fault", "closed"];

    /// Returns the name of the kind, as in JSON.
    ///
    /// ```
    /// assert_eq!(livetape_mock::Happened::Enter.name(), "enter");
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
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

    pub(super) fn network_cut() -> Self {
        Self::Fault { kind: NETWORK_CUT.into() }
    }

    /// Returns the total length of the texts, in bytes.
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

    /// Whether a connection, or an attempt to connect, failed or ended here.
    pub(super) fn is_end(&self) -> bool {
        match self {
            Self::Request { status, fault, .. } => fault.is_some() || !matches!(status, 100..=399),
            Self::Fault { kind } => kind == NETWORK_CUT,
            Self::Closed { .. } => true,
            Self::Upgrade { .. } | Self::Enter | Self::Heartbeat | Self::Ack { .. } | Self::Other { .. } => {
                false
            }
        }
    }
}

/// All entries since the mock was started or reset.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) entries: Vec<LogEntry>,
    /// Number of entries that did not fit.
    pub(super) dropped: u64,
    /// Total size of the texts in the entries.
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

/// Copies pairs of names and values, with secrets masked and long texts cut.
pub(super) fn masked(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let mask = |(name, value): &(String, String)| {
        let value = bounded(value);
        let is_secret = is_secret_name(name) && !value.is_empty();
        let value = if is_secret { MASK.to_owned() } else { redact_text(&value).into_owned() };
        (masked_text(name), value)
    };
    pairs.iter().map(mask).collect()
}

/// Cuts a text from a client to the maximum length, and masks secrets in it.
pub(super) fn masked_text(text: &str) -> String {
    redact_text(&bounded(text)).into_owned()
}

/// Cuts a text from a client to the maximum length.
pub(super) fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

/// Serialises a 64-bit number as a string, because JavaScript numbers cannot hold it exactly.
fn as_text<S: serde::Serializer>(number: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_by_the_same_names_as_in_recordings() {
        for name in [
            "access_token",
            "jwt",
            "tokens",
            "_signature",
            "verifyFp",
            "device_id",
            "x-argus",
            "X-Gorgon",
            "app_key",
            "key",
            "session",
            "auth",
            "x-secsdk-csrf-token",
            "proxy-authorization",
            "cookie",
            "msToken[]",
            "x-api-key",
            "x-jwt-key",
            "x-cookie-header",
        ] {
            assert_eq!(masked(&[(name.to_owned(), "planted".to_owned())])[0].1, MASK, "{name}");
        }
        for (name, value, expected) in [
            ("referer", "https://h/?msToken=planted&a=b", "https://h/?msToken=***&a=b"),
            ("room_id", "7", "7"),
            ("x-room-id", "7", "7"),
            ("cookie", "", ""),
        ] {
            assert_eq!(masked(&[(name.to_owned(), value.to_owned())])[0].1, expected, "{name}");
        }
    }

    #[test]
    fn long_texts_fill_the_log_before_the_entry_limit() {
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
