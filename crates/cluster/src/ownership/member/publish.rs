//! Appending to the log: one record at a time, repeated until its outcome is known.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{Action, Member, Phase, StepDown};
use super::{Tail, WITNESS_TIME_MAX};
use crate::ownership::record::{Body, Checkpoint, Closed, Encoded, Epoch, PIECE_EVENTS_MAX, Piece, Record};

/// A record whose outcome is not known yet.
#[derive(Debug)]
pub(super) struct InFlight {
    token: u64,
    /// Sequence of the last message when it was made.
    expected: u64,
    record: Record,
    bytes: Bytes,
    /// When the last attempt was made.
    sent: Duration,
    /// Whether an attempt was rejected, so that the log has to be read.
    is_rejected: bool,
    /// Number of attempts that were refused or had no answer.
    failures: u32,
    pub(super) retry_at: Option<Duration>,
}

impl InFlight {
    pub(super) fn events(&self) -> usize {
        match &self.record.body {
            Some(Body::Piece(piece)) => piece.events.len(),
            _ => 0,
        }
    }
}

impl Member {
    /// Publishes the next record, or the last one again, if it is time.
    pub(super) fn publish_due(&mut self) {
        match &mut self.in_flight {
            Some(flight) if flight.retry_at.is_some_and(|at| at <= self.now) => {
                flight.retry_at = None;
                self.attempt();
            }
            None if matches!(self.phase, Phase::Owning | Phase::Draining) => {
                if let Some(body) = self.queue.take(self.pace.bytes) {
                    let stream = self.reader.stream().to_owned();
                    self.publish(stream, body);
                } else if self.phase == Phase::Draining {
                    if self.reader.is_closed() {
                        self.step_down(StepDown::Stopped);
                    } else {
                        let (stream, head) = (self.reader.stream().to_owned(), self.reader.head);
                        self.publish(stream, Body::Closed(Closed { head }));
                    }
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, stream: String, body: Body) {
        let (channel, node) = (self.options.channel.clone(), self.options.node.clone());
        let (expected, log) = (self.reader.last, self.reader.log);
        let record =
            Record { channel, stream, node, epoch: self.epoch, after: expected, log, body: Some(body) };
        self.last_token += 1;
        let bytes = record.to_bytes();
        self.in_flight = Some(InFlight {
            token: self.last_token,
            expected,
            record,
            bytes,
            sent: self.now,
            is_rejected: false,
            failures: 0,
            retry_at: None,
        });
        self.attempt();
    }

    fn attempt(&mut self) {
        if let Some(InFlight { token, expected, bytes, sent, .. }) = &mut self.in_flight {
            *sent = self.now;
            let (token, expected, bytes) = (*token, *expected, bytes.clone());
            self.actions.push_back(Action::Publish { token, expected, bytes });
        }
    }

    pub(super) fn stored(&mut self, token: u64, sequence: u64) {
        let Some(flight) = self.in_flight.as_ref().filter(|flight| flight.token == token) else { return };
        // From here it takes the same path as a record of another node.
        let (log, expected, bytes) = (flight.record.log, flight.expected, flight.bytes.clone());
        self.message(log, expected, sequence, &bytes);
    }

    pub(super) fn rejected(&mut self, token: u64) {
        if let Some(flight) = self.in_flight.as_mut().filter(|flight| flight.token == token) {
            flight.is_rejected = true;
            self.ask_tail();
        }
    }

    pub(super) fn unanswered(&mut self, token: u64) {
        if let Some(flight) = self.retry_later(token) {
            let (bytes, sent) = (flight.bytes.len(), flight.sent);
            self.pace.took(bytes, self.now - sent);
        }
    }

    pub(super) fn retry_later(&mut self, token: u64) -> Option<&InFlight> {
        let retry_at = self.now + self.lease.retry();
        let flight = self.in_flight.as_mut().filter(|flight| flight.token == token)?;
        flight.retry_at = Some(retry_at);
        flight.failures += 1;
        // The log may have been deleted: reading it creates another.
        if flight.failures > 1 {
            self.ask_tail();
        }
        self.in_flight.as_ref()
    }

    /// The log was read to its end, as of a moment ago.
    pub(super) fn caught_up(&mut self) {
        let retry_at = self.now + self.lease.retry();
        match &mut self.in_flight {
            // The log still ends as expected: the reading was older than the rejection.
            Some(flight) if flight.is_rejected => {
                flight.is_rejected = false;
                flight.retry_at = Some(retry_at);
            }
            None if self.phase == Phase::Reading => self.open_or_ask(),
            None if self.phase == Phase::Following => self.compare_ends(),
            Some(_) | None => {}
        }
    }

    fn compare_ends(&mut self) {
        if self.reader.has_gone_back(0) {
            // The owner, if there is one, may not know it.
            self.tell(false);
        } else if !self.knows_end() && self.asked_at.is_none_or(|at| at + self.options.lease <= self.now) {
            self.tell(true);
        }
    }

    /// Whether it may be known that the log is not older than what was acknowledged.
    fn knows_end(&self) -> bool {
        self.reader.has_witness() || self.reader.needs_new_stream()
    }

    /// Publishes the first record of an ownership, if the log cannot be older than what was acknowledged or
    /// nobody has told it in time.
    pub(super) fn open_or_ask(&mut self) {
        let time = WITNESS_TIME_MAX.min(self.options.lease);
        let until = *self.asks_until.get_or_insert(self.now + time);
        if self.knows_end() || self.now >= until {
            self.open();
        } else {
            self.tell(true);
            self.tail = Tail::Due { at: (self.now + self.lease.retry()).min(until) };
        }
    }

    /// Publishes the first record of an ownership.
    fn open(&mut self) {
        if self.reader.is_unreadable {
            return self.step_down(StepDown::Unreadable);
        }
        self.phase = Phase::Opening;
        if (self.reader.needs_new_stream() || !self.reader.has_witness())
            && let Some(name) = &self.wanted
        {
            self.streams += 1;
            let stream = format!("{name}-{}", self.streams);
            self.epoch = 1;
            let continues = self.reader.can_continue();
            self.publish(stream, Body::Epoch(Epoch { head: 0, continues }));
        } else {
            self.epoch = self.reader.owner().1 + 1;
            let (stream, head) = (self.reader.stream().to_owned(), self.reader.head);
            self.publish(stream, Body::Epoch(Epoch { head, continues: false }));
        }
    }

    /// Compares the log after a message with what this node believes: the log decides. `is_applied`: the
    /// message is a record that counts.
    pub(super) fn log_changed(&mut self, is_applied: bool, message: &Bytes) {
        let is_mine = self.reader.owner() == (&*self.options.node, self.epoch);
        let Some(flight) = &self.in_flight else {
            if matches!(self.phase, Phase::Owning | Phase::Draining) {
                match (is_mine, is_applied) {
                    (false, _) => self.step_down(StepDown::Superseded),
                    // This node did not write it.
                    (true, true) => self.step_down(StepDown::Inconsistent),
                    (true, false) => {}
                }
            }
            return;
        };
        if self.reader.last <= flight.expected {
            return;
        }
        // One record is in flight at a time, and the fence lets only one attempt through.
        let is_flight = *message == flight.bytes;
        if is_flight && !is_applied {
            self.reader.distrust();
        }
        match self.phase {
            Phase::Opening if is_applied && is_flight => self.opened(),
            Phase::Opening => self.read_again(),
            _ if !is_mine => self.step_down(StepDown::Superseded),
            _ if is_applied && is_flight => {
                self.pace.took(flight.bytes.len(), self.now - flight.sent);
                self.stored_at = self.now;
                self.in_flight = None;
            }
            _ if is_applied || is_flight => self.step_down(StepDown::Inconsistent),
            // A foreign message came first, so no earlier attempt can be stored any more.
            _ => self.publish_after_foreign(),
        }
    }

    /// Messages were removed before this node read them: nobody knows whether they were records.
    pub(super) fn messages_gone(&mut self) {
        match self.phase {
            Phase::Owning | Phase::Draining => self.step_down(StepDown::LogLost),
            Phase::Opening => self.read_again(),
            Phase::Following | Phase::Reading => {}
        }
    }

    fn read_again(&mut self) {
        self.in_flight = None;
        if self.wanted.is_none() {
            return self.step_down(StepDown::Stopped);
        }
        self.phase = Phase::Reading;
        self.ask_tail();
    }

    fn opened(&mut self) {
        let Some(opened) = self.in_flight.take() else { return };
        self.pace.took(opened.bytes.len(), self.now - opened.sent);
        if self.reader.has_gone_back(0) {
            return self.step_down(StepDown::LogLost);
        }
        let continues = matches!(&opened.record.body, Some(Body::Epoch(Epoch { continues: true, .. })));
        self.queue = Queue::new(self.reader.head + 1);
        if self.wanted.is_none() {
            self.phase = Phase::Draining;
            return;
        }
        self.phase = Phase::Owning;
        // What the changes of earlier events have added up to is only known here.
        let has_past = self.reader.head > 0 || continues;
        let events = if has_past { self.options.checkpoint_events } else { 0 };
        (self.since_checkpoint, self.stored_at) = ((events, 0), self.now);
        self.actions.push_back(Action::OpenUpstream);
    }

    fn publish_after_foreign(&mut self) {
        let Some(flight) = self.in_flight.take() else { return };
        if let Some(body) = flight.record.body {
            self.publish(flight.record.stream, body);
        }
    }
}

/// Size of the first pieces, in bytes.
const START_BYTES: usize = 16 << 10;
/// Minimum size up to which events are joined, in bytes.
const BYTES_MIN: usize = 1 << 10;
/// A record should be stored within this part of a lease, beyond the latency.
const LEASE_PARTS: u32 = 16;
/// The latency counts up to this part of a lease: an answer has to arrive within a quarter.
const LATENCY_PARTS: u32 = 8;

/// The size up to which events are joined.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) bytes: usize,
    bytes_max: usize,
    time_max: Duration,
    /// Time that the last small record took. Nothing else waits for the part of the way that only takes time.
    latency: Duration,
    latency_max: Duration,
}

impl Pace {
    pub(super) fn new(bytes_max: usize, lease: Duration) -> Self {
        let (time_max, latency_max) = (lease / LEASE_PARTS, lease / LATENCY_PARTS);
        let bytes = START_BYTES.min(bytes_max);
        Self { bytes, bytes_max, time_max, latency: Duration::ZERO, latency_max }
    }

    /// Learns from the time that a record took, or took at least.
    pub(super) fn took(&mut self, bytes: usize, time: Duration) {
        if bytes <= BYTES_MIN {
            self.latency = time.min(self.latency_max);
        }
        if time > self.latency + self.time_max {
            self.bytes = (bytes.min(self.bytes) / 2).max(BYTES_MIN.min(self.bytes_max));
        } else if bytes > self.bytes / 2 {
            self.bytes = (self.bytes * 2).min(self.bytes_max);
        }
    }
}

/// Bytes that an event needs in a piece beyond its own: its tag and length.
const EVENT_OVERHEAD_BYTES: usize = 8;

/// Events and checkpoints, in order.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    pub(super) events: usize,
    pub(super) bytes: usize,
    /// Number of the next event to be added.
    pub(super) next: u64,
}

#[derive(Debug)]
enum Waiting {
    Event(Encoded),
    Checkpoint(Bytes),
}

impl Waiting {
    fn size(&self) -> usize {
        match self {
            Self::Event(event) => event.size() + EVENT_OVERHEAD_BYTES,
            Self::Checkpoint(state) => state.len(),
        }
    }
}

impl Queue {
    /// Creates a queue whose first event has the number `next`.
    pub(super) fn new(next: u64) -> Self {
        Self { waiting: VecDeque::new(), events: 0, bytes: 0, next }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, event: Encoded) {
        self.events += 1;
        self.next += 1;
        self.add(Waiting::Event(event));
    }

