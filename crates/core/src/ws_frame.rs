//! Heads of WebSocket frames (RFC 6455 §5.2), as a server writes them: final, and not masked.

/// The opcode of a whole text.
pub const TEXT: u8 = 1;
/// The longest head, in bytes.
pub const HEAD_BYTES_MAX: usize = 10;

const FINAL: u8 = 0x80;
/// The length is in the two bytes behind this, or in the eight.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// The head of a frame with `length` bytes of payload, at the start of an array, and its length.
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
