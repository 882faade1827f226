//! Minimal decoding of messages and frames for the tools.

use std::collections::BTreeMap;

use bytes::Bytes;
use livetape_core::wire::{Batch, Fault, Push, Unzipper, read_push, unzip_batch};
use prost::Message as _;

/// The fields that all messages share.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Common {
    #[prost(int64, tag = "2")]
    pub(super) msg_id: i64,
    #[prost(int64, tag = "3")]
    pub(super) room_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(message, optional, tag = "1")]
    common: Option<Common>,
}

/// Decodes these fields, as far as possible.
pub(super) fn common(payload: &Bytes) -> Common {
    let mut read = Payload::default();
    // Fields before an error are kept.
    let _ = read.merge(payload.clone());
    read.common.unwrap_or_default()
}

/// Decodes the batch in a frame, if it holds one.
pub(super) fn batch(frame: &Bytes, faults: &mut Vec<Fault>) -> Option<Batch> {
    let push: Push = read_push(frame, faults);
    push.holds_batch().then(|| unzip_batch(push.payload, &mut Unzipper::default(), faults))
}

/// Returns the first room id in the messages of a batch.
pub(super) fn room_of(batch: &Batch) -> Option<i64> {
    batch.messages.iter().map(|message| common(&message.payload).room_id).find(|&room_id| room_id != 0)
}

/// Numbers of faults, by stable name.
pub(super) type Faults = BTreeMap<&'static str, u64>;

/// Counts `faults` and clears the list.
pub(super) fn count_faults(faults: &mut Vec<Fault>, counts: &mut Faults) {
    for fault in faults.drain(..) {
        *counts.entry(fault.kind.name()).or_default() += 1;
    }
}
