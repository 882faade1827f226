//! Follows the log of a channel: applies records in order, once each, and reports everything that is missing.
//!
//! All readers apply the same rules to the same log, so they agree on every number. A record counts only if
//! it follows the message before it (`after`), comes from the current owner, and continues its numbers.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use bytes::Bytes;

use super::record::{Body, Encoded, Epoch, NUMBER_MAX, Progress, Record, Refused};

/// A node's position in the log of a channel.
#[derive(Debug, Default)]
pub struct Reader {
    /// Identity of the log: the time at which its JetStream stream was created. 0 before the first.
    pub(crate) log: u64,
    /// Sequence of the last message, readable or not.
    pub(crate) last: u64,
    /// Sequence and hash of the last message before those that contradict it.
    known: (u64, u64),
    /// Sequence of the last record that was applied; 0 before the first.
    pub(crate) applied: u64,
    /// Sequence of the last record with which an owner ended.
    closed: u64,
    /// Whether this node knew the end of the log while the log had an owner, and has followed it since.
    is_witness: bool,
    /// Whether records before the next one are gone or unreadable, so that it may continue anywhere.
    is_behind: bool,
    /// Whether the log ends with messages of another version, so that this node cannot continue it.
    pub(crate) is_unreadable: bool,
    /// What a successor must know, as of the last event that was delivered.
    pub(crate) progress: Progress,
    stream: String,
    epoch: u64,
    node: String,
    /// Number of the last event in the log.
    pub(crate) head: u64,
    /// Number of the last event that was delivered. Above `head` only while a log is read again.
    shown: u64,
    /// Number of the last event in this stream that was delivered before the log was read again.
    shown_before: u64,
    /// The stream that was read before the log was read again, and the number of its last event that was delivered.
    before: Option<(String, u64)>,
}

/// News from the log, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The events that follow belong to this stream. Earlier positions are only valid if the name is the
    /// same.
    Stream {
        name: String,
        /// Number of the last event before those that follow.
        head: u64,
        /// Whether it goes on with what the last stream showed.
        continues: bool,
    },
    /// Another ownership starts.
    Epoch { node: String, epoch: u64 },
    /// Acknowledged events with consecutive numbers.
    Events { first: u64, events: Vec<Encoded> },
    /// These events are no longer in the log. No subscriber can receive them from this node.
    Gap { first: u64, last: u64 },
    /// What a successor must know, as of the events before it.
    Progress(Progress),
    /// A message was skipped. Count it, and report its code.
    Fault(Fault),
}

/// Why a message in the log does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not a record of this channel.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Its writer did not know the message before it, so it was published without an expected sequence.
    #[error("message {sequence} in the log claims to follow {after}, and follows {last}")]
    Unfenced { sequence: u64, after: u64, last: u64 },
    /// Its writer is not the owner.
    #[error("node {node:?} wrote to the log in epoch {epoch}, which is not the current one")]
    Stale { node: String, epoch: u64 },
    /// It repeats or leaves out numbers.
    #[error("node {node:?} continued with number {number}; the last one is {head}")]
    Renumbered { node: String, number: u64, head: u64 },
}

impl Reader {
    /// Starts to read another log, or the same one after messages were removed from its end. Events that were
    /// delivered before are not delivered again.
    pub fn restart(&mut self, log: u64) {
        let shown = self.shown.max(self.shown_before);
        if !self.stream.is_empty() {
            self.before.get_or_insert_with(|| (self.stream.clone(), shown));
        }
        (self.log, self.last, self.applied, self.closed) = (log, 0, 0, 0);
        self.known = (0, 0);
        (self.is_behind, self.is_unreadable, self.is_witness) = (true, false, false);
        (self.epoch, self.head) = (0, 0);
        self.node.clear();
    }

    /// Applies a message of a subscription, which passed on `previous` before it and nothing in between.
    /// Repeated messages are ignored. Returns `None` if messages before it are missing: then it was not applied, and
    /// the log has to be read again after the last one.
    pub fn read(&mut self, previous: u64, sequence: u64, bytes: &Bytes) -> Option<Vec<Delivery>> {
        if sequence > self.last && previous > self.last {
            return None;
        }
        // If the one before is not the last that was read, messages were removed from the log.
        let is_next = previous == self.last || follows(self.last, sequence);
        let news = self.take(is_next, sequence, bytes);
        // Its owner is alive, or was a moment ago.
        if self.applied == sequence {
            (self.is_witness, self.before) = (true, None);
        }
        Some(news)
    }

