//! What redaction keeps and what it masks. Tests of the recorder plant secrets everywhere.

use bytes::Bytes;
use livetape_core::{
    recording::{Flags, Frame, Item, Opcode, What},
    redact::redact,
    wire::{Push, write_push},
};
use memchr::memmem;
use proptest::prelude::*;

use crate::{item, recording::any_items, session_items};

proptest! {
    #[test]
    fn redaction_accepts_any_item_and_is_idempotent(items in any_items()) {
        for item in items {
            let once = redact(item);
            prop_assert_eq!(redact(once.clone()), once);
        }
    }
}

/// Returns the bytes of a recorded frame.
fn recorded_frame(opcode: Opcode, bytes: impl Into<Bytes>, is_sent: bool) -> Vec<u8> {
    let flags = Flags(if is_sent { Flags::SENT } else { 0 });
    let redacted = redact(Item { flags, ..item(0, What::Frame(Frame { opcode, bytes: bytes.into() })) });
    assert_eq!(redact(redacted.clone()), redacted, "twice is as once");
    let What::Frame(frame) = redacted.what else { unreachable!() };
    frame.bytes.to_vec()
}

#[test]
fn frames_from_clients_keep_only_what_a_room_needs() {
    let push = |kind: &str, payload: &'static [u8]| {
        let push =
            Push { payload_type: kind.into(), payload: payload.into(), log_id: 9, ..Default::default() };
        write_push(&push).to_vec()
    };
    let enter = b"\x08\x07\x20\x0c\x2a\x08audience\x4a\x010";
    let ext = b"internal_src:dim|wss_push_room_id:7|wss_push_did:7300000000000000001|first_req_ms:1";
    for kept in [
        push("hb", b"\x08\x07\x10\x01"),
        push("hb", b""),
        push("im_enter_room", enter),
        push("ack", ext),
        push("ack", b"-"),
    ] {
        assert_eq!(recorded_frame(Opcode::BINARY, kept.clone(), true), kept);
    }
    for (planted, is_sent) in [
        (push("ack", b"sessionid=planted"), true),
        (push("im_enter_room", b"\x2a\x11sessionid=planted"), true),
        (push("im_enter_room", b"\x62\x07planted"), true),
        (push("login", b"planted"), true),
        (push("msg", b"planted"), true),
        (b"planted".to_vec(), true),
        ([&push("hb", b"")[..], b"\x2a\x12\x0a\x07msToken\x12\x07planted"].concat(), true),
        ([&push("msg", b"")[..], b"\x2a\x12\x0a\x07msToken\x12\x07planted"].concat(), false),
        ([&push("msg", b"")[..], b"\x2a\x11\x0a\x06cookie\x12\x07planted"].concat(), false),
        (push("new", b"{\"msToken\":\"planted\"}"), false),
    ] {
        let bytes = recorded_frame(Opcode::BINARY, planted.clone(), is_sent);
        assert_ne!(bytes, planted);
        assert!(memmem::find(&bytes, b"planted").is_none(), "{:?}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(recorded_frame(Opcode::TEXT, "msToken planted", false), b"***");
    assert_eq!(recorded_frame(Opcode::TEXT, "{\"sessionid\":\"planted\"}", true), b"***");
    let header = [&push("msg", b"")[..], b"\x2a\x15\x0a\x0dcompress_type\x12\x04gzip"].concat();
    assert_eq!(recorded_frame(Opcode::BINARY, header.clone(), false), header);
}

/// The committed recordings contain no secrets, so recording them does not change them.
#[test]
fn real_frames_are_not_touched() {
    for n in 1..=3 {
        for item in session_items(n) {
            assert_eq!(redact(item.clone()), item);
        }
    }
}
