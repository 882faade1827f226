//! Appending to the log: one record at a time, repeated until its outcome is known.

use std::time::Duration;

use bytes::Bytes;

use super::{
    super::{
        reader::Reader,
        record::{Body, Epoch, Record},
    },
    Action, Member, Phase, Queue, StepDown,
};

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
    /// Number of attempts without an answer.
    unanswered: u32,
    /// When to publish it again.
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
                if let Some(body) = self.queue.take(self.pace.bytes()) {
                    let stream = self.reader.stream().to_owned();
                    self.publish(stream, body);
                } else if self.phase == Phase::Draining {
                    self.step_down(StepDown::Stopped);
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, stream: String, body: Body) {
        let (channel, node) = (self.options.channel.clone(), self.options.node.clone());
        let (expected, log) = (self.reader.last(), self.reader.log());
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
            unanswered: 0,
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
        let retry_at = self.now + self.lease.retry();
        if let Some(flight) = self.in_flight.as_mut().filter(|flight| flight.token == token) {
            flight.retry_at = Some(retry_at);
            flight.unanswered += 1;
            self.pace.took(flight.bytes.len(), self.now - flight.sent);
            // The log may have been deleted: reading it creates another.
            if flight.unanswered > 1 {
                self.ask_tail();
            }
        }
    }

    /// The log was read to its end, as of a moment ago.
    pub(super) fn caught_up(&mut self) {
        let retry_at = self.now + self.lease.retry();
        match &mut self.in_flight {
            // The log still ends as expected, so the reading was older than the rejection.
            Some(flight) if flight.is_rejected => {
                flight.is_rejected = false;
                flight.retry_at = Some(retry_at);
            }
            None if self.phase == Phase::Reading => self.open(),
            Some(_) | None => {}
        }
    }

    /// Publishes the first record of an ownership.
    fn open(&mut self) {
        if self.reader.is_unreadable() {
            return self.step_down(StepDown::Unreadable);
        }
        self.phase = Phase::Opening;
        if self.reader.needs_new_stream()
            && let Some(name) = &self.wanted
        {
            self.streams += 1;
            let stream = format!("{name}-{}", self.streams);
            self.epoch = 1;
            self.publish(stream, Body::Epoch(Epoch { head: 0 }));
        } else {
            self.epoch = self.reader.owner().1 + 1;
            let (stream, head) = (self.reader.stream().to_owned(), self.reader.head());
            self.publish(stream, Body::Epoch(Epoch { head }));
        }
    }

    /// Compares the log with what this node believes: it decides.
    pub(super) fn log_changed(&mut self) {
        let is_mine = is_owned_by(&self.reader, &self.options.node, self.epoch);
        let Some(flight) = &self.in_flight else {
            if matches!(self.phase, Phase::Owning | Phase::Draining) && !is_mine {
                self.step_down(StepDown::Superseded);
            }
            return;
        };
        if self.reader.last() <= flight.expected {
            return;
        }
        // Only this node writes in its epoch, and one record at a time: an applied record is the one in flight.
        let is_applied = self.reader.applied() > flight.expected;
        match self.phase {
            Phase::Opening if is_applied && is_mine => self.opened(),
            Phase::Opening => {
                self.in_flight = None;
                self.phase = Phase::Reading;
                self.ask_tail();
            }
            _ if !is_mine => self.step_down(StepDown::Superseded),
            _ if is_applied => {
                self.pace.took(flight.bytes.len(), self.now - flight.sent);
                self.stored_at = self.now;
                self.in_flight = None;
            }
            // A foreign message came first, so no earlier attempt can be stored any more.
            _ => self.publish_after_foreign(),
        }
    }

    fn opened(&mut self) {
        if let Some(flight) = self.in_flight.take() {
            self.pace.took(flight.bytes.len(), self.now - flight.sent);
        }
        self.phase = Phase::Owning;
        self.queue = Queue::new(self.reader.head() + 1);
        // What the changes of earlier events have added up to is only known here.
        let events = if self.reader.head() > 0 { self.options.checkpoint_events } else { 0 };
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

fn is_owned_by(reader: &Reader, node: &str, epoch: u64) -> bool {
    reader.owner() == (node, epoch)
}
