//! Access to a capture and its scratch file.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    io::{self, BufRead, BufReader, Cursor, Read, Seek},
    rc::Rc,
};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

use super::{
    Error,
    captured::Scratch,
    elements,
    encoding::utf8,
    format::{PEEK_BYTES, recognise},
};

pub(super) const BUFFER_BYTES: usize = 64 << 10;
/// Decompressed bytes allowed regardless of the compression ratio.
const UNPACKED_BYTES_FREE: u64 = 16 << 20;
/// Maximum compression ratio of the rest. Captures compress to a fifth, bombs to a thousandth, or one file of an archive is
/// opened again and again.
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

/// A stream of decompressed bytes. Text is UTF-8.
pub(super) type Stream = Box<dyn BufRead>;

type Archive = zip::ZipArchive<Box<dyn Input>>;

/// Compression of a capture.
enum Packing {
    Plain,
    Gzip,
    Zip(RefCell<Archive>),
}

/// A capture that is decompressed while it is read.
pub(super) struct Unpacked<'a> {
    source: &'a dyn Source,
    packing: Packing,
    /// Names of the files in an archive that hold the capture, each with its folder.
    parts: Vec<String>,
    /// Number of bytes that may still be decompressed.
    budget: Rc<Cell<u64>>,
}

impl<'a> Unpacked<'a> {
    /// Detects the compression from the first bytes.
    pub(super) fn new(source: &'a dyn Source) -> Result<Self, Error> {
        let mut input = source.open().map_err(Error::Read)?;
        let mut magic = [0; 4];
        let read = read_full(&mut input, &mut magic).map_err(Error::Read)?;
        let packing = match &magic[..read] {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            b"PK\x03\x04" | b"PK\x05\x06" => {
                let archive = Archive::new(source.open().map_err(Error::Read)?).map_err(broken)?;
                Packing::Zip(RefCell::new(archive))
            }
            _ => Packing::Plain,
        };
        let packed_bytes = match packing {
            Packing::Plain => 0,
            _ => input.seek(io::SeekFrom::End(0)).map_err(Error::Read)?,
        };
        let budget = UNPACKED_BYTES_FREE + packed_bytes.saturating_mul(UNPACKED_RATIO_MAX);
        let mut unpacked = Self { source, packing, parts: Vec::new(), budget: Rc::new(Cell::new(budget)) };
        if let Packing::Zip(archive) = &unpacked.packing {
            let names = names_in(&archive.borrow());
            unpacked.parts = parts_of(names, |name| unpacked.is_capture(name))?;
        }
        Ok(unpacked)
    }

    /// Whether a file of the archive is a capture, as far as its first bytes tell.
    fn is_capture(&self, name: &str) -> bool {
        let mut start = vec![0; PEEK_BYTES];
        let read = self.open_part(name).ok().and_then(|mut part| read_full(&mut part, &mut start).ok());
        read.is_some_and(|read| read > 0 && recognise(&start[..read]).is_ok())
    }

    /// Returns the names of the files in an archive that hold the capture; without an archive, none.
    pub(super) fn parts(&self) -> &[String] {
        &self.parts
    }

