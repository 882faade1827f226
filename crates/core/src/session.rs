//! The conversation with a room, from the opened socket to its end. It is told what happened and the time, and asked
//! what to send, when to wake it, and whether it is over.

mod rate;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
pub use rate::{BURST_BYTES_MAX, RATE_BYTES_MAX, UNFINISHED_BYTES_MAX};

use self::rate::Rate;
use super::{
    event::{Data, RoomState},
    wire::{self, Batch, FaultKind, Message, Reading, UNZIPPED_BYTES_MAX, Unzipper, client},
};

/// Heartbeats are not sent more often than TikTok's web client does.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(10);
/// Nor less often, whatever the server says: it would take us for gone.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(60);
/// A connection without any frame for so long is dead: heartbeats alone are answered every ten seconds.
pub const STALE_AFTER: Duration = Duration::from_secs(60);

/// The method of the messages that say that a room ended.
const CONTROL: &str = "WebcastControlMessage";

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The room ended, and why.
    Ended(Ending),
    /// The socket was closed, or broke: the code (1006 where there is none) and the reason.
    Closed(u16, String),
    /// No frame came for [`STALE_AFTER`].
    Stale,
    /// More came than [`RATE_BYTES_MAX`] allows.
    Flood,
}

/// Why a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A control message: the host ended it (action 3).
    Ended,
    /// A control message: TikTok ended it (action 4).
    Suspended,
    /// A push frame of the type `close`, which says no more than that.
    ClosePush,
}

/// The conversation on one connection.
#[derive(Debug)]
pub struct Session {
    room_id: i64,
    heartbeat_every: Duration,
    opened: Option<Opened>,
    enter_due: bool,
    heartbeat_due: bool,
    acks: VecDeque<Bytes>,
    outcome: Option<Outcome>,
    unzipper: Unzipper,
    rate: Rate,
}

#[derive(Debug)]
struct Opened {
    at: Duration,
    next_heartbeat: Duration,
    last_frame: Duration,
}

impl Session {
    /// A conversation with a room whose socket is not open yet.
    #[must_use]
    pub fn new(room_id: i64) -> Self {
        Self {
            room_id,
            heartbeat_every: HEARTBEAT_MIN,
            opened: None,
            enter_due: false,
            heartbeat_due: false,
            acks: VecDeque::new(),
            outcome: None,
            unzipper: Unzipper::default(),
            rate: Rate::default(),
        }
    }

    /// The socket is open. The room is entered before the first heartbeat: the other way round, some servers close.
    pub fn handle_opened(&mut self, now: Duration) {
        if self.opened.is_none() && self.outcome.is_none() {
            self.enter_due = true;
            self.heartbeat_due = true;
            let next_heartbeat = now.saturating_add(self.heartbeat_every);
            self.opened = Some(Opened { at: now, next_heartbeat, last_frame: now });
        }
    }

    /// The sign server's batch. It wants no ack.
    pub fn handle_initial_batch(&mut self, body: &Bytes) {
        if self.outcome.is_none() {
            let (batch, _) = self.read_batch(body.clone());
            self.handle_batch(&batch);
        }
    }

    /// A binary message came. It is acknowledged even if all that it holds was seen before.
    pub fn handle_frame(&mut self, now: Duration, frame: &Bytes) {
        self.handle_sign_of_life(now);
        if self.outcome.is_some() {
            return;
        }
        let push = wire::read_push(frame, &mut Vec::new());
        let mut bytes = frame.len();
        if push.payload_type == "close" {
            self.end(Outcome::Ended(Ending::ClosePush));
        } else if push.holds_batch() {
            let (batch, unpacked) = self.read_batch(push.payload);
            bytes = bytes.max(unpacked);
            if batch.info.need_ack && push.log_id != 0 {
                self.acks.push_back(client::ack(push.log_id, &batch.info.internal_ext));
            }
            self.handle_batch(&batch);
        }
        self.handle_bytes(now, bytes);
    }

    /// A message of so many bytes came. Too many end the conversation.
    pub fn handle_bytes(&mut self, now: Duration, bytes: usize) {
        if !self.rate.allows(now, bytes) {
            self.end(Outcome::Flood);
        }
    }

