//! The directory of recordings, and the one that is built in.

use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    io::{self, BufReader, Cursor, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::{
    Recordings,
    cache::{Cache, Version},
    on_thread,
};
use crate::{
    demo::{DEMO, DEMO_BYTES},
    files,
    sans_io::{
        error::{Code, Problem},
        event::Millis,
        recording::{self, USER_TAG, is_plain_name},
    },
    tools::{
        glance::{Glance, glance},
        info::{Info, info},
        missing::missing,
        timeline::{Chart, chart},
    },
};

/// Files that are listed; more are counted.
const LISTED_MAX: usize = 1000;
/// Charts that are kept: a few hundred kilobytes each.
const CHARTS_MAX: usize = 16;
/// Recordings that are read as a whole at a time.
const READING_MAX: usize = 2;
const ENDING: &str = "bin";

/// A recording, at a glance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Entry")]
pub(crate) struct ListedRecording {
    /// What `/replay/load` and `/recordings/{name}` call it.
    name: String,
    /// The size of the file.
    bytes: u64,
    /// When the file was changed last.
    modified: Option<Millis>,
    /// How long it is, where its end tells.
    duration_ms: Option<u64>,
    /// Whether it was closed in order. One that is still written is not.
    sealed: bool,
    /// Whether it is part of the program, and cannot be changed.
    built_in: bool,
    /// `unknown`, `private`, `scrubbed` or `synthetic`, as its header says.
    privacy: Option<&'static str>,
    /// Where it comes from: `live`, `har`, `synthetic`, …, as its header says.
    source: Option<String>,
    /// Whose room it is, as its header says.
    user: Option<String>,
    /// The wall time of its start, as its header says.
    started: Option<String>,
    /// Why it cannot be replayed.
    problem: Option<Code>,
}

/// All that is known of a recording.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: u64,
    pub(super) built_in: bool,
    pub(super) info: Info,
    pub(super) chart: Chart,
}

/// What is there, and what is being changed.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(super) options: Recordings,
    glances: Cache<Result<Glance, Code>>,
    wholes: Cache<Arc<Whole>>,
    turns: Semaphore,
    changing: Mutex<HashSet<String>>,
}

/// Holds a name until it is dropped: one change at a time.
#[derive(Debug)]
pub(super) struct Changing {
    shelf: Arc<Shelf>,
    name: String,
}

impl Shelf {
    pub(crate) fn new(options: Recordings) -> Self {
        Self {
            options,
            glances: Cache::new(LISTED_MAX),
            wholes: Cache::new(CHARTS_MAX),
            turns: Semaphore::new(READING_MAX),
            changing: Mutex::default(),
        }
    }

    /// What there is, and how many more.
    pub(super) fn list(&self) -> Result<(Vec<ListedRecording>, usize), Problem> {
        let (mut names, unnamed) = self.names()?;
        names.sort();
        let unlisted = names.len().saturating_sub(LISTED_MAX) + unnamed;
        names.truncate(LISTED_MAX);
        // What is gone since is not there.
        let found = names.into_iter().filter_map(|name| self.entry(&name).ok());
        Ok((std::iter::once(self.entry(DEMO)).flatten().chain(found).collect(), unlisted))
    }

    /// The names there are, and how many files have one that no address can have.
    fn names(&self) -> Result<(Vec<String>, usize), Problem> {
        let entries = match fs::read_dir(&self.options.directory) {
            Ok(entries) => entries,
            // It is made with the first recording.
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
                Some(DEMO) => {}
                Some(name) if is_plain_name(name) => names.push(name.to_owned()),
                _ => unnamed += 1,
            }
        }
        Ok((names, unnamed))
    }

    /// One recording, at a glance.
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
            built_in: name == DEMO,
            privacy: (!header.privacy.is_empty()).then_some(header.privacy),
            source: told(header.source),
            user: header.tags.get(USER_TAG).cloned(),
            started: header.started,
            problem,
            name: version.name,
        })
    }

    fn look(&self, name: &str, bytes: u64) -> Result<Result<Glance, Code>, Problem> {
        let seen = if name == DEMO {
            glance(Cursor::new(DEMO_BYTES), bytes)
        } else {
            glance(self.open(name)?, bytes)
        };
        Ok(seen.map_err(|error| error.code()))
    }

    /// All that is known of a recording, read at most once for each version of it.
    pub(super) async fn whole(self: &Arc<Self>, name: &str) -> Result<Arc<Whole>, Problem> {
        let closed = |_| Problem::new(Code::ShuttingDown, "the server is shutting down");
        let _turn = self.turns.acquire().await.map_err(closed)?;
        let (shelf, name) = (Arc::clone(self), name.to_owned());
        on_thread(move || {
            let version = shelf.version(&name)?;
            if let Some(known) = shelf.wholes.get(&version) {
                return Ok(known);
            }
            let unreadable =
                |error: recording::Error| Problem::new(error.code(), format!("cannot read {name}: {error}"));
            let whole = Arc::new(Whole {
                bytes: version.bytes,
                built_in: name == DEMO,
                info: info(shelf.bytes(&name)?).map_err(unreadable)?,
                chart: chart(shelf.bytes(&name)?).map_err(unreadable)?,
            });
            shelf.wholes.put(version, Arc::clone(&whole));
            Ok(whole)
        })
        .await?
    }

    fn bytes(&self, name: &str) -> Result<Box<dyn Read>, Problem> {
        Ok(if name == DEMO { Box::new(DEMO_BYTES) } else { Box::new(BufReader::new(self.open(name)?)) })
    }

    pub(super) fn version(&self, name: &str) -> Result<Version, Problem> {
        let name = name.to_owned();
        if name == DEMO {
            return Ok(Version { name, bytes: DEMO_BYTES.len() as u64, modified: None });
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

    /// An error of the file system, without any path.
    pub(super) fn explain(&self, name: &str, error: &io::Error) -> Problem {
        match error.kind() {
            // What is not a regular file is not a recording.
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::Unsupported => {
                self.missing(name)
            }
            kind => Problem::new(Code::Io, format!("cannot read or write {name}: {kind}")),
        }
    }

    pub(super) fn missing(&self, name: &str) -> Problem {
        missing(&self.options.directory, name)
    }

    /// Takes hold of a name in order to change what it stands for.
    pub(super) fn change(self: &Arc<Self>, name: &str) -> Result<Changing, Problem> {
        if name == DEMO {
            return Err(Problem::new(Code::ReadOnlyRecording, format!("`{DEMO}` is built in")));
        }
        let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !changing.insert(name.to_owned()) {
            return Err(Problem::new(Code::RecordingBusy, format!("`{name}` is being changed already")));
        }
        Ok(Changing { shelf: Arc::clone(self), name: name.to_owned() })
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let mut changing = self.shelf.changing.lock().unwrap_or_else(PoisonError::into_inner);
        changing.remove(&self.name);
    }
}

/// Refuses to touch a file that a recorder writes: it holds a lock on it.
pub(super) fn refuse_written(name: &str, path: &Path) -> Result<(), Problem> {
    let Ok(file) = files::open_inside(path) else { return Ok(()) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Problem::new(Code::RecordingBusy, format!("`{name}` is being recorded")))
        }
        // Where there are no locks, nobody holds one.
        _ => Ok(()),
    }
}

fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
