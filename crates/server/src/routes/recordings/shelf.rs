//! The directory of recordings, plus the built-in one, and what is known of its files until they change.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::{self, BufReader, Cursor, Read},
    iter,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use livetape_core::{
    error::{Code, Problem},
    event::Millis,
    recording::{self, USER_TAG, is_plain_name},
};
use livetape_engine::{
    demo::{DEMO, DEMO_BYTES},
    source::{Tape, missing},
};
use livetape_io::files::{self, Disk as _};
use livetape_tools::{
    info::{Glance, Info, glance, info},
    timeline::{Chart, chart},
};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{ImportReport, Recordings, on_thread};

/// Maximum number of listed files; the rest are counted.
const LISTED_MAX: usize = 1000;
/// Maximum number of cached charts, a few hundred kilobytes each.
const CHARTS_MAX: usize = 16;
/// Maximum number of recordings that are read completely at the same time.
const READING_MAX: usize = 2;
const ENDING: &str = "bin";

/// Summary of a recording, from its header and end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedRecording {
    /// Name of the recording in `/replay/load` and `/recordings/{name}`.
    name: String,
    /// Size of the file, in bytes.
    bytes: u64,
    /// When the file was last modified.
    modified: Option<Millis>,
    /// Duration, if the end of the file states it.
    duration_ms: Option<u64>,
    /// Whether it was sealed. A recording in progress is not.
    sealed: bool,
    /// Whether it is read-only: part of the program, or the show of the case that is played.
    built_in: bool,
    /// `unknown`, `private`, `scrubbed` or `synthetic`, from the header.
    privacy: Option<String>,
    /// Origin of the recording: `live`, `har`, `synthetic`, …, from the header.
    source: Option<String>,
    /// User whose room was recorded, from the header.
    user: Option<String>,
    /// Wall-clock time of the start, from the header.
    started: Option<String>,
    /// Why it cannot be replayed.
    problem: Option<Code>,
    /// Result of the import, in the response to the upload of a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) import: Option<ImportReport>,
}

/// Everything known about a recording.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: u64,
    pub(super) built_in: bool,
    pub(super) info: Info,
    pub(super) chart: Chart,
}

/// The recordings on disk, with caches and locks.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(super) options: Recordings,
    /// The show of the case that is played.
    show: Option<Tape>,
    glances: Cache<Result<Glance, Code>>,
    wholes: Cache<Arc<Whole>>,
    turns: Semaphore,
    held: Mutex<HashMap<String, Use>>,
    /// Uploads and overlays being written.
    pub(in crate::routes) writing: TaskTracker,
}

/// What a name is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Change,
    /// This many orders to play it.
    Loads(usize),
}

/// Lock on a name until it is dropped: only one change runs at a time, and none while the recording is loaded to be played.
#[derive(Debug)]
pub(in crate::routes) struct Held {
    shelf: Arc<Shelf>,
    name: String,
}

impl Shelf {
    pub(crate) fn new(options: Recordings, show: Option<Tape>) -> Self {
        Self {
            options,
            show,
            glances: Cache::new(LISTED_MAX),
            wholes: Cache::new(CHARTS_MAX),
            turns: Semaphore::new(READING_MAX),
            held: Mutex::default(),
            writing: TaskTracker::new(),
        }
    }

    /// Waits until the uploads that were being written have removed their temporary files.
    pub(crate) async fn ended(&self) {
        self.writing.close();
        self.writing.wait().await;
    }

    /// Lists the recordings, and counts the files that are not listed.
    pub(super) fn list(&self) -> Result<(Vec<ListedRecording>, usize), Problem> {
        let (mut names, unnamed) = self.names()?;
        names.sort();
        let unlisted = names.len().saturating_sub(LISTED_MAX) + unnamed;
        names.truncate(LISTED_MAX);
        // Files that were deleted in the meantime are skipped.
        let found = names.into_iter().filter_map(|name| self.entry(&name).ok());
        let show = self.show.as_ref().and_then(Tape::show_name);
        let own = iter::once(DEMO.to_owned()).chain(show).filter_map(|name| self.entry(&name).ok());
        Ok((own.chain(found).collect(), unlisted))
    }

    /// Returns the show of the case that is played, if it has this name.
    pub(super) fn show(&self, name: &str) -> Option<&Tape> {
        self.show.as_ref().filter(|show| show.is_show(name))
    }

    pub(super) fn is_read_only(&self, name: &str) -> bool {
        name == DEMO || self.show(name).is_some()
    }

