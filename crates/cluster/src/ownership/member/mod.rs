//! One node's part in a channel, as a state machine: [`Member::handle`] takes news, [`Member::poll`] returns
//! what to do.
//!
//! ```text
//!             Start, lease held      tail read                 epoch stored
//! Following ─────────────────────► Reading ─────────► Opening ──────────────► Owning ── Stop ─► Draining
//!   ▲   ▲                            │ ▲                 │ rejected             │                  │
//!   │   └─ others may know more ─────┘ └─────────────────┘                      │                  │ all stored
//!   └──────── lease ends or is lost, another owner, log lost ───────────────────┴──────────────────┘
//! ```
//!
//! At most one record is in flight. Without an answer, exactly the same record is published again with the
//! same expectation, so that at most one of the attempts can be stored; if all are rejected, the log shows
//! whether one was.

mod lease;
mod publish;
mod types;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{
    reader::{Delivery, Fault, Reader},
    record::Refused,
};

use lease::Duel;
use publish::{InFlight, Pace, Queue};

pub use lease::{Lease, MARGIN_MAX, RETRY_MAX, margin};
pub use types::{
    Action, BACKOFF_LEASES, HELD_BYTES_MAX, Input, LEASE, LeaseReply, OfferError, Offered, Options, Outcome,
    PIECE_BYTES_MAX, REPEAT_TIME, StepDown, UNOWNED_LEASES, WAITING_BYTES_MAX, WAITING_EVENTS_MAX,
    YIELD_TIME_MAX,
};

/// One node's part in a channel. Times are offsets on the node's monotonic clock.
#[derive(Debug)]
pub struct Member {
    options: Options,
    reader: Reader,
    lease: Lease,
    now: Duration,
    /// Name for a new stream, if this node should be the owner.
    wanted: Option<String>,
    /// Number of streams started by this node, so that each has its own name.
    streams: u32,
    phase: Phase,
    tail: Tail,
    /// Messages at the end of the log that the store no longer has. They may be on their way to this node.
    missing: Option<Missing>,
    /// Messages that arrived after a hole, until the end of the log is read. They may have been removed from the store by then.
    held: HeldMessages,
    /// Until when the lease is for nodes that have followed the log.
    yields_until: Option<Duration>,
    /// When the channel last had an owner, as far as this node knows.
    owned_at: Duration,
    duel: Duel,
    /// The epoch that this node has opened, or tries to open.
    epoch: u64,
    queue: Queue,
    pace: Pace,
    /// When the last record of this node was stored.
    stored_at: Duration,
    in_flight: Option<InFlight>,
    last_token: u64,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Following,
    Reading,
    Opening,
    Owning,
    Draining,
}

/// State of reading the log from the store.
#[derive(Clone, Copy, Debug)]
enum Tail {
    Idle,
    Asked {
        /// Sequence of the last message that was read before.
        last: u64,
    },
    Due {
        at: Duration,
    },
}

/// The end of a log, up to which messages are missing, and since when.
#[derive(Clone, Copy, Debug)]
struct Missing {
    log: u64,
    last: u64,
    since: Duration,
}

/// A message of the subscription, which passed on `previous` before it.
#[derive(Debug)]
struct Held {
    log: u64,
    previous: u64,
    sequence: u64,
    bytes: Bytes,
}

#[derive(Debug, Default)]
struct HeldMessages {
    messages: VecDeque<Held>,
    bytes: usize,
}

impl HeldMessages {
    /// Keeps a message, if need be instead of the oldest, which is then read from the store.
    fn push(&mut self, message: Held) {
        let size = |message: &Held| message.bytes.len() + size_of::<Held>();
        self.bytes += size(&message);
        self.messages.push_back(message);
        while self.bytes > HELD_BYTES_MAX {
            self.bytes -= self.messages.pop_front().as_ref().map_or(0, size);
        }
    }
}

