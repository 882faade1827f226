//! A recording that can be played from any offset, read ahead within bounds.

mod feed;
mod load;
mod name;

use std::{
    io::{BufReader, Cursor, Read, Seek as _, SeekFrom},
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use feed::Reading;
pub(crate) use feed::{Fed, Feed};
pub(crate) use load::{Loaded, in_time, load};
pub(crate) use name::shown_name;
use name::{Finding, cannot_read};

use crate::{
    demo::{DEMO, DEMO_BYTES},
    recorder::FOLDER,
    sans_io::{
        error::{Code, Problem},
        offset::check_within,
        recording::{self, Item, Loss, Reader, What, records::Header},
    },
};

/// What the built-in recording is called in the repository.
const DEMO_FILE: &str = "demo.bin";
/// How much of the end of a file is read to learn how long it is.
const TAIL_BYTES: u64 = 256 << 10;
const READ_BUFFER_BYTES: usize = 128 << 10;

/// What comes off a tape.
#[derive(Debug)]
pub enum Step {
    /// The next thing that was recorded.
    Item(Item),
    /// So much is missing here.
    Missing(Loss),
    /// The file cannot be read further.
    Failed(String),
    /// The end, at the offset of the last item.
    End(Duration),
}

/// A recording.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Its name, as shown.
    pub name: String,
    /// What the user calls it, for messages: a client of the server must not learn its path.
    called: String,
    place: Place,
    /// Learned when somebody asks.
    tail: Arc<OnceLock<Option<Tail>>>,
}

/// What the last records of a recording say.
#[derive(Clone, Copy, Debug)]
struct Tail {
    last_offset: Duration,
    loss: Loss,
}

#[derive(Clone, Debug)]
enum Place {
    /// Read as it is played, without another thread: exact under a paused clock.
    Memory(Bytes),
    /// Read ahead by a thread.
    File(Finding),
}

