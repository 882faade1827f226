//! Access to a capture and its scratch file.

use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, Cursor, Read, Seek},
};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

use super::{Error, captured::Scratch};

const BUFFER_BYTES: usize = 64 << 10;
/// Decompressed bytes allowed regardless of the compression ratio.
const UNPACKED_BYTES_FREE: u64 = 16 << 20;
/// Maximum compression ratio of the rest. Captures compress to a fifth, bombs to a thousandth.
const UNPACKED_RATIO_MAX: u64 = 100;

pub trait Input: Read + Seek {}

impl<T: Read + Seek> Input for T {}

/// A capture: a file, or bytes in tests.
pub trait Source {
    /// Opens the capture from its beginning.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn open(&self) -> io::Result<Box<dyn Input>>;

    /// Opens a file in the same folder, such as Playwright's separate files. `name` has no path.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>>;

    /// Creates an empty scratch file, which will need as much space as the recording.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn scratch(&self) -> io::Result<Box<dyn Scratch>>;
}

/// A capture in memory, without other files.
impl Source for Bytes {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(Cursor::new(self.clone())))
    }

    fn open_beside(&self, _: &str) -> io::Result<Box<dyn Input>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

/// A stream of decompressed bytes.
pub(super) type Stream = Box<dyn BufRead>;

/// Compression of a capture.
#[derive(Clone, Debug)]
pub(super) enum Packing {
    Plain,
    Gzip,
    /// An archive, with the name of the HAR in it.
    Zip(String),
}

/// A capture that is decompressed while it is read.
pub(super) struct Unpacked<'a> {
    source: &'a dyn Source,
    packing: Packing,
}

impl<'a> Unpacked<'a> {
    /// Detects the compression from the first bytes.
    pub(super) fn new(source: &'a dyn Source) -> Result<Self, Error> {
        let mut magic = [0; 4];
        let read = read_full(&mut source.open().map_err(Error::Read)?, &mut magic).map_err(Error::Read)?;
        let packing = match &magic[..read] {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            b"PK\x03\x04" | b"PK\x05\x06" => Packing::Zip(har_in(source)?),
            _ => Packing::Plain,
        };
        Ok(Self { source, packing })
    }

    pub(super) fn is_zip(&self) -> bool {
        matches!(self.packing, Packing::Zip(_))
    }

    pub(super) fn open(&self) -> Result<Stream, Error> {
        match &self.packing {
            Packing::Plain => Ok(buffered(self.source.open().map_err(Error::Read)?)),
            Packing::Gzip => {
                let packed = Counted { inner: self.source.open().map_err(Error::Read)?, count: 0 };
                let inner = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed));
                Ok(buffered(Bounded { inner, unpacked: 0, packed: |gz| gz.get_ref().get_ref().count }))
            }
            Packing::Zip(har) => self.open_zipped(har),
        }
    }

    /// Opens a separate file that the capture refers to.
    pub(super) fn open_beside(&self, name: &str) -> Result<Stream, Error> {
        let is_plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "..";
        if !is_plain {
            return Err(Error::Read(io::Error::other(format!("{name:?} is not a plain file name"))));
        }
        if self.is_zip() {
            return self.open_zipped(name);
        }
        let named = |error| {
            Error::Read(io::Error::other(format!("cannot read {name}, which the capture refers to: {error}")))
        };
        Ok(buffered(self.source.open_beside(name).map_err(named)?))
    }

    fn open_zipped(&self, name: &str) -> Result<Stream, Error> {
        let (start, length, method) = {
            let mut archive = archive(self.source)?;
            let index = archive.index_for_name(name);
            let index = index.ok_or_else(|| Error::Archive(format!("it has no {name}")))?;
            let file = archive.by_index_raw(index).map_err(broken)?;
            let start = file.data_start().ok_or_else(|| Error::Archive(format!("{name} has no data")))?;
            (start, file.compressed_size(), file.compression())
        };
        let mut input = self.source.open().map_err(Error::Read)?;
        input.seek(io::SeekFrom::Start(start)).map_err(Error::Read)?;
        let packed = Counted { inner: input.take(length), count: 0 };
        match method {
            zip::CompressionMethod::Stored => Ok(buffered(packed)),
            zip::CompressionMethod::Deflated => {
                let inner = DeflateDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed));
                Ok(buffered(Bounded { inner, unpacked: 0, packed: |zip| zip.get_ref().get_ref().count }))
            }
            other => Err(Error::Archive(format!("{name} uses the unsupported compression {other}"))),
        }
    }
}

fn buffered(input: impl Read + 'static) -> Stream {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, input))
}

fn archive(source: &dyn Source) -> Result<zip::ZipArchive<Box<dyn Input>>, Error> {
    zip::ZipArchive::new(source.open().map_err(Error::Read)?).map_err(broken)
}

/// Returns the name of the first HAR in the archive.
fn har_in(source: &dyn Source) -> Result<String, Error> {
    let archive = archive(source)?;
    let found = archive.file_names().flatten().find(|name| name.ends_with(".har")).map(Cow::into_owned);
    found.ok_or_else(|| Error::Archive("it has no .har file".into()))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: zip::result::ZipError) -> Error {
    Error::Archive(error.to_string())
}

/// Reads until `bytes` are full or the input ends, if only in an error. Returns the number of bytes read.
pub(super) fn read_full(input: &mut (impl Read + ?Sized), bytes: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while full < bytes.len() {
        match input.read(&mut bytes[full..]) {
            Ok(0) => break,
            Ok(read) => full += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if full == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(full)
}

/// Reads the next line that is not empty; returns `false` at the end.
pub(super) fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: u64) -> Result<bool, Error> {
    loop {
        line.clear();
        if input.by_ref().take(bytes_max + 1).read_until(b'\n', line).map_err(Error::Read)? == 0 {
            return Ok(false);
        }
        if line.len() as u64 > bytes_max {
            return Err(Error::TooLong { bytes: bytes_max });
        }
        if !line.trim_ascii().is_empty() {
            return Ok(true);
        }
    }
}

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.count += read as u64;
        Ok(read)
    }
}

/// Limits decompressed data, as protection against bombs.
struct Bounded<R> {
    inner: R,
    unpacked: u64,
    packed: fn(&R) -> u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.unpacked += read as u64;
        let packed = (self.packed)(&self.inner);
        if self.unpacked > UNPACKED_BYTES_FREE + packed.saturating_mul(UNPACKED_RATIO_MAX) {
            let (unpacked, packed) = (self.unpacked >> 20, packed >> 10);
            let message = format!("{packed} KiB decompress to more than {unpacked} MiB: not a capture");
            return Err(io::Error::other(message));
        }
        Ok(read)
    }
}
