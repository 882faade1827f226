//! A log of client activity.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use livetape_core::redact::{Place, is_harmless, redact_text, redact_url, redact_value};
use serde::{Serialize, Serializer};
use tracing::{debug, info};

use crate::room::show::{RoomShow, Span};

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
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Happened {
    /// A request and its response. The fields hold what the client sent; JSON and `Debug` mask the values of
    /// parameters and headers that are not known to be harmless.
    Request {
        /// HTTP method.
        #[serde(serialize_with = "masked_text")]
        method: String,
        /// Percent-decoded path.
        #[serde(serialize_with = "masked_path")]
        path: String,
        /// Query parameters, in order.
        #[serde(serialize_with = "masked_query")]
        query: Vec<(String, String)>,
        /// Headers in order, with lowercase names.
        #[serde(serialize_with = "masked_headers")]
        headers: Vec<(String, String)>,
        /// Status of the response; 0 if the mock sent none.
        status: u16,
        /// Name of the fault that shaped the response.
        #[serde(skip_serializing_if = "Option::is_none")]
        fault: Option<String>,
        /// How long the response told the client to wait.
        #[serde(skip)]
        wait: Option<Duration>,
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
        #[serde(serialize_with = "masked_text")]
        internal_ext: String,
    },
    /// A message of a type unknown to the mock.
    Other {
        /// The payload type.
        #[serde(serialize_with = "masked_text")]
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
        #[serde(serialize_with = "masked_text")]
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
    /// Writes the entry to the program's log, without query and headers.
    fn log(&self) {
        let connection = self.connection;
        match &self.what {
            Happened::Request { method, path, status, fault, .. } => {
                let fault = fault.as_deref().unwrap_or_default();
                let (method, path) = (redact_text(method), redact_url(path));
                let (method, path) = (method.as_ref(), path.as_ref());
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
    pub(crate) const NAMES: [&str; 8] =
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

    pub(crate) fn network_cut() -> Self {
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
    pub(crate) fn is_end(&self) -> bool {
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

/// A push frame that a client was sent.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Sent {
    /// Sequence number of the connection.
    pub connection: u64,
    /// Its time in the recording.
    pub offset: Duration,
    pub(crate) push: Push,
    /// Whether a fault left it as it was.
    pub is_whole: bool,
}

impl Sent {
    /// Returns the frame as recorded, if it can still be read. A first batch in a signing response is in a frame of
    /// its own.
    #[must_use]
    pub fn push(&self) -> Option<Bytes> {
        match &self.push {
            Push::Made(bytes) => Some(bytes.clone()),
            Push::Recorded(show, span) => show.read(*span).ok(),
        }
    }
}

/// Where a push frame comes from.
#[derive(Clone, Debug)]
pub(crate) enum Push {
    /// The recording, where it is read again.
    Recorded(Arc<RoomShow>, Span),
    /// The mock.
    Made(Bytes),
}

/// All entries since the mock was started or reset.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) entries: Vec<LogEntry>,
    /// Number of entries that did not fit.
    pub(crate) dropped: u64,
    /// Total size of the texts in the entries.
    bytes: usize,
}

impl Journal {
    pub(crate) fn add(&mut self, entry: LogEntry) {
        entry.log();
        let bytes = self.bytes.saturating_add(entry.what.bytes());
        if self.entries.len() < ENTRIES_MAX && bytes <= LOG_BYTES_MAX {
            self.bytes = bytes;
            self.entries.push(entry);
        } else {
            self.dropped += 1;
        }
    }

    /// Removes all entries, which makes room for others.
    pub(crate) fn take(&mut self) -> Vec<LogEntry> {
        self.bytes = 0;
        std::mem::take(&mut self.entries)
    }
}

/// Copies pairs of names and values, with long texts cut.
pub(crate) fn bounded_pairs(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (bounded(name), bounded(value))).collect()
}

/// Cuts a text from a client to the maximum length.
pub(crate) fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}

fn masked_text<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&redact_text(text))
}

fn masked_path<S: Serializer>(path: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&redact_url(path))
}

fn masked_query<S: Serializer>(query: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(masked(Place::Pair, query))
}

fn masked_headers<S: Serializer>(headers: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(masked(Place::Header, headers))
}

/// Returns pairs with the values masked whose names are not known to be harmless.
fn masked(place: Place, pairs: &[(String, String)]) -> Vec<(String, String)> {
    let shown = |(name, value): &(String, String)| {
        // A parameter without a name is a value.
        let is_value = place == Place::Pair && value.is_empty() && !is_harmless(place, name.as_bytes());
        let name_shown = if is_value { redact_value(place, "", name) } else { redact_text(name) };
        (name_shown.into_owned(), redact_value(place, name, value).into_owned())
    };
    pairs.iter().map(shown).collect()
}

/// The same as JSON, so that it is masked too.
impl fmt::Debug for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Serialises a 64-bit number as a string, because JavaScript numbers cannot hold it exactly.
fn as_text<S: Serializer>(number: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_hold_what_clients_sent_and_show_what_is_harmless() {
        let pairs = |names: &[&str], value: &str| -> Vec<(String, String)> {
            names.iter().map(|name| ((*name).to_owned(), value.to_owned())).collect()
        };
        let query = ["X-Dynosaur", "X-Mssdk-Info", "msToken", "room_id[]", "key", "a b", ""];
        let headers = ["cookie", "proxy-authorization", "x-api-key", "x-new", "set-cookie"];
        let mut what = Happened::Request {
            method: "GET".into(),
            path: "/p/planted=planted".into(),
            query: pairs(&query, "planted"),
            headers: pairs(&headers, "planted"),
            status: 200,
            fault: None,
            wait: None,
        };
        let shown = |what: &Happened| [serde_json::to_string(what).unwrap(), format!("{what:?}")];
        for text in shown(&what) {
            assert!(!text.replace("planted=", "").contains("planted"), "{text}");
        }
        let Happened::Request { query, headers, .. } = &mut what else { unreachable!() };
        assert!(query.iter().chain(headers.iter()).all(|(_, value)| value == "planted"));
        *query = pairs(&["room_id", "aid", "Browser_Name"], "kept");
        *headers = vec![
            ("user-agent".into(), "kept".into()),
            ("referer".into(), "https://h/?msToken=planted&aid=kept".into()),
        ];
        for text in shown(&what) {
            assert_eq!((text.matches("kept").count(), text.matches("msToken=***").count()), (5, 1), "{text}");
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
        assert_eq!(journal.take().len(), LOG_BYTES_MAX / TEXT_BYTES_MAX);
        journal.add(LogEntry { at_ms: 0, connection: 1, what: Happened::Other { payload_type } });
        assert_eq!(journal.entries.len(), 1, "there is room again");
    }
}
