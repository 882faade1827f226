//! What was read of a capture, kept in a file until it can be written in the order of time: a capture has one connection
//! behind the other, and may say at its end when they were. The file grows with what is imported, the memory does not.

use std::{
    cell::RefCell,
    io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use super::{CaptureItem, CapturedFrame, Error, Said};

/// Longest message that is put together: what a recording takes.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// Bytes that are gathered before they are written, and most that are read ahead of one track.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes that are read ahead of all tracks together, unless [`AHEAD_BYTES_MIN`] of each are more.
const AHEAD_BYTES_MAX: usize = 4 << 20;
/// Fewest bytes that are read ahead of a track.
const AHEAD_BYTES_MIN: usize = 4 << 10;

/// Where to keep what was read: a file, or memory in a test.
pub trait Scratch: Read + Write + Seek {}

impl<T: Read + Write + Seek> Scratch for T {}

/// Writes items: the length and the time of each, so that a caller can wait for the time without holding the item.
pub(in crate::import) struct Keeper {
    file: BufWriter<Box<dyn Scratch>>,
    at: u64,
    /// A frame that others may continue.
    held: Option<CaptureItem>,
}

impl Keeper {
    pub(in crate::import) fn new(file: Box<dyn Scratch>) -> Self {
        Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), at: 0, held: None }
    }

    /// Where the next item is kept.
    pub(in crate::import) fn at(&self) -> u64 {
        self.at
    }

    pub(in crate::import) fn keep(&mut self, item: &CaptureItem) -> Result<(), Error> {
        let bytes = item.encode_to_vec();
        let length = u32::try_from(bytes.len()).expect("a few texts of bounded length");
        let time = item.time.unwrap_or(f64::NAN);
        for part in [&length.to_le_bytes()[..], &time.to_le_bytes(), &bytes] {
            self.file.write_all(part).map_err(Error::Scratch)?;
            self.at += part.len() as u64;
        }
        Ok(())
    }

    /// Keeps what was said on a connection, the parts of a frame as one.
    pub(in crate::import) fn message(&mut self, item: CaptureItem) -> Result<(), Error> {
        if self.append(&item) {
            return Ok(());
        }
        self.flush()?;
        match item.said {
            Some(Said::Frame(CapturedFrame { opcode: 0, .. })) => {
                let said = Some(Said::Bad("a frame that continues none".into()));
                self.keep(&CaptureItem { said, ..item })
            }
            Some(Said::Frame(_)) => {
                self.held = Some(item);
                Ok(())
            }
            _ => self.keep(&item),
        }
    }

    /// Nothing continues the last frame any more.
    pub(in crate::import) fn flush(&mut self) -> Result<(), Error> {
        self.held.take().map_or(Ok(()), |held| self.keep(&held))
    }

    /// Puts a frame behind the one that it continues; `false` if it continues none.
    fn append(&mut self, item: &CaptureItem) -> bool {
        let Some(Said::Frame(CapturedFrame { opcode: 0, sent, bytes, .. })) = &item.said else {
            return false;
        };
        let Some(CaptureItem { said: Some(Said::Frame(held)), .. }) = &mut self.held else { return false };
        if held.sent != *sent || held.bytes.len() + bytes.len() > FRAME_BYTES_MAX {
            return false;
        }
        let mut joined = BytesMut::with_capacity(held.bytes.len() + bytes.len());
        joined.extend_from_slice(&held.bytes);
        joined.extend_from_slice(bytes);
        held.bytes = joined.freeze();
        true
    }

    pub(in crate::import) fn finish(self) -> Result<Kept, Error> {
        let file = self.file.into_inner().map_err(|error| Error::Scratch(error.into_error()))?;
        Ok(Kept(RefCell::new(file)))
    }
}

/// All that was kept.
pub(in crate::import) struct Kept(RefCell<Box<dyn Scratch>>);

impl Kept {
    /// The items in these stretches, one of so many tracks that are read in turns.
    pub(in crate::import) fn items(&self, spans: Vec<Range<u64>>, tracks: usize) -> Items<'_> {
        let ahead = (AHEAD_BYTES_MAX / tracks.max(1)).clamp(AHEAD_BYTES_MIN, BUFFER_BYTES);
        let stretches = Stretches { file: &self.0, span: 0..0, spans: spans.into_iter() };
        Items { input: BufReader::with_capacity(ahead, stretches), length: 0 }
    }
}

/// Reads items again.
pub(in crate::import) struct Items<'a> {
    input: BufReader<Stretches<'a>>,
    /// Of the item whose time was read last.
    length: u32,
}

impl Items<'_> {
    /// The time of the next item, as it stands in the capture; `None` at the end.
    pub(in crate::import) fn next_time(&mut self) -> Result<Option<Option<f64>>, Error> {
        if self.input.fill_buf().map_err(Error::Scratch)?.is_empty() {
            return Ok(None);
        }
        let (mut length, mut time) = ([0; 4], [0; 8]);
        self.input.read_exact(&mut length).map_err(Error::Scratch)?;
        self.input.read_exact(&mut time).map_err(Error::Scratch)?;
        self.length = u32::from_le_bytes(length);
        let time = f64::from_le_bytes(time);
        Ok(Some((!time.is_nan()).then_some(time)))
    }

    /// What was said then: follows each [`Items::next_time`].
    pub(in crate::import) fn said(&mut self) -> Result<Option<Said>, Error> {
        let mut bytes = vec![0; self.length as usize];
        self.input.read_exact(&mut bytes).map_err(Error::Scratch)?;
        let item = CaptureItem::decode(Bytes::from(bytes));
        Ok(item.map_err(|error| Error::Scratch(io::Error::other(error)))?.said)
    }
}

/// Parts of the file, one behind the other.
struct Stretches<'a> {
    file: &'a RefCell<Box<dyn Scratch>>,
    span: Range<u64>,
    spans: std::vec::IntoIter<Range<u64>>,
}

impl Read for Stretches<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.span.is_empty() {
            match self.spans.next() {
                Some(span) => self.span = span,
                None => return Ok(0),
            }
        }
        let left = usize::try_from(self.span.end - self.span.start).unwrap_or(usize::MAX);
        let wanted = bytes.len().min(left);
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(self.span.start))?;
        let read = file.read(&mut bytes[..wanted])?;
        self.span.start += read as u64;
        if read == 0 && wanted > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
    }
}
