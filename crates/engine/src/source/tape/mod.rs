//! A recording that can be played from any offset, read ahead within bounds.

mod case;
mod events;
mod feed;
mod gates;
mod load;
mod name;

use std::{
    io::{BufReader, Cursor, Read, Seek as _, SeekFrom},
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
pub use events::{Events, OFFLINE};
use feed::Reading;
pub(crate) use feed::{Fed, Feed};
pub use gates::Gates;
use livetape_core::{
    error::{Code, Problem},
    offset::check_within,
    recording::{self, Item, Loss, Reader, What, records::Header},
};
use livetape_io::files::Spool;
pub(crate) use load::{Loaded, in_time, load};
pub(crate) use name::shown_name;
use name::{Finding, cannot_read};

use crate::{
    demo::{DEMO, DEMO_BYTES},
    recorder::FOLDER,
};

pub const STDIN: &str = "-";
/// File name of the built-in recording in the repository.
const DEMO_FILE: &str = "demo.bin";
/// Number of bytes at the end of a file that are read to find the duration.
const TAIL_BYTES: u64 = 256 << 10;
const READ_BUFFER_BYTES: usize = 128 << 10;

/// An element of a tape.
#[derive(Debug)]
pub enum Step {
    Item(Item),
    Missing(Loss),
    /// The file cannot be read any further.
    Failed(String),
    /// The end, at the offset of the last item.
    End(Duration),
}

/// A recording.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Display name.
    pub name: String,
    /// Name for messages, as the user entered it. Clients of the server must not see its path.
    called: String,
    storage: Storage,
    /// Read on first use.
    facts: Arc<Facts>,
    gates: Option<Gates>,
    /// Name of the case that is played.
    pub(super) case: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Facts {
    duration: OnceLock<Option<Duration>>,
    loss: OnceLock<Loss>,
}

#[derive(Clone, Debug)]
enum Storage {
    /// Read on demand, without another thread, which is exact with a paused clock.
    Memory(Bytes),
    /// Read ahead by a thread.
    File(Finding),
    /// A copy of standard input, or a recording that a case has changed, read on demand.
    Spool(Spool),
}

impl Tape {
    #[must_use]
    pub fn from_bytes(name: &str, bytes: Bytes) -> Self {
        Self::new(name, Storage::Memory(bytes))
    }

    /// Reads a recording from an input such as standard input, which `name` describes.
    ///
    /// # Errors
    /// `bad_recording` or `newer_recording`.
    pub fn from_spool(name: &str, spool: Spool) -> Result<Self, Problem> {
        let tape = Self::new(name, Storage::Spool(spool));
        tape.read(Duration::ZERO)?;
        Ok(tape)
    }

    /// Finds `demo`, a recording by path, or a recording by name in `recordings/`.
    ///
    /// # Errors
    /// `recording_not_found`, `bad_recording`, `newer_recording` or `io`, with a hint.
    pub fn find(name: impl AsRef<Path>) -> Result<Self, Problem> {
        Self::find_in(Path::new(FOLDER), name)
    }

    /// Like [`Tape::find`], with names of recordings in `folder`.
    ///
    /// # Errors
    /// Same as [`Tape::find`].
    pub fn find_in(folder: &Path, name: impl AsRef<Path>) -> Result<Self, Problem> {
        let name = name.as_ref();
        if name.as_os_str().is_empty() {
            return Err(Problem::new(Code::BadRequest, "the recording's path is empty"));
        }
        if name == Path::new(STDIN) {
            let message = "this command cannot read a recording from standard input";
            return Err(Problem::new(Code::BadRequest, message).hint("save the recording to a file first"));
        }
        let called = name.to_string_lossy();
        // Outside the folder, `demo.bin` means `demo`.
        let called = if called == DEMO_FILE && !name.exists() { DEMO.into() } else { called };
        Self::found(&called, || Finding::path_or_name(folder, name, &called))
    }

    /// Finds `demo` or a recording in `folder` by name. Rejects paths, because the request may come from a
    /// web page.
    ///
    /// # Errors
    /// Same as [`Tape::find`]; messages only contain the name.
    pub fn find_by_name(folder: &Path, name: &str) -> Result<Self, Problem> {
        Self::found(name, || Finding::name(folder, name))
    }

    /// Finds a recording that the configuration names, for a client that must not see its path.
    ///
    /// # Errors
    /// Same as [`Tape::find`]; messages only contain the name.
    pub(crate) fn find_for_client(folder: &Path, name: &str) -> Result<Self, Problem> {
        let called = shown_name(name);
        Self::found(&called, || Finding::path_or_name(folder, Path::new(name), &called))
    }

    fn found(called: &str, find: impl FnOnce() -> Result<Finding, Problem>) -> Result<Self, Problem> {
        let tape = match called {
            DEMO => Self::from_bytes(DEMO, Bytes::from_static(DEMO_BYTES)),
            _ => Self::new(called, Storage::File(find()?)),
        };
        tape.read(Duration::ZERO)?;
        Ok(tape)
    }

    fn new(called: &str, storage: Storage) -> Self {
        Self {
            name: shown_name(called),
            called: called.into(),
            storage,
            facts: Arc::default(),
            gates: None,
            case: None,
        }
    }

    /// Checks that the recording has a readable record, and that an offset is not beyond the last one.
    ///
    /// # Errors
    /// `bad_recording`, or `bad_request` with the offset and the duration.
    pub fn check_within(&self, offset: Duration) -> Result<(), Problem> {
        let Some(duration) = self.duration() else {
            return Err(Problem::new(Code::BadRecording, format!("nothing in {} can be read", self.called)));
        };
        Ok(check_within(offset, duration)?)
    }

    /// # Errors
    /// Same as [`Tape::find`].
    pub fn header(&self) -> Result<Header, Problem> {
        let first = self.steps()?.next();
        Ok(match first {
            Some(Step::Item(Item { what: What::Header(header), .. })) => header,
            _ => Header::default(),
        })
    }

    /// Returns the offset of the last readable record. Reads the file once: its end, or all of it if the end
    /// is damaged.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let read = || last_offset(self.open_tail()?).or_else(|| last_offset(self.open().ok()?));
        *self.facts.duration.get_or_init(read)
    }

    /// Returns what is missing in the whole file, for readers that skip parts of it. The file is read once.
    pub async fn loss(&self) -> Loss {
        match &self.storage {
            Storage::Memory(_) | Storage::Spool(_) => self.read_loss(),
            Storage::File(_) => {
                let tape = self.clone();
                tokio::task::spawn_blocking(move || tape.read_loss()).await.unwrap_or(Loss::ONE)
            }
        }
    }

    /// Returns a text that identifies the content: its length and CRC-32. `None` if it cannot be read. The
    /// file is read once.
    pub(crate) async fn fingerprint(&self) -> Option<String> {
        let tape = self.clone();
        let read = move || {
            let (mut input, mut hasher, mut length) = (tape.open().ok()?, crc32fast::Hasher::new(), 0_u64);
            let mut buffer = vec![0; READ_BUFFER_BYTES];
            loop {
                match input.read(&mut buffer).ok()? {
                    0 => return Some(format!("{length}-{:08x}", hasher.finalize())),
                    read => {
                        hasher.update(&buffer[..read]);
                        length += read as u64;
                    }
                }
            }
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    fn read_loss(&self) -> Loss {
        *self.facts.loss.get_or_init(|| {
            let mut loss = Loss::default();
            for step in self.steps().into_iter().flatten() {
                match step {
                    Step::Missing(missing) => loss += missing,
                    Step::Failed(_) => loss += Loss::ONE,
                    Step::Item(_) | Step::End(_) => {}
                }
            }
            loss
        })
    }

    /// Starts reading at `from`.
    ///
    /// # Errors
    /// Same as [`Tape::find`].
    pub fn feed(&self, from: Duration) -> Result<Feed, Problem> {
        let reading = self.read(from)?;
        let feed = match &self.storage {
            Storage::Memory(_) | Storage::Spool(_) => Feed::here(reading),
            Storage::File(_) => Feed::ahead(reading)?,
        };
        Ok(feed.with_gates(self.gates.clone()))
    }

    /// Path of the file; `None` for a recording without one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.storage {
            Storage::Memory(_) | Storage::Spool(_) => None,
            Storage::File(file) => Some(file.path()),
        }
    }

    /// Size of the file in bytes; 0 if unknown.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.storage {
            Storage::Memory(bytes) => bytes.len() as u64,
            Storage::File(file) => file.path().metadata().map_or(0, |metadata| metadata.len()),
            Storage::Spool(spool) => spool.bytes(),
        }
    }

    /// Returns all elements of the tape, without pacing.
    ///
    /// # Errors
    /// Same as [`Tape::find`].
    pub fn steps(&self) -> Result<impl Iterator<Item = Step> + use<>, Problem> {
        let mut end = Some(Duration::ZERO);
        let mut reading = self.read(Duration::ZERO)?;
        Ok(std::iter::from_fn(move || {
            Some(match reading.next() {
                Some(Fed::Item(item) | Fed::Before(item)) => {
                    end = end.max(Some(item.offset));
                    Step::Item(item)
                }
                Some(Fed::Missing(loss)) => Step::Missing(loss),
                Some(Fed::Failed(error)) => Step::Failed(error),
                None => Step::End(end.take()?),
            })
        }))
    }

    /// Opens the file for reading its raw bytes.
    ///
    /// # Errors
    /// `recording_not_found` or `io`.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, Problem> {
        Ok(match &self.storage {
            Storage::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Storage::File(file) => {
                let file = file.open().map_err(|error| cannot_read(&self.called, &error))?;
                Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, file))
            }
            Storage::Spool(spool) => Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, spool.open())),
        })
    }

    fn read(&self, from: Duration) -> Result<Reading, Problem> {
        let reader = Reader::open(self.open()?).map_err(|error| unreadable(&self.called, &error))?;
        Ok(Reading::new(reader, from))
    }

    fn open_tail(&self) -> Option<Box<dyn Read>> {
        Some(match &self.storage {
            Storage::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Storage::File(file) => {
                let mut file = file.open().ok()?;
                let length = file.metadata().ok()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
                Box::new(file)
            }
            Storage::Spool(spool) => {
                let mut input = spool.open();
                input.seek(SeekFrom::Start(spool.bytes().saturating_sub(TAIL_BYTES))).ok()?;
                Box::new(input)
            }
        })
    }
}

/// Returns the offset of the last record, or `None` if there is none.
fn last_offset(input: impl Read) -> Option<Duration> {
    let mut reader = Reader::open(BufReader::new(input)).ok()?;
    let mut last = None;
    while let Ok(Some(head)) = reader.next_head() {
        last = Some(head.offset);
    }
    last
}

/// Converts an error in a recording to `bad_recording`, `newer_recording` or `io`.
#[must_use]
pub fn unreadable(name: &str, error: &recording::Error) -> Problem {
    Problem::new(error.code(), format!("cannot read {name}: {error}"))
}
