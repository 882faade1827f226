//! A recording that can be played from any offset, read ahead within bounds.

mod feed;

use std::{
    collections::VecDeque,
    fmt,
    fs::{self, File},
    io::{self, BufReader, Cursor, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use livetape_cases::{change, table::Case};
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Code, Problem},
    event::{Event, Millis},
    nearest,
    offset::check_within,
    recording::{self, Item, Loss, MINOR, Reader, What, Writer, is_plain_name, records::Header},
};
use livetape_feed::control::{Answer, ReplayState, Unit};
use livetape_io::{
    clock,
    files::{self, Spool},
};
use serde::Deserialize;
use tokio::time::timeout_at;

use crate::{
    demo::{DEMO, DEMO_BYTES},
    pipeline::is_ordinary,
    recorder::FOLDER,
};

use super::ReplayOptions;
use feed::Reading;

pub use feed::Gates;

pub(crate) use feed::{Fed, Feed};

pub const STDIN: &str = "-";
/// File name of the built-in recording in the repository.
const DEMO_FILE: &str = "demo.bin";
/// Number of bytes at the end of a file that are read to find the duration.
const TAIL_BYTES: u64 = 256 << 10;
const READ_BUFFER_BYTES: usize = 128 << 10;
/// Maximum time for opening a recording and finding its first record.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// `stream` of events that no server broadcast.
pub const OFFLINE: &str = "offline";

/// The raw bytes of a recording.
pub trait RawBytes: Read + io::Seek + Send {}

