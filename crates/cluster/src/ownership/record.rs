//! The messages in a channel's log: magic bytes, a version and a protobuf message.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use livetape_core::error::Code;

/// Version of the format that this node writes.
pub const VERSION: u8 = 1;
/// Maximum size of a message, in bytes: the default limit of NATS (1 MiB), less 4 KiB for headers.
pub const RECORD_BYTES_MAX: usize = (1 << 20) - (4 << 10);
/// Maximum size of an event with the progress after it, in bytes. The rest of the message is its envelope.
pub const CONTENT_BYTES_MAX: usize = RECORD_BYTES_MAX - (4 << 10);
/// Maximum size of the progress, in bytes. It contains the text of a mark.
pub const PROGRESS_BYTES_MAX: usize = 64 << 10;
pub const PIECE_EVENTS_MAX: usize = 4_096;
/// Maximum number of an event or an ownership: larger numbers are not exact in every reader's JSON. A log
/// that reaches half of it is not continued, so no record of an owner ever has a larger one.
pub const NUMBER_MAX: u64 = 1 << 53;
/// Maximum length of the names of channels, streams and nodes, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

const MAGIC: [u8; 4] = *b"LTlg";
const HEAD_BYTES: usize = MAGIC.len() + 1;

/// A message in the log of a channel.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// Name of the stream that the events are numbered in.
    #[prost(string, tag = "2")]
    pub stream: String,
    /// The node that wrote the message. Unique for each start of a process.
    #[prost(string, tag = "3")]
    pub node: String,
    /// Number of the ownership in this stream, from 1.
    #[prost(uint64, tag = "4")]
    pub epoch: u64,
    /// Sequence of the last message in the log before this one; 0 if there was none.
    #[prost(uint64, tag = "5")]
    pub after: u64,
    /// Identity of the log that the message is for, also among those of other channels. Another log may continue at the
    /// same sequence.
    #[prost(uint64, tag = "9")]
    pub log: u64,
    /// What a successor must know, as of this record: it need not read any earlier one.
    #[prost(message, required, tag = "11")]
    pub progress: Progress,
    /// Always present in decoded records.
    #[prost(oneof = "Body", tags = "6, 7, 10")]
    pub body: Option<Body>,
}

/// What a successor must know besides the events.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Progress {
    /// What the owner is doing, in the words of its channel; empty if it has not begun.
    #[prost(bytes = "bytes", tag = "1")]
    pub intent: Bytes,
    /// Number of events since its source started or started over, without injected ones.
    #[prost(uint64, tag = "2")]
    pub passed: u64,
    /// What readers of the stream know of the losses of each node, the last one at the end.
    #[prost(message, repeated, tag = "3")]
    pub known_losses: Vec<KnownLoss>,
    /// Number of the last event of the stream that the webhook does not need any more, if there is a webhook.
    #[prost(uint64, optional, tag = "4")]
    pub posted: Option<u64>,
}

/// Number of events that readers know a node has lost.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct KnownLoss {
    #[prost(string, tag = "1")]
    pub node: String,
    #[prost(uint64, tag = "2")]
    pub lost: u64,
}

impl Progress {
    /// Returns what holds at the start of a stream that continues this one.
    pub(crate) fn continued(&self) -> Self {
        Self { known_losses: Vec::new(), posted: None, ..self.clone() }
    }
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Body {
    #[prost(message, tag = "6")]
    Piece(Piece),
    #[prost(message, tag = "7")]
    Epoch(Epoch),
    #[prost(message, tag = "10")]
    Closed(Closed),
}

/// Events with consecutive numbers; none if only the progress is news.
#[derive(Clone, PartialEq, Message)]
pub struct Piece {
    /// Number of the first event, or of the next one.
    #[prost(uint64, tag = "1")]
    pub first: u64,
    #[prost(message, repeated, tag = "2")]
    pub events: Vec<Encoded>,
}

/// A numbered event, encoded by its owner for the subscribers of all nodes.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Encoded {
    #[prost(bytes = "bytes", tag = "1")]
    pub json: Bytes,
    /// The JSON for subscribers with `gifts=final`; empty if it is the same.
    #[prost(bytes = "bytes", tag = "2")]
    pub json_of_final: Bytes,
    /// Which subscribers receive the event, in the hub's format.
    #[prost(bytes = "bytes", tag = "3")]
    pub audience: Bytes,
}

