//! A scratch file that holds the content of a capture until it can be written in order of time. A capture
//! lists one connection after the other, and may list the messages of a connection before its start time. The
//! file grows with the import, but memory use does not.

use std::{
    cell::RefCell,
    io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use super::{CaptureItem, CapturedFrame, Error, Said};

/// Maximum length of a reassembled message, in bytes, as in a recording.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// Size of the write buffer, and maximum read-ahead per track, in bytes.
const BUFFER_BYTES: usize = 64 << 10;
/// Maximum read-ahead of all tracks together, in bytes, unless [`AHEAD_BYTES_MIN`] per track exceeds it.
const AHEAD_BYTES_MAX: usize = 4 << 20;
/// Minimum read-ahead per track, in bytes.
const AHEAD_BYTES_MIN: usize = 4 << 10;

/// Storage for the scratch data: a file, or memory in tests.
pub trait Scratch: Read + Write + Seek {}

impl<T: Read + Write + Seek> Scratch for T {}

/// Writes items with their length and time, so that a reader can wait for the time without loading the item.
pub(in crate::import) struct Keeper {
    file: BufWriter<Box<dyn Scratch>>,
    at: u64,
    /// A frame that may continue.
    held: Option<CaptureItem>,
}

impl Keeper {
    pub(in crate::import) fn new(file: Box<dyn Scratch>) -> Self {
        Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), at: 0, held: None }
    }

    /// Returns the position of the next item.
    pub(in crate::import) fn at(&self) -> u64 {
        self.at
    }

    pub(in crate::import) fn keep(&mut self, item: &CaptureItem) -> Result<(), Error> {
        let bytes = item.encode_to_vec();
        let length = u32::try_from(bytes.len()).expect("an item is shorter than 4 GiB");
        let time = item.time.unwrap_or(f64::NAN);
        for part in [&length.to_le_bytes()[..], &time.to_le_bytes(), &bytes] {
            self.file.write_all(part).map_err(Error::Scratch)?;
            self.at += part.len() as u64;
        }
        Ok(())
    }

    /// Stores a message of a connection, joining fragments.
    pub(in crate::import) fn message(&mut self, item: CaptureItem) -> Result<(), Error> {
        if self.append(&item) {
            return Ok(());
        }
        self.flush()?;
        match item.said {
            Some(Said::Frame(CapturedFrame { opcode: 0, .. })) => {
                let said = Some(Said::Bad("a continuation without a first frame".into()));
                self.keep(&CaptureItem { said, ..item })
            }
            Some(Said::Frame(_)) => {
                self.held = Some(item);
                Ok(())
            }
            _ => self.keep(&item),
        }
    }

    /// Stores the last frame, which is complete.
    pub(in crate::import) fn flush(&mut self) -> Result<(), Error> {
        self.held.take().map_or(Ok(()), |held| self.keep(&held))
    }

    /// Appends a fragment to its frame; returns `false` if it continues none.
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

/// The stored items.
pub(in crate::import) struct Kept(RefCell<Box<dyn Scratch>>);

impl Kept {
    /// Returns a reader for the items in these ranges. `tracks` is the number of such readers.
    pub(in crate::import) fn items(&self, spans: Vec<Range<u64>>, tracks: usize) -> Items<'_> {
        let ahead = (AHEAD_BYTES_MAX / tracks.max(1)).clamp(AHEAD_BYTES_MIN, BUFFER_BYTES);
        let stretches = Stretches { file: &self.0, span: 0..0, spans: spans.into_iter() };
        Items { input: BufReader::with_capacity(ahead, stretches), length: 0 }
    }
}

pub(in crate::import) struct Items<'a> {
    input: BufReader<Stretches<'a>>,
    /// Length of the item whose time was read last.
    length: u32,
}

impl Items<'_> {
    /// Returns the time of the next item as in the capture; `None` at the end.
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

    /// Returns the content of the item. To be called after each [`Items::next_time`].
    pub(in crate::import) fn said(&mut self) -> Result<Option<Said>, Error> {
        let mut bytes = vec![0; self.length as usize];
        self.input.read_exact(&mut bytes).map_err(Error::Scratch)?;
        let item = CaptureItem::decode(Bytes::from(bytes));
        Ok(item.map_err(|error| Error::Scratch(io::Error::other(error)))?.said)
    }
}

/// A reader of several ranges of the file, one after another.
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
