//! Fault-tolerant decoding of one protobuf message.

use std::fmt;

use bytes::Bytes;
use prost::{
    DecodeError,
    encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint},
};

use super::{Fault, FaultKind};

/// Maximum nesting that [`repair_utf8`] follows. Deeper parts stay unchanged.
const REPAIR_DEPTH_MAX: u32 = 32;

/// Decodes `bytes` with `read`, which returns the message and the result. If this fails, repairs texts that
/// are not valid UTF-8 and tries again, adding faults. If the message is still malformed, returns `false` with
/// the part before the error, and adds a fault of `kind`.
///
/// `opaque` lists fields that contain no text, and are never repaired.
pub(super) fn merge<T, E: fmt::Display>(
    bytes: &Bytes,
    opaque: &[u32],
    kind: FaultKind,
    faults: &mut Vec<Fault>,
    mut read: impl FnMut(&Bytes) -> (T, Result<(), E>),
) -> (T, bool) {
    let (value, result) = read(bytes);
    let Err(broken) = result else { return (value, true) };
    if let Some(mended) = repair_utf8(bytes, opaque, 0).map(Bytes::from)
        && let (value, Ok(())) = read(&mended)
    {
        faults.push(Fault::new(FaultKind::BadUtf8, "text is not UTF-8; invalid bytes were replaced"));
        return (value, true);
    }
    faults.push(Fault::new(kind, broken));
    (value, false)
}

/// Decodes a message, and returns the result with the fields before an error. Payloads are not copied.
pub(super) fn fields<M: prost::Message + Default>(bytes: &Bytes) -> (M, Result<(), DecodeError>) {
    let mut message = M::default();
    let result = message.merge(bytes.clone());
    (message, result)
}

/// Replaces invalid UTF-8 in every length-delimited field that is not a message. Returns `None` if `bytes`
/// are not protobuf or need no repair.
fn repair_utf8(bytes: &[u8], opaque: &[u32], depth: u32) -> Option<Vec<u8>> {
    if depth > REPAIR_DEPTH_MAX {
        return None;
    }
    let (mut rest, mut out, mut repaired) = (bytes, Vec::with_capacity(bytes.len()), false);
    while !rest.is_empty() {
        let before = rest;
        let (field, wire_type) = decode_key(&mut rest).ok()?;
        match wire_type {
            WireType::Varint => drop(decode_varint(&mut rest).ok()?),
            WireType::ThirtyTwoBit => rest = rest.get(4..)?,
            WireType::SixtyFourBit => rest = rest.get(8..)?,
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let value = rest.get(..length)?;
                rest = &rest[length..];
                if !opaque.contains(&field)
                    && let Some(mended) = mend(value, depth)
                {
                    encode_key(field, wire_type, &mut out);
                    encode_varint(mended.len() as u64, &mut out);
                    out.extend_from_slice(&mended);
                    repaired = true;
                    continue;
                }
            }
            WireType::StartGroup | WireType::EndGroup => return None,
        }
        out.extend_from_slice(&before[..before.len() - rest.len()]);
    }
    repaired.then_some(out)
}

/// Repairs a value; returns `None` if it needs no repair. A value that can be parsed as protobuf is treated
/// as a message.
fn mend(value: &[u8], depth: u32) -> Option<Vec<u8>> {
    if std::str::from_utf8(value).is_ok() {
        return None;
    }
    let is_message = is_protobuf(value);
    match repair_utf8(value, &[], depth + 1) {
        Some(mended) => Some(mended),
        None if is_message => None,
        None => Some(String::from_utf8_lossy(value).into_owned().into_bytes()),
    }
}

/// Whether `bytes` consist entirely of valid protobuf fields.
fn is_protobuf(bytes: &[u8]) -> bool {
    fn walk(mut rest: &[u8]) -> Option<()> {
        while !rest.is_empty() {
            let (_, wire_type) = decode_key(&mut rest).ok()?;
            let length = match wire_type {
                WireType::Varint => {
                    decode_varint(&mut rest).ok()?;
                    0
                }
                WireType::ThirtyTwoBit => 4,
                WireType::SixtyFourBit => 8,
                WireType::LengthDelimited => usize::try_from(decode_varint(&mut rest).ok()?).ok()?,
                WireType::StartGroup | WireType::EndGroup => return None,
            };
            rest = rest.get(length..)?;
        }
        Some(())
    }
    walk(bytes).is_some()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::{
        super::{used, webcast},
        *,
    };

    fn chat(nickname: &[u8]) -> Bytes {
        // Generated types only accept valid strings, so the invalid bytes are inserted afterwards.
        let filler = "#".repeat(nickname.len());
        let user =
            webcast::User { id: 6_953_242_736_466_010_434, nickname: filler.clone(), ..Default::default() };
        let chat = webcast::Chat { user: Some(user), content: "hello".into(), ..Default::default() };
        let mut bytes = chat.encode_to_vec();
        let at = bytes.windows(nickname.len()).position(|at| at == filler.as_bytes()).unwrap();
        bytes[at..at + nickname.len()].copy_from_slice(nickname);
        Bytes::from(bytes)
    }

    /// Returns nickname, id and content; whether the message is complete; and the faults.
    fn read(bytes: &Bytes) -> ((String, i64, String), bool, Vec<FaultKind>) {
        let mut faults = vec![];
        let (chat, complete) = merge(bytes, &[], FaultKind::BadMessage, &mut faults, fields::<used::Chat>);
        let user = chat.user.unwrap_or_default();
        let kinds = faults.iter().map(|fault| fault.kind).collect();
        ((user.nickname, user.id, chat.content), complete, kinds)
    }

    #[test]
    fn a_nickname_with_invalid_utf8_is_repaired() {
        let ((nickname, id, content), complete, faults) = read(&chat(b"Zo\xeb!"));
        assert_eq!((nickname.as_str(), id), ("Zo\u{fffd}!", 6_953_242_736_466_010_434));
        assert_eq!((content.as_str(), complete, faults), ("hello", true, vec![FaultKind::BadUtf8]));
    }

    #[test]
    fn valid_texts_are_left_alone() {
        let ((nickname, ..), complete, faults) = read(&chat("Zo\u{eb}".as_bytes()));
        assert_eq!((nickname.as_str(), complete, faults), ("Zo\u{eb}", true, vec![]));
    }

    #[test]
    fn the_beginning_of_a_malformed_message_is_kept() {
        let bytes = chat(b"Ann");
        let ((nickname, ..), complete, faults) = read(&bytes.slice(..bytes.len() - 2));
        assert_eq!((nickname.as_str(), complete), ("Ann", false));
        assert_eq!(faults, [FaultKind::BadMessage]);
    }

    #[test]
    fn deep_nesting_is_bounded() {
        let mut bytes = vec![0xff];
        for _ in 0..200 {
            let mut outer = vec![0x0a];
            encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        bytes[0] = 0x1a; // A field that could be text.
        let (_, complete, faults) = read(&Bytes::from(bytes));
        assert_eq!((complete, faults.len()), (false, 1));
    }
}