    /// Applies the next message in the store: all messages between the last one and this one are gone.
    pub fn read_stored(&mut self, sequence: u64, bytes: &Bytes) -> Vec<Delivery> {
        self.take(follows(self.last, sequence), sequence, bytes)
    }

    /// Passes over the messages up to `last`, which are gone.
    pub fn skip_to(&mut self, last: u64) {
        (self.last, self.is_behind, self.is_unreadable) = (last, true, false);
    }

    /// Gives up the current stream: the next owner starts another.
    pub fn distrust(&mut self) {
        self.is_behind = true;
    }

    /// The owner of the log has told that it ends here.
    pub fn follow(&mut self) {
        self.is_witness |= !self.is_behind && !self.has_gone_back();
    }

    /// Applies a message. `is_next`: certainly no message is between the last one and this one, or was.
    fn take(&mut self, is_next: bool, sequence: u64, bytes: &Bytes) -> Vec<Delivery> {
        if sequence <= self.last {
            return Vec::new();
        }
        let news = self.take_next(is_next, sequence, bytes);
        if !contradicts(&news) {
            self.known = (sequence, hash(bytes));
        }
        news
    }

    fn take_next(&mut self, is_next: bool, sequence: u64, bytes: &Bytes) -> Vec<Delivery> {
        let fault = match Record::from_bytes(self.log, bytes) {
            Ok(record) if record.after >= self.last => {
                self.is_behind |= record.after > self.last;
                return self.apply(sequence, record);
            }
            Ok(record) => Fault::Unfenced { sequence, after: record.after, last: self.last },
            Err(refused) => {
                // If it is a record, its numbers and its owner are unknown. If not, it does not say what it
                // follows.
                self.is_unreadable |= matches!(refused, Refused::Version { .. });
                self.is_behind |= self.is_unreadable || !is_next;
                refused.into()
            }
        };
        self.last = sequence;
        vec![Delivery::Fault(fault)]
    }

    fn apply(&mut self, sequence: u64, mut record: Record) -> Vec<Delivery> {
        self.last = sequence;
        let Some(body) = record.body.take() else { return Vec::new() };
        if let Err(fault) = self.check(&record, &body) {
            return vec![Delivery::Fault(fault)];
        }
        let mut news = Vec::new();
        let continues = matches!(body, Body::Epoch(Epoch { continues: true, .. }));
        self.continue_at(before(&body), continues, &record, &mut news);
        self.applied = sequence;
        (self.is_behind, self.is_unreadable) = (false, false);
        if self.epoch != record.epoch || self.node != record.node {
            (self.epoch, self.node) = (record.epoch, record.node);
            news.push(Delivery::Epoch { node: self.node.clone(), epoch: self.epoch });
        }
        // Its owner may wait for it, even if it is the same as before.
        let is_news = matches!(body, Body::Piece(_)) || self.progress != record.progress;
        match body {
            Body::Piece(piece) => self.show(piece.first, piece.events, &mut news),
            Body::Closed(_) => self.closed = sequence,
            Body::Epoch(_) => {}
        }
        // While a log is read again, it may be older than the known events.
        if self.head >= self.shown && is_news {
            self.progress = record.progress;
            news.push(Delivery::Progress(self.progress.clone()));
        }
        news
    }

    fn check(&self, record: &Record, body: &Body) -> Result<(), Fault> {
        let (node, epoch) = (record.node.clone(), record.epoch);
        let is_same_stream = record.stream == self.stream;
        let is_current = match body {
            _ if self.is_behind && !is_same_stream => true,
            Body::Epoch(_) if self.is_behind => epoch > self.epoch,
            Body::Epoch(_) => epoch == if is_same_stream { self.epoch + 1 } else { 1 },
            _ if self.is_behind => epoch >= self.epoch,
            _ => is_same_stream && epoch == self.epoch && node == self.node,
        };
        if !is_current {
            return Err(Fault::Stale { node, epoch });
        }
        let (number, head) = (before(body) + 1, if is_same_stream { self.head } else { 0 });
        let is_next = if self.is_behind { number > head } else { number == head + 1 };
        if !is_next {
            return Err(Fault::Renumbered { node, number, head });
        }
        Ok(())
    }

