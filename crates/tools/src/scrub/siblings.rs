//! Finds fields of an encoded message by number, which decide how other fields of it are rewritten.

use prost::encoding::{WireType, decode_key, decode_varint};

/// Returns the last value of a length-delimited field.
pub(super) fn last(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    last_of(bytes, wanted, WireType::LengthDelimited)
}

/// Returns the last value of a numeric field.
pub(super) fn number(bytes: &[u8], wanted: u32) -> Option<u64> {
    decode_varint(&mut last_of(bytes, wanted, WireType::Varint)?).ok()
}

fn last_of(bytes: &[u8], wanted: u32, wanted_type: WireType) -> Option<&[u8]> {
    let (mut rest, mut found) = (bytes, None);
    while !rest.is_empty() {
        let Ok((number, wire_type)) = decode_key(&mut rest) else { break };
        let before = rest;
        let taken = match wire_type {
            WireType::Varint => decode_varint(&mut rest).ok().map(|_| before),
            WireType::SixtyFourBit => take(&mut rest, 8),
            WireType::ThirtyTwoBit => take(&mut rest, 4),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).ok().and_then(|length| usize::try_from(length).ok());
                length.and_then(|length| take(&mut rest, length))
            }
            WireType::StartGroup | WireType::EndGroup => Some(&[][..]),
        };
        let Some(value) = taken else { break };
        if number == wanted && wire_type == wanted_type {
            found = Some(value);
        }
    }
    found
}

/// Splits off this number of bytes.
pub(super) fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}