    /// Adds the state after all events in the queue.
    pub(super) fn push_checkpoint(&mut self, state: Bytes) {
        self.add(Waiting::Checkpoint(state));
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.size();
        self.waiting.push_back(waiting);
    }

    /// Removes the next record: a checkpoint, or as many events as fit into `bytes_max`, but at least one.
    pub(super) fn take(&mut self, bytes_max: usize) -> Option<Body> {
        let first = self.next - self.events as u64;
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(waiting) = self.waiting.front() {
            bytes += waiting.size();
            let is_full = bytes > bytes_max || events.len() == PIECE_EVENTS_MAX;
            if !events.is_empty() && (is_full || matches!(waiting, Waiting::Checkpoint(_))) {
                break;
            }
            match self.remove()? {
                Waiting::Event(event) => events.push(event),
                Waiting::Checkpoint(state) => {
                    return Some(Body::Checkpoint(Checkpoint { head: first - 1, state }));
                }
            }
        }
        (!events.is_empty()).then_some(Body::Piece(Piece { first, events }))
    }

    fn remove(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.bytes -= waiting.size();
        self.events -= usize::from(matches!(waiting, Waiting::Event(_)));
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the size of pieces after many, if NATS stores so many bytes a millisecond.
    fn settled(bytes_per_ms: usize) -> usize {
        settled_after(Duration::ZERO, bytes_per_ms)
    }

    /// The same for a NATS that is far away.
    fn settled_after(latency: Duration, bytes_per_ms: usize) -> usize {
        let mut pace = Pace::new(256 << 10, Duration::from_millis(1_600));
        for _ in 0..100 {
            let bytes = pace.bytes;
            pace.took(bytes, latency + Duration::from_millis((bytes / bytes_per_ms) as u64));
        }
        pace.bytes
    }

    #[test]
    fn a_long_way_to_nats_does_not_shrink_pieces() {
        let way = Duration::from_millis(160);
        assert_eq!(settled_after(way, 1 << 20), 256 << 10);
        assert!((10 << 10..=200 << 10).contains(&settled_after(way, 1 << 10)));
        assert_eq!(settled_after(way, 1), BYTES_MIN);
    }

    #[test]
    fn the_latency_counts_up_to_an_eighth_of_the_lease() {
        for (millis, expected) in [(300, 2 * BYTES_MIN), (301, BYTES_MIN)] {
            let mut pace = Pace::new(256 << 10, Duration::from_millis(1_600));
            pace.took(BYTES_MIN, Duration::from_secs(10));
            // An eighth, and a sixteenth to be stored.
            pace.took(BYTES_MIN + 1, Duration::from_millis(millis));
            assert_eq!(pace.bytes, expected, "{millis} ms");
        }
    }

    #[test]
    fn pieces_grow_and_shrink_so_that_they_take_a_part_of_the_lease() {
        assert_eq!(settled(1 << 20), 256 << 10);
        assert!((10 << 10..=200 << 10).contains(&settled(1 << 10)));
        assert_eq!(settled(1), BYTES_MIN);
        let mut pace = Pace::new(256 << 10, Duration::from_secs(5));
        pace.took(100, Duration::ZERO);
        assert_eq!(pace.bytes, START_BYTES, "a small piece says nothing about large ones");
    }

    #[test]
    fn waiting_events_are_joined_up_to_the_limit_and_the_next_checkpoint() {
        let event = |size| Encoded { json: vec![b'x'; size].into(), ..Encoded::default() };
        let mut queue = Queue::new(7);
        [10, 10, 500, 10].into_iter().for_each(|size| queue.push(event(size)));
        queue.push_checkpoint(Bytes::from_static(b"state"));
        queue.push(event(10));
        let mut taken = Vec::new();
        while let Some(body) = queue.take(100) {
            taken.push(match body {
                Body::Piece(piece) => (piece.first, piece.events.len()),
                Body::Checkpoint(checkpoint) => (checkpoint.head, 0),
                Body::Epoch(_) | Body::Closed(_) => unreachable!(),
            });
        }
        assert_eq!(taken, [(7, 2), (9, 1), (10, 1), (10, 0), (11, 1)]);
        assert_eq!((queue.events, queue.bytes, queue.next), (0, 0, 12));
    }
}
