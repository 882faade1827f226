//! The newest events of a channel, within its limits.

use std::collections::VecDeque;

use livetape_core::truth::Tally;

use super::{
    entry::Entry,
    limits::{Limits, Window},
};

/// Events and the total number of bytes up to each. A *position* is the number of the last event before it: 0
/// is before the first event, [`Ring::head`] after the newest.
#[derive(Debug)]
pub(super) struct Ring {
    limits: Limits,
    slots: VecDeque<Slot>,
    /// Sequence number of the newest event.
    head: u64,
    /// Number of bytes ever added.
    bytes: u64,
    /// Number of bytes ever evicted.
    bytes_evicted: u64,
    evicted: Tally,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// Number of bytes ever added, up to and including this event.
    end: u64,
}

impl Ring {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            head: 0,
            bytes: 0,
            bytes_evicted: 0,
            evicted: Tally::default(),
        }
    }

    /// Returns the number of the newest event; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Returns the position before the oldest event in the ring.
    pub(super) fn tail(&self) -> u64 {
        self.head - self.slots.len() as u64
    }

    /// Adds an event and evicts the oldest ones beyond the limits.
    pub(super) fn push(&mut self, entry: Entry) {
        self.head += 1;
        self.bytes += entry.len().min(self.limits.pace().bytes);
        self.slots.push_back(Slot { entry, end: self.bytes });
        while self.tail() < self.floor(self.limits.ring()) {
            let oldest = self.slots.pop_front().expect("the tail is below the head");
            self.bytes_evicted = oldest.end;
            self.evicted.add(&oldest.entry.added);
        }
    }

    /// Forgets everything, and continues after event `head`.
    pub(super) fn skip_to(&mut self, head: u64) {
        self.slots.clear();
        (self.head, self.bytes_evicted) = (head, self.bytes);
    }

    /// Returns the oldest position after which at most `window` follows.
    pub(super) fn floor(&self, window: Window) -> u64 {
        let too_far = |end: u64| self.bytes - end > window.bytes;
        let by_bytes = if too_far(self.bytes_evicted) {
            self.tail() + 1 + self.slots.partition_point(|slot| too_far(slot.end)) as u64
        } else {
            self.tail()
        };
        by_bytes.max(self.head.saturating_sub(window.events))
    }

    /// Counts the events up to and including `seq`; `None` if it is not in the ring, nor right before it.
    pub(super) fn tally(&self, seq: u64) -> Option<Tally> {
        if seq > self.head {
            return None;
        }
        let mut tally = self.evicted.clone();
        let counted = seq.checked_sub(self.tail())? as usize;
        self.slots.range(..counted).for_each(|slot| tally.add(&slot.entry.added));
        Some(tally)
    }

    /// Returns the events after `position` with their numbers, oldest first. Empty if the next event is no
    /// longer there.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skip = position.checked_sub(self.tail()).map_or(usize::MAX, |skip| skip as usize);
        let first = skip.min(self.slots.len());
        (position + 1..).zip(self.slots.range(first..).map(|slot| &slot.entry))
    }
}
