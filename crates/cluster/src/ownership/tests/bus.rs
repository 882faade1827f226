//! A simulated bus: a log with expected sequences, and a lease that expires.

use std::time::Duration;

use bytes::Bytes;

use super::super::{Body, Checkpoint, Closed, Encoded, Epoch, LeaseReply, Piece, Record, record::NUMBER_MAX};

/// Number of kinds of foreign messages.
pub(super) const FOREIGN_KINDS: u8 = 11;
/// The first kind of those that claim to be the next record.
pub(super) const FORGERIES: u8 = 4;
pub(super) const CHANNEL: &str = "show.main";
/// Lifetime of the lease, in ms.
pub(super) const LEASE_MS: u64 = 400;

/// The state of the bus. Times are true times, in ms.
#[derive(Debug)]
pub(super) struct Bus {
    /// Whether the bus checks the expected sequence.
    pub is_fenced: bool,
    /// Whether it loses the blocks with the leases: then anybody can create one.
    pub forgets: bool,
    pub log: u64,
    pub stored: Vec<(u64, Bytes)>,
    /// Every message of every log, also after it is gone, for comparison.
    pub history: Vec<(u64, u64, Bytes)>,
    last: u64,
    entry: Option<Entry>,
    revision: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    owner: u64,
    revision: u64,
    sent: Duration,
    ends_ms: u64,
}

impl Bus {
    pub(super) fn new() -> Self {
        let (stored, history) = (Vec::new(), Vec::new());
        Self { is_fenced: true, forgets: false, log: 1, stored, history, last: 0, entry: None, revision: 0 }
    }

    /// Returns the last sequence that was assigned.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Returns the sequence of the last message that is still there; 0 if there is none.
    pub(super) fn newest(&self) -> u64 {
        self.stored.last().map_or(0, |(sequence, _)| *sequence)
    }

    /// Appends a message, and returns its sequence, or `None` if the expectation is wrong.
    pub(super) fn publish(&mut self, expected: Option<u64>, bytes: Bytes) -> Option<u64> {
        if self.is_fenced && expected.is_some_and(|expected| expected != self.last()) {
            return None;
        }
        // Sequences have holes, as if messages had been removed.
        self.last += 1 + u64::from(self.last.is_multiple_of(7));
        self.stored.push((self.last, bytes.clone()));
        self.history.push((self.log, self.last, bytes));
        Some(self.last)
    }

    /// Returns up to `max` messages after a sequence.
    pub(super) fn after(&self, sequence: u64, max: usize) -> Vec<(u64, Bytes)> {
        self.stored.iter().filter(|(at, _)| *at > sequence).take(max).cloned().collect()
    }

    /// Removes the oldest messages, but keeps the newest.
    pub(super) fn evict(&mut self, keep: usize) {
        let excess = self.stored.len().saturating_sub(keep.max(1));
        self.stored.drain(..excess);
    }

    /// Removes up to `count` of the newest messages, as an administrator can. Their sequences are not used
    /// again.
    pub(super) fn purge(&mut self, count: usize) {
        self.stored.truncate(self.stored.len().saturating_sub(count));
    }

    /// Puts an older copy of the storage back. Its leases have expired, and the mark of a proper end is
    /// removed, as the documentation says.
    pub(super) fn go_back(&mut self, count: usize) {
        self.stored.truncate(self.stored.len().saturating_sub(count));
        let is_closed = |(_, bytes): &(u64, Bytes)| {
            let record = Record::from_bytes(CHANNEL, self.log, bytes);
            record.is_ok_and(|record| matches!(record.body, Some(Body::Closed(_))))
        };
        while self.stored.last().is_some_and(is_closed) {
            self.stored.pop();
        }
        self.last = self.newest();
        self.entry = None;
    }

    /// Replaces the log by an empty one.
    pub(super) fn lose_log(&mut self) {
        self.stored.clear();
        self.log += 1;
        self.last = 0;
    }

