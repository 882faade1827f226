//! Frames created by the mock itself.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::wire::{self, Batch, BatchInfo, Message, Push, compose};

use super::super::{random::Random, room::Joined, scenario::Compress};

/// A method that is not part of any schema.
const UNKNOWN_METHOD: &str = "WebcastMockUnknownMessage";
/// Action of the control message at the end of a stream.
const ENDED: i32 = 3;

/// Creates frames, the same ones on every run.
#[derive(Debug)]
pub(super) struct Maker {
    random: Random,
    /// Whether frames are compressed.
    is_gzip: bool,
    /// Whether the answer to `im_enter_room` is the first batch. After a signing response it is not.
    is_first: bool,
    seq_id: u64,
    room_id: i64,
    wall_ms: i64,
}

impl Maker {
    /// `asks_gzip`: whether the client requests compressed frames.
    pub(super) fn new(random: Random, asks_gzip: bool, joined: &Joined) -> Self {
        let show = &joined.settings.show;
        let is_gzip = match joined.settings.compress {
            Compress::Asked => asks_gzip,
            Compress::Always => true,
            Compress::Never => false,
        };
        let is_first = !joined.is_signed;
        Self { random, is_gzip, is_first, seq_id: 0, room_id: show.room_id, wall_ms: show.wall_ms }
    }

    /// A recorded frame for this client. Real servers send gzip only to clients that ask for it
    /// (docs/protocol.md §3.4).
    pub(super) fn recorded(&self, frame: &Bytes) -> Bytes {
        if self.is_gzip { frame.clone() } else { wire::without_gzip(frame) }
    }

    /// A batch of earlier chats.
    pub(super) fn history(&mut self, messages: Vec<Message>, offset: Duration) -> Bytes {
        self.batch(messages, offset)
    }

    /// The end of the stream.
    pub(super) fn ended(&mut self, offset: Duration) -> Bytes {
        let create_time = self.wall_at(offset);
        let stamp = compose::Stamp { msg_id: self.random.id(), room_id: self.room_id, create_time };
        self.batch(vec![compose::control(stamp, ENDED)], offset)
    }

    /// A message of an unknown method.
    pub(super) fn unknown(&mut self, offset: Duration) -> Bytes {
        let message = Message {
            method: UNKNOWN_METHOD.into(),
            payload: Bytes::from_static(b"\x08\x01"),
            msg_id: self.random.id(),
            is_history: false,
        };
        self.batch(vec![message], offset)
    }

    /// The answer to `im_enter_room`: `batch`, or an empty one.
    pub(super) fn entered(&mut self, batch: Option<Bytes>, offset: Duration) -> Bytes {
        let batch = batch.unwrap_or_else(|| {
            let info = BatchInfo { is_first: self.is_first, ..self.info(offset, false) };
            wire::write_batch(&Batch { messages: vec![], info })
        });
        self.push("im_enter_room_resp", &batch)
    }

    /// The echo of a heartbeat.
    pub(super) fn heartbeat(&mut self, push: &Push) -> Bytes {
        wire::write_push(&Push {
            payload_type: "hb".into(),
            payload_encoding: "pb".into(),
            payload: push.payload.clone(),
            ..Push::default()
        })
    }

    /// A frame that tells the client to close.
    pub(super) fn close(&mut self) -> Bytes {
        self.push("close", &[])
    }

    fn batch(&mut self, messages: Vec<Message>, offset: Duration) -> Bytes {
        let info = self.info(offset, true);
        self.push("msg", &wire::write_batch(&Batch { messages, info }))
    }

    fn info(&self, offset: Duration, need_ack: bool) -> BatchInfo {
        let now_ms = self.wall_at(offset);
        BatchInfo {
            cursor: format!("{now_ms}_{}_1_0_0", self.room_id),
            internal_ext: format!("internal_src:mock|wss_push_room_id:{}|fetch_time:{now_ms}", self.room_id),
            need_ack,
            now_ms,
            heartbeat_ms: 10_000,
            ..BatchInfo::default()
        }
    }

    fn push(&mut self, payload_type: &str, payload: &[u8]) -> Bytes {
        self.seq_id += 1;
        let compress_type = if self.is_gzip { "gzip" } else { "none" };
        wire::write_push(&Push {
            seq_id: self.seq_id,
            log_id: self.random.id().unsigned_abs(),
            payload_type: payload_type.into(),
            payload_encoding: "pb".into(),
            compress_type: compress_type.into(),
            payload: if self.is_gzip { wire::zip(payload) } else { Bytes::copy_from_slice(payload) },
        })
    }

    fn wall_at(&self, offset: Duration) -> i64 {
        self.wall_ms.saturating_add(i64::try_from(offset.as_millis()).unwrap_or_default())
    }
}
