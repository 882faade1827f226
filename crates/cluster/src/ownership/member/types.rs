//! The options, inputs and actions of a member.

use std::{
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use bytes::Bytes;
use prost::Message as _;

use super::super::{
    reader::Delivery,
    record::{CONTENT_BYTES_MAX, Encoded, PROGRESS_BYTES_MAX, Progress},
};

/// Default lifetime of a lease.
pub const LEASE: Duration = Duration::from_secs(5);
const _: () =
    assert!(PIECE_BYTES_MAX + PROGRESS_BYTES_MAX <= CONTENT_BYTES_MAX, "a piece fits into a message");
/// Default number of waiting events from which on [`Member::offer`](super::Member::offer) returns
/// [`OfferError::Full`].
pub const WAITING_EVENTS_MAX: usize = 16_384;
/// Default size of waiting events above which [`Member::offer`](super::Member::offer) returns
/// [`OfferError::Full`], in bytes.
pub const WAITING_BYTES_MAX: usize = 8 << 20;
/// Default size up to which waiting events are joined into one piece, in bytes.
pub const PIECE_BYTES_MAX: usize = 256 << 10;
/// Time after the last record until its progress is stored again, so that a log that forgets old records keeps it.
pub const REPEAT_TIME: Duration = Duration::from_secs(60 * 60);
/// Maximum size of the messages after a hole that a node keeps until it has read the log, in bytes.
pub const HELD_BYTES_MAX: usize = 8 << 20;
/// Maximum time for which a node that has not followed the log leaves the lease to those that have. Shorter leases are
/// the limit.
pub const YIELD_TIME_MAX: Duration = Duration::from_secs(2);
/// Number of leases after which a channel without an owner is one that nobody owns.
pub const UNOWNED_LEASES: u32 = 2;
/// Number of ownerships within as many leases of a channel that nodes take from one another.
pub(super) const DUEL_EPOCHS: usize = 6;
/// Maximum time until a node that lost the channel again and again tries again, in leases.
pub const BACKOFF_LEASES: u32 = 8;

#[derive(Clone, Debug)]
pub struct Options {
    /// Name of this node, unique for each start of the process.
    pub node: String,
    /// Lifetime of the lease: the `max_age` of its bucket.
    pub lease: Duration,
    /// Number of waiting events above which the source has to wait.
    pub waiting_events_max: usize,
    /// Size of waiting events above which the source has to wait, in bytes.
    pub waiting_bytes_max: usize,
    /// Size up to which waiting events are joined into one piece, in bytes.
    pub piece_bytes_max: usize,
    /// Seed of the times at which it tries again: different for each node.
    pub seed: u64,
}

impl Options {
    /// Returns the defaults.
    #[must_use]
    pub fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            lease: LEASE,
            waiting_events_max: WAITING_EVENTS_MAX,
            waiting_bytes_max: WAITING_BYTES_MAX,
            piece_bytes_max: PIECE_BYTES_MAX,
            seed: BuildHasherDefault::<DefaultHasher>::default().hash_one(node),
        }
    }
}

/// News for a member.
#[derive(Clone, Debug)]
pub enum Input {
    /// The channel should have an owner, and this node can be it.
    Start {
        /// Name for a new stream, used with a suffix if the log is empty. Unique for each start of a process.
        stream: String,
    },
    /// This node should not be the owner. If it is, it closes its upstream, stores the events that it was
    /// offered, and releases the lease.
    Stop,
    Lease(LeaseReply),
    /// Another node has released the lease, and says so. Of one that has expired, nobody tells.
    LeaseFree,
    /// A message of the subscription.
    Message {
        /// Identity of the log: the time at which its JetStream stream was created.
        log: u64,
        /// Sequence of the message that the subscription passed on before, or that it started after. No
        /// message of the subject is between them. Republished messages have it in the header
        /// `Nats-Last-Sequence`.
        previous: u64,
        sequence: u64,
        bytes: Bytes,
    },
    /// The answer to [`Action::ReadTail`].
    Tail {
        log: u64,
        /// The messages after the requested sequence, from the oldest; may be only the first of them.
        messages: Vec<(u64, Bytes)>,
        /// Sequence of the newest message that the log still had before it was read, from the stream's
        /// leader; 0 if it had none.
        newest: u64,
        /// The last sequence that it had assigned, even if that message is gone.
        last: u64,
    },
    /// The answer to [`Action::ReadTail`], if the log could not be read.
    TailFailed,
    /// The answer to [`Action::Publish`].
    Published {
        token: u64,
        outcome: Outcome,
    },
    Tick,
}