impl<T: Read + io::Seek + Send> RawBytes for T {}

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

    /// Finds the show of a case by its name, or a recording like [`Tape::find_by_name`].
    pub(crate) fn find_shown(show: Option<&Self>, folder: &Path, name: &str) -> Result<Self, Problem> {
        match show.filter(|tape| tape.is_show(name)) {
            Some(show) => Ok(show.clone()),
            None => Self::find_by_name(folder, name),
        }
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
            Some(Step::Item(Item { what: What::Header(header), .. })) => *header,
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
    pub async fn fingerprint(&self) -> Option<String> {
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
        Feed::new(self.read(from)?, matches!(self.storage, Storage::File(_)), self.gates.clone())
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
    pub fn open(&self) -> Result<Box<dyn RawBytes>, Problem> {
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
        let input: Box<dyn Read + Send> = self.open()?;
        let reader = Reader::open(input).map_err(|error| unreadable(&self.called, &error))?;
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

    /// Returns the recording as a case changes it.
    ///
    /// # Errors
    /// `bad_request` if it has more than `bytes_max`; any failure of reading it.
    pub fn changed(&self, case: &Case, bytes_max: u64) -> Result<Self, Problem> {
        if self.bytes() > bytes_max {
            let message =
                format!("{} has more than {} MiB, the maximum for a case", self.name, bytes_max >> 20);
            return Err(Problem::new(Code::BadRequest, message).hint("use a part of it: `livetape cut`"));
        }
        let mut tape = self.clone();
        if !case.changes.is_empty() {
            let items = self.items()?.filter(|item| !matches!(item.what, What::Checkpoint(_) | What::End(_)));
            let changed = change::change(case.changes, items.collect());
            tape = Self::from_items(&self.name, &changed)?;
        }
        tape.case = Some(case.name);
        Ok(tape)
    }

    /// # Errors
    /// If an item cannot be written.
    pub fn from_items(name: &str, items: &[Item]) -> Result<Self, Problem> {
        let spool = Spool::written(|file| {
            let written = || {
                let mut writer = Writer::transcribe(file, MINOR)?;
                items.iter().try_for_each(|item| writer.write(item))?;
                writer.finish().map(drop)
            };
            written().map_err(io::Error::other::<recording::Error>)
        });
        let unwritable =
            |error| Problem::new(Code::Io, format!("cannot write the changed recording: {error}"));
        Ok(Self::new(name, Storage::Spool(spool.map_err(unwritable)?)))
    }

    /// Lets replays wait at these places.
    #[must_use]
    pub fn with_gates(self, gates: Gates) -> Self {
        Self { gates: Some(gates), ..self }
    }

    /// Lets replays wait nowhere.
    pub(crate) fn without_gates(self) -> Self {
        Self { gates: None, ..self }
    }

    /// Returns the name under which the show of a case can be read. `None` without a case, or if no recording could have
    /// this name.
    #[must_use]
    pub fn show_name(&self) -> Option<String> {
        let name = format!("{} ({})", self.name, self.case?);
        is_plain_name(&name).then_some(name)
    }

    /// Whether it is the show of a case with this name.
    #[must_use]
    pub fn is_show(&self, name: &str) -> bool {
        self.show_name().is_some_and(|show| show == name)
    }

    /// # Errors
    /// Any failure of reading it.
    pub fn items(&self) -> Result<impl Iterator<Item = Item> + use<>, Problem> {
        let item = |step| match step {
            Step::Item(item) => Some(item),
            _ => None,
        };
        Ok(self.steps()?.filter_map(item))
    }

    /// Decodes the recording. `dedup` is whether messages that TikTok sent twice are left out.
    ///
    /// # Errors
    /// Same as [`Tape::find`].
    pub fn events(&self, dedup: bool) -> Result<Events, Problem> {
        let decoder = Decoder::new(DecoderOptions { replay: true, dedup });
        Ok(Events { steps: Box::new(self.steps()?), decoder, decoded: VecDeque::new() })
    }
}

/// Location of a recording.
#[derive(Clone, Debug)]
enum Finding {
    /// A path that the user entered.
    Path(PathBuf),
    /// A name in the folder of recordings. Symbolic links must not lead out of it.
    Named(PathBuf),
}

impl Finding {
    /// Finds a recording by path, or by name in `folder`; `called` is its name in messages.
    fn path_or_name(folder: &Path, path: &Path, called: &str) -> Result<Self, Problem> {
        if path.is_dir() {
            let problem =
                Problem::new(Code::BadRecording, format!("{called} is a directory, not a recording"));
            return Err(problem.hint("name a file in it"));
        }
        if path.exists() {
            return Ok(Self::Path(path.into()));
        }
        // Outside the folder, `show.bin` means `show`.
        let name = path.to_str().filter(|name| is_plain_name(name));
        let file = name.map(|name| named(folder, name.strip_suffix(".bin").unwrap_or(name)));
        let file = file.filter(|file| file.is_file());
        file.map(Self::Named).ok_or_else(|| {
            let problem = missing(folder, called);
            let is_path = Path::new(called).components().count() > 1;
            if is_path { problem.hint("check the path") } else { problem }
        })
    }

    fn name(folder: &Path, name: &str) -> Result<Self, Problem> {
        if !is_plain_name(name) {
            return Err(Problem::new(
                Code::RecordingNotFound,
                format!("`{}` is not the name of a recording", name.escape_debug()),
            ));
        }
        let file = named(folder, name);
        if file.symlink_metadata().is_err() { Err(missing(folder, name)) } else { Ok(Self::Named(file)) }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Named(path) => path,
        }
    }

    fn open(&self) -> io::Result<File> {
        match self {
            Self::Path(path) => files::open_regular(path),
            Self::Named(path) => files::open_inside(path),
        }
    }
}

/// A recording that is ready to be played.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) tape: Tape,
    pub(crate) duration: Option<Duration>,
    /// Positioned at the start, with the first chunk read.
    pub(crate) feed: Feed,
}

/// The events that a replay broadcasts, in its first generation. An error says why the file cannot be read any
/// further.
pub struct Events {
    steps: Box<dyn Iterator<Item = Step> + Send>,
    decoder: Decoder,
    decoded: VecDeque<Event>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// Returns what is missing in the part that was read.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.decoder.counts().loss()
    }
}

impl Iterator for Events {
    type Item = Result<Event, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.decoded.pop_front() {
                return Some(Ok(event));
            }
            match self.steps.next()? {
                Step::Item(item) => self.decoder.handle(&item),
                Step::Missing(loss) => self.decoder.count_missing(&loss),
                Step::Failed(error) => {
                    self.decoder.count_missing(&Loss::ONE);
                    return Some(Err(error));
                }
                Step::End(offset) => {
                    self.decoder.flush(offset);
                    self.decoder.disconnect(offset, "recording_ended");
                }
            }
            self.decoded.extend(self.decoder.take_events());
        }
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

/// Returns the display name of a recording: its file name without the extension.
pub(crate) fn shown_name(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned())
}

fn named(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.bin"))
}