/// The first record of an owner.
#[derive(Clone, PartialEq, Message)]
pub struct Epoch {
    /// Number of the last event before it; 0 in a new stream.
    #[prost(uint64, tag = "1")]
    pub head: u64,
    /// Whether a new stream goes on with what the last one in the log showed.
    #[prost(bool, tag = "2")]
    pub continues: bool,
}

/// The last record of an owner that has stored everything. If the log ends with it, nothing after it was
/// acknowledged, unless the log is a copy that somebody put back.
#[derive(Clone, PartialEq, Message)]
pub struct Closed {
    /// Number of the last event.
    #[prost(uint64, tag = "1")]
    pub head: u64,
}

/// Why a message is not a record of this log. It is skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something else published on the subject.
    #[error("a message in the log is not from livetape")]
    Foreign,
    /// A version of livetape wrote it that this one cannot read.
    #[error(
        "a message in the log has format {found}; this version of livetape reads {} to {VERSION}",
        oldest(VERSION)
    )]
    Version { found: u8 },
    /// It is from livetape, but damaged or beyond a limit.
    #[error("a message in the log is damaged or too large ({bytes} bytes)")]
    Malformed { bytes: usize },
    /// It was meant for a log that was replaced before it arrived, or for that of another channel.
    #[error("a message in the log was meant for another one")]
    OtherLog,
}

impl Refused {
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Version { .. } => Code::ClusterVersion,
            Self::Foreign | Self::Malformed { .. } | Self::OtherLog => Code::ClusterMessage,
        }
    }
}

impl Record {
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEAD_BYTES + self.encoded_len());
        bytes.put_slice(&MAGIC);
        bytes.put_u8(VERSION);
        self.encode(&mut bytes).expect("the buffer grows");
        bytes.freeze()
    }

    /// Reads a message in the log with this identity. The events share its bytes.
    ///
    /// # Errors
    ///
    /// Every other message, whatever its bytes.
    pub fn from_bytes(log: u64, bytes: &Bytes) -> Result<Self, Refused> {
        if bytes.len() < HEAD_BYTES || bytes[..MAGIC.len()] != MAGIC {
            return Err(Refused::Foreign);
        }
        let found = bytes[MAGIC.len()];
        if !is_accepted(found, VERSION) {
            return Err(Refused::Version { found });
        }
        let malformed = Refused::Malformed { bytes: bytes.len() };
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(malformed);
        }
        let record = Self::decode(bytes.slice(HEAD_BYTES..)).map_err(|_| malformed.clone())?;
        if !record.is_within_limits() {
            return Err(malformed);
        }
        if record.log != log {
            return Err(Refused::OtherLog);
        }
        Ok(record)
    }

    fn is_within_limits(&self) -> bool {
        let names = [&self.stream, &self.node];
        let is_named = names.iter().all(|name| (1..=NAME_BYTES_MAX).contains(&name.len()));
        let has_content = match &self.body {
            Some(Body::Piece(piece)) => {
                piece.events.len() <= PIECE_EVENTS_MAX && (1..=NUMBER_MAX).contains(&piece.first)
            }
            Some(Body::Epoch(Epoch { head, .. }) | Body::Closed(Closed { head })) => *head <= NUMBER_MAX,
            None => false,
        };
        // Events contain the name of their stream.
        let is_plain = self.stream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        is_named && is_plain && has_content && (1..=NUMBER_MAX).contains(&self.epoch)
    }
}

impl Encoded {
    /// Returns its share of a message, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.encoded_len()
    }
}

/// Whether a node that writes `current` reads version `found`: its own and the one before, for rolling
/// upgrades.
fn is_accepted(found: u8, current: u8) -> bool {
    (oldest(current)..=current).contains(&found)
}

