//! Headers of WebSocket frames (RFC 6455 §5.2) from a server: final and unmasked.

use bytes::Bytes;

/// Maximum length of the reason in a close frame, in bytes: the space beside the code (RFC 6455 §5.5).
pub const REASON_BYTES_MAX: usize = 123;
/// Opcode of a complete text message.
pub const TEXT: u8 = 1;
/// Opcode of a complete binary message.
pub const BINARY: u8 = 2;
/// Opcode of a ping.
pub const PING: u8 = 9;
/// Maximum length of a header, in bytes.
pub const HEAD_BYTES_MAX: usize = 10;

const FINAL: u8 = 0x80;
/// The length is in the next two bytes, or eight for [`LENGTH_64`].
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// Returns the header of a frame with a payload of `length` bytes: an array, and how much of it is used.
#[must_use]
pub fn head(opcode: u8, length: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
    let mut head = [0; HEAD_BYTES_MAX];
    head[0] = FINAL | opcode;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < LENGTH_16 => {
            head[1] = short;
            (head, 2)
        }
        (_, Ok(length)) => {
            head[1] = LENGTH_16;
            head[2..4].copy_from_slice(&length.to_be_bytes());
            (head, 4)
        }
        _ => {
            head[1] = LENGTH_64;
            head[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (head, HEAD_BYTES_MAX)
        }
    }
}

/// Returns a whole frame.
#[must_use]
pub fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let (head, length) = head(opcode, payload.len());
    [&head[..length], payload].concat().into()
}
