//! Tests of the hub.

mod batches;
mod ends;
mod model;
mod pacing;
mod relay;
mod rules;

use std::{collections::VecDeque, io::Cursor};

use bytes::{Buf as _, Bytes};
use futures_util::FutureExt as _;
use livetape_core::event::{
    Chat, ConnectionCreated, Data, Disconnected, Event, Failure, Gift, Millis, Unknown,
};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Data::Text, OpCode},
};

use super::*;

/// Returns a channel `s` with capacity for `events_max` events.
fn hub(events_max: u64) -> Hub {
    Hub::new("s".to_owned(), Limits { events_max, ..Limits::default() })
}

fn event(data: Data) -> Event {
    let time = Millis(1_757_443_453_511);
    Event {
        username: "ann".into(),
        user: None,
        timestamp: time,
        ts: time,
        id: None,
        replay: true,
        injected: false,
        data,
    }
}

fn chat(comment: &str) -> Event {
    event(Data::Chat(Chat { comment: comment.into(), ..Chat::default() }))
}

fn chats(count: usize) -> Vec<Event> {
    (0..count).map(|i| chat(&i.to_string())).collect()
}

fn connected() -> Event {
    event(Data::ConnectionCreated(ConnectionCreated::default()))
}

fn disconnected() -> Event {
    event(Data::Disconnected(Disconnected::default()))
}

fn failed(retrying: bool) -> Event {
    event(Data::Failure(Failure { attempt: 1, retrying, ..Failure::default() }))
}

fn unknown() -> Event {
    event(Data::Unknown(Unknown::default()))
}

/// Returns a gift of 5 diamonds, by total count, increment, and increment since the last final.
fn gift(repeat_count: i32, repeat_delta: i32, delta_since_final: i32) -> Gift {
    Gift { diamond_count: 5, repeat_count, repeat_delta, delta_since_final, ..Gift::default() }
}

/// Returns a position in the channel of [`hub`].
fn after(seq: u64) -> Option<Since> {
    Some(Since::After { stream: "s".to_owned(), seq })
}

/// Reads everything available without waiting. Also returns how the feed ended, if it did.
fn drain(subscriber: &mut Subscriber) -> (Vec<Bytes>, Option<Next>) {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    loop {
        match subscriber.next(&mut batch).now_or_never() {
            Some(Next::Events) => all.append(&mut batch),
            end => return (all, end),
        }
    }
}

/// Like [`drain`], the way a channel writer reads.
fn write(subscriber: &mut Subscriber, batches: &mut Batches) -> (Vec<Bytes>, Option<Next>) {
    let mut pieces = VecDeque::new();
    loop {
        match subscriber.frames(batches, &mut pieces) {
            Some(Next::Events) => subscriber.written(),
            end => return (pieces.iter().flat_map(texts).collect(), end),
        }
    }
}

/// Splits whole frames into their texts.
fn texts(frames: &Bytes) -> Vec<Bytes> {
    let (mut texts, mut rest) = (Vec::new(), frames.clone());
    while !rest.is_empty() {
        let mut head = Cursor::new(&rest[..]);
        let (header, length) = FrameHeader::parse(&mut head).unwrap().unwrap();
        assert_eq!((header.opcode, header.is_final), (OpCode::Data(Text), true));
        rest.advance(head.position() as usize);
        texts.push(rest.split_to(length as usize));
    }
    texts
}

fn json(line: &[u8]) -> serde_json::Value {
    serde_json::from_slice(line).unwrap()
}

/// Returns the sequence numbers of the available events.
fn seqs(subscriber: &mut Subscriber) -> Vec<u64> {
    drain(subscriber).0.iter().map(|line| json(line)["seq"].as_u64().unwrap_or(0)).collect()
}

fn join(hub: &Hub, join: &Join) -> Subscriber {
    hub.join(join).unwrap()
}
