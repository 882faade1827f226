//! Hand-written WebSocket framing (RFC 6455 §5.2), because a library cannot send half a frame.

use bytes::{Buf as _, Bytes, BytesMut};
use livetape_core::ws_frame;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Maximum length of a client message, in bytes. Clients only send heartbeats and acks.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// Returns the head of a final, unmasked frame.
pub(super) fn head(opcode: u8, length: usize) -> Vec<u8> {
    let (head, bytes) = ws_frame::head(opcode, length);
    head[..bytes].to_vec()
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
    payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(ws_frame::REASON_BYTES_MAX)]);
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