/// The first version is 1.
const fn oldest(current: u8) -> u8 {
    if current > 1 { current - 1 } else { 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: u64 = 9;

    fn record(body: Body) -> Record {
        let (stream, node) = ("s".to_owned(), "n".to_owned());
        Record { stream, node, epoch: 1, after: 0, log: LOG, body: Some(body), ..Record::default() }
    }

    fn piece(events: usize) -> Record {
        record(Body::Piece(Piece { first: 1, events: vec![Encoded::default(); events] }))
    }

    #[test]
    fn this_version_and_the_one_before_are_accepted() {
        let accepted = |current| (0..=u8::MAX).filter(move |found| is_accepted(*found, current));
        assert_eq!(accepted(5).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(accepted(1).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn other_versions_are_rejected_with_a_code() {
        let mut bytes = piece(1).to_bytes().to_vec();
        bytes[MAGIC.len()] = VERSION + 1;
        let refused = Record::from_bytes(LOG, &bytes.into()).unwrap_err();
        assert_eq!(
            (refused.code().name(), &refused),
            ("cluster_version", &Refused::Version { found: VERSION + 1 })
        );
    }

    #[test]
    fn messages_for_another_log_are_rejected() {
        let refused = Record::from_bytes(LOG + 1, &piece(1).to_bytes()).unwrap_err();
        assert_eq!((refused.code().name(), &refused), ("cluster_message", &Refused::OtherLog));
    }

    #[test]
    fn limits_hold() {
        let refused = |record: &Record| Record::from_bytes(LOG, &record.to_bytes()).err().map(|it| it.code());
        let bad = Some(Code::ClusterMessage);
        assert_eq!(refused(&piece(PIECE_EVENTS_MAX)), None);
        assert_eq!(refused(&piece(PIECE_EVENTS_MAX + 1)), bad);
        assert_eq!(refused(&piece(0)), None);
        assert_eq!(refused(&Record { node: String::new(), ..piece(1) }), bad);
        assert_eq!(refused(&Record { stream: "x".repeat(NAME_BYTES_MAX + 1), ..piece(1) }), bad);
        assert_eq!(refused(&Record { body: None, ..piece(1) }), bad);
        assert_eq!(refused(&Record { stream: "s\"".into(), ..piece(1) }), bad);
        assert_eq!(refused(&Record { epoch: 0, ..piece(1) }), bad);
        assert_eq!(refused(&Record { epoch: NUMBER_MAX + 1, ..piece(1) }), bad);
        assert_eq!(refused(&record(Body::Epoch(Epoch { head: NUMBER_MAX + 1, continues: false }))), bad);
        let events = vec![Encoded::default()];
        assert_eq!(refused(&record(Body::Piece(Piece { first: NUMBER_MAX + 1, events }))), bad);
        let state = |bytes| Progress { intent: vec![0; bytes].into(), ..Progress::default() };
        assert_eq!(refused(&Record { progress: state(CONTENT_BYTES_MAX), ..piece(1) }), None);
        assert_eq!(refused(&Record { progress: state(RECORD_BYTES_MAX), ..piece(1) }), bad);
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_rejected(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Record::from_bytes(LOG, &bytes.into()).is_err());
        }

        /// A changed byte is an error or another record within the limits, never a panic.
        #[test]
        fn damaged_messages_do_no_harm(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in 0_usize..40) {
            let mut bytes = piece(3).to_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = with;
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Ok(record) = Record::from_bytes(LOG, &bytes.into()) {
                prop_assert!(record.is_within_limits());
            }
        }

        #[test]
        fn records_are_read_as_written(
            (json, intent) in (prop::collection::vec(any::<u8>(), 0..50), prop::collection::vec(any::<u8>(), 0..50)),
            (first, epoch, after) in (1..=NUMBER_MAX, 1..=NUMBER_MAX, any::<u64>()),
        ) {
            let event = Encoded { json: json.into(), ..Encoded::default() };
            let piece = Piece { first, events: vec![event.clone(), event] };
            let progress = Progress { intent: intent.into(), passed: first, ..Progress::default() };
            let written = Record { epoch, after, progress, ..record(Body::Piece(piece)) };
            prop_assert_eq!(Record::from_bytes(LOG, &written.to_bytes()), Ok(written));
        }
    }
}
