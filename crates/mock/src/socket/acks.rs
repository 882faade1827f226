//! How far a client has acked. One that decodes slowly is behind what was written, and many drop what they have not read
//! when the server closes.

use std::time::Duration;

use tokio::time::Instant;

/// How long a client that acks may take for its next ack before the mock closes.
const ACK_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acks {
    /// The log id of the last frame that wants an ack, until the client acks it.
    owed: Option<u64>,
    /// The last sign of a client that acks: an ack, or its entry.
    heard: Option<Instant>,
}

impl Acks {
    /// A frame was sent that wants this ack.
    pub(super) fn owe(&mut self, log_id: u64) {
        self.owed = Some(log_id);
    }

    /// The client has entered the room, or acked this frame.
    pub(super) fn hear(&mut self, log_id: Option<u64>, now: Instant) {
        if log_id.is_none() || self.owed.is_some() {
            self.heard = Some(now);
        }
        self.owed = self.owed.filter(|owed| Some(*owed) != log_id);
    }

    /// When to close after the last frame, which was written then.
    pub(super) fn close_at(&self, written: Instant, close_after: Duration) -> Instant {
        let Some(heard) = self.heard else { return written + close_after };
        let wait = if self.owed.is_some() { close_after.max(ACK_MAX) } else { close_after };
        heard.max(written) + wait
    }
}
