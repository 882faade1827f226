//! The ring: the newest events of a channel, within its limits.

use std::collections::VecDeque;

use super::{
    entry::Entry,
    limits::{Limits, Window},
};

/// Events and where each ends in the flow of bytes. A *position* is the number of an event that was passed: 0 stands
/// before the first, [`Ring::head`] behind the newest.
#[derive(Debug)]
pub(super) struct Ring {
    limits: Limits,
    slots: VecDeque<Slot>,
    /// The number of the newest event.
    head: u64,
    /// All bytes that ever went in.
    bytes: u64,
    /// All bytes that went out again.
    bytes_evicted: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// All bytes that ever went in, up to the end of this event.
    end: u64,
}

impl Ring {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, slots: VecDeque::new(), head: 0, bytes: 0, bytes_evicted: 0 }
    }

    /// The number of the newest event; 0 before the first.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// The position before the oldest event that is still there.
    pub(super) fn tail(&self) -> u64 {
        self.head - self.slots.len() as u64
    }

    /// Takes the next event, and lets go of the oldest beyond the limits.
    pub(super) fn push(&mut self, entry: Entry) {
        self.head += 1;
        self.bytes += entry.len().min(self.limits.pace().bytes);
        self.slots.push_back(Slot { entry, end: self.bytes });
        while self.tail() < self.floor(self.limits.ring()) {
            let oldest = self.slots.pop_front().expect("the tail is below the head");
            self.bytes_evicted = oldest.end;
        }
    }

    /// The oldest position from which no more than `window` follows.
    pub(super) fn floor(&self, window: Window) -> u64 {
        let too_far = |end: u64| self.bytes - end > window.bytes;
        let by_bytes = if too_far(self.bytes_evicted) {
            self.tail() + 1 + self.slots.partition_point(|slot| too_far(slot.end)) as u64
        } else {
            self.tail()
        };
        by_bytes.max(self.head.saturating_sub(window.events))
    }

    /// The events behind `position`, oldest first, each with its number; nothing if the next one is gone.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let skip = position.checked_sub(self.tail()).map_or(usize::MAX, |skip| skip as usize);
        let first = skip.min(self.slots.len());
        (position + 1..).zip(self.slots.range(first..).map(|slot| &slot.entry))
    }
}