    pub(super) fn open(&self) -> Result<Stream, Error> {
        if let Some(part) = self.parts.first() {
            return self.open_part(part);
        }
        let packed = self.source.open().map_err(Error::Read)?;
        Ok(match &self.packing {
            Packing::Gzip => {
                let inner = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed));
                self.bounded(inner)
            }
            _ => utf8(packed),
        })
    }

    /// Opens a capture of JSON lines, which may also be a list.
    pub(super) fn open_lines(&self) -> Result<Stream, Error> {
        self.open().map(elements::lines)
    }

    /// Opens a separate file that the capture refers to: in its folder, or in `resources` there.
    pub(super) fn open_beside(&self, name: &str) -> Result<Stream, Error> {
        let plain = name.strip_prefix(RESOURCES).unwrap_or(name);
        let is_plain = !plain.is_empty() && !plain.contains(['/', '\\', ':', '\0']) && plain != "..";
        if !is_plain {
            return Err(Error::Read(io::Error::other(format!("{name:?} is not a plain file name"))));
        }
        if let Some(part) = self.parts.first() {
            let folder = part.rfind('/').map_or("", |slash| &part[..=slash]);
            return self.open_part(&format!("{folder}{name}"));
        }
        let named = |error| {
            Error::Read(io::Error::other(format!("cannot read {name}, which the capture refers to: {error}")))
        };
        Ok(utf8(self.source.open_beside(name).map_err(named)?))
    }

    /// Opens a file of the archive.
    pub(super) fn open_part(&self, name: &str) -> Result<Stream, Error> {
        let Packing::Zip(archive) = &self.packing else {
            return Err(Error::Archive("not an archive".into()));
        };
        let (start, length, method) = {
            let mut archive = archive.borrow_mut();
            let index = archive.index_for_name(name);
            let index = index.ok_or_else(|| Error::Archive(format!("it has no {name}")))?;
            let file = archive.by_index_raw(index).map_err(broken)?;
            let start = file.data_start().ok_or_else(|| Error::Archive(format!("{name} has no data")))?;
            (start, file.compressed_size(), file.compression())
        };
        let mut input = self.source.open().map_err(Error::Read)?;
        input.seek(io::SeekFrom::Start(start)).map_err(Error::Read)?;
        let packed = input.take(length);
        match method {
            zip::CompressionMethod::Stored => Ok(self.bounded(packed)),
            zip::CompressionMethod::Deflated => {
                let inner = DeflateDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed));
                Ok(self.bounded(inner))
            }
            other => Err(Error::Archive(format!("{name} uses the unsupported compression {other}"))),
        }
    }

    /// Limits the data that is decompressed from the capture, however many of its files are opened.
    fn bounded(&self, inner: impl Read + 'static) -> Stream {
        utf8(Bounded { inner, budget: Rc::clone(&self.budget) })
    }
}

/// Folder of separate files in a trace of Playwright.
pub(super) const RESOURCES: &str = "resources/";
/// Maximum number of names in the error about an archive without a capture.
const NAMES_LISTED_MAX: usize = 3;
/// Maximum number of files of such an archive to open, to find those that are captures.
const FILES_EXAMINED_MAX: usize = 100;

fn names_in(archive: &Archive) -> Vec<String> {
    let is_file = |name: &Cow<'_, str>| !name.ends_with('/') && !is_hidden(name);
    archive.file_names().flatten().filter(is_file).map(Cow::into_owned).collect()
}

/// Returns the names of the files that hold the capture: a HAR, or the network logs of a trace of
/// Playwright, or the only file.
fn parts_of(names: Vec<String>, is_capture: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    let ending_in = |ending: &str| -> Vec<String> {
        names.iter().filter(|name| name.to_ascii_lowercase().ends_with(ending)).cloned().collect()
    };
    if let Some(har) = ending_in(".har").into_iter().next() {
        return Ok(vec![har]);
    }
    let networks = ending_in(".network");
    if !networks.is_empty() {
        return Ok(networks);
    }
    if let Some(inner) = ending_in(".zip").first() {
        return Err(Error::Archive(format!("it has {inner}: unpack it and import that file")));
    }
    match names.len() {
        0 => Err(Error::Archive("it has no files".into())),
        1 => Ok(names),
        _ => {
            let examined = || names.iter().take(FILES_EXAMINED_MAX).map(String::as_str);
            let captures: Vec<&str> = examined().filter(|name| is_capture(name)).collect();
            let what = match captures.is_empty() {
                true => format!("and none of {} is a capture", list(&examined().collect::<Vec<_>>())),
                false => format!("but {}: unpack it and import one of them", list(&captures)),
            };
            Err(Error::Archive(format!("it has no .har or .network file, {what}")))
        }
    }
}

fn list(names: &[&str]) -> String {
    let more = if names.len() > NAMES_LISTED_MAX { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(NAMES_LISTED_MAX)].join(", "))
}

/// Whether macOS added this file to an archive.
fn is_hidden(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.rsplit('/').next().is_some_and(|last| last.starts_with('.'))
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

/// A stream that counts against a budget, as protection against bombs.
struct Bounded<R> {
    inner: R,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        let left = self.budget.get().checked_sub(read as u64);
        let bomb = || io::Error::other("it decompresses to more than 100 times its size: not a capture");
        self.budget.set(left.ok_or_else(bomb)?);
        Ok(read)
    }
}
