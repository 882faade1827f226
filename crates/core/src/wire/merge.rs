//! Decoding of one protobuf message that keeps what it can.

use bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use super::{Fault, FaultKind, view::Broken};

/// Deepest nesting that [`repair_utf8`] follows; deeper parts stay as they are.
const REPAIR_DEPTH_MAX: u32 = 32;

/// Reads `bytes`, a part of `whole`, by `read`, which is given both and gives what it could read. Texts that are not UTF-8 are mended (a fault says so). If the
/// rest is broken, `false` comes with what was read before the break, and a fault of `kind`.
///
/// `opaque` are the fields that are no texts and hold none: they are never mended.
pub(super) fn merge<T>(
    whole: &Bytes,
    bytes: &[u8],
    opaque: &[u32],
    kind: FaultKind,
    faults: &mut Vec<Fault>,
    read: impl Fn(&Bytes, &[u8]) -> (T, Result<(), Broken>),
) -> (T, bool) {
    let (value, result) = read(whole, bytes);
    let Err(broken) = result else { return (value, true) };
    if let Some(mended) = repair_utf8(bytes, opaque, 0).map(Bytes::from)
        && let (value, Ok(())) = read(&mended, &mended)
    {
        faults.push(Fault::new(FaultKind::BadUtf8, "a text is not UTF-8; its bad bytes were replaced"));
        return (value, true);
    }
    faults.push(Fault::new(kind, broken));
    (value, false)
}

/// Replaces, in every length-delimited field that is neither UTF-8 nor a message, the bytes that are not UTF-8.
/// `None` if `bytes` are no protobuf or hold nothing to mend.
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

/// The mended value; `None` if it stays as it is. What reads as protobuf is taken for a message, not for a text.
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

/// Whether `bytes` read as a sequence of protobuf fields to the very end.
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
        super::{view, views, webcast},
        *,
    };

    fn chat(nickname: &[u8]) -> Bytes {
        // The generated types hold texts only, so the bad bytes are put in afterwards.
        let filler = "#".repeat(nickname.len());
        let user =
            webcast::User { id: 6_953_242_736_466_010_434, nickname: filler.clone(), ..Default::default() };
        let chat = webcast::Chat { user: Some(user), content: "hello".into(), ..Default::default() };
        let mut bytes = chat.encode_to_vec();
        let at = bytes.windows(nickname.len()).position(|at| at == filler.as_bytes()).unwrap();
        bytes[at..at + nickname.len()].copy_from_slice(nickname);
        Bytes::from(bytes)
    }

    /// Nickname, id, content, whether that is all, and what was wrong.
    fn read(bytes: &Bytes) -> ((String, i64, String), bool, Vec<FaultKind>) {
        let mut faults = vec![];
        let (chat, complete) = merge(bytes, bytes, &[], FaultKind::BadMessage, &mut faults, |_, bytes| {
            let mut chat = views::Chat::default();
            let result = view::merge(&mut chat, bytes);
            let user = chat.user.unwrap_or_default();
            ((user.nickname.to_owned(), user.id, chat.content.to_owned()), result)
        });
        (chat, complete, faults.iter().map(|fault| fault.kind).collect())
    }

    #[test]
    fn a_nickname_that_is_not_utf8_is_mended() {
        let ((nickname, id, content), complete, faults) = read(&chat(b"Zo\xeb!"));
        assert_eq!((nickname.as_str(), id), ("Zo\u{fffd}!", 6_953_242_736_466_010_434));
        assert_eq!((content.as_str(), complete, faults), ("hello", true, vec![FaultKind::BadUtf8]));
    }

    #[test]
    fn good_texts_are_left_alone() {
        let ((nickname, ..), complete, faults) = read(&chat("Zo\u{eb}".as_bytes()));
        assert_eq!((nickname.as_str(), complete, faults), ("Zo\u{eb}", true, vec![]));
    }

    #[test]
    fn of_a_broken_message_the_beginning_is_kept() {
        let bytes = chat(b"Ann");
        let ((nickname, ..), complete, faults) = read(&bytes.slice(..bytes.len() - 2));
        assert_eq!((nickname.as_str(), complete), ("Ann", false));
        assert_eq!(faults, [FaultKind::BadMessage]);
    }

    #[test]
    fn deep_nesting_ends() {
        let mut bytes = vec![0xff];
        for _ in 0..200 {
            let mut outer = vec![0x0a];
            encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        bytes[0] = 0x1a; // As a text.
        let (_, complete, faults) = read(&Bytes::from(bytes));
        assert_eq!((complete, faults.len()), (false, 1));
    }
}
