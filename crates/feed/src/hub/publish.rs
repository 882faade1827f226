//! Publishing events to the ring.

use std::sync::{Arc, atomic::Ordering};

use livetape_core::event::Event;

use super::{Delivery, Hub, Reader, Shared, cursor::Cursor, limits::Window};

/// Maximum to encode at once; any real frame fits. Entries are slices of one allocation, which the last of
/// them keeps alive.
const PART: Window = Window { events: u64::MAX, bytes: 1 << 20 };

impl Hub {
    /// Numbers and stores `events` and wakes all subscribers once. Never waits: a subscriber that lags too
    /// far gets [`Next::Slow`](super::Next::Slow). Pass all events of a frame in one call.
    pub fn publish(&self, events: &[Event]) {
        let mut rest = events;
        while !rest.is_empty() {
            let published = self.shared.publish_within(rest, PART, None);
            rest = &rest[published..];
        }
    }

    /// Broadcasts a message of a type that livetape does not have, and from now on adds members to each event. Both
    /// are JSON without the braces; `members` begins with a comma.
    pub fn publish_foreign(&self, message: &str, members: &'static str) {
        let mut encoder = self.shared.encoder.lock();
        let (head, stream) = {
            let state = self.shared.state.read();
            (state.ring.head(), Arc::clone(&state.stream))
        };
        let entry = encoder.encode_foreign(message, members, &stream, head + 1);
        let mut state = self.shared.state.write();
        if state.closed.is_some() {
            return;
        }
        state.push(entry);
        drop(state);
        self.shared.news.send_replace(());
    }

    /// Like [`publish`](Self::publish), but calls [`wait_for_capacity`](Self::wait_for_capacity) first and
    /// splits `events` if they exceed the capacity. No subscriber that keeps reading loses an event.
    pub async fn publish_paced(&self, events: &[Event]) {
        let mut rest = events;
        while !rest.is_empty() {
            self.wait_for_capacity().await;
            let published = self.shared.publish_within(rest, self.shared.limits.pace(), None);
            rest = &rest[published..];
        }
    }

    /// Publishes with or without pacing, and reports the delivery of the injected events among `events`.
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
    /// Publishes a prefix of `events`: as many as fit into `window`, but at least one. Returns their number.
    fn publish_within(&self, events: &[Event], window: Window, delivery: Option<&mut Delivery>) -> usize {
        // The encoder only holds buffers, which are cleared first, so a panic cannot corrupt it.
        let mut encoder = self.encoder.lock();
        if let Some(relay) = &self.relay {
            return relay.stage(&mut encoder, events, window, delivery, &self.state.read());
        }
        let (head, stream) = {
            let state = self.state.read();
            (state.ring.head(), Arc::clone(&state.stream))
        };
        let entries = encoder.encode(&stream, head, events, window);
        let published = entries.len();
        let mut state = self.state.write();
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

    /// Counts cursors that fell behind, and removes them from the number of subscribers.
    pub(super) fn fell_behind(&self, cursors: &[Arc<Cursor>]) {
        let slow = cursors.iter().filter(|cursor| cursor.reader != Reader::Display).count();
        self.traffic.slow.fetch_add(slow as u64, Ordering::Relaxed);
        cursors.iter().for_each(|cursor| self.count_unread(cursor));
        self.remove_present(cursors);
    }

    pub(super) fn count_joined(&self, reader: Reader) {
        match reader {
            Reader::Client => self.present.send_modify(|present| {
                present.clients += 1;
                present.clients_peak = present.clients_peak.max(present.clients);
            }),
            Reader::Observer => self.present.send_modify(|present| {
                present.observers += 1;
                present.observers_peak = present.observers_peak.max(present.observers);
            }),
            Reader::Display => {}
        }
    }

    /// Removes cursors from the number of subscribers.
    pub(super) fn remove_present(&self, cursors: &[Arc<Cursor>]) {
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
