//! The little that tools read of messages and frames.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use crate::sans_io::wire::{Batch, Fault, Push, read_batch, read_push, unzip};

/// The common data of a message's payload.
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

/// The common data of a payload, as far as it can be read.
pub(super) fn common(payload: &Bytes) -> Common {
    let mut read = Payload::default();
    // What came before a break is kept.
    let _ = read.merge(payload.clone());
    read.common.unwrap_or_default()
}

/// The batch in a frame, if it holds one.
pub(super) fn batch(frame: &Bytes, faults: &mut Vec<Fault>) -> Option<Batch> {
    let push: Push = read_push(frame, faults);
    push.holds_batch().then(|| {
        let unzipped = unzip(push.payload, faults);
        read_batch(&unzipped, faults)
    })
}

/// The first room that a message of the batch names.
pub(super) fn room_of(batch: &Batch) -> Option<i64> {
    batch.messages.iter().map(|message| common(&message.payload).room_id).find(|&room_id| room_id != 0)
}

/// Faults by their stable names.
pub(super) type Faults = BTreeMap<&'static str, u64>;

/// Counts `faults`, and empties it.
pub(super) fn count_faults(faults: &mut Vec<Fault>, counts: &mut Faults) {
    for fault in faults.drain(..) {
        *counts.entry(fault.kind.name()).or_default() += 1;
    }
}
