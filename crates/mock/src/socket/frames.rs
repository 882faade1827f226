//! Frames: those that the mock makes itself, damage to frames, messages that a client is not sent, and WebSocket framing
//! (RFC 6455 §5.2), hand-written because a library cannot send half a frame.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use livetape_core::{
    event::{self, Reading, compose},
    wire::{self, Batch, BatchInfo, Message, Push},
    ws_frame::REASON_BYTES_MAX,
};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tungstenite::protocol::frame::FrameHeader;

use crate::{random::Random, room::Joined, scenario::Compress};

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

    /// A message that was sent before, with another id.
    pub(super) fn again(&mut self, message: Message, offset: Duration) -> Bytes {
        let message = Message { msg_id: self.random.id(), ..message };
        self.batch(vec![message], offset)
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

/// A WebSocket message with its opcode.
type Framed = (u8, Bytes);

/// Damage to frames, by the fault of the same name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Damage {
    BadGzip,
    Truncated,
    UnknownMethod,
    Duplicate,
    Reorder,
}

/// The active frame faults.
#[derive(Debug, Default)]
pub(super) struct Mangler {
    /// Faults, each with the number of frames left.
    active: Vec<(Damage, u32)>,
    /// Frames held back to be sent in reverse.
    held: Vec<Framed>,
}

impl Mangler {
    pub(super) fn add(&mut self, fault: Damage, count: u32) {
        self.active.push((fault, count));
    }

    /// Returns the frames to send in place of `frame`.
    pub(super) fn mangle(&mut self, frame: Framed, maker: &mut Maker, offset: Duration) -> Vec<Framed> {
        let mut frames = vec![frame];
        let mut active = std::mem::take(&mut self.active);
        for (fault, left) in &mut active {
            *left -= 1;
            frames = match fault {
                Damage::BadGzip => frames.into_iter().map(bad_gzip).collect(),
                Damage::Truncated => frames.into_iter().map(truncated).collect(),
                Damage::Duplicate => frames.into_iter().flat_map(|frame| [frame.clone(), frame]).collect(),
                Damage::UnknownMethod => {
                    frames.push((BINARY, maker.unknown(offset)));
                    frames
                }
                Damage::Reorder => {
                    self.held.append(&mut frames);
                    if *left == 0 { self.flush() } else { vec![] }
                }
            };
        }
        active.retain(|(_, left)| *left > 0);
        self.active = active;
        frames
    }

    /// Returns the frames still held back at the end of the recording.
    pub(super) fn flush(&mut self) -> Vec<Framed> {
        let mut held = std::mem::take(&mut self.held);
        held.reverse();
        held
    }
}

/// Recompresses the frame as gzip and cuts it off.
fn bad_gzip((opcode, bytes): Framed) -> Framed {
    let mut faults = Vec::new();
    let push = wire::read_push(&bytes, &mut faults);
    let zipped = wire::zip(&wire::unzip(push.payload.clone(), &mut faults));
    let payload = zipped.slice(..zipped.len() * 2 / 3);
    (opcode, wire::write_push(&Push { payload, compress_type: "gzip".into(), ..push }))
}

/// Returns the first half of the frame, as a complete WebSocket message.
fn truncated((opcode, bytes): Framed) -> Framed {
    (opcode, bytes.slice(..bytes.len() / 2))
}

/// Maximum length of a client message, in bytes. Clients only send heartbeats and acks.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// Returns the head of a final, unmasked frame.
pub(super) fn head(opcode: u8, length: usize) -> Vec<u8> {
    let mut head = Vec::new();
    let header = FrameHeader { opcode: opcode.into(), ..Default::default() };
    header.format(length as u64, &mut head).expect("a vector takes every byte");
    head
}

/// Returns a complete frame.
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// Returns a close frame; code 1005 creates one without a code.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    if code == 1005 {
        return frame(CLOSE, &[]);
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(REASON_BYTES_MAX)]);
    frame(CLOSE, &payload)
}

/// Reads the messages of a client.
#[derive(Debug)]
pub(super) struct Messages<R> {
    io: R,
    buffer: BytesMut,
    /// Opcode and data so far of a fragmented message.
    fragments: Option<(u8, BytesMut)>,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    /// `buffer` holds bytes that were already read.
    pub(super) fn new(io: R, buffer: BytesMut) -> Self {
        Self { io, buffer, fragments: None }
    }

    pub(super) fn into_io(self) -> R {
        self.io
    }