    pub(super) fn create(&mut self, now_ms: u64, owner: u64, sent: Duration) -> LeaseReply {
        if self.forgets || self.entry.is_none_or(|entry| entry.ends_ms <= now_ms) {
            return self.put(now_ms, owner, sent);
        }
        self.held_by(now_ms, owner)
    }

    pub(super) fn renew(&mut self, now_ms: u64, owner: u64, revision: u64, sent: Duration) -> LeaseReply {
        if self.alive(now_ms).is_some_and(|entry| entry.revision == revision) {
            return self.put(now_ms, owner, sent);
        }
        self.held_by(now_ms, owner)
    }

    /// Returns whether the lease was released.
    pub(super) fn release(&mut self, revision: u64) -> bool {
        let is_known = self.entry.is_some_and(|entry| entry.revision == revision);
        if is_known {
            self.entry = None;
        }
        is_known
    }

    fn put(&mut self, now_ms: u64, owner: u64, sent: Duration) -> LeaseReply {
        self.revision += 1;
        let ends_ms = now_ms + LEASE_MS;
        self.entry = Some(Entry { owner, revision: self.revision, sent, ends_ms });
        LeaseReply::Held { revision: self.revision, sent }
    }

    fn held_by(&self, now_ms: u64, owner: u64) -> LeaseReply {
        match self.alive(now_ms) {
            Some(entry) if entry.owner == owner => {
                LeaseReply::Held { revision: entry.revision, sent: entry.sent }
            }
            Some(_) => LeaseReply::Taken,
            None => LeaseReply::Missing,
        }
    }

    fn alive(&self, now_ms: u64) -> Option<Entry> {
        self.entry.filter(|entry| entry.ends_ms > now_ms)
    }

    /// Publishes a message that only pretends to be a record of the channel.
    pub(super) fn publish_foreign(&mut self, kind: u8) -> (u64, Bytes) {
        let last =
            self.stored.last().and_then(|(_, bytes)| Record::from_bytes(CHANNEL, self.log, bytes).ok());
        let bytes = match (kind % FOREIGN_KINDS, last) {
            // A repeated message claims a wrong place.
            (0, Some(record)) => record.to_bytes(),
            // So does a well-formed message of another node.
            (1, Some(record)) => {
                Record { node: "foreign".into(), after: record.after / 2, ..record }.to_bytes()
            }
            (2, _) => Bytes::new(),
            (forgery, Some(record)) if forgery >= FORGERIES => self.forge(forgery, record).to_bytes(),
            _ => Bytes::from_static(b"{\"type\":\"chat\"}"),
        };
        let sequence = self.publish(None, bytes.clone()).expect("nothing is expected");
        (sequence, bytes)
    }

    /// Returns a record that the owner of `last` could write next, or at least one that fits there.
    fn forge(&self, kind: u8, last: Record) -> Record {
        let head = match &last.body {
            Some(Body::Piece(piece)) => piece.first + piece.events.len() as u64 - 1,
            Some(
                Body::Epoch(Epoch { head, .. })
                | Body::Checkpoint(Checkpoint { head, .. })
                | Body::Closed(Closed { head }),
            ) => *head,
            None => 0,
        };
        let piece = |first, count| {
            let events = (0..count)
                .map(|n| Encoded { json: format!("forged {} {n}", self.last).into(), ..Encoded::default() });
            Body::Piece(Piece { first, events: events.collect() })
        };
        let (epoch, node) = (last.epoch, last.node.clone());
        let (epoch, node, body) = match kind {
            FORGERIES => (epoch, node, piece(head + 1, 1)),
            5 => (epoch, node, piece(head + 1, 9)),
            6 => (epoch, node, piece(NUMBER_MAX, 9)),
            7 => (epoch + 1, "forged".into(), Body::Epoch(Epoch { head, continues: false })),
            8 => (epoch + 1, node, Body::Epoch(Epoch { head, continues: false })),
            9 => (NUMBER_MAX, "forged".into(), Body::Epoch(Epoch { head, continues: false })),
            _ => (epoch + 1, "forged".into(), Body::Epoch(Epoch { head: NUMBER_MAX, continues: false })),
        };
        Record { epoch, node, after: self.last, body: Some(body), ..last }
    }
}
