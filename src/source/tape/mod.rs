//! A recording that can be played from any offset, read ahead within bounds.

mod feed;
mod name;

use std::{
    fs::File,
    io::{BufReader, Cursor, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use feed::Reading;
pub(crate) use feed::{Fed, Feed};
use name::{cannot_read, find_file, named, shown_name};

use crate::{
    demo::{DEMO, DEMO_BYTES},
    recorder::FOLDER,
    sans_io::{
        error::{Code, Problem},
        recording::{self, Item, Reader, What, is_plain_name, records::Header},
    },
};

/// How much of the end of a file is read to learn how long it is.
const TAIL_BYTES: u64 = 256 << 10;
const READ_BUFFER_BYTES: usize = 128 << 10;

/// What comes off a tape.
#[derive(Debug)]
pub enum Step {
    /// The next thing that was recorded.
    Item(Item),
    /// So many records are missing here.
    Missing(u64),
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
    place: Place,
    /// Learned when somebody asks.
    duration: Arc<OnceLock<Option<Duration>>>,
}

#[derive(Clone, Debug)]
enum Place {
    /// Read as it is played, without another thread: exact under a paused clock.
    Memory(Bytes),
    /// Read ahead by a thread.
    File(PathBuf),
}

impl Tape {
    /// A recording in memory.
    #[must_use]
    pub fn from_bytes(name: &str, bytes: Bytes) -> Self {
        Self::new(name.into(), Place::Memory(bytes))
    }

    /// `demo`, the path of a recording, or the name of one under `recordings/`.
    ///
    /// # Errors
    /// `recording_not_found`, `bad_recording`, `newer_recording` or `io`, with what to do.
    pub fn find(name: &str) -> Result<Self, Problem> {
        Self::find_in(Path::new(FOLDER), name)
    }

    /// The same, where names are those of recordings in `folder`.
    ///
    /// # Errors
    /// As [`Tape::find`].
    pub fn find_in(folder: &Path, name: &str) -> Result<Self, Problem> {
        let tape = match name {
            "" => return Err(Problem::new(Code::BadRequest, "the recording's path is empty")),
            DEMO => Self::from_bytes(DEMO, Bytes::from_static(DEMO_BYTES)),
            _ => Self::new(shown_name(name), Place::File(find_file(folder, name)?)),
        };
        tape.read(Duration::ZERO)?;
        Ok(tape)
    }

    /// A recording by its name: `demo`, or one in `folder`. Paths are refused: whoever asks may be a web page.
    ///
    /// # Errors
    /// As [`Tape::find`].
    pub fn find_by_name(folder: &Path, name: &str) -> Result<Self, Problem> {
        if name == DEMO {
            return Self::find(DEMO);
        }
        if !is_plain_name(name) {
            return Err(Problem::new(Code::RecordingNotFound, format!("`{name}` is no name of a recording")));
        }
        Self::find(&named(folder, name).to_string_lossy())
    }

    /// The same on a thread for blocking work: the disk may take its time.
    pub(crate) async fn open_by_name(folder: PathBuf, name: String) -> Result<Self, Problem> {
        let opened = tokio::task::spawn_blocking(move || Self::find_by_name(&folder, &name)).await;
        opened.unwrap_or_else(|_| Err(Problem::new(Code::Io, "reading the recording broke off")))
    }

    /// What stands at its beginning.
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

    fn new(name: String, place: Place) -> Self {
        Self { name, place, duration: Arc::default() }
    }

    /// How long it is, from its last readable record; `None` if the end tells nothing. The file is asked once.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        *self.duration.get_or_init(|| self.read_duration())
    }

    fn read_duration(&self) -> Option<Duration> {
        let mut reader = Reader::open(BufReader::new(self.tail().ok()?)).ok()?;
        let mut last = None;
        while let Ok(Some(record)) = reader.next() {
            last = last.max(Some(record.item.offset));
        }
        last
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
            Place::File(path) => Some(path),
        }
    }

    /// How large the file is, in bytes; 0 if nobody knows.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.place {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::File(path) => path.metadata().map_or(0, |metadata| metadata.len()),
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
                Some(Fed::Missing(records)) => Step::Missing(records),
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
            Place::File(path) => {
                let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
                Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, file))
            }
        })
    }

    fn read(&self, from: Duration) -> Result<Reading, Problem> {
        let reader = Reader::open(self.open()?).map_err(|error| unreadable(&self.name, &error))?;
        Ok(Reading::new(reader, from))
    }

    fn tail(&self) -> std::io::Result<Box<dyn Read>> {
        Ok(match &self.place {
            Place::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Place::File(path) => {
                let mut file = File::open(path)?;
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
                Box::new(file)
            }
        })
    }
}

pub(crate) fn unreadable(name: &str, error: &recording::Error) -> Problem {
    Problem::new(error.code(), format!("cannot read {name}: {error}"))
}
