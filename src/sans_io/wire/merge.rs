//! Decoding of one protobuf message that keeps what it can.

use bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use super::{Fault, FaultKind};

/// Deepest nesting that [`repair_utf8`] follows; deeper parts stay as they are.
const REPAIR_DEPTH_MAX: u32 = 32;

/// Decodes `bytes`. Texts that are not UTF-8 are mended (a fault says so). If the rest is broken, `false` comes with
/// what was read before the break, and a fault of `kind`.
pub(crate) fn merge<M: prost::Message + Default>(
    bytes: &Bytes,
    kind: FaultKind,
    faults: &mut Vec<Fault>,
) -> (M, bool) {
    let mut message = M::default();
    let Err(error) = message.merge(bytes.clone()) else { return (message, true) };
    if let Some(repaired) = repair_utf8(bytes, 0)
        && let Ok(message) = M::decode(Bytes::from(repaired))
    {
        faults.push(Fault::new(FaultKind::BadUtf8, "a text is not UTF-8; its bad bytes were replaced"));
        return (message, true);
    }
    faults.push(Fault::new(kind, error));
    (message, false)
}

/// Replaces, in every length-delimited field that is neither UTF-8 nor a message, the bytes that are not UTF-8.
/// `None` if `bytes` are no protobuf or hold nothing to mend.
fn repair_utf8(bytes: &[u8], depth: u32) -> Option<Vec<u8>> {
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
                if let Some(mended) = mend(value, depth) {
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

fn mend(value: &[u8], depth: u32) -> Option<Vec<u8>> {
    if std::str::from_utf8(value).is_ok() {
        return None;
    }
    let is_message = is_protobuf(value);
    match repair_utf8(value, depth + 1) {
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
