//! Walks and replaces the fields of an encoded protobuf message without knowing its type.

use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
};

/// An encoded field.
pub(super) struct Field<'a> {
    pub(super) number: u32,
    /// Key and value.
    raw: &'a [u8],
    /// Content of a string, bytes or message field.
    pub(super) value: Option<&'a [u8]>,
    /// Whether it is of a fixed length, or a group.
    is_opaque: bool,
}

/// Takes a field off the front; returns `None` at the end, or at a malformed field.
pub(super) fn next_field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let (before, mut at) = (*rest, *rest);
    let (number, wire_type) = decode_key(&mut at).ok()?;
    let mut value = None;
    if wire_type == WireType::LengthDelimited {
        let length = usize::try_from(decode_varint(&mut at).ok()?).ok()?;
        value = Some(at.get(..length)?);
        at = &at[length..];
    } else {
        skip_field(wire_type, number, &mut at, DecodeContext::default()).ok()?;
    }
    *rest = at;
    let is_opaque = !matches!(wire_type, WireType::LengthDelimited | WireType::Varint);
    Some(Field { number, raw: &before[..before.len() - at.len()], value, is_opaque })
}

/// Replaces the values for which `change` returns a new one. Fields of a fixed length and groups, which no
/// message of TikTok has, and the rest after a malformed field are only kept if `keeps` returns `true`.
/// Returns `None` if nothing changes.
pub(super) fn rewrite(
    bytes: &[u8],
    keeps: impl Fn(&[u8]) -> bool,
    mut change: impl FnMut(u32, &[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (mut rest, mut out) = (bytes, None);
    let mut copied = 0;
    while let Some(field) = next_field(&mut rest) {
        let changed = field.value.and_then(|value| change(field.number, value));
        if changed.is_none() && (!field.is_opaque || keeps(field.raw)) {
            continue;
        }
        let out: &mut Vec<u8> = out.get_or_insert_default();
        let end = bytes.len() - rest.len();
        out.extend_from_slice(&bytes[copied..end - field.raw.len()]);
        copied = end;
        if let Some(changed) = changed {
            encode_key(field.number, WireType::LengthDelimited, out);
            encode_varint(changed.len() as u64, out);
            out.extend_from_slice(&changed);
        }
    }
    let end = if rest.is_empty() || keeps(rest) { bytes.len() } else { bytes.len() - rest.len() };
    if out.is_none() && end == bytes.len() {
        return None;
    }
    let mut out = out.unwrap_or_default();
    out.extend_from_slice(&bytes[copied..end]);
    Some(out)
}

/// Whether `bytes` consist entirely of valid fields.
pub(super) fn is_protobuf(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while next_field(&mut rest).is_some() {}
    rest.is_empty()
}
