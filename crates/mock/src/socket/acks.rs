//! Tracks the acks of a client, so that the mock does not close too early: a slow decoder lags behind the
//! bytes sent, and many clients discard unread data when the server closes the connection.

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait for the next ack of an acking client before closing.
const ACK_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acks {
    /// Log id of the last frame that requests an ack, until the client sends it.
    owed: Option<u64>,
    /// When the client last sent an ack or entered the room.
    heard: Option<Instant>,
}

impl Acks {
    /// Records that a frame requesting this ack was sent.
    pub(super) fn owe(&mut self, log_id: u64) {
        self.owed = Some(log_id);
    }

    /// Records that the client acked this frame, or entered the room (`None`).
    pub(super) fn hear(&mut self, log_id: Option<u64>, now: Instant) {
        if log_id.is_none() || self.owed.is_some() {
            self.heard = Some(now);
        }
        self.owed = self.owed.filter(|owed| Some(*owed) != log_id);
    }

    /// Returns when to close, given the time at which the last frame was written.
    pub(super) fn close_at(&self, written: Instant, close_after: Duration) -> Instant {
        let Some(heard) = self.heard else { return written + close_after };
        let wait = if self.owed.is_some() { close_after.max(ACK_MAX) } else { close_after };
        heard.max(written) + wait
    }
}
