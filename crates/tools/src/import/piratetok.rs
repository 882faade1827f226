//! Reads captures of piratetok: `[u32 LE length][frame]`, with received frames only and no times.

use std::io::Read as _;

use super::{
    Error,
    captured::{About, Capture, CaptureEntry, CaptureItem, CapturedFrame, Said, Visit},
    source::{Unpacked, read_full},
};

/// Maximum length of a frame, in bytes, as in a recording.
const FRAME_BYTES_MAX: u32 = 16 << 20;

pub(super) struct Piratetok<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Piratetok<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("piratetok".into(), String::new()));
        visit.entry(0, CaptureEntry { is_socket: true, ..CaptureEntry::default() })?;
        let mut input = self.0.open()?;
        let (mut at, mut length) = (0, [0; 4]);
        loop {
            match read_full(&mut input, &mut length).map_err(Error::Read)? {
                0 => return Ok(()),
                4 => {}
                _ => return Err(Error::CutOff { at }),
            }
            let bytes = u32::from_le_bytes(length);
            if bytes > FRAME_BYTES_MAX {
                let reason = format!("a frame of {bytes} bytes: not a capture of piratetok from here on");
                return Err(Error::Broken { at, reason });
            }
            // Memory grows with the available bytes, regardless of the stated length.
            let mut frame = Vec::new();
            input.by_ref().take(bytes.into()).read_to_end(&mut frame).map_err(Error::Read)?;
            if frame.len() < bytes as usize {
                return Err(Error::CutOff { at });
            }
            at += 4 + u64::from(bytes);
            let frame = CapturedFrame { opcode: 2, sent: false, injected: false, bytes: frame.into() };
            visit.message(0, CaptureItem::said(None, Said::Frame(frame)))?;
        }
    }
}
