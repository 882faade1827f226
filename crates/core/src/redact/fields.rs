//! Replaces fields of an encoded message without knowing its type.

use crate::wire::{RawFields, RawValue, write_bytes};

/// Replaces the values for which `change` returns a new one. Fields of a fixed length and groups, which no
/// message of TikTok has, and the rest after a malformed field are only kept if `keeps` returns `true`.
/// Returns `None` if nothing changes.
pub(super) fn rewrite(
    bytes: &[u8],
    keeps: impl Fn(&[u8]) -> bool,
    mut change: impl FnMut(u32, &[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (mut fields, mut out) = (RawFields::of(bytes), None);
    let mut copied = 0;
    while let Some(field) = fields.next() {
        let (changed, is_kept) = match field.value {
            RawValue::Bytes(value) => (change(field.number, value), true),
            RawValue::Varint(_) => (None, true),
            RawValue::Fixed64(_) | RawValue::Fixed32(_) | RawValue::Group(_) => (None, keeps(field.whole)),
        };
        if changed.is_none() && is_kept {
            continue;
        }
        let out: &mut Vec<u8> = out.get_or_insert_default();
        let end = bytes.len() - fields.rest().len();
        out.extend_from_slice(&bytes[copied..end - field.whole.len()]);
        copied = end;
        if let Some(changed) = changed {
            write_bytes(field.number, &changed, out);
        }
    }
    let rest = fields.rest();
    let end = if rest.is_empty() || keeps(rest) { bytes.len() } else { bytes.len() - rest.len() };
    if out.is_none() && end == bytes.len() {
        return None;
    }
    let mut out = out.unwrap_or_default();
    out.extend_from_slice(&bytes[copied..end]);
    Some(out)
}