/// Explains why a recording cannot be opened. The message contains no path except the user's own.
fn cannot_read(called: &str, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Problem::new(Code::RecordingNotFound, format!("recording {called} not found"))
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::Unsupported => {
            Problem::new(Code::BadRecording, format!("{called} is not a regular file"))
                .hint("copy the content to a regular file")
        }
        _ => Problem::new(Code::Io, format!("cannot read {called}: {error}")),
    }
}

/// A recording that is being opened while orders are still processed, and the order for it.
pub(crate) struct Loading {
    loaded: Pin<Box<dyn Future<Output = Result<Loaded, Problem>> + Send>>,
    pub(crate) answer: Answer<ReplayState>,
}

impl Loading {
    pub(crate) fn new(options: &ReplayOptions, name: String, answer: Answer<ReplayState>) -> Self {
        let (folder, show) = (options.recordings.clone(), options.show.clone());
        Self { loaded: Box::pin(load(folder, show, name)), answer }
    }

    /// Rejects the order, because a later one replaced it.
    pub(crate) fn give_up(self) {
        let message = "another command replaced this one before the recording was open";
        let problem = Problem::new(Code::RecordingBusy, message);
        self.answer.refuse(problem.hint("load it again: POST /replay/load"));
    }

    /// Waits for the recording that is being opened; forever, if there is none.
    pub(crate) async fn finished(loading: &mut Option<Self>) -> Result<Loaded, Problem> {
        match loading {
            Some(loading) => loading.loaded.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

/// Opens a recording by name, or the show of a case.
pub(crate) async fn load(folder: PathBuf, show: Option<Tape>, name: String) -> Result<Loaded, Problem> {
    let called = name.clone();
    in_time(&called, move || {
        let tape = Tape::find_shown(show.as_ref(), &folder, &name)?;
        let (duration, mut feed) = (tape.duration(), tape.feed(Duration::ZERO)?);
        feed.fill();
        Ok(Loaded { tape, duration, feed })
    })
    .await
}

/// Runs file access on a thread for blocking work, and waits at most [`OPEN_WAIT`] for it.
pub(crate) async fn in_time<T: Send + 'static>(
    called: &str,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let io = |why: &str| Problem::new(Code::Io, format!("cannot open {called}: {why}"));
    match timeout_at(clock::now() + OPEN_WAIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(io("reading failed")),
        Err(_) => Err(io(&format!("the disk did not respond within {} s", OPEN_WAIT.as_secs()))),
    }
}

/// Length of the part before a point that is searched first, so that it has the originals of most repeated messages;
/// each further one is four times as long.
const SEARCHED_FIRST: Duration = Duration::from_secs(600);

/// A point that a pass which begins at `offset` reaches after some steps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    pub(crate) offset: Duration,
    pub(crate) steps: u32,
}

/// The part of an event that identifies it in a recording.
#[derive(Debug, Deserialize)]
pub(crate) struct EventKey {
    r#type: String,
    id: Option<String>,
    pub(crate) ts: Millis,
}

impl EventKey {
    fn new(event: &Event) -> Self {
        Self { r#type: event.kind().into(), id: event.id.as_deref().map(Into::into), ts: event.ts }
    }

    fn is(&self, event: &Event) -> bool {
        // Later generations append `~` and their number.
        let id = self.id.as_ref().and_then(|id| id.split('~').next());
        event.ts == self.ts && event.kind() == self.r#type && event.id.as_deref() == id
    }
}

impl Tape {
    /// Finds the point that `count` frames or events are after, of those up to the `items`th item at an offset.
    /// Returns the start of the recording if there are fewer.
    pub(crate) async fn point_back(
        &self,
        place: (Duration, usize),
        unit: Unit,
        count: usize,
    ) -> Result<Point, Problem> {
        let tape = self.clone();
        in_time(&self.name, move || {
            let mut searched = SEARCHED_FIRST;
            loop {
                let from = place.0.saturating_sub(searched);
                match tape.last_before(from, place, unit, count)? {
                    Some((offset, key)) => return tape.point(&key, offset, unit, true),
                    None if from.is_zero() => return Ok(Point::default()),
                    None => searched *= 4,
                }
            }
        })
        .await
    }

    /// Finds the point before an event at `offset`, which is in whole milliseconds. Returns the offset for an event
    /// that is not in the recording: an injected one, or one that describes the start of a generation.
    pub(crate) async fn point_before(&self, key: EventKey, offset: Duration) -> Result<Point, Problem> {
        let tape = self.clone();
        in_time(&self.name, move || tape.point(&key, offset, Unit::Events, false)).await
    }