impl Tape {
    /// A recording in memory.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: Bytes) -> Self {
        Self::new(name, Place::Memory(bytes))
    }

    /// `demo`, the path of a recording, or the name of one under `recordings/`.
    ///
    /// # Errors
    /// `recording_not_found`, `bad_recording`, `newer_recording` or `io`, with what to do.
    pub fn find(name: impl AsRef<Path>) -> Result<Self, Problem> {
        Self::find_in(Path::new(FOLDER), name)
    }

    /// The same, where names are those of recordings in `folder`.
    ///
    /// # Errors
    /// As [`Tape::find`].
    pub fn find_in(folder: &Path, name: impl AsRef<Path>) -> Result<Self, Problem> {
        let name = name.as_ref();
        if name.as_os_str().is_empty() {
            return Err(Problem::new(Code::BadRequest, "the recording's path is empty"));
        }
        let called = name.to_string_lossy();
        // `demo.bin` means `demo`, where the command runs outside the folder.
        let called = if called == DEMO_FILE && !name.exists() { DEMO.into() } else { called };
        Self::found(&called, || Finding::path_or_name(folder, name, &called))
    }

    /// A recording by its name: `demo`, or one in `folder`. Paths are rejected: the request may come from a web page.
    ///
    /// # Errors
    /// As [`Tape::find`]; the messages have the name alone.
    pub fn find_by_name(folder: &Path, name: &str) -> Result<Self, Problem> {
        Self::found(name, || Finding::name(folder, name))
    }

    /// A recording that the configuration names, for a client that is not to learn where it is.
    ///
    /// # Errors
    /// As [`Tape::find`]; the messages have the name alone.
    pub(crate) fn find_for_client(folder: &Path, name: &str) -> Result<Self, Problem> {
        let called = shown_name(name);
        Self::found(&called, || Finding::path_or_name(folder, Path::new(name), &called))
    }

    fn found(called: &str, find: impl FnOnce() -> Result<Finding, Problem>) -> Result<Self, Problem> {
        let tape = match called {
            DEMO => Self::from_bytes(DEMO, Bytes::from_static(DEMO_BYTES)),
            _ => Self::new(called, Place::File(find()?)),
        };
        tape.read(Duration::ZERO)?;
        Ok(tape)
    }

    fn new(called: &str, place: Place) -> Self {
        Self { name: shown_name(called), called: called.into(), place, tail: Arc::default() }
    }

    /// Accepts offsets up to that of the last record.
    ///
    /// # Errors
    /// `bad_request`, with the offset and the length.
    pub fn check_within(&self, offset: Duration) -> Result<(), Problem> {
        Ok(check_within(offset, self.duration().unwrap_or(offset))?)
    }

    /// The header record.
    ///
    /// # Errors
    /// As [`Tape::find`].
    pub fn header(&self) -> Result<Header, Problem> {
        let first = self.steps()?.next();
        Ok(match first {
            Some(Step::Item(Item { what: What::Header(header), .. })) => header,
            _ => Header::default(),
        })
    }

    /// How long it is, from its last readable record. The file is read once: its end, or all of it if its end is damaged.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.tail().map(|tail| tail.last_offset)
    }

    /// What is missing at the end of the file: whether it is sealed, and bytes after the last record. For readers that
    /// stop before they get there.
    #[must_use]
    pub fn loss_at_end(&self) -> Loss {
        self.tail().map_or(Loss { unsealed: true, ..Loss::default() }, |tail| tail.loss)
    }

    fn tail(&self) -> Option<Tail> {
        *self.tail.get_or_init(|| read_tail(self.open_tail()?).or_else(|| read_tail(self.open().ok()?)))
    }

    /// Begins to read at `from`.
    ///
    /// # Errors
    /// As [`Tape::find`].
    pub fn feed(&self, from: Duration) -> Result<Feed, Problem> {
        let reading = self.read(from)?;
        match &self.place {
            Place::Memory(_) => Ok(Feed::here(reading)),
            Place::File(_) => Feed::ahead(reading),
        }
    }

    /// Its file; `None` if it is in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Memory(_) => None,
            Place::File(file) => Some(file.path()),
        }
    }

    /// How large the file is, in bytes; 0 if nobody knows.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::File(file) => file.path().metadata().map_or(0, |metadata| metadata.len()),
        }
    }

    /// All of it, for whoever does not care when.
    ///
    /// # Errors
    /// As [`Tape::find`].
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

    /// The bytes of the file.
    ///
    /// # Errors
    /// `recording_not_found` or `io`.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, Problem> {
        Ok(match &self.place {
            Place::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Place::File(file) => {
                let file = file.open().map_err(|error| cannot_read(&self.called, &error))?;
                Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, file))
            }
        })
    }

    fn read(&self, from: Duration) -> Result<Reading, Problem> {
        let reader = Reader::open(self.open()?).map_err(|error| unreadable(&self.name, &error))?;
        Ok(Reading::new(reader, from))
    }

    fn open_tail(&self) -> Option<Box<dyn Read>> {
        Some(match &self.place {
            Place::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Place::File(file) => {
                let mut file = file.open().ok()?;
                let length = file.metadata().ok()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
                Box::new(file)
            }
        })
    }
}

/// `None` if there is no record.
fn read_tail(input: impl Read) -> Option<Tail> {
    let mut reader = Reader::open(BufReader::new(input)).ok()?;
    let mut last = None;
    while let Ok(Some(head)) = reader.next_head() {
        last = Some(head.offset);
    }
    let report = reader.report();
    // Of what comes before, only a part was read.
    let loss = Loss { bytes: report.tail_bytes, unsealed: !report.sealed, ..Loss::default() };
    Some(Tail { last_offset: last?, loss })
}

pub(crate) fn unreadable(name: &str, error: &recording::Error) -> Problem {
    Problem::new(error.code(), format!("cannot read {name}: {error}"))
}
