//! Batches that several subscribers share, so that each is built only once.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Filter;

/// Maximum number of cached batches, keyed by position and filter. The oldest is evicted.
const BATCHES_MAX: usize = 8;
/// Maximum size of joined frames, in bytes. Writing one piece is cheaper than many, but a piece stays in
/// memory until its last reader drops it.
const PIECE_BYTES_MAX: usize = 32 * 1024;

/// Batches of one channel, for a writer that serves many of its subscribers in turn. Create a new value for
/// each round.
#[derive(Debug, Default)]
pub struct Batches {
    batches: VecDeque<Batch>,
    has_more: bool,
}

/// The events after a position, as one filter shows them.
#[derive(Debug)]
pub(super) struct Batch {
    /// Position and filter that the batch is for; `None` if no other subscriber can share it.
    pub(super) key: Option<(u64, Filter)>,
    /// Number of the last event that the batch covers.
    pub(super) read: u64,
    /// Total length of the events' JSON, in bytes.
    pub(super) bytes: usize,
    /// Whether more events may already follow.
    pub(super) has_more: bool,
    /// Whole frames, joined. Empty if the filter lets nothing pass.
    pub(super) pieces: Vec<Bytes>,
}

impl Batches {
    /// Whether any batch so far may have left events behind.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    pub(super) fn find(&self, key: Option<(u64, Filter)>) -> Option<&Batch> {
        self.batches.iter().find(|batch| key.is_some() && batch.key == key)
    }

    pub(super) fn keep(&mut self, batch: Batch) -> &Batch {
        self.has_more |= batch.has_more;
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back(batch);
        self.batches.back().expect("it was just put there")
    }
}

/// Joins frames into fewer pieces.
pub(super) fn join(frames: Vec<Bytes>) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut run: Vec<Bytes> = Vec::new();
    let mut bytes = 0;
    for frame in frames {
        if bytes + frame.len() > PIECE_BYTES_MAX {
            pieces.extend(piece(&mut run, bytes));
            bytes = 0;
        }
        bytes += frame.len();
        run.push(frame);
    }
    pieces.extend(piece(&mut run, bytes));
    pieces
}

/// Joins a run of frames. A single frame is shared rather than copied, whatever its length.
fn piece(run: &mut Vec<Bytes>, bytes: usize) -> Option<Bytes> {
    if run.len() < 2 {
        return run.pop();
    }
    let mut piece = BytesMut::with_capacity(bytes);
    run.drain(..).for_each(|frame| piece.extend_from_slice(&frame));
    Some(piece.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_frames_are_the_same_bytes(lengths in prop::collection::vec(0_usize..40_000, 0..20)) {
            let frames: Vec<Bytes> = (0_u8..).zip(&lengths).map(|(byte, &length)| vec![byte; length].into()).collect();
            let pieces = join(frames.clone());
            prop_assert_eq!(pieces.concat(), frames.concat());
            for piece in &pieces {
                prop_assert!(piece.len() <= PIECE_BYTES_MAX || frames.contains(piece));
            }
            for two in pieces.windows(2) {
                prop_assert!(two[0].len() + two[1].len() > PIECE_BYTES_MAX / 2 || two[0].is_empty());
            }
        }
    }
}