    /// Finds the last event before which `count` frames or events are, and its offset.
    fn last_before(
        &self,
        from: Duration,
        (end, items): (Duration, usize),
        unit: Unit,
        count: usize,
    ) -> Result<Option<(Duration, EventKey)>, Problem> {
        let (mut last, mut items_at_end) = (VecDeque::new(), 0);
        for (offset, events) in self.frames(from)? {
            items_at_end += usize::from(offset == end);
            if offset > end || items_at_end > items {
                break;
            }
            let ordinary = events.iter().filter(|event| is_ordinary(event));
            let mut key = ordinary.map(|event| (offset, EventKey::new(event)));
            match unit {
                Unit::Frames => last.extend(key.next_back()),
                Unit::Events => last.extend(key),
            }
            last.drain(..last.len().saturating_sub(count + 1));
        }
        Ok(if last.len() > count { last.pop_front() } else { None })
    }

    /// Finds the point before or after an event.
    fn point(&self, key: &EventKey, offset: Duration, unit: Unit, after: bool) -> Result<Point, Problem> {
        let mut point = Point::default();
        for (at, events) in self.frames(offset)? {
            if at.as_millis() > offset.as_millis() {
                break;
            }
            if point.offset != at {
                point = Point { offset: at, steps: 0 };
            }
            let found = events.iter().position(|event| key.is(event));
            let sent = found.map_or(events.len(), |index| index + usize::from(after));
            let ordinary = events[..sent].iter().filter(|event| is_ordinary(event)).count() as u32;
            point.steps += if unit == Unit::Frames { ordinary.min(1) } else { ordinary };
            if found.is_some() {
                return Ok(point);
            }
        }
        Ok(Point { offset, steps: 0 })
    }

    /// Decodes the items from an offset, as a pass that begins there does.
    fn frames(&self, from: Duration) -> Result<impl Iterator<Item = (Duration, Vec<Event>)>, Problem> {
        let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        Ok(self.read(from)?.filter_map(move |fed| match fed {
            Fed::Item(item) => {
                decoder.handle(&item);
                Some((item.offset, decoder.take_events().collect()))
            }
            Fed::Before(item) => {
                decoder.restore(&item);
                None
            }
            Fed::Missing(_) | Fed::Failed(_) => None,
        }))
    }
}

/// Maximum number of files to list in a folder.
const FILES_MAX: usize = 10_000;

/// Returns `recording_not_found` for `name`, with the closest name and all names in `folder`.
#[must_use]
pub fn missing(folder: &Path, name: &str) -> Problem {
    let names = names(folder);
    let wanted = name.strip_suffix(".bin").unwrap_or(name);
    let known = Vec::from_iter(names.iter().map(String::as_str));
    Problem::new(Code::RecordingNotFound, format!("recording {name} not found"))
        .hint(nearest::choices(wanted, &known))
}

/// Returns the names of the built-in recording and those in `folder`.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX);
    let files = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
    let named = files.filter_map(|file| {
        let name = file.file_name().to_str()?.strip_suffix(".bin")?.to_owned();
        (is_plain_name(&name) && name != DEMO).then_some(name)
    });
    let mut names = Vec::from_iter(named);
    names.sort();
    names.insert(0, DEMO.to_owned());
    names
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_respond_times_out() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let opened = in_time("show", move || {
            let _ = held.recv();
            Ok(())
        });
        let mut opened = std::pin::pin!(opened);
        assert!(futures_util::poll!(&mut opened).is_pending());
        tokio::time::advance(OPEN_WAIT).await;
        let problem = opened.now_or_never().expect("it waits longer").unwrap_err();
        assert_eq!(problem.message, "cannot open show: the disk did not respond within 5 s");
        drop(release);
    }

    #[test]
    fn the_closest_name_and_all_others_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["battle.bin", "gifts.bin", "notes.txt", ".hidden.bin"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let problem = missing(folder.path(), "batle");
        assert_eq!(problem.message, "recording batle not found");
        assert_eq!(problem.hint, "did you mean `battle`? choose one of: demo, battle, gifts");
        assert_eq!(missing(folder.path(), "x").hint, "choose one of: demo, battle, gifts");
        let problem = missing(&folder.path().join("none"), "demmo.bin");
        assert_eq!(problem.hint, "did you mean `demo`? choose one of: demo");
    }
}
