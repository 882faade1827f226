//! Appending to the log: one record at a time, repeated until its outcome is known.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::YIELD_TIME_MAX;
use super::{Action, Member, Offered, Outcome, Phase, StepDown};
use crate::ownership::record::{Body, Closed, Epoch, PIECE_EVENTS_MAX, Piece, Progress, Record};

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
                if let Some((body, progress)) = self.queue.take(self.pace.bytes) {
                    let stream = self.reader.stream().to_owned();
                    self.publish(stream, progress, body);
                } else if self.phase == Phase::Draining {
                    if self.reader.is_closed() {
                        self.step_down(StepDown::Stopped);
                    } else {
                        let (stream, head) = (self.reader.stream().to_owned(), self.reader.head);
                        self.publish(stream, self.reader.progress.clone(), Body::Closed(Closed { head }));
                    }
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, stream: String, progress: Progress, body: Body) {
        let (expected, log) = (self.reader.last, self.reader.log);
        let (node, epoch, body) = (self.options.node.clone(), self.epoch, Some(body));
        let record = Record { stream, node, epoch, after: expected, log, progress, body };
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

    pub(super) fn published(&mut self, token: u64, outcome: Outcome) {
        let Some(flight) = self.in_flight.as_mut().filter(|flight| flight.token == token) else { return };
        match outcome {
            Outcome::Stored { sequence } => {
                // From here it takes the same path as a record of another node.
                let (log, expected, bytes) = (flight.record.log, flight.expected, flight.bytes.clone());
                self.message(log, expected, sequence, &bytes);
            }
            Outcome::Rejected => {
                flight.is_rejected = true;
                self.ask_tail();
            }
            Outcome::Refused | Outcome::Unanswered => {
                if outcome == Outcome::Unanswered {
                    self.pace.took(flight.bytes.len(), self.now - flight.sent);
                }
                flight.retry_at = Some(self.now + self.lease.retry());
                flight.failures += 1;
                // The log may have been deleted: reading it creates another.
                if flight.failures > 1 {
                    self.ask_tail();
                }
            }
        }
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
            None if self.phase == Phase::Reading => self.open_or_yield(),
            Some(_) | None => {}
        }
    }

    /// Publishes the first record of an ownership. If the log may be older than what was acknowledged, leaves the lease
    /// to nodes that know it for a while first.
    fn open_or_yield(&mut self) {
        if self.reader.knows_end() {
            return self.open();
        }
        // If nothing is left of the log, there may be no other node, as in a room that is opened again after a day.
        let time =
            if self.reader.lacks_all() { self.lease.retry() } else { YIELD_TIME_MAX.min(self.options.lease) };
        let until = *self.yields_until.get_or_insert(self.now + time);
        if self.now >= until {
            return self.open();
        }
        self.phase = Phase::Following;
        self.lease.wait_until(until);
        self.release();
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
            let progress = if continues { self.reader.progress.continued() } else { Progress::default() };
            self.publish(stream, progress, Body::Epoch(Epoch { head: 0, continues }));
        } else {
            self.epoch = self.reader.owner().1 + 1;
            let (stream, head) = (self.reader.stream().to_owned(), self.reader.head);
            let progress = self.reader.progress.clone();
            self.publish(stream, progress, Body::Epoch(Epoch { head, continues: false }));
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
        self.queue = Queue::new(self.reader.head + 1);
        if self.wanted.is_none() {
            self.phase = Phase::Draining;
            return;
        }
        self.phase = Phase::Owning;
        self.stored_at = self.now;
        self.actions.push_back(Action::OpenUpstream);
    }

    fn publish_after_foreign(&mut self) {
        let Some(flight) = self.in_flight.take() else { return };
        if let Some(body) = flight.record.body {
            self.publish(flight.record.stream, flight.record.progress, body);
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

/// What was offered, in order.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Offered>,
    pub(super) events: usize,
    pub(super) bytes: usize,
    /// Number of the next event to be added.
    pub(super) next: u64,
}

impl Queue {
    /// Creates a queue whose first event has the number `next`.
    pub(super) fn new(next: u64) -> Self {
        Self { waiting: VecDeque::new(), events: 0, bytes: 0, next }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, offered: Offered) {
        match self.waiting.back_mut() {
            Some(last) if offered.event.is_none() => last.progress = offered.progress,
            _ => {
                self.count(&offered, |sum, one| sum + one);
                self.next += u64::from(offered.event.is_some());
                self.waiting.push_back(offered);
            }
        }
    }

    fn count(&mut self, offered: &Offered, with: impl Fn(usize, usize) -> usize) {
        self.events = with(self.events, usize::from(offered.event.is_some()));
        self.bytes = with(self.bytes, size(offered));
    }

    /// Removes the next record, with the progress after it: as many events as fit into `bytes_max`, but at least
    /// one.
    pub(super) fn take(&mut self, bytes_max: usize) -> Option<(Body, Progress)> {
        let first = self.next - self.events as u64;
        let (mut events, mut bytes, mut last) = (Vec::new(), 0, None);
        while let Some(waiting) = self.waiting.front() {
            bytes += size(waiting);
            if !events.is_empty() && (bytes > bytes_max || events.len() == PIECE_EVENTS_MAX) {
                break;
            }
            let taken = self.waiting.pop_front()?;
            self.count(&taken, |sum, one| sum - one);
            events.extend(taken.event);
            last = Some(taken.progress);
        }
        Some((Body::Piece(Piece { first, events }), last?))
    }
}

fn size(offered: &Offered) -> usize {
    offered.event.as_ref().map_or(0, |event| event.size() + EVENT_OVERHEAD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::Encoded;

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
    fn waiting_events_are_joined_up_to_the_limit_with_the_progress_after_them() {
        let offered = |size: Option<usize>, passed| {
            let event = size.map(|size| Encoded { json: vec![b'x'; size].into(), ..Encoded::default() });
            Offered { event, progress: Progress { passed, ..Progress::default() } }
        };
        let mut queue = Queue::new(7);
        for (size, passed) in
            [(None, 0), (Some(10), 1), (Some(10), 2), (Some(500), 3), (Some(10), 4), (None, 9)]
        {
            queue.push(offered(size, passed));
        }
        let mut taken = Vec::new();
        while let Some((body, progress)) = queue.take(100) {
            let Body::Piece(piece) = body else { unreachable!() };
            taken.push((piece.first, piece.events.len(), progress.passed));
        }
        assert_eq!(taken, [(7, 2, 2), (9, 1, 3), (10, 1, 9)]);
        assert_eq!((queue.events, queue.bytes, queue.next), (0, 0, 11));
        queue.push(offered(None, 5));
        let nothing = Body::Piece(Piece { first: 11, events: vec![] });
        assert_eq!(queue.take(100), Some((nothing, Progress { passed: 5, ..Progress::default() })));
    }
}
