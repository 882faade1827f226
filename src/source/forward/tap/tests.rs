//! Messages are read from bytes in any chunks.

use proptest::{collection::vec, prelude::*};
use tungstenite::protocol::frame::{
    Frame,
    coding::{Control, Data, OpCode},
};

use super::*;

/// Encodes a frame, masked as by a client or not.
fn frame(payload: &[u8], opcode: OpCode, is_final: bool, is_masked: bool) -> Vec<u8> {
    let mask = is_masked.then_some([9, 8, 7, 6]);
    let header = FrameHeader { is_final, opcode, mask, ..FrameHeader::default() };
    let frame = Frame::from_payload(header, payload.to_vec().into());
    let mut bytes = Vec::new();
    frame.format(&mut bytes).unwrap();
    bytes
}

/// Encodes a binary message in frames of at most `most` bytes, with a ping after each but the last.
fn message(payload: &[u8], most: usize, is_masked: bool) -> Vec<u8> {
    let parts: Vec<_> = if payload.is_empty() { vec![payload] } else { payload.chunks(most).collect() };
    let mut bytes = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let opcode = OpCode::Data(if number == 0 { Data::Binary } else { Data::Continue });
        let is_final = number + 1 == parts.len();
        bytes.extend(frame(part, opcode, is_final, is_masked));
        if !is_final {
            bytes.extend(frame(b"ping", OpCode::Control(Control::Ping), true, is_masked));
        }
    }
    bytes
}

fn read(tap: &mut Tap, bytes: &[u8], chunk: usize) -> Vec<Heard> {
    let heard = bytes.chunks(chunk).flat_map(|chunk| tap.read(chunk));
    let is_ping = |heard: &Heard| matches!(heard, Heard::Message(Opcode(9), ping) if &ping[..] == b"ping");
    heard.filter(|heard| !is_ping(heard)).collect()
}

fn whole(payload: Vec<u8>) -> Heard {
    Heard::Message(Opcode::BINARY, payload.into())
}

proptest! {
    #[test]
    fn messages_are_reassembled_from_any_frames_in_any_chunks(
        payloads in vec(vec(any::<u8>(), 0..300), 0..6),
        (most, chunk, is_masked) in (1..200_usize, 1..500_usize, any::<bool>()),
    ) {
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| message(payload, most, is_masked)).collect();
        let mut tap = Tap::default();
        let expected: Vec<_> = payloads.into_iter().map(whole).collect();
        prop_assert_eq!(read(&mut tap, &bytes, chunk), expected);
        prop_assert_eq!(tap.unfinished(), None);
    }

    #[test]
    fn arbitrary_bytes_are_never_held_without_limit(bytes in vec(vec(any::<u8>(), 0..4_000), 0..20)) {
        let mut tap = Tap::default();
        for bytes in bytes {
            tap.read(&bytes);
            prop_assert!(tap.bytes.len() <= FRAME_BYTES_MAX + 4_000);
        }
    }
}

#[test]
fn a_message_that_is_too_long_is_reported_and_the_next_is_read() {
    for most in [usize::MAX, 300_000] {
        let long = vec![1; FRAME_BYTES_MAX + 1];
        let bytes = [message(&long, most, false), message(b"next", most, false)].concat();
        let mut tap = Tap::default();
        let unread = Heard::Unread(long.len() as u64, "the message is longer than 1 MiB");
        assert_eq!(read(&mut tap, &bytes, 16 << 10), [unread, whole(b"next".to_vec())]);
        assert_eq!(tap.unfinished(), None);
    }
    let longest = vec![1; FRAME_BYTES_MAX];
    assert_eq!(read(&mut Tap::default(), &message(&longest, 99_999, true), 16 << 10), [whole(longest)]);
}

#[test]
fn a_message_without_its_beginning_or_its_end_is_reported() {
    let begin = frame(b"half", OpCode::Data(Data::Binary), false, true);
    let unfinished = Heard::Unread(4, "a message ended before its last frame");
    let close = frame(b"", OpCode::Control(Control::Close), true, true);
    let closed = Heard::Message(Opcode(8), Bytes::new());
    let mut tap = Tap::default();
    assert_eq!(read(&mut tap, &[&begin[..], &close].concat(), 3), [unfinished.clone(), closed]);
    assert_eq!(tap.unfinished(), None);
    let next = message(b"next", 9, true);
    let heard = read(&mut tap, &[&begin[..], &next].concat(), 3);
    assert_eq!(heard, [unfinished, whole(b"next".to_vec())]);
    let end = |is_final| frame(b"end", OpCode::Data(Data::Continue), is_final, true);
    let heard = read(&mut tap, &[end(false), end(true), next].concat(), 3);
    assert_eq!(heard, [Heard::Unread(6, "a continuation frame without a message"), whole(b"next".to_vec())]);
}

#[test]
fn a_compressed_message_is_reported() {
    let mut bytes = message(b"packed", 10, false);
    bytes[0] |= 0x40;
    assert_eq!(read(&mut Tap::default(), &bytes, 3), [Heard::Unread(6, "the message is compressed")]);
}

#[test]
fn bytes_that_are_not_frames_are_reported_once() {
    let mut tap = Tap::default();
    let heard = [tap.read(b"\x8f\x00"), tap.read(b"more")].concat();
    assert_eq!(heard, [Heard::Unread(0, "the bytes of the socket are not frames")]);
    assert_eq!(tap.unfinished(), None);
}

#[test]
fn a_cut_message_is_unfinished() {
    let bytes = message(&[1; 10], 4, true);
    for at in 1..bytes.len() {
        let mut tap = Tap::default();
        tap.read(&bytes[..at]);
        assert!(tap.unfinished().is_some(), "cut at {at}");
    }
}