    /// Returns the names of all recordings, and the number of files whose names are not allowed.
    fn names(&self) -> Result<(Vec<String>, usize), Problem> {
        let entries = match fs::read_dir(&self.options.directory) {
            Ok(entries) => entries,
            // The directory is created with the first recording.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((vec![], 0)),
            Err(error) => return Err(self.explain("the directory", &error)),
        };
        let (mut names, mut unnamed) = (Vec::new(), 0);
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|ending| ending != ENDING)
                || !path.symlink_metadata().is_ok_and(|it| it.is_file())
            {
                continue;
            }
            match path.file_stem().and_then(|name| name.to_str()) {
                Some(name) if self.is_read_only(name) => {}
                Some(name) if is_plain_name(name) => names.push(name.to_owned()),
                _ => unnamed += 1,
            }
        }
        Ok((names, unnamed))
    }

    pub(super) fn entry(&self, name: &str) -> Result<ListedRecording, Problem> {
        let version = self.version(name)?;
        let seen = match self.glances.get(&version) {
            Some(seen) => seen,
            None => {
                let seen = self.look(name, version.bytes)?;
                self.glances.put(version.clone(), seen.clone());
                seen
            }
        };
        let (glance, problem) = match seen {
            Ok(glance) => (glance, None),
            Err(code) => (Glance::default(), Some(code)),
        };
        let header = glance.header.unwrap_or_default();
        let told = |text: String| (!text.is_empty()).then_some(text);
        Ok(ListedRecording {
            bytes: version.bytes,
            modified: version.modified.map(millis),
            duration_ms: glance.duration.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
            sealed: glance.sealed,
            built_in: self.is_read_only(name),
            privacy: told(header.privacy),
            source: told(header.source),
            user: header.tags.get(USER_TAG).cloned(),
            started: header.started,
            problem,
            import: None,
            name: version.name,
        })
    }

    fn look(&self, name: &str, bytes: u64) -> Result<Result<Glance, Code>, Problem> {
        let seen = match self.show(name) {
            Some(show) => glance(show.open()?, bytes),
            None if name == DEMO => glance(Cursor::new(DEMO_BYTES), bytes),
            None => glance(self.open(name)?, bytes),
        };
        Ok(seen.map_err(|error| error.code()))
    }

    /// Returns everything known about a recording. Reads each version of a file at most once.
    pub(super) async fn whole(self: &Arc<Self>, name: &str) -> Result<Arc<Whole>, Problem> {
        let name = name.to_owned();
        self.read(move |shelf| {
            let version = shelf.version(&name)?;
            if let Some(known) = shelf.wholes.get(&version) {
                return Ok(known);
            }
            let whole = Arc::new(Whole {
                bytes: version.bytes,
                built_in: shelf.is_read_only(&name),
                info: info(shelf.bytes(&name)?).map_err(|error| unreadable(&name, &error))?,
                chart: chart(shelf.bytes(&name)?).map_err(|error| unreadable(&name, &error))?,
            });
            shelf.wholes.put(version, Arc::clone(&whole));
            Ok(whole)
        })
        .await
    }

    /// Runs work that reads a whole recording. Only a few run at a time.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let closed = |_| Problem::new(Code::ShuttingDown, "the server is shutting down");
        let _turn = self.turns.acquire().await.map_err(closed)?;
        let shelf = Arc::clone(self);
        on_thread(move || work(&shelf)).await?
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Box<dyn Read>, Problem> {
        Ok(match self.show(name) {
            Some(show) => show.open()?,
            None if name == DEMO => Box::new(DEMO_BYTES),
            None => Box::new(BufReader::new(self.open(name)?)),
        })
    }

    pub(super) fn version(&self, name: &str) -> Result<Version, Problem> {
        let name = name.to_owned();
        let own = self.show(&name).map(Tape::bytes).or((name == DEMO).then_some(DEMO_BYTES.len() as u64));
        if let Some(bytes) = own {
            return Ok(Version { name, bytes, modified: None });
        }
        let metadata = self.path(&name).symlink_metadata().map_err(|error| self.explain(&name, &error))?;
        if !metadata.is_file() {
            return Err(self.missing(&name));
        }
        Ok(Version { name, bytes: metadata.len(), modified: metadata.modified().ok() })
    }

    pub(super) fn open(&self, name: &str) -> Result<File, Problem> {
        files::open_inside(&self.path(name)).map_err(|error| self.explain(name, &error))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.options.directory.join(format!("{name}.{ENDING}"))
    }

    /// Converts a file system error into a problem that reveals no path.
    pub(super) fn explain(&self, name: &str, error: &io::Error) -> Problem {
        match error.kind() {
            // Only regular files count as recordings.
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::Unsupported => {
                self.missing(name)
            }
            kind => Problem::new(Code::Io, format!("cannot read or write {name}: {kind}")),
        }
    }

    fn missing(&self, name: &str) -> Problem {
        missing(&self.options.directory, name)
    }

    pub(super) fn change(self: &Arc<Self>, name: &str) -> Result<Held, Problem> {
        if self.is_read_only(name) {
            let why = if name == DEMO { "is built in" } else { "is the show of the case that is played" };
            return Err(Problem::new(Code::ReadOnlyRecording, format!("`{name}` {why}")));
        }
        self.hold(name, |held| held.is_none().then_some(Use::Change))
    }

    /// Keeps a recording as it is while it is loaded to be played.
    pub(in crate::routes) fn load(self: &Arc<Self>, name: &str) -> Result<Held, Problem> {
        self.hold(name, |held| match held {
            None => Some(Use::Loads(1)),
            Some(Use::Loads(count)) => Some(Use::Loads(count + 1)),
            Some(Use::Change) => None,
        })
    }

    fn hold(
        self: &Arc<Self>,
        name: &str,
        next: impl FnOnce(Option<Use>) -> Option<Use>,
    ) -> Result<Held, Problem> {
        let mut held = self.held.lock();
        let Some(next) = next(held.get(name).copied()) else {
            let what = if held.get(name) == Some(&Use::Change) { "changed" } else { "loaded" };
            return Err(Problem::new(Code::RecordingBusy, format!("`{name}` is being {what}"))
                .hint("try again when that is complete"));
        };
        held.insert(name.to_owned(), next);
        Ok(Held { shelf: Arc::clone(self), name: name.to_owned() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.shelf.held.lock();
        match held.get_mut(&self.name) {
            Some(Use::Loads(count @ 2..)) => *count -= 1,
            _ => drop(held.remove(&self.name)),
        }
    }
}

/// Rejects changes to a file that a recorder is writing. The recorder holds a lock on it.
pub(super) fn refuse_written(name: &str, path: &Path) -> Result<(), Problem> {
    if files::System.is_locked(path) { Err(is_recorded(name)) } else { Ok(()) }
}

pub(super) fn is_recorded(name: &str) -> Problem {
    Problem::new(Code::RecordingBusy, format!("`{name}` is being recorded"))
}

pub(super) fn unreadable(name: &str, error: &recording::Error) -> Problem {
    Problem::new(error.code(), format!("cannot read {name}: {error}"))
}

fn millis(time: SystemTime) -> Millis {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().into()
}

/// A version of a file, identified by name, length and modification time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) name: String,
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
}

