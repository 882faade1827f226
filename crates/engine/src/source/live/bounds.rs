//! Limits on the memory that an upstream can make livetape use: at most 32 MiB for each room.

use std::mem::size_of;

use livetape_core::recording::Item;

/// Maximum length of a WebSocket message or frame, in bytes. The largest one seen in practice is 120 KB.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Maximum length of a response body, in bytes; the rest is not read. The largest page seen in practice is
/// about 400 KB.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// Maximum size of unsent data on a socket (acks, heartbeats and pongs), in bytes.
pub(super) const UNSENT_BYTES_MAX: usize = 256 << 10;
/// Maximum number of held items, and of bytes in their frames. Beyond either, the socket is not read.
pub(super) const HELD_ITEMS_MAX: usize = 256;
pub(super) const HELD_BYTES_MAX: usize = 2 << 20;
/// Maximum number of batches, each of what was held, that wait to be received: by the room, and by each of
/// its channels.
pub(crate) const BATCHES_WAITING_MAX: usize = 1;
/// Maximum size of items from a live room that wait for a slow disk, in bytes: four of the largest messages,
/// or a minute of a busy room.
pub const RECORDER_BYTES_MAX: usize = 4 << 20;

/// Frames of a batch: held items, and one frame that exceeds their limit.
const BATCH_BYTES: usize = HELD_BYTES_MAX + FRAME_BYTES_MAX;
/// Number of batches of a room: held, waiting for the room, taken by it, waiting for a channel, and being
/// decoded. Channels share frames.
const BATCHES: usize = 3 + 2 * BATCHES_WAITING_MAX;
/// Memory of a socket: the message being assembled and the frame being read; unsent data; batches.
const SOCKET_BYTES: usize = 2 * FRAME_BYTES_MAX + UNSENT_BYTES_MAX + BATCHES * BATCH_BYTES;
/// Bodies of one attempt: two look-ups, room info and the sign server's batch, plus one of them compressed.
const BODIES_BYTES: usize = 5 * BODY_BYTES_MAX;

const _: () = assert!(
    SOCKET_BYTES + BODIES_BYTES + RECORDER_BYTES_MAX + BATCHES * HELD_ITEMS_MAX * size_of::<Item>()
        <= 32 << 20,
    "more than 32 MiB"
);
