//! Faults in frames.

use std::time::Duration;

use bytes::Bytes;

use super::made::Maker;
use crate::{
    sans_io::wire::{self, Push},
    scenario::{Fault, FaultKind},
};

/// A message of a WebSocket, with its opcode.
pub(super) type Framed = (u8, Bytes);

/// The faults that the next frames have.
#[derive(Debug, Default)]
pub(super) struct Mangler {
    /// The kind, and how many frames are left.
    active: Vec<(FaultKind, u32)>,
    /// Frames that wait to be sent in reverse.
    held: Vec<Framed>,
}

impl Mangler {
    pub(super) fn add(&mut self, fault: &Fault) {
        let usual = if fault.kind == FaultKind::Reorder { 2 } else { 1 };
        self.active.push((fault.kind, fault.count.unwrap_or(usual)));
    }

    /// What is sent instead of `frame`.
    pub(super) fn mangle(&mut self, frame: Framed, maker: &mut Maker, offset: Duration) -> Vec<Framed> {
        let mut frames = vec![frame];
        let mut active = std::mem::take(&mut self.active);
        for (kind, left) in &mut active {
            *left -= 1;
            frames = match kind {
                FaultKind::BadGzip => frames.into_iter().map(bad_gzip).collect(),
                FaultKind::Truncated => frames.into_iter().map(truncated).collect(),
                FaultKind::Duplicate => frames.into_iter().flat_map(|frame| [frame.clone(), frame]).collect(),
                FaultKind::UnknownMethod => {
                    frames.push((super::frames::BINARY, maker.unknown(offset)));
                    frames
                }
                FaultKind::Reorder => {
                    self.held.append(&mut frames);
                    if *left == 0 { self.flush() } else { vec![] }
                }
                _ => frames,
            };
        }
        active.retain(|(_, left)| *left > 0);
        self.active = active;
        frames
    }

    /// What was held back to the end of the recording.
    pub(super) fn flush(&mut self) -> Vec<Framed> {
        let mut held = std::mem::take(&mut self.held);
        held.reverse();
        held
    }
}

/// The same frame as gzip that breaks off.
fn bad_gzip((opcode, bytes): Framed) -> Framed {
    let mut faults = Vec::new();
    let push = wire::read_push(&bytes, &mut faults);
    let zipped = wire::zip(&wire::unzip(push.payload.clone(), &mut faults));
    let payload = zipped.slice(..zipped.len() * 2 / 3);
    (opcode, wire::write_push(&Push { payload, compress_type: "gzip".into(), ..push }))
}

/// The first half of the frame, in a whole WebSocket message.
fn truncated((opcode, bytes): Framed) -> Framed {
    (opcode, bytes.slice(..bytes.len() / 2))
}
