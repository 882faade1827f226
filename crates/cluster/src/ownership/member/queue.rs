//! Events that wait for the acknowledgement of the record before them.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::record::{Body, Checkpoint, Encoded, PIECE_EVENTS_MAX, Piece};

/// Bytes that an event needs in a piece beyond its own: its tag and length.
const EVENT_OVERHEAD_BYTES: usize = 8;

/// Events and checkpoints, in order.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    events: usize,
    bytes: usize,
    /// Number of the next event to be added.
    next: u64,
}

#[derive(Debug)]
enum Waiting {
    Event(Encoded),
    Checkpoint(Bytes),
}

impl Waiting {
    fn size(&self) -> usize {
        match self {
            Self::Event(event) => event.size() + EVENT_OVERHEAD_BYTES,
            Self::Checkpoint(state) => state.len(),
        }
    }
}

impl Queue {
    /// Creates a queue whose first event has the number `next`.
    pub(super) fn new(next: u64) -> Self {
        Self { waiting: VecDeque::new(), events: 0, bytes: 0, next }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, event: Encoded) {
        self.events += 1;
        self.next += 1;
        self.add(Waiting::Event(event));
    }

    /// Adds the state after all events in the queue.
    pub(super) fn push_checkpoint(&mut self, state: Bytes) {
        self.add(Waiting::Checkpoint(state));
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.size();
        self.waiting.push_back(waiting);
    }

    /// Removes the next record: a checkpoint, or as many events as fit into `bytes_max`, but at least one.
    pub(super) fn take(&mut self, bytes_max: usize) -> Option<Body> {
        let first = self.next - self.events as u64;
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(waiting) = self.waiting.front() {
            bytes += waiting.size();
            let is_full = bytes > bytes_max || events.len() == PIECE_EVENTS_MAX;
            if !events.is_empty() && (is_full || matches!(waiting, Waiting::Checkpoint(_))) {
                break;
            }
            match self.remove()? {
                Waiting::Event(event) => events.push(event),
                Waiting::Checkpoint(state) => {
                    return Some(Body::Checkpoint(Checkpoint { head: first - 1, state }));
                }
            }
        }
        (!events.is_empty()).then_some(Body::Piece(Piece { first, events }))
    }

    fn remove(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.bytes -= waiting.size();
        self.events -= usize::from(matches!(waiting, Waiting::Event(_)));
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_events_are_joined_up_to_the_limit_and_the_next_checkpoint() {
        let event = |size| Encoded { json: vec![b'x'; size].into(), ..Encoded::default() };
        let mut queue = Queue::new(7);
        [10, 10, 500, 10].into_iter().for_each(|size| queue.push(event(size)));
        queue.push_checkpoint(Bytes::from_static(b"state"));
        queue.push(event(10));
        let mut taken = Vec::new();
        while let Some(body) = queue.take(100) {
            taken.push(match body {
                Body::Piece(piece) => (piece.first, piece.events.len()),
                Body::Checkpoint(checkpoint) => (checkpoint.head, 0),
                Body::Epoch(_) => unreachable!(),
            });
        }
        assert_eq!(taken, [(7, 2), (9, 1), (10, 1), (10, 0), (11, 1)]);
        assert_eq!((queue.events(), queue.bytes(), queue.next()), (0, 0, 12));
    }
}
