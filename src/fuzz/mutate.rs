//! Mutations of the inputs in a corpus.

use proptest::{collection::vec, prelude::*, sample::Index};

/// Maximum number of edits of an input.
const EDITS_MAX: usize = 8;
/// Maximum length of a mutated input, in bytes.
const INPUT_BYTES_MAX: usize = 1 << 20;

/// Edits of one input.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    input: Index,
    edits: Vec<Edit>,
}

/// A change at a position.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Set(Index, u8),
    /// Overwrites a number with this many bytes.
    Number(Index, u64, usize),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Repeats a stretch of this length.
    Repeat(Index, usize, usize),
    /// Inserts a stretch of another input.
    Splice(Index, Index, Index, usize),
    Truncate(Index),
}

pub(super) fn mutations() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let number = prop_oneof![
        0..300_u64,
        any::<u64>(),
        prop::sample::select(vec![
            u64::MAX,
            1 << 63,
            (1 << 63) - 1,
            1 << 31,
            (1 << 31) - 1,
            u64::from(u32::MAX),
            1 << 24
        ]),
    ];
    let byte =
        prop_oneof![any::<u8>(), prop::sample::select(b"\0\xff\x7f\x80\"'{}[]:,\\\n\r -09ae.%=".to_vec())];
    let length = || prop_oneof![4 => 1..16_usize, 1 => 1..2000_usize];
    let edit = prop_oneof![
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        3 => (at(), byte).prop_map(|(at, byte)| Edit::Set(at, byte)),
        2 => (at(), number, prop::sample::select(vec![2, 4, 8])).prop_map(|(at, number, size)| Edit::Number(at, number, size)),
        1 => (at(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (at(), length()).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (at(), length(), 1..30_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        2 => (at(), at(), at(), length()).prop_map(|(at, other, from, length)| Edit::Splice(at, other, from, length)),
        1 => at().prop_map(Edit::Truncate),
    ];
    (at(), vec(edit, 0..EDITS_MAX)).prop_map(|(input, edits)| Mutation { input, edits })
}

impl Mutation {
    /// Returns the mutated input.
    pub(super) fn apply(&self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.input.index(corpus.len())].clone();
        for edit in &self.edits {
            edit.apply(&mut bytes, corpus);
            bytes.truncate(INPUT_BYTES_MAX);
        }
        bytes
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        // A position may be the end, where only insertions have an effect.
        let position = |at: &Index| at.index(bytes.len() + 1);
        match self {
            Self::Flip(at, bit) => {
                let at = position(at);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Set(at, new) => {
                let at = position(at);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = *new);
            }
            Self::Number(at, number, size) => {
                let at = position(at);
                let size = (*size).min(bytes.len() - at);
                bytes[at..at + size].copy_from_slice(&number.to_le_bytes()[..size]);
            }
            Self::Insert(at, new) => {
                let at = position(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = position(at);
                bytes.drain(at..bytes.len().min(at + length));
            }
            Self::Repeat(at, length, times) => {
                let at = position(at);
                let stretch = bytes[at..bytes.len().min(at + length)].repeat(*times);
                bytes.splice(at..at, stretch);
            }
            Self::Splice(at, other, from, length) => {
                let (at, other) = (position(at), &corpus[other.index(corpus.len())]);
                let from = from.index(other.len() + 1);
                bytes.splice(at..at, other[from..other.len().min(from + length)].iter().copied());
            }
            Self::Truncate(at) => bytes.truncate(position(at)),
        }
    }
}