    /// Returns the next message, or `None` if the client is gone or violates the protocol.
    pub(super) async fn next(&mut self) -> Option<(u8, Bytes)> {
        loop {
            while let Some((is_final, opcode, payload)) = self.take().ok()? {
                if opcode >= CLOSE {
                    return Some((opcode, payload.freeze()));
                }
                if let Some(message) = self.assemble(is_final, opcode, payload)? {
                    return Some(message);
                }
            }
            if self.io.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Joins fragments. The outer `None` is an error.
    #[expect(clippy::option_option, reason = "an error, nothing yet, or a message")]
    fn assemble(&mut self, is_final: bool, opcode: u8, payload: BytesMut) -> Option<Option<(u8, Bytes)>> {
        let (opcode, whole) = match (opcode, self.fragments.take()) {
            (0, Some((opcode, mut parts))) => {
                parts.extend_from_slice(&payload);
                (opcode, parts)
            }
            (TEXT | BINARY, None) => (opcode, payload),
            _ => return None,
        };
        if whole.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        if is_final {
            return Some(Some((opcode, whole.freeze())));
        }
        self.fragments = Some((opcode, whole));
        Some(None)
    }

    /// Takes one frame off the buffer, if it is complete.
    fn take(&mut self) -> Result<Option<(bool, u8, BytesMut)>, ()> {
        let bytes = &self.buffer;
        let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
        if second & 0x80 == 0 {
            // Frames from a client must be masked.
            return Err(());
        }
        let extra = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(length) = bytes.get(2..2 + extra) else { return Ok(None) };
        let length = match extra {
            0 => u64::from(second & 0x7f),
            _ => length.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= MESSAGE_BYTES_MAX).ok_or(())?;
        let start = 2 + extra + 4;
        if bytes.len() < start + length {
            return Ok(None);
        }
        let mask = [bytes[start - 4], bytes[start - 3], bytes[start - 2], bytes[start - 1]];
        self.buffer.advance(start);
        let mut payload = self.buffer.split_to(length);
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        Ok(Some((first & 0x80 != 0, first & 0x0f, payload)))
    }
}

/// Messages that are lost.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) seed: u64,
    pub(super) methods: Vec<String>,
    pub(super) senders: Vec<String>,
    pub(super) share: f64,
}

/// The active losses of a connection.
#[derive(Debug, Default)]
pub(super) struct Losses(pub(super) Vec<Loss>);

impl Losses {
    /// Removes what is lost. Returns whether anything is.
    pub(super) fn take_from(&self, messages: &mut Vec<Message>) -> bool {
        let before = messages.len();
        messages.retain(|message| !self.0.iter().any(|loss| loss.has(message)));
        messages.len() < before
    }

    /// Returns a frame without what is lost, if anything is. It stays, even without a message left, and so does what
    /// cannot be read.
    pub(super) fn thinned(&self, frame: &Bytes) -> Option<Bytes> {
        if self.0.is_empty() {
            return None;
        }
        let mut faults = Vec::new();
        let push = wire::read_push(frame, &mut faults);
        if !push.holds_batch() {
            return None;
        }
        let plain = wire::unzip(push.payload.clone(), &mut faults);
        let mut batch = wire::read_batch(&plain, &mut faults);
        if !faults.is_empty() || !self.take_from(&mut batch.messages) {
            return None;
        }
        let thinned = wire::write_batch(&batch);
        let payload = if plain == push.payload { thinned } else { wire::zip(&thinned) };
        Some(wire::write_push(&Push { payload, ..push }))
    }

    /// Returns a first batch without what is lost.
    pub(super) fn thinned_batch(&self, bytes: Bytes) -> Bytes {
        let mut faults = Vec::new();
        let Batch { mut messages, info } = wire::read_batch(&bytes, &mut faults);
        if !faults.is_empty() || !self.take_from(&mut messages) {
            return bytes;
        }
        wire::write_batch(&Batch { messages, info })
    }
}

impl Loss {
    /// Whether a message is lost: each time that it is sent, or never.
    fn has(&self, message: &Message) -> bool {
        /// Number of different shares, 2^53.
        const SHARES: f64 = (1_u64 << 53) as f64;
        let by = |message: &Message| match event::read_message(message, &mut Vec::new()) {
            Reading::Known(known) => known.user.map(|user| user.unique_id),
            Reading::Unknown | Reading::Broken(_) => None,
        };
        let is_method = self.methods.is_empty() || self.methods.iter().any(|it| *it == message.method);
        let is_sender =
            || self.senders.is_empty() || by(message).is_some_and(|name| self.senders.contains(&name));
        let number = u64::from(crc32fast::hash(&message.payload));
        let share = || (Random::new(self.seed, number).next() >> 11) as f64 / SHARES;
        is_method && is_sender() && share() < self.share
    }
}
