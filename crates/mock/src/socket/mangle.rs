//! Damages frames.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::wire::{self, Push};

use super::made::Maker;
use crate::scenario::FrameFault;

/// A WebSocket message with its opcode.
pub(super) type Framed = (u8, Bytes);

/// The active frame faults.
#[derive(Debug, Default)]
pub(super) struct Mangler {
    /// Faults, each with the number of frames left.
    active: Vec<(FrameFault, u32)>,
    /// Frames held back to be sent in reverse.
    held: Vec<Framed>,
}

impl Mangler {
    pub(super) fn add(&mut self, fault: FrameFault, count: u32) {
        self.active.push((fault, count));
    }

    /// Returns the frames to send in place of `frame`.
    pub(super) fn mangle(&mut self, frame: Framed, maker: &mut Maker, offset: Duration) -> Vec<Framed> {
        let mut frames = vec![frame];
        let mut active = std::mem::take(&mut self.active);
        for (fault, left) in &mut active {
            *left -= 1;
            frames = match fault {
                FrameFault::BadGzip => frames.into_iter().map(bad_gzip).collect(),
                FrameFault::Truncated => frames.into_iter().map(truncated).collect(),
                FrameFault::Duplicate => {
                    frames.into_iter().flat_map(|frame| [frame.clone(), frame]).collect()
                }
                FrameFault::UnknownMethod => {
                    frames.push((super::frames::BINARY, maker.unknown(offset)));
                    frames
                }
                FrameFault::Reorder => {
                    self.held.append(&mut frames);
                    if *left == 0 { self.flush() } else { vec![] }
                }
            };
        }
        active.retain(|(_, left)| *left > 0);
        self.active = active;
        frames
    }

    /// Returns the frames still held back at the end of the recording.
    pub(super) fn flush(&mut self) -> Vec<Framed> {
        let mut held = std::mem::take(&mut self.held);
        held.reverse();
        held
    }
}

/// Recompresses the frame as gzip and cuts it off.
fn bad_gzip((opcode, bytes): Framed) -> Framed {
    let mut faults = Vec::new();
    let push = wire::read_push(&bytes, &mut faults);
    let zipped = wire::zip(&wire::unzip(push.payload.clone(), &mut faults));
    let payload = zipped.slice(..zipped.len() * 2 / 3);
    (opcode, wire::write_push(&Push { payload, compress_type: "gzip".into(), ..push }))
}

/// Returns the first half of the frame, as a complete WebSocket message.
fn truncated((opcode, bytes): Framed) -> Framed {
    (opcode, bytes.slice(..bytes.len() / 2))
}
