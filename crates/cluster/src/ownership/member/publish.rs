//! Appending to the log: one record at a time, repeated until its outcome is known.

use std::time::Duration;

use bytes::Bytes;

use super::{
    super::record::{Body, Epoch, Record},
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

    pub(super) fn refused(&mut self, token: u64) {
        self.retry_later(token);
    }

    pub(super) fn unanswered(&mut self, token: u64) {
        if let Some(flight) = self.retry_later(token) {
            let (bytes, sent) = (flight.bytes.len(), flight.sent);
            self.pace.took(bytes, self.now - sent);
        }
    }

    fn retry_later(&mut self, token: u64) -> Option<&InFlight> {
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
        if self.reader.last() <= flight.expected {
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
        self.phase = Phase::Reading;
        self.ask_tail();
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