/// What became of an attempt to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stored {
        sequence: u64,
    },
    /// The log does not end with the expected sequence. An earlier attempt may have stored the record.
    Rejected,
    /// JetStream refused this attempt, whatever the log ends with: the log is full or sealed, or its limits
    /// do not allow the message. Somebody has to mend that.
    Refused,
    /// Nobody knows whether the record was stored: no answer came in time, or the connection was lost.
    Unanswered,
}

/// The answer to a request for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseReply {
    /// This node holds the lease: the request succeeded, or failed because the entry is already this node's.
    Held {
        revision: u64,
        /// The time `sent` in the entry, as [`Action::TakeLease`] gave it.
        sent: Duration,
    },
    /// The entry is another node's.
    Taken,
    /// There is no entry, and yet the request failed: there was none to renew, or NATS cannot write.
    Missing,
    /// No answer came in time, or the connection was lost.
    Unknown,
}

/// What the caller has to do, in this order. Each request gets exactly one answer, sooner or later.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create or renew the lease, with the node's name and `sent` as its value.
    TakeLease {
        /// The revision that the lease must have; `None` if there must be none.
        revision: Option<u64>,
        /// This member's time.
        sent: Duration,
    },
    /// Delete the lease. Needs no answer.
    ReleaseLease {
        /// The revision that the lease must have.
        revision: u64,
    },
    /// Read the messages after this sequence from the store. Answer with [`Input::Tail`] or
    /// [`Input::TailFailed`].
    ReadTail {
        /// Sequence of the last known message, or less to read that again.
        after: u64,
    },
    /// Append a message to the log. Answer with [`Input::Published`].
    Publish {
        /// Identifies the record. Attempts to store the same record have the same token.
        token: u64,
        /// The last sequence that the log must have assigned, even if that message is gone; 0 if it must have
        /// none.
        expected: u64,
        bytes: Bytes,
    },
    /// Open the upstream, or continue the replay: this node is the owner. The process may have been stopped
    /// in between, so just before connecting pass [`Input::Tick`], and connect only if
    /// [`Member::is_owner`](super::Member::is_owner).
    OpenUpstream,
    /// Close the upstream before performing the next action.
    CloseUpstream,
    /// Pass news to the hub.
    Deliver(Delivery),
    SteppedDown {
        reason: StepDown,
        /// Number of offered events that were not published. They are lost, unless the next owner receives
        /// them again: report a gap.
        unpublished: usize,
        /// Number of events that were published without an answer. If they were stored, they are delivered
        /// later.
        uncertain: usize,
    },
}

/// Why an ownership ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepDown {
    /// The caller asked for it.
    Stopped,
    /// The lease could not be renewed in time.
    LeaseEnding,
    /// Another node holds the lease.
    LeaseLost,
    /// The log has another owner.
    Superseded,
    /// The log was removed or replaced, is older than what a node knows of it, or messages that this node has
    /// not read were removed from it.
    LogLost,
    /// The log contains a record in this node's name that it did not write, or does not take its own.
    Inconsistent,
    /// The log ends with messages of another version.
    Unreadable,
}

/// Why events were not accepted. None of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// This node is not the owner, or is about to end its ownership.
    #[error("this node does not own the channel")]
    NotOwner,
    /// Too many events wait to be stored. Read the upstream more slowly, and offer them again after a
    /// delivery.
    #[error("too many events wait to be stored")]
    Full,
    /// An event is too large for a message. Report it as lost.
    #[error("{bytes} bytes do not fit into a message: the maximum is {CONTENT_BYTES_MAX}")]
    TooLarge { bytes: usize },
}

/// Something to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Absent if only the progress is news.
    pub event: Option<Encoded>,
    /// What a successor must know after it.
    pub progress: Progress,
}

impl Offered {
    pub(super) fn fit(&self) -> Result<(), OfferError> {
        let progress = self.progress.encoded_len();
        let bytes = self.event.as_ref().map_or(0, Encoded::size) + progress;
        let fits = bytes <= CONTENT_BYTES_MAX && progress <= PROGRESS_BYTES_MAX;
        if fits { Ok(()) } else { Err(OfferError::TooLarge { bytes }) }
    }
}