impl Member {
    /// Creates a member that follows the log from its oldest message.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut member = Self {
            reader: Reader::default(),
            lease: Lease::new(options.lease),
            pace: Pace::new(options.piece_bytes_max, options.lease),
            now: Duration::ZERO,
            wanted: None,
            streams: 0,
            phase: Phase::Following,
            tail: Tail::Idle,
            missing: None,
            held: HeldMessages::default(),
            yields_until: None,
            owned_at: Duration::ZERO,
            duel: Duel::new(options.seed),
            epoch: 0,
            queue: Queue::new(1),
            stored_at: Duration::ZERO,
            in_flight: None,
            last_token: 0,
            actions: VecDeque::new(),
            options,
        };
        member.ask_tail();
        member
    }

    /// Takes news that arrived at `now`. Then perform the actions that [`Member::poll`] returns.
    pub fn handle(&mut self, now: Duration, input: Input) {
        self.check_lease(now);
        match input {
            Input::Start { stream } => self.wanted = Some(stream),
            Input::Stop => self.stop(),
            Input::Lease(answer) => self.lease_answered(answer),
            Input::LeaseFree => self.lease.is_free(self.now),
            Input::Message { log, previous, sequence, bytes } => {
                self.message(log, previous, sequence, &bytes);
            }
            Input::Tail { log, messages, newest, last } => self.tail_read(log, messages, newest, last),
            Input::TailFailed => self.tail = Tail::Due { at: self.now + self.lease.retry() },
            Input::Published { token, outcome } => self.published(token, outcome),
            Input::Tick => {}
        }
        self.advance();
    }

    /// Adds news to be stored, with events numbered from [`Member::next_number`].
    ///
    /// # Errors
    ///
    /// None of it was added: see [`OfferError`].
    pub fn offer(&mut self, now: Duration, news: Vec<Offered>) -> Result<(), OfferError> {
        self.check_lease(now);
        if self.phase != Phase::Owning {
            return Err(OfferError::NotOwner);
        }
        news.iter().try_for_each(Offered::fit)?;
        if !self.has_room() {
            return Err(OfferError::Full);
        }
        news.into_iter().for_each(|news| self.queue.push(news));
        self.advance();
        Ok(())
    }

    /// Stores the progress again: another node has read the whole log, and yet does not know the stream or its last
    /// number, because records were removed.
    pub fn repeat_progress(&mut self) {
        if self.is_owner() && self.has_stored_all() {
            self.queue.push(Offered { event: None, progress: self.reader.progress.clone() });
        }
    }

    /// Whether more events may wait. Without room, read the upstream more slowly, and offer again after a
    /// delivery.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.events < self.options.waiting_events_max
            && self.queue.bytes < self.options.waiting_bytes_max
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns when to pass [`Input::Tick`] if nothing else happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let tail = if let Tail::Due { at } = self.tail { Some(at) } else { None };
        let ask = self.wants_lease().then(|| self.lease.asks_at()).flatten();
        let retry = self.in_flight.as_ref().and_then(|flight| flight.retry_at);
        [self.lease.ends_at(), ask, tail, retry].into_iter().flatten().min()
    }

    /// Whether this node is the owner, and accepts events.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.phase == Phase::Owning
    }

    /// Whether this node must not end yet: it stores the first or the last records of an ownership, or it has asked for
    /// the lease, which it has to release if it gets it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Draining) || self.lease.is_asking
    }

    /// Whether neither this node nor another has been the owner for [`UNOWNED_LEASES`]. One that only has the lease is
    /// not.
    #[must_use]
    pub fn is_unowned(&self, now: Duration) -> bool {
        !self.is_owner() && now >= self.owned_at + self.options.lease * UNOWNED_LEASES
    }

    /// Whether the last owner is gone without having closed the log, and this node can close it for a successor that has not
    /// followed.
    #[must_use]
    pub fn can_close(&self, now: Duration) -> bool {
        let is_silent = now >= self.owned_at + self.options.lease / 2;
        self.phase == Phase::Following && is_silent && self.reader.has_witness() && !self.reader.is_closed()
    }

    /// Whether nodes take the channel from one another again and again.
    #[must_use]
    pub fn is_contested(&self, now: Duration) -> bool {
        self.duel.is_on(now, self.options.lease)
    }

    /// Returns the number of the next event to offer.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.queue.next
    }

    /// Returns the number of offered events that are not published yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.events
    }

    /// Whether everything that was offered is stored.
    #[must_use]
    pub fn has_stored_all(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_none()
    }

    /// Returns the number of offered events that are not stored, as far as this node knows.
    #[must_use]
    pub fn unstored(&self) -> usize {
        self.queue.events + self.in_flight.as_ref().map_or(0, InFlight::events)
    }

    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Ends the ownership in time, whatever else happened: the process may have been stopped for long.
    fn check_lease(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if self.lease.ends_at().is_some_and(|end| end <= self.now) {
            self.step_down(StepDown::LeaseEnding);
        }
    }

    /// Starts everything that is due.
    fn advance(&mut self) {
        if self.lease.is_held() && self.phase == Phase::Following {
            if self.wanted.is_some() {
                self.phase = Phase::Reading;
                self.ask_tail();
            } else {
                self.release();
            }
        }
        if self.wants_lease() {
            let ask = self.lease.ask(self.now);
            self.actions.extend(ask.map(|revision| Action::TakeLease { revision, sent: self.now }));
        }
        if matches!(self.tail, Tail::Due { at } if at <= self.now) {
            self.tail = Tail::Idle;
            self.ask_tail();
        }
        if self.now >= self.stored_at + REPEAT_TIME {
            self.repeat_progress();
        }
        self.publish_due();
    }

    fn wants_lease(&self) -> bool {
        self.lease.is_held() || (self.wanted.is_some() && !self.reader.is_unreadable)
    }

    fn stop(&mut self) {
        self.wanted = None;
        match self.phase {
            Phase::Owning => {
                self.actions.push_back(Action::CloseUpstream);
                self.phase = Phase::Draining;
            }
            Phase::Reading => self.step_down(StepDown::Stopped),
            // If the first record is stored, the log must be closed after it.
            Phase::Opening | Phase::Following | Phase::Draining => {}
        }
    }

    fn lease_answered(&mut self, answer: LeaseReply) {
        match answer {
            LeaseReply::Held { revision, sent } => {
                if let Some(revision) = self.lease.hold(self.now, revision, sent) {
                    self.actions.push_back(Action::ReleaseLease { revision });
                    self.step_down(StepDown::LeaseEnding);
                }
            }
            LeaseReply::Missing => {
                if self.lease.is_missing(self.now) {
                    self.step_down(StepDown::LeaseLost);
                }
            }
            LeaseReply::Taken => {
                if self.lease.take_away(self.now) {
                    self.step_down(StepDown::LeaseLost);
                }
            }
            LeaseReply::Unknown => self.lease.miss(self.now),
        }
    }

    fn release(&mut self) {
        if let Some(revision) = self.lease.release(self.now) {
            self.actions.push_back(Action::ReleaseLease { revision });
        }
    }

    /// Ends the ownership, or the attempt. Closes the upstream before anybody else can have the lease.
    fn step_down(&mut self, reason: StepDown) {
        let phase = std::mem::replace(&mut self.phase, Phase::Following);
        if phase == Phase::Owning {
            self.owned_at = self.now;
            self.actions.push_back(Action::CloseUpstream);
        }
        if matches!(reason, StepDown::Superseded | StepDown::LeaseLost) && phase != Phase::Following {
            let wait = self.duel.lost(self.now, self.options.lease);
            self.lease.wait_until(self.now + wait);
        }
        self.release();
        let uncertain = self.in_flight.take().map_or(0, |flight| flight.events());
        let unpublished = std::mem::replace(&mut self.queue, Queue::new(0)).events;
        if phase != Phase::Following {
            self.actions.push_back(Action::SteppedDown { reason, unpublished, uncertain });
        }
    }

    /// The owner is alive. `is_end`: it has told that the log ends where this node has read it.
    pub fn hear_owner(&mut self, now: Duration, is_end: bool) {
        self.owned_at = now;
        if is_end {
            self.reader.follow();
        }
    }

    fn ask_tail(&mut self) {
        if !matches!(self.tail, Tail::Asked { .. }) {
            self.tail = Tail::Asked { last: self.reader.last };
            // With the last known one, which shows whether it is still the same log.
            self.actions.push_back(Action::ReadTail { after: self.reader.known().saturating_sub(1) });
        }
    }

    fn message(&mut self, log: u64, previous: u64, sequence: u64, bytes: &Bytes) {
        if log != self.reader.log {
            return self.ask_tail();
        }
        let applied = self.reader.applied;
        match self.reader.read(previous, sequence, bytes) {
            Some(news) => {
                // Its owner has just written it.
                self.owned_at = if self.reader.applied == applied { self.owned_at } else { self.now };
                if news.contains(&Delivery::Fault(Fault::Refused(Refused::OtherLog))) {
                    // The caller does not know either that the log was replaced.
                    self.ask_tail();
                }
                // Ownerships of the past, which a node reads from the store, do not count.
                let begins = news.iter().any(|news| matches!(news, Delivery::Epoch { .. }));
                if begins && !self.reader.ended_at(applied) {
                    self.duel.begins(self.now);
                }
                self.take_news(news, applied, bytes);
            }
            None => {
                self.held.push(Held { log, previous, sequence, bytes: bytes.clone() });
                self.ask_tail();
            }
        }
    }

    /// Reads the messages that follow what was read meanwhile.
    fn read_held(&mut self) {
        for message in std::mem::take(&mut self.held).messages {
            let Held { log, previous, sequence, bytes } = &message;
            if *log == self.reader.log && *sequence > self.reader.last {
                match *previous <= self.reader.last {
                    true => self.message(*log, *previous, *sequence, bytes),
                    false => self.held.push(message),
                }
            }
        }
    }

    fn tail_read(&mut self, log: u64, messages: Vec<(u64, Bytes)>, newest: u64, last: u64) {
        let Tail::Asked { last: known } = std::mem::replace(&mut self.tail, Tail::Idle) else { return };
        let is_replaced = |(at, bytes): &(u64, Bytes)| self.reader.is_replaced(*at, bytes);
        if log != self.reader.log || last < known || messages.first().is_some_and(is_replaced) {
            if self.reader.log != 0 {
                self.step_down(StepDown::LogLost);
            }
            self.reader.restart(log);
            self.yields_until = None;
            if known > 0 {
                return self.ask_tail();
            }
        }
        let before = self.reader.last;
        for (sequence, bytes) in messages {
            let applied = self.reader.applied;
            let news = self.reader.read_stored(sequence, &bytes);
            self.take_news(news, applied, &bytes);
        }
        self.read_held();
        if self.reader.last >= newest {
            self.pass_missing(log, last);
        }
        if self.reader.last >= last {
            self.caught_up();
        } else if self.reader.last > before {
            self.ask_tail();
        } else {
            self.tail = Tail::Due { at: self.now + self.lease.retry() };
        }
    }

    /// Passes over messages at the end of the log that are gone, if they did not arrive meanwhile: what is stored and
    /// then removed is passed on nevertheless, perhaps later than the end of the log is read.
    fn pass_missing(&mut self, log: u64, last: u64) {
        let missing = self.missing.take().filter(|it| it.log == log && it.last > self.reader.last);
        if let Some(missing) = missing.filter(|it| it.since + self.lease.retry() <= self.now) {
            self.reader.skip_to(missing.last);
            self.messages_gone();
        } else if self.reader.last < last {
            self.missing = missing.or(Some(Missing { log, last, since: self.now }));
        }
    }

    /// Applies what a message changes. `applied` was the last record before it.
    fn take_news(&mut self, news: Vec<Delivery>, applied: u64, bytes: &Bytes) {
        self.actions.extend(news.into_iter().map(Action::Deliver));
        let is_applied = self.reader.applied != applied;
        if is_applied && let Some(until) = self.yields_until.take() {
            // A node that has followed the log is there, and may close it for this one.
            self.lease.waits_no_more(until);
        }
        self.log_changed(is_applied, bytes);
    }
}