    /// Moves to `head` in the stream of `record`, and reports the numbers on the way as missing.
    fn continue_at(&mut self, head: u64, continues: bool, record: &Record, news: &mut Vec<Delivery>) {
        if record.stream != self.stream {
            self.stream.clone_from(&record.stream);
            let before = self.before.as_ref().filter(|(stream, _)| *stream == self.stream);
            (self.head, self.shown, self.shown_before) = (head, head, before.map_or(0, |(_, shown)| *shown));
            news.push(Delivery::Stream { name: self.stream.clone(), head, continues });
        } else if head > self.head {
            // After a restart, events up to `shown` were delivered before.
            if head > self.shown {
                news.push(Delivery::Gap { first: self.shown + 1, last: head });
            }
            self.head = head;
            self.shown = self.shown.max(head);
        }
    }

    fn show(&mut self, first: u64, mut events: Vec<Encoded>, news: &mut Vec<Delivery>) {
        self.head = first - 1 + events.len() as u64;
        let known = (self.shown + 1).saturating_sub(first).min(events.len() as u64);
        events.drain(..known as usize);
        if !events.is_empty() {
            self.shown = self.head;
            news.push(Delivery::Events { first: first + known, events });
        }
    }

    /// Returns the sequence of the last message before those that contradict it; 0 before the first.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.known.0
    }

    /// Whether the store has another message in the place of the last known one: the log is not the one that was
    /// read.
    #[must_use]
    pub fn is_replaced(&self, sequence: u64, bytes: &Bytes) -> bool {
        sequence == self.known.0 && hash(bytes) != self.known.1
    }

    /// Returns the name of the stream; empty before the first record.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Returns the owner by the log: its node and epoch. The node is empty before the first record.
    #[must_use]
    pub fn owner(&self) -> (&str, u64) {
        (&self.node, self.epoch)
    }

    /// Whether the next owner has to start another stream: the log does not end with a record that states the
    /// last number, or it is an older copy, without events that are known. A number must not be used again.
    /// Numbers that no owner can have reached are forged.
    #[must_use]
    pub fn needs_new_stream(&self) -> bool {
        self.is_behind || self.has_gone_back() || self.is_forged()
    }

    fn is_forged(&self) -> bool {
        self.head.max(self.epoch) > NUMBER_MAX / 2
    }

    /// Whether events after the end of the log were delivered.
    fn has_gone_back(&self) -> bool {
        self.shown.max(self.shown_before) > self.head
    }

    /// Whether this node may continue the channel at once, in this stream or in another.
    #[must_use]
    pub fn knows_end(&self) -> bool {
        self.has_witness() || (self.needs_new_stream() && !self.lacks_all())
    }

    /// Whether the log had messages, but no record of them is left: only nodes that have followed it can continue it.
    #[must_use]
    pub fn lacks_all(&self) -> bool {
        self.epoch == 0 && self.last > 0
    }

    /// Whether nothing after the end of the log was acknowledged, as far as anybody can know: this node has
    /// followed it, or its last owner ended properly. Otherwise the storage may be older than what was
    /// acknowledged.
    #[must_use]
    pub fn has_witness(&self) -> bool {
        self.is_witness || self.is_closed()
    }

    /// Whether the log ends with the last record of an owner that has stored everything.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ended_at(self.last)
    }

    /// Whether the message with this sequence was such a record, the last one that was read.
    #[must_use]
    pub fn ended_at(&self, sequence: u64) -> bool {
        self.closed == sequence && sequence > 0
    }

    /// Whether a new stream can go on with what the log shows.
    #[must_use]
    pub fn can_continue(&self) -> bool {
        self.epoch > 0 && !self.is_behind && !self.is_forged()
    }
}

/// Whether a record that follows the last message of the log does not fit to what was read before. It is forged, or
/// this log is not the one that was read.
fn contradicts(news: &[Delivery]) -> bool {
    matches!(news, [Delivery::Fault(Fault::Stale { .. } | Fault::Renumbered { .. })])
}

fn hash(bytes: &Bytes) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes)
}

/// Whether no sequence is between the two.
fn follows(last: u64, sequence: u64) -> bool {
    sequence.checked_sub(1) == Some(last)
}

/// Returns the number of the last event before a record.
fn before(body: &Body) -> u64 {
    match body {
        Body::Piece(piece) => piece.first.saturating_sub(1),
        Body::Epoch(epoch) => epoch.head,
        Body::Closed(closed) => closed.head,
    }
}
