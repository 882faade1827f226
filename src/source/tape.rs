//! A recording that can be played from any offset, read ahead within bounds.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufReader, Cursor, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::sans_io::{
    error::{Code, Problem},
    recording::{self, Item, Reader, What},
};

/// The recording that is built in: `livetape replay demo`.
pub const DEMO: &str = "demo";
const DEMO_BYTES: &[u8] = include_bytes!("../../recordings/demo.bin");

/// The directory in which recordings are named without their ending.
const DIRECTORY: &str = "recordings";
/// A portion that is read ahead at once ends at so many bytes of payload …
const PORTION_BYTES_MAX: usize = 256 << 10;
/// … or so many items.
const PORTION_ITEMS_MAX: usize = 256;
/// Portions that wait to be played.
const PORTIONS_AHEAD: usize = 4;
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
        Self { name: name.into(), place: Place::Memory(bytes) }
    }

    /// `demo`, the path of a recording, or the name of one under `recordings/`.
    ///
    /// # Errors
    /// `recording_not_found`, `bad_recording`, `newer_recording` or `io`, with what to do.
    pub fn find(name: &str) -> Result<Self, Problem> {
        let tape = match name {
            "" => return Err(Problem::new(Code::BadRequest, "the recording's path is empty")),
            DEMO => Self::from_bytes(DEMO, Bytes::from_static(DEMO_BYTES)),
            _ => Self { name: shown_name(name), place: Place::File(find_file(name)?) },
        };
        tape.read(Duration::ZERO)?;
        Ok(tape)
    }

    /// A recording by its name: `demo`, or one under `recordings/`. Paths are refused: whoever asks may be a web page.
    ///
    /// # Errors
    /// As [`Tape::find`].
    pub fn find_by_name(name: &str) -> Result<Self, Problem> {
        if name == DEMO {
            return Self::find(DEMO);
        }
        if !is_plain_name(name) {
            return Err(Problem::new(Code::RecordingNotFound, format!("`{name}` is no name of a recording")));
        }
        Self::find(&named(name).to_string_lossy())
    }

    /// How long it is, from its last readable record; `None` if the end tells nothing.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
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
        let supply = match &self.place {
            Place::Memory(_) => Supply::Here(Box::new(reading)),
            Place::File(_) => Supply::Thread(read_ahead(reading)?),
        };
        Ok(Feed { supply, ready: VecDeque::new() })
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
    pub fn steps(&self) -> Result<impl Iterator<Item = Step>, Problem> {
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
        Ok(Reading { reader, from, missing: 0, is_over: false })
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

fn shown_name(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned())
}

/// The file of a path, or of a name under `recordings/`.
fn find_file(name: &str) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(name);
    if path.is_dir() {
        let problem = Problem::new(Code::BadRecording, format!("{name} is a directory, not a recording"));
        return Err(problem.hint("name one of the files in it"));
    }
    if path.exists() {
        return Ok(path);
    }
    if is_plain_name(name) && named(name).is_file() {
        return Ok(named(name));
    }
    Err(Problem::new(Code::RecordingNotFound, format!("there is no recording {name}")))
}

fn named(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{name}.bin"))
}

/// Whether a name cannot lead out of `recordings/`.
#[must_use]
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0', ':'])
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Problem {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::RecordingNotFound,
        _ => Code::Io,
    };
    Problem::new(code, format!("cannot read {}: {error}", path.display()))
}

pub(crate) fn unreadable(name: &str, error: &recording::Error) -> Problem {
    Problem::new(error.code(), format!("cannot read {name}: {error}"))
}

/// What comes off a tape, in file order.
#[derive(Debug)]
pub(crate) enum Fed {
    /// It lies before the start, and tells what stands open there.
    Before(Item),
    /// It is to be played.
    Item(Item),
    /// So many records are missing here.
    Missing(u64),
    /// The file cannot be read further.
    Failed(String),
}

impl Fed {
    fn bytes(&self) -> usize {
        match self {
            Self::Item(Item { what: What::Frame(frame), .. }) => frame.bytes.len(),
            Self::Item(Item { what: What::Http(http), .. }) => http.body.len(),
            _ => 0,
        }
    }
}

struct Reading {
    reader: Reader<Box<dyn Read + Send>>,
    from: Duration,
    /// Records that were told to be missing.
    missing: u64,
    is_over: bool,
}

impl Iterator for Reading {
    type Item = Fed;

    fn next(&mut self) -> Option<Fed> {
        while !self.is_over {
            let missing = self.reader.report().missing;
            if missing > self.missing {
                return Some(Fed::Missing(missing - std::mem::replace(&mut self.missing, missing)));
            }
            match self.reader.next() {
                Ok(Some(record)) if record.item.offset >= self.from => return Some(Fed::Item(record.item)),
                Ok(Some(record)) if tells_what_is_open(&record.item) => {
                    return Some(Fed::Before(record.item));
                }
                Ok(Some(_)) => {}
                Ok(None) => self.is_over = self.reader.report().missing == self.missing,
                Err(error) => {
                    self.is_over = true;
                    return Some(Fed::Failed(error.to_string()));
                }
            }
        }
        None
    }
}

fn tells_what_is_open(item: &Item) -> bool {
    matches!(item.what, What::Header(_) | What::ConnOpen(_) | What::ConnClose(_))
}

/// A tape that is being read.
pub struct Feed {
    supply: Supply,
    ready: VecDeque<Fed>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

enum Supply {
    Here(Box<Reading>),
    Thread(mpsc::Receiver<VecDeque<Fed>>),
}

impl Feed {
    /// What comes next; `None` at the end.
    pub(crate) async fn peek(&mut self) -> Option<&Fed> {
        if self.ready.is_empty() {
            match &mut self.supply {
                Supply::Here(reading) => self.ready.extend(reading.next()),
                Supply::Thread(portions) => self.ready = portions.recv().await.unwrap_or_default(),
            }
        }
        self.ready.front()
    }

    /// Takes what [`Feed::peek`] showed.
    pub(crate) fn pop(&mut self) -> Option<Fed> {
        self.ready.pop_front()
    }
}

/// Reads on a thread of its own, which stands still while [`PORTIONS_AHEAD`] portions wait and ends with the receiver.
fn read_ahead(mut reading: Reading) -> Result<mpsc::Receiver<VecDeque<Fed>>, Problem> {
    let (sender, receiver) = mpsc::channel(PORTIONS_AHEAD);
    let thread = std::thread::Builder::new().name("read-ahead".into());
    let spawned = thread.spawn(move || {
        loop {
            let portion = next_portion(&mut reading);
            if portion.is_empty() || sender.blocking_send(portion).is_err() {
                return;
            }
        }
    });
    spawned.map_err(|error| Problem::new(Code::Io, format!("cannot start the reader: {error}")))?;
    Ok(receiver)
}

fn next_portion(reading: &mut Reading) -> VecDeque<Fed> {
    let (mut portion, mut bytes) = (VecDeque::new(), 0);
    while portion.len() < PORTION_ITEMS_MAX && bytes < PORTION_BYTES_MAX {
        let Some(fed) = reading.next() else { break };
        bytes += fed.bytes();
        portion.push_back(fed);
    }
    portion
}
