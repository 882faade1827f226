//! The room of the demo recording, and what its sockets send.

use bytes::Bytes;
use livetape_core::wire::{self, Batch};

pub const ROOM: i64 = 7_240_536_397_118_808_469;
pub const SOCKET: &str = "/webcast/im/ws_proxy/ws_reuse_supplement/";

/// Decodes the batch in a frame and counts its faults.
pub fn batch(frame: &Bytes) -> (Batch, usize) {
    let mut faults = Vec::new();
    let payload = wire::unzip(wire::read_push(frame, &mut faults).payload, &mut faults);
    let batch = wire::read_batch(&payload, &mut faults);
    (batch, faults.len())
}