/// The most recent values, up to a maximum, each for one version of a file.
#[derive(Debug)]
struct Cache<T> {
    max: usize,
    values: Mutex<VecDeque<(Version, T)>>,
}

impl<T: Clone> Cache<T> {
    fn new(max: usize) -> Self {
        Self { max, values: Mutex::default() }
    }

    fn get(&self, version: &Version) -> Option<T> {
        let values = self.values.lock();
        values.iter().find(|(known, _)| known == version).map(|(_, value)| value.clone())
    }

    /// Stores a value and drops values for other versions of the same file.
    fn put(&self, version: Version, value: T) {
        let mut values = self.values.lock();
        values.retain(|(known, _)| known.name != version.name);
        values.truncate(self.max - 1);
        values.push_front((version, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_not_changed_while_it_is_loaded() {
        let shelf = Arc::new(Shelf::new(Recordings::default(), None));
        let busy = |held: Result<Held, Problem>| held.map(drop).map_err(|problem| problem.code);
        let loads = [shelf.load("show").unwrap(), shelf.load("show").unwrap()];
        for load in loads {
            assert_eq!(busy(shelf.change("show")), Err(Code::RecordingBusy));
            drop(load);
        }
        let change = shelf.change("show").unwrap();
        assert_eq!(busy(shelf.load("show")), Err(Code::RecordingBusy));
        assert_eq!(busy(shelf.change("show")), Err(Code::RecordingBusy));
        assert_eq!(busy(shelf.load("other")), Ok(()));
        drop(change);
        assert_eq!(busy(shelf.load("show")), Ok(()));
    }

    #[test]
    fn errors_of_the_file_system_reveal_no_path() {
        let shelf = Shelf::new(Recordings { directory: "/srv/shows".into(), ..Recordings::default() }, None);
        let error = |kind| io::Error::new(kind, "/srv/shows/show.bin");
        let denied = shelf.explain("show", &error(io::ErrorKind::PermissionDenied));
        assert_eq!(
            (denied.code, &*denied.message),
            (Code::Io, "cannot read or write show: permission denied")
        );
        let missing = shelf.explain("show", &error(io::ErrorKind::NotFound));
        assert_eq!(missing.code, Code::RecordingNotFound);
        assert!(!missing.to_string().contains("/srv"), "{missing}");
    }

    fn version(name: &str, bytes: u64) -> Version {
        Version { name: name.into(), bytes, modified: None }
    }

    #[test]
    fn a_changed_file_misses_the_cache() {
        let cache = Cache::new(2);
        cache.put(version("a", 1), 'a');
        assert_eq!((cache.get(&version("a", 1)), cache.get(&version("a", 2))), (Some('a'), None));
        cache.put(version("a", 2), 'A');
        assert_eq!((cache.get(&version("a", 1)), cache.get(&version("a", 2))), (None, Some('A')));
    }

    #[test]
    fn the_oldest_entry_is_evicted_first() {
        let cache = Cache::new(2);
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            cache.put(version(name, 1), at);
        }
        assert_eq!(["a", "b", "c"].map(|name| cache.get(&version(name, 1))), [None, Some(1), Some(2)]);
    }
}
