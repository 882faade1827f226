//! What several subscribers get alike, put together once.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Filter;

/// How many kinds of reader are told apart, by where they stand and what they asked for; the oldest makes way.
const BATCHES_MAX: usize = 8;
/// Frames are joined up to this size, in bytes: one piece costs a write less than many. It is held whole as long as
/// somebody has it, so it is not for ever.
const PIECE_BYTES_MAX: usize = 32 * 1024;

/// Batches of one channel, for whoever writes to many of its subscribers in a row. Made anew for each round.
#[derive(Debug, Default)]
pub struct Batches {
    batches: VecDeque<Batch>,
    has_more: bool,
}

/// What stands behind a position for those who see the same.
#[derive(Debug)]
pub(super) struct Batch {
    /// Whose it is: what is behind this event, seen through this filter; `None` for one reader alone.
    pub(super) key: Option<(u64, Filter)>,
    /// The last event that it covers.
    pub(super) read: u64,
    /// The JSON of its events, in bytes.
    pub(super) bytes: usize,
    /// Whether there may be more behind it already.
    pub(super) has_more: bool,
    /// Whole frames, joined; none where the filter lets nothing pass.
    pub(super) pieces: Vec<Bytes>,
}

impl Batches {
    /// Whether there may be more for somebody than what was handed out.
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

/// The same bytes in fewer pieces.
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

/// One alone is shared as it is, however long.
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
