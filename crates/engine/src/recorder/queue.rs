//! The bounded queue of items that wait to be written. Adding an item never waits.

use std::{collections::VecDeque, time::Duration};

use livetape_core::recording::{
    Item, What,
    records::{Gap, gap::Direction},
};
use parking_lot::{Condvar, Mutex};
use prost::Message;

use super::RecorderOptions;

/// [`Gap::reason`] of items that did not fit.
const REASON: &str = "the disk is too slow";

/// Items that wait for the disk, and the number of items that did not fit.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<Contents>,
    changed: Condvar,
    items_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Contents {
    entries: VecDeque<Queued>,
    /// Payload of the queued items, in bytes.
    bytes: usize,
    /// Gap of the items dropped since the last entry.
    gap: Option<Gap>,
    lost: u64,
    closed: Option<Closed>,
}

#[derive(Debug)]
pub(super) enum Queued {
    /// An item, and the wall time at which it arrived.
    Item(Item, Option<Duration>),
    /// Items that were dropped at this point.
    Gap(Gap),
}

/// The queue accepts no more items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) seal: bool,
}

impl Queue {
    pub(super) fn new(options: &RecorderOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            items_max: options.queue_items_max,
            bytes_max: options.queue_bytes_max,
        }
    }

    /// Adds an item or counts it as dropped. After an overflow, the queue must be half empty before it
    /// accepts items again, because one long gap is better than many short ones.
    pub(super) fn push(&self, item: Item, wall: Option<Duration>) {
        let bytes = payload_bytes(&item.what);
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return;
        }
        let share = if state.gap.is_some() { 2 } else { 1 };
        let fits = state.entries.len() < self.items_max.div_ceil(share)
            && state.bytes.saturating_add(bytes) <= self.bytes_max / share;
        if !fits && (!state.entries.is_empty() || bytes > self.bytes_max) {
            state.lost += 1;
            extend(&mut state.gap, &item, bytes);
        } else {
            let gap = state.gap.take();
            state.entries.extend(gap.map(Queued::Gap));
            state.bytes += bytes;
            state.entries.push_back(Queued::Item(item, wall));
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn next(&self) -> Result<Option<Queued>, Closed> {
        let mut state = self.state.lock();
        if let Some(entry) = state.entries.pop_front() {
            if let Queued::Item(item, _) = &entry {
                state.bytes -= payload_bytes(&item.what);
            }
            return Ok(Some(entry));
        }
        match (state.gap.take(), state.closed) {
            (Some(gap), _) => Ok(Some(Queued::Gap(gap))),
            (None, Some(closed)) => Err(closed),
            (None, None) => Ok(None),
        }
    }

    /// Waits until there is something to do, but at most `longest`.
    pub(super) fn wait(&self, longest: Option<Duration>) {
        let mut state = self.state.lock();
        if !state.entries.is_empty() || state.gap.is_some() || state.closed.is_some() {
            return;
        }
        match longest {
            Some(longest) => _ = self.changed.wait_for(&mut state, longest),
            None => self.changed.wait(&mut state),
        }
    }

    /// Closes the queue. Entries can still be taken. Only the first call counts.
    pub(super) fn close(&self, seal: bool) {
        self.state.lock().closed.get_or_insert(Closed { seal });
        self.changed.notify_one();
    }

    /// Closes the queue and discards its entries.
    pub(super) fn discard(&self) {
        let closed = Some(Closed { seal: false });
        let mut state = self.state.lock();
        // The items in gaps have been counted.
        let waiting = state.entries.iter().filter(|entry| matches!(entry, Queued::Item(..))).count();
        let lost = state.lost + waiting as u64;
        let forgotten = std::mem::replace(&mut *state, Contents { closed, lost, ..Contents::default() });
        drop(state);
        drop(forgotten);
    }

    /// Number of queued items, and their payload in bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.entries.len(), state.bytes)
    }

    pub(super) fn lost(&self) -> u64 {
        self.state.lock().lost
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed.is_some()
    }
}

/// Adds a dropped item to the gap.
fn extend(gap: &mut Option<Gap>, item: &Item, bytes: usize) {
    let lost = lost(item, bytes, REASON);
    match gap {
        None => *gap = Some(lost),
        Some(gap) => {
            if gap.direction != lost.direction {
                gap.direction = Direction::Unknown.into();
            }
            gap.first_t_ns = gap.first_t_ns.min(lost.first_t_ns);
            gap.last_t_ns = gap.last_t_ns.max(lost.last_t_ns);
            gap.records += 1;
            gap.bytes += lost.bytes;
        }
    }
}

/// Returns the gap for one item.
pub(super) fn lost(item: &Item, bytes: usize, reason: &str) -> Gap {
    let offset_ns = u64::try_from(item.offset.as_nanos()).unwrap_or(u64::MAX);
    let direction = if item.flags.is_sent() { Direction::Sent } else { Direction::Received };
    Gap {
        first_t_ns: offset_ns,
        last_t_ns: offset_ns,
        records: 1,
        bytes: bytes as u64,
        direction: direction.into(),
        reason: reason.to_owned(),
    }
}

pub(super) fn payload_bytes(what: &What) -> usize {
    match what {
        What::Frame(frame) => frame.bytes.len(),
        What::Other { payload, .. } => payload.len(),
        What::Header(message) => message.encoded_len(),
        What::ConnOpen(message) => message.encoded_len(),
        What::ConnClose(message) => message.encoded_len(),
        What::Http(message) => message.encoded_len(),
        What::Marker(message) => message.encoded_len(),
        What::ClockAnchor(message) => message.encoded_len(),
        What::Gap(message) => message.encoded_len(),
        What::Checkpoint(message) => message.encoded_len(),
        What::End(message) => message.encoded_len(),
        What::Status(message) => message.encoded_len(),
    }
}
