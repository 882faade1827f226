//! Reads the messages in one direction of a WebSocket whose bytes pass by.

use std::io::Cursor;

use bytes::{Buf as _, Bytes, BytesMut};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use super::super::live::FRAME_BYTES_MAX;
use crate::sans_io::recording::Opcode;

/// Something read from the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A complete message, or a control frame.
    Message(Opcode, Bytes),
    /// A message that could not be read: its length so far, and why.
    Unread(u64, &'static str),
}

/// Reader of frames that accepts input in arbitrary chunks. Holds at most two of the largest messages: the frames of one
/// message so far, and one frame.
#[derive(Debug, Default)]
pub(super) struct Tap {
    bytes: BytesMut,
    /// Message of which some frames were read.
    message: Option<Partial>,
    /// Number of bytes to skip, of a frame that is too long.
    skip: u64,
    /// Whether the stream is not a WebSocket any more.
    is_broken: bool,
}

/// The frames of a message so far.
#[derive(Debug)]
struct Partial {
    opcode: Opcode,
    bytes: BytesMut,
    /// Total length, including skipped frames.
    length: u64,
    /// Why the message cannot be kept.
    unread: Option<&'static str>,
}

impl Tap {
    /// Reads the next chunk.
    pub(super) fn read(&mut self, chunk: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        if self.is_broken {
            return heard;
        }
        self.bytes.extend_from_slice(chunk);
        while self.frame(&mut heard) {}
        heard
    }

    /// Returns the number of bytes read of an incomplete message.
    pub(super) fn unfinished(&self) -> Option<u64> {
        let length = self.message.as_ref().map_or(0, |message| message.length) + self.bytes.len() as u64;
        (!self.is_broken && (self.message.is_some() || length > 0)).then_some(length)
    }

    /// Reads the next frame. Returns `false` if it is not complete.
    fn frame(&mut self, heard: &mut Vec<Heard>) -> bool {
        let skipped = self.skip.min(self.bytes.len() as u64);
        self.skip -= skipped;
        self.bytes.advance(usize::try_from(skipped).unwrap_or(usize::MAX));
        if self.skip > 0 {
            return false;
        }
        if skipped > 0 {
            return true;
        }
        let mut cursor = Cursor::new(&self.bytes[..]);
        let (header, length) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return false,
            Err(_) => {
                self.is_broken = true;
                heard.push(Heard::Unread(0, "the bytes of the socket are not frames"));
                return false;
            }
        };
        let head_bytes = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let is_long = length > FRAME_BYTES_MAX as u64;
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if !is_long && self.bytes.len() - head_bytes < size {
            return false;
        }
        self.bytes.advance(head_bytes);
        let payload = if is_long { Bytes::new() } else { self.payload(&header, size) };
        if is_long {
            self.skip = length;
        }
        self.take(&header, length, &payload, heard);
        true
    }

    /// Takes and unmasks the payload of a frame.
    fn payload(&mut self, header: &FrameHeader, size: usize) -> Bytes {
        let mut payload = self.bytes.split_to(size);
        if let Some(mask) = header.mask {
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
        payload.freeze()
    }

    fn take(&mut self, header: &FrameHeader, length: u64, payload: &Bytes, heard: &mut Vec<Heard>) {
        let opcode = Opcode(header.opcode.into());
        if let OpCode::Control(control) = header.opcode {
            if control == Control::Close {
                self.give_up(heard);
            }
            return heard.push(Heard::Message(opcode, payload.clone()));
        }
        let is_first = header.opcode != OpCode::Data(Data::Continue);
        if is_first {
            self.give_up(heard);
        }
        let unread = (!is_first).then_some("a continuation frame without a message");
        let mut message =
            self.message.take().unwrap_or(Partial { opcode, bytes: BytesMut::new(), length: 0, unread });
        message.length += length;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            message.unread = Some("the message is compressed");
        } else if message.length > FRAME_BYTES_MAX as u64 {
            message.unread = Some("the message is longer than 1 MiB");
        }
        let whole = if message.unread.is_some() {
            message.bytes = BytesMut::new();
            Bytes::new()
        } else if is_first && header.is_final {
            payload.clone()
        } else {
            message.bytes.extend_from_slice(payload);
            Bytes::new()
        };
        match (header.is_final, message.unread) {
            (false, _) => self.message = Some(message),
            (true, Some(why)) => heard.push(Heard::Unread(message.length, why)),
            (true, None) if is_first => heard.push(Heard::Message(message.opcode, whole)),
            (true, None) => heard.push(Heard::Message(message.opcode, message.bytes.freeze())),
        }
    }

    /// Reports a message whose last frame will not come.
    fn give_up(&mut self, heard: &mut Vec<Heard>) {
        if let Some(message) = self.message.take() {
            heard.push(Heard::Unread(message.length, "a message ended before its last frame"));
        }
    }
}

#[cfg(test)]
mod tests;
