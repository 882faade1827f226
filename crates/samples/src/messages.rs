//! A small recording, composed message by message.

use livetape_core::{
    event::{Id, Person, compose},
    recording::{Flags, Frame, Item, Opcode, What, records},
    wire::{self, Batch, Message, Push},
};

use crate::item;

pub const ROOM: i64 = 7_300_000_000_000_000_001;

/// 2024-01-01T00:00:00Z, the time of offset 0 in [`recording`](crate::recording()).
pub const ANCHOR_MS: i64 = 1_704_067_200_000;

pub fn person(name: &str) -> Person {
    let user_id = Id(i64::from(crc32fast::hash(name.as_bytes())));
    Person { user_id, unique_id: name.into(), nickname: name.to_uppercase(), avatar: "".into() }
}

pub fn stamp(msg_id: i64, at_ms: u64) -> compose::Stamp {
    compose::Stamp { msg_id, room_id: ROOM, create_time: ANCHOR_MS + i64::try_from(at_ms).unwrap() }
}

pub fn chat(msg_id: i64, at_ms: u64, name: &str, text: &str) -> Message {
    compose::chat(stamp(msg_id, at_ms), &person(name), text)
}

pub fn rose(msg_id: i64, at_ms: u64, name: &str, count: i32, end: bool, group_id: i64) -> Message {
    let gift = compose::Gift { repeat_count: count, repeat_end: end, group_id, ..compose::Gift::default() };
    compose::gift(stamp(msg_id, at_ms), &person(name), &gift)
}

pub fn history(message: Message) -> Message {
    Message { is_history: true, ..message }
}

/// Opens a connection to `room_id`.
pub fn open(conn: u32, at_ms: u64, user: &str, room_id: i64) -> Item {
    let open = records::ConnOpen { room_id, unique_id: user.into(), attempt: 1, ..Default::default() };
    Item { conn, ..item(at_ms, What::ConnOpen(open)) }
}

pub fn close(conn: u32, at_ms: u64, code: u32, will_retry: bool) -> Item {
    let close = records::ConnClose { code, will_retry, reason: "bye".into(), ..Default::default() };
    Item { conn, ..item(at_ms, What::ConnClose(close)) }
}

/// Encodes a batch.
pub fn batch(messages: Vec<Message>) -> bytes::Bytes {
    wire::write_batch(&Batch { messages, ..Batch::default() })
}

/// Builds a frame with a batch.
pub fn frame(at_ms: u64, messages: Vec<Message>) -> Item {
    let push = Push {
        log_id: at_ms + 1,
        payload_type: "msg".into(),
        payload_encoding: "pb".into(),
        compress_type: "gzip".into(),
        payload: wire::zip(&batch(messages)),
        ..Push::default()
    };
    raw_frame(at_ms, wire::write_push(&push))
}

/// Builds a frame of arbitrary bytes.
pub fn raw_frame(at_ms: u64, bytes: impl Into<bytes::Bytes>) -> Item {
    item(at_ms, What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() }))
}

/// Moves an item to another connection.
pub fn on(conn: u32, item: Item) -> Item {
    Item { conn, flags: Flags::default(), ..item }
}

/// Chat, a like burst, a streak without its final, silence, a reconnect with history, an end.
pub fn show() -> Vec<Item> {
    let like = compose::like(stamp(13, 900), &person("bob"), 15, 1_500);
    let follow = compose::follow(stamp(14, 901), &person("carol"), 1);
    let unknown = Message {
        method: "WebcastNewThingMessage".into(),
        payload: "?".into(),
        msg_id: 15,
        is_history: false,
    };
    vec![
        open(1, 0, "ann", ROOM),
        frame(250, vec![history(chat(10, 0, "bob", "before")), chat(11, 240, "bob", "hello")]),
        frame(900, vec![chat(11, 240, "bob", "hello"), like, follow, unknown]),
        frame(1_000, vec![rose(20, 990, "bob", 1, false, 77)]),
        frame(2_000, vec![rose(21, 1_990, "bob", 5, false, 77)]),
        frame(2_500, vec![rose(22, 2_400, "dora", 1, false, 88), rose(23, 2_450, "dora", 1, true, 88)]),
        // The final of bob's streak never arrives, so the decoder infers it at 62,000.
        frame(70_000, vec![chat(12, 69_990, "erin", "still here")]),
        close(1, 70_500, 1006, true),
        open(2, 72_000, "ann", ROOM),
        on(
            2,
            frame(
                72_100,
                vec![
                    history(chat(12, 69_990, "erin", "still here")),
                    history(chat(31, 71_000, "erin", "missed")),
                ],
            ),
        ),
        on(2, frame(73_000, vec![compose::control(stamp(40, 73_000), 3)])),
        close(2, 73_100, 1000, false),
    ]
}
