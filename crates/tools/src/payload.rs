//! Minimal decoding of messages and frames for the tools.

use std::collections::BTreeMap;

use bytes::Bytes;
use livetape_core::wire::{Batch, Fault, Push, RawFields, Unzipper, read_push, unzip_batch};
use prost::encoding::decode_varint;

/// Maximum nesting of messages. Deeper ones are treated as bytes. Protobuf's own parsers stop at 100.
pub(super) const DEPTH_MAX: usize = 64;

/// Decodes the batch in a frame, if it holds one.
pub(super) fn batch(frame: &Bytes, faults: &mut Vec<Fault>) -> Option<Batch> {
    let push: Push = read_push(frame, faults);
    push.holds_batch().then(|| unzip_batch(push.payload, &mut Unzipper::default(), faults))
}

/// Numbers of faults, by stable name.
pub(super) type Faults = BTreeMap<&'static str, u64>;

/// Counts `faults` and clears the list.
pub(super) fn count_faults(faults: &mut Vec<Fault>, counts: &mut Faults) {
    for fault in faults.drain(..) {
        *counts.entry(fault.kind.name()).or_default() += 1;
    }
}

/// Returns the numbers of a packed list; `None` if it is none.
pub(super) fn numbers(value: &[u8]) -> Option<Vec<u64>> {
    let (mut rest, mut numbers) = (value, Vec::new());
    while !rest.is_empty() {
        numbers.push(decode_varint(&mut rest).ok()?);
    }
    Some(numbers)
}

/// Whether `value` consists entirely of fields. Their contents are not checked.
pub(super) fn is_fields(value: &[u8]) -> bool {
    RawFields::of(value).are_whole()
}

pub(super) fn has_control(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_control)
}

/// Returns the bytes as text if a person could read it.
pub(super) fn as_text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    text.chars().all(is_plain).then_some(text)
}
