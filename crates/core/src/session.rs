//! The conversation with a room, from opening the socket to the end, as a state machine.
//!
//! Callers report events and the time (`handle_…`). After each, they send what [`Session::poll_transmit`] returns until it
//! returns nothing, end if there is an [`Session::outcome`], and otherwise wait until [`Session::poll_timeout`] for
//! another event.

mod rate;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
pub use rate::{BURST_BYTES_MAX, RATE_BYTES_MAX, UNFINISHED_BYTES_MAX};

use self::rate::Rate;
use super::{
    event::{Data, RoomState},
    wire::{self, Batch, FaultKind, Message, Reading, UNZIPPED_BYTES_MAX, Unzipper, client},
};

/// Minimum heartbeat interval, as in TikTok's web client.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(10);
/// Maximum heartbeat interval, regardless of the server's setting: longer silence would count as a
/// disconnect.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(60);
/// Time without any frame after which a connection counts as dead. Even a quiet room answers a heartbeat
/// every ten seconds.
pub const STALE_AFTER: Duration = Duration::from_secs(60);

/// Method of the messages that announce the end of a room.
const CONTROL: &str = "WebcastControlMessage";

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The room ended, for this reason.
    Ended(Ending),
    /// The socket was closed or lost: close code (1006 if there was none) and reason.
    Closed(u16, String),
    /// No frame arrived for [`STALE_AFTER`].
    Stale,
    /// The room sent more data than [`RATE_BYTES_MAX`] allows.
    Flood,
}

/// Why a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A control message: the host ended the LIVE (action 3).
    Ended,
    /// A control message: TikTok ended the LIVE (action 4).
    Suspended,
    /// A push frame of type `close`, which contains no reason.
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
    /// Creates a conversation whose socket is not open yet.
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

    /// Reports the open socket. The room is entered before the first heartbeat, because some servers close
    /// otherwise.
    pub fn handle_opened(&mut self, now: Duration) {
        if self.opened.is_none() && self.outcome.is_none() {
            self.enter_due = true;
            self.heartbeat_due = true;
            let next_heartbeat = now.saturating_add(self.heartbeat_every);
            self.opened = Some(Opened { at: now, next_heartbeat, last_frame: now });
        }
    }

    /// Handles the sign server's batch, which requires no ack.
    pub fn handle_initial_batch(&mut self, body: &Bytes) {
        if self.outcome.is_none() {
            let (batch, _) = self.read_batch(body.clone());
            self.handle_batch(&batch);
        }
    }

    /// Handles a binary message. It is acknowledged even if its content is a duplicate.
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

    /// Reports the size of a message, in bytes. Exceeding the rate ends the conversation.
    pub fn handle_bytes(&mut self, now: Duration, bytes: usize) {
        if !self.rate.allows(now, bytes) {
            self.end(Outcome::Flood);
        }
    }

    /// Reports the bytes read for a message of `message` bytes. The rest are frame headers, or the start of
    /// the next messages. Exceeding the rate ends the conversation.
    pub fn handle_read(&mut self, now: Duration, read: usize, message: usize) {
        if !self.rate.allows_heads(now, read, message) {
            self.end(Outcome::Flood);
        }
    }

    /// Reports more than [`UNFINISHED_BYTES_MAX`] without a complete message.
    pub fn handle_flood(&mut self) {
        self.end(Outcome::Flood);
    }

    /// Restarts the timeout, because data arrived or the caller paused reading.
    pub fn handle_sign_of_life(&mut self, now: Duration) {
        if let Some(opened) = &mut self.opened {
            opened.last_frame = opened.last_frame.max(now);
        }
    }

    /// Reports that the socket was closed or lost.
    pub fn handle_closed(&mut self, code: u16, reason: &str) {
        self.end(Outcome::Closed(code, reason.to_owned()));
    }

    /// Reports the time, for heartbeats and timeouts.
    pub fn handle_timeout(&mut self, now: Duration) {
        let every = self.heartbeat_every;
        let Some(opened) = self.opened.as_mut().filter(|_| self.outcome.is_none()) else { return };
        if now >= opened.stale_at() {
            return self.end(Outcome::Stale);
        }
        if now >= opened.next_heartbeat {
            // Heartbeats missed during a sleep are skipped.
            let next = opened.next_heartbeat.saturating_add(every);
            opened.next_heartbeat = if next > now { next } else { now.saturating_add(every) };
            self.heartbeat_due = true;
        }
    }

    /// Returns the next message to send, including acks still pending at the end of the room.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.enter_due) {
            return Some(client::enter_room(self.room_id));
        }
        if std::mem::take(&mut self.heartbeat_due) {
            return Some(client::heartbeat(self.room_id));
        }
        self.acks.pop_front()
    }

    /// Returns when to call [`Session::handle_timeout`]; `None` if there is no need to.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let opened = self.opened.as_ref().filter(|_| self.outcome.is_none())?;
        Some(opened.next_heartbeat.min(opened.stale_at()))
    }

    /// Returns the outcome, once there is one. The first outcome is final.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Returns how long the connection was healthy: from its opening to the last data received.
    #[must_use]
    pub fn healthy_for(&self) -> Duration {
        self.opened.as_ref().map_or(Duration::ZERO, |opened| opened.last_frame.saturating_sub(opened.at))
    }

    /// Decodes a batch. Its faults are ignored, because the decoder counts them; decoding a batch twice costs
    /// about 8 µs. Also returns the decompressed length, at most the limit.
    fn read_batch(&mut self, payload: Bytes) -> (Batch, usize) {
        let mut faults = Vec::new();
        let payload = self.unzipper.unzip(payload, &mut faults);
        let is_bomb = faults.iter().any(|fault| fault.kind == FaultKind::GzipBomb);
        let unpacked = if is_bomb { UNZIPPED_BYTES_MAX } else { payload.len() };
        (wire::read_batch(&payload, &mut faults), unpacked)
    }

    fn handle_batch(&mut self, batch: &Batch) {
        if let Ok(interval_ms @ 1..) = u64::try_from(batch.info.heartbeat_ms) {
            self.heartbeat_every = Duration::from_millis(interval_ms).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX);
        }
        // History cannot end this connection.
        let news = batch.messages.iter().filter(|message| !message.is_history && message.method == CONTROL);
        if let Some(ending) = news.filter_map(ending).next() {
            self.end(Outcome::Ended(ending));
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::Closed(..) | Outcome::Stale | Outcome::Flood) {
            // The peer is gone and will not read it.
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
