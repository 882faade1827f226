//! What an upstream can make livetape keep, all of it in one place: 32 MiB together.

use std::mem::size_of;

use crate::sans_io::recording::Item;

/// Longest WebSocket message, and frame, in bytes. The largest real one seen is 120 KB.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Longest body of an answer; the rest is not read. The largest real page seen is some 400 KB.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// Most bytes that wait to be sent on a socket: acks, heartbeats and pongs.
pub(super) const UNSENT_BYTES_MAX: usize = 256 << 10;
/// While more is held back than this, nothing is read: items, and bytes of frames.
pub(super) const HELD_ITEMS_MAX: usize = 256;
pub(super) const HELD_BYTES_MAX: usize = 3 << 20;
/// Items that wait to be taken, beside those that are held back.
pub(super) const WAITING_MAX: usize = 1;
/// Most bytes of a live room that wait for a slow disk: four of the largest messages, or a minute of a busy room.
pub const RECORDER_BYTES_MAX: usize = 4 << 20;

/// A message whose fragments are collected and the frame that is read; what was held back when the last one came; what is
/// waiting and being decoded.
const SOCKET_BYTES: usize = 2 * FRAME_BYTES_MAX
    + UNSENT_BYTES_MAX
    + HELD_BYTES_MAX
    + FRAME_BYTES_MAX
    + (WAITING_MAX + 1) * FRAME_BYTES_MAX;
/// Of one attempt: two look-ups, room info, the sign server's batch; and one of them packed.
const BODIES_BYTES: usize = 5 * BODY_BYTES_MAX;

const _: () = assert!(
    SOCKET_BYTES + BODIES_BYTES + RECORDER_BYTES_MAX + HELD_ITEMS_MAX * size_of::<Item>() <= 32 << 20,
    "more than 32 MiB"
);
