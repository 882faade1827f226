//! Messages that a client is not sent.

use bytes::Bytes;
use livetape_core::{
    event::{self, Reading},
    wire::{self, Batch, Message, Push},
};

use crate::{random::Random, scenario::Lost};

/// The active losses of a connection.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<(u64, Lost)>);

impl Losses {
    /// `index` is that of the fault: each loses others.
    pub(super) fn add(&mut self, seed: u64, index: usize, lost: Lost) {
        self.0.push((seed.wrapping_add(index as u64), lost));
    }

    /// Removes what is lost. Returns whether anything is.
    pub(super) fn take_from(&self, messages: &mut Vec<Message>) -> bool {
        let before = messages.len();
        messages.retain(|message| !self.0.iter().any(|(seed, lost)| lost.has(message, *seed)));
        messages.len() < before
    }

    /// Returns a frame without what is lost, if anything is. It stays, even without a message left, and so does what
    /// cannot be read.
    pub(super) fn thinned(&self, frame: &Bytes) -> Option<Bytes> {
        if self.0.is_empty() {
            return None;
        }
        let mut faults = Vec::new();
        let push = wire::read_push(frame, &mut faults);
        if !push.holds_batch() {
            return None;
        }
        let plain = wire::unzip(push.payload.clone(), &mut faults);
        let mut batch = wire::read_batch(&plain, &mut faults);
        if !faults.is_empty() || !self.take_from(&mut batch.messages) {
            return None;
        }
        let thinned = wire::write_batch(&batch);
        let payload = if plain == push.payload { thinned } else { wire::zip(&thinned) };
        Some(wire::write_push(&Push { payload, ..push }))
    }

    /// Returns a first batch without what is lost.
    pub(super) fn thinned_batch(&self, bytes: Bytes) -> Bytes {
        let mut faults = Vec::new();
        let Batch { mut messages, info } = wire::read_batch(&bytes, &mut faults);
        if !faults.is_empty() || !self.take_from(&mut messages) {
            return bytes;
        }
        wire::write_batch(&Batch { messages, info })
    }
}

impl Lost {
    /// Whether a message is lost: each time that it is sent, or never.
    fn has(&self, message: &Message, seed: u64) -> bool {
        /// Number of different shares, 2^53.
        const SHARES: f64 = (1_u64 << 53) as f64;
        let by = |message: &Message| match event::read_message(message, &mut Vec::new()) {
            Reading::Known(known) => known.user.map(|user| user.unique_id),
            Reading::Unknown | Reading::Broken(_) => None,
        };
        let is_method = self.methods.is_empty() || self.methods.iter().any(|it| *it == message.method);
        let is_sender = || {
            self.senders.is_empty()
                || by(message).is_some_and(|name| self.senders.iter().any(|it| *it == name))
        };
        let number = u64::from(crc32fast::hash(&message.payload));
        let share = || (Random::new(seed, number).next() >> 11) as f64 / SHARES;
        is_method && is_sender() && share() < self.share
    }
}