    /// So many bytes were read for a message of so many: the others are heads of frames, or of the next messages. Too many
    /// end the conversation.
    pub fn handle_read(&mut self, now: Duration, read: usize, message: usize) {
        if !self.rate.allows_heads(now, read, message) {
            self.end(Outcome::Flood);
        }
    }

    /// More than [`UNFINISHED_BYTES_MAX`] came without a whole message.
    pub fn handle_flood(&mut self) {
        self.end(Outcome::Flood);
    }

    /// Something came that is no push frame, or we ourselves did not read for a while: the time-out starts afresh.
    pub fn handle_sign_of_life(&mut self, now: Duration) {
        if let Some(opened) = &mut self.opened {
            opened.last_frame = opened.last_frame.max(now);
        }
    }

    /// The socket was closed or broke.
    pub fn handle_closed(&mut self, code: u16, reason: &str) {
        self.end(Outcome::Closed(code, reason.to_owned()));
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let every = self.heartbeat_every;
        let Some(opened) = self.opened.as_mut().filter(|_| self.outcome.is_none()) else { return };
        if now >= opened.stale_at() {
            return self.end(Outcome::Stale);
        }
        if now >= opened.next_heartbeat {
            // What was slept through is left out.
            let next = opened.next_heartbeat.saturating_add(every);
            opened.next_heartbeat = if next > now { next } else { now.saturating_add(every) };
            self.heartbeat_due = true;
        }
    }

    /// The next message to send; what a room's end left unsent is sent too.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.enter_due) {
            return Some(client::enter_room(self.room_id));
        }
        if std::mem::take(&mut self.heartbeat_due) {
            return Some(client::heartbeat(self.room_id));
        }
        self.acks.pop_front()
    }

    /// When [`Session::handle_timeout`] wants to be called; `None` if it need not be.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let opened = self.opened.as_ref().filter(|_| self.outcome.is_none())?;
        Some(opened.next_heartbeat.min(opened.stale_at()))
    }

    /// How it ended, if it has. The first end stands.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// How long it was well: from the opening to the last sign of life. Silence is no health.
    #[must_use]
    pub fn healthy_for(&self) -> Duration {
        self.opened.as_ref().map_or(Duration::ZERO, |opened| opened.last_frame.saturating_sub(opened.at))
    }

    /// The decoder reads the same bytes, and counts what is wrong with them: a hundredth of a millisecond each.
    /// With the bytes that it unpacked to; more than the limit count as the limit.
    fn read_batch(&mut self, payload: Bytes) -> (Batch, usize) {
        let mut faults = Vec::new();
        let payload = self.unzipper.unzip(payload, &mut faults);
        let is_bomb = faults.iter().any(|fault| fault.kind == FaultKind::GzipBomb);
        let unpacked = if is_bomb { UNZIPPED_BYTES_MAX } else { payload.len() };
        (wire::read_batch(&payload, &mut faults), unpacked)
    }

    fn handle_batch(&mut self, batch: &Batch) {
        if let Ok(told @ 1..) = u64::try_from(batch.info.heartbeat_ms) {
            self.heartbeat_every = Duration::from_millis(told).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX);
        }
        // What was said before this connection is no end of it.
        let news = batch.messages.iter().filter(|message| !message.is_history && message.method == CONTROL);
        if let Some(ending) = news.filter_map(ending).next() {
            self.end(Outcome::Ended(ending));
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::Closed(..) | Outcome::Stale | Outcome::Flood) {
            // Nobody is there to read it.
            (self.enter_due, self.heartbeat_due) = (false, false);
            self.acks.clear();
        }
        self.outcome.get_or_insert(outcome);
    }
}

impl Opened {
    fn stale_at(&self) -> Duration {
        self.last_frame.saturating_add(STALE_AFTER)
    }
}

fn ending(control: &Message) -> Option<Ending> {
    let Reading::Known(known) = wire::read_message(control, &mut Vec::new()) else { return None };
    let Data::Control(control) = known.data else { return None };
    match control.state? {
        RoomState::Ended => Some(Ending::Ended),
        RoomState::Suspended => Some(Ending::Suspended),
        RoomState::Paused | RoomState::Resumed => None,
    }
}

#[cfg(test)]
mod tests;
