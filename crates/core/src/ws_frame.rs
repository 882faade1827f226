//! WebSocket frames (RFC 6455), checked beyond what WebSocket libraries do: the heads of a client's frames, and close codes
//! that users choose.

use crate::error::{Code, Problem};

/// Maximum length of the reason in a close frame, in bytes: the space beside the code (RFC 6455 §5.5).
pub const REASON_BYTES_MAX: usize = 123;
/// Maximum length of a head without its mask, in bytes (RFC 6455 §5.2).
const HEAD_BYTES_MAX: usize = 10;

/// The codes that [`check_close`] accepts.
const CODES: &str = "use 1000 to 1003, 1007 to 1014, or 3000 to 4999";

/// Checks the code and reason of a close frame that a user of the server chose.
///
/// # Errors
/// `bad_request` if the frame must not be sent.
pub fn check_close(code: u16, reason: &str) -> Result<(), Problem> {
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        let message = format!("{code} is not a close code that a server may send");
        return Err(Problem::new(Code::BadRequest, message).hint(CODES));
    }
    if reason.len() > REASON_BYTES_MAX {
        let message = format!("the reason is longer than {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, message));
    }
    Ok(())
}

/// Length of the mask after the head of a masked frame, in bytes.
const MASK_BYTES: u64 = 4;

/// Checks the heads of a client's frames, in arbitrary chunks, for two things that the library ignores: lengths
/// encoded in more bytes than necessary, and empty continuation frames, which a client could send endlessly.
#[derive(Debug, Default)]
pub struct Heads {
    head: [u8; HEAD_BYTES_MAX],
    /// Number of head bytes read so far.
    length: usize,
    /// Number of bytes left in the frame after its head.
    payload_left: u64,
    /// Number of empty, non-final continuation frames that are not taken yet.
    empty: u32,
}

impl Heads {
    /// Reads the next chunk. Returns `None` if all its heads are valid, otherwise the number of
    /// bytes before a length that is encoded longer than necessary. The library must see only those bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let left = (bytes.len() - at) as u64;
            if self.payload_left > 0 {
                let skipped = self.payload_left.min(left);
                self.payload_left -= skipped;
                at += usize::try_from(skipped).unwrap_or(usize::MAX);
                continue;
            }
            self.head[self.length] = bytes[at];
            self.length += 1;
            let Some((payload, shortest)) = self.payload() else {
                at += 1;
                continue;
            };
            if payload < shortest {
                return Some(at);
            }
            self.begin(payload);
            at += 1;
        }
        None
    }

    /// Takes one of the empty frames. Returns `false` if there is none.
    pub fn take_empty(&mut self) -> bool {
        let is_there = self.empty > 0;
        self.empty -= u32::from(is_there);
        is_there
    }

    /// Whether there are such frames.
    #[must_use]
    pub fn has_empty(&self) -> bool {
        self.empty > 0
    }

    /// Starts the payload after a complete head.
    fn begin(&mut self, payload: u64) {
        let goes_on = self.head[0] & 0x8f == 0;
        self.empty += u32::from(goes_on && payload == 0);
        let is_masked = self.head[1] & 0x80 != 0;
        self.payload_left = payload.saturating_add(if is_masked { MASK_BYTES } else { 0 });
        self.length = 0;
    }

    /// Returns the payload length and the minimum for its encoding, or `None` while the head is incomplete.
    fn payload(&self) -> Option<(u64, u64)> {
        let head = &self.head[..self.length];
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        match head.get(1)? & 0x7f {
            126 => Some((number(head.get(2..4)?), 126)),
            127 => Some((number(head.get(2..10)?), 1 << 16)),
            length => Some((length.into(), 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    use super::*;

    /// Builds a client's continuation frame.
    fn frame(payload: usize, is_final: bool) -> Vec<u8> {
        let mut frame = Frame::message(vec![0; payload], OpCode::Data(Data::Continue), is_final);
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn well_formed_frames_pass_in_any_chunks_and_empty_ones_are_counted(
            frames in vec((prop_oneof![Just(0), 1..300_usize, 65_000..66_000_usize], any::<bool>()), 0..6),
            piece in 1..5_000_usize,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|&(payload, is_final)| frame(payload, is_final)).collect();
            let mut heads = Heads::default();
            for piece in bytes.chunks(piece) {
                prop_assert_eq!(heads.read(piece), None);
            }
            let empty = frames.iter().filter(|&&(payload, is_final)| payload == 0 && !is_final).count();
            for _ in 0..empty {
                prop_assert!(heads.take_empty());
            }
            prop_assert!(!heads.has_empty() && !heads.take_empty());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..200)) {
            let good = Heads::default().read(&bytes);
            prop_assert!(good.is_none_or(|good| good < bytes.len()));
        }
    }

    #[test]
    fn an_overlong_length_is_found_before_the_head_is_complete() {
        let before = frame(3, true);
        for bad in [&[0x82, 0xfe, 0, 125][..], &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]] {
            let bytes = [&before[..], bad, &[0; 8]].concat();
            assert_eq!(Heads::default().read(&bytes), Some(before.len() + bad.len() - 1));
        }
        for good in [&[0x82, 0xfe, 0, 126][..], &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], &[0x82, 0x80]] {
            assert_eq!(Heads::default().read(good), None);
        }
    }
}
