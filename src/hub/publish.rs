//! Into the ring.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use super::{Delivery, Hub, Reader, Shared, cursor::Cursor, limits::Window};
use crate::sans_io::event::Event;

/// What is encoded at once: every real frame. Entries are slices of one allocation, of which the last one keeps all.
const PART: Window = Window { events: u64::MAX, bytes: 1 << 20 };

impl Hub {
    /// Numbers `events`, keeps them and wakes everybody, once. Waits for nobody: who lags too far behind gets
    /// [`Next::Slow`](super::Next::Slow). The events of one frame belong in one call.
    pub fn publish(&self, events: &[Event]) {
        let mut rest = events;
        while !rest.is_empty() {
            let published = self.shared.publish_within(rest, PART, None);
            rest = &rest[published..];
        }
    }

    /// Like [`publish`](Self::publish), but waits for [`wait_for_capacity`](Self::wait_for_capacity), and publishes in parts where `events` are
    /// more than there is room for: nobody loses anything who reads at all.
    pub async fn publish_paced(&self, events: &[Event]) {
        let mut rest = events;
        while !rest.is_empty() {
            self.wait_for_capacity().await;
            let published = self.shared.publish_within(rest, self.shared.limits.pace(), None);
            rest = &rest[published..];
        }
    }

    /// One of the two, and says where what is injected of it went.
    pub async fn publish_injected(&self, events: &[Event], is_paced: bool) -> Delivery {
        let mut delivery = Delivery::default();
        let mut rest = events;
        while !rest.is_empty() {
            let window = if is_paced {
                self.wait_for_capacity().await;
                self.shared.limits.pace()
            } else {
                PART
            };
            let published = self.shared.publish_within(rest, window, Some(&mut delivery));
            rest = &rest[published..];
        }
        delivery
    }
}

impl Shared {
    /// Publishes the first of `events`, as many as fit into `window`, but one at least. Says how many these were.
    fn publish_within(&self, events: &[Event], window: Window, delivery: Option<&mut Delivery>) -> usize {
        // The encoder holds nothing but a buffer, which is cleared first: no panic leaves it spoilt.
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let head = self.read().ring.head();
        let entries = encoder.encode(&self.stream, head, events, window);
        let published = entries.len();
        let mut state = self.write();
        if state.closed.is_some() {
            return events.len();
        }
        entries.for_each(|entry| state.push(entry));
        let floor = state.ring.floor(self.limits.lag());
        let dropped = state.drop_below(floor, |_| true);
        if let Some(delivery) = delivery {
            let injected = (head + 1..).zip(&events[..published]).filter(|(_, event)| event.injected);
            injected.for_each(|(seq, event)| delivery.note(seq, event, state.cursors()));
        }
        drop(state);
        self.fell_behind(&dropped);
        self.news.send_replace(());
        published
    }

    /// These cursors were too slow.
    pub(super) fn fell_behind(&self, cursors: &[Arc<Cursor>]) {
        let slow = cursors.iter().filter(|cursor| cursor.reader != Reader::Display).count();
        self.traffic.slow.fetch_add(slow as u64, Ordering::Relaxed);
        self.lost(cursors);
    }

    /// A cursor is there.
    pub(super) fn came(&self, reader: Reader) {
        match reader {
            Reader::Client => self.present.send_modify(|present| present.clients += 1),
            Reader::Observer => self.present.send_modify(|present| present.observers += 1),
            Reader::Display => {}
        }
    }

    /// These cursors are gone.
    pub(super) fn lost(&self, cursors: &[Arc<Cursor>]) {
        let count = |reader| cursors.iter().filter(|cursor| cursor.reader == reader).count();
        let (clients, observers) = (count(Reader::Client), count(Reader::Observer));
        if clients + observers > 0 {
            self.present.send_modify(|present| {
                present.clients -= clients;
                present.observers -= observers;
            });
        }
    }
}
