//! Fault-tolerant decoding of one protobuf message.

use std::fmt;

use bytes::Bytes;
use prost::DecodeError;

use super::{Fault, FaultKind, RawFields, RawValue, write_bytes};

/// Maximum nesting that [`repair_utf8`] follows. Deeper parts stay unchanged.
const REPAIR_DEPTH_MAX: u32 = 32;

/// Decodes `bytes` with `read`, which returns the message and the result. If this fails, repairs texts that
/// are not valid UTF-8 and tries again, adding faults. If the message is still malformed, returns `false` with
/// the part before the error, and adds a fault of `kind`.
///
/// `opaque` lists fields that contain no text, and are never repaired.
pub(crate) fn merge<T, E: fmt::Display>(
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
    let (mut fields, mut out, mut repaired) = (RawFields::of(bytes), Vec::with_capacity(bytes.len()), false);
    while let Some(field) = fields.try_next().ok()? {
        match field.value {
            RawValue::Bytes(value) if !opaque.contains(&field.number) => {
                if let Some(mended) = mend(value, depth) {
                    write_bytes(field.number, &mended, &mut out);
                    repaired = true;
                    continue;
                }
            }
            RawValue::Group(_) => return None,
            _ => {}
        }
        out.extend_from_slice(field.whole);
    }
    repaired.then_some(out)
}

/// Repairs a value; returns `None` if it needs no repair. A value that can be parsed as protobuf is treated
/// as a message.
fn mend(value: &[u8], depth: u32) -> Option<Vec<u8>> {
    if std::str::from_utf8(value).is_ok() {
        return None;
    }
    let mut fields = RawFields::of(value);
    let is_message =
        fields.by_ref().all(|field| !matches!(field.value, RawValue::Group(_))) && fields.rest().is_empty();
    match repair_utf8(value, &[], depth + 1) {
        Some(mended) => Some(mended),
        None if is_message => None,
        None => Some(String::from_utf8_lossy(value).into_owned().into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use prost::{Message as _, encoding::encode_varint};

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
