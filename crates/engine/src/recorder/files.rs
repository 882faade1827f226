//! The options of a recording, and its files: their names, their creation, and recordings in several parts.

use std::{
    ffi::OsString,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use livetape_core::{
    error::{Code, Problem},
    offset,
    recording::{FOLDER, Item, PART_OF_TAG, PART_TAG, Snapshot, USER_TAG, What, records::Header},
    size,
};
use livetape_io::{
    clock,
    files::{self, Disk, DiskFile},
};
use parking_lot::Mutex;

use super::place::Placed;

/// Maximum length of the user name in a file name, in characters.
const USER_CHARS_MAX: usize = 64;
/// Maximum number of recordings of one user that start in the same second.
const NAMES_MAX: u32 = 10_000;

/// Destination of a recording. Files are never overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    File(PathBuf),
    /// A new file in a directory, which is created if missing.
    Folder {
        folder: PathBuf,
        /// User whose name the file gets.
        user: String,
    },
}

impl Target {
    /// Returns a new file for `user` in [`FOLDER`].
    #[must_use]
    pub fn named(user: &str) -> Self {
        Self::Folder { folder: FOLDER.into(), user: user.to_owned() }
    }
}

/// The files of a recording, in order.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Vec<PathBuf>>>);

impl Files {
    /// Returns the files created so far.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().clone()
    }

    pub(super) fn add(&self, path: PathBuf) {
        self.0.lock().push(path);
    }

    /// Replaces the last file, which is no longer there.
    pub(super) fn replace_last(&self, path: Option<PathBuf>) {
        let mut files = self.0.lock();
        files.pop();
        files.extend(path);
    }
}

/// The next file with its header and opening items.
type Next = (Placed, Header, Vec<Item>);

/// State for continuing a recording in the next file.
pub(super) struct Parts {
    pub(super) rotate: Rotate,
    disk: Arc<dyn Disk>,
    path: PathBuf,
    files: Files,
    part: u32,
    pub(super) snapshot: Snapshot,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("rotate", &self.rotate)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// `path` is the name that the user chose; `header` belongs to part 0.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        rotate: Rotate,
        path: PathBuf,
        files: Files,
        header: &Header,
    ) -> Self {
        let mut snapshot = Snapshot::default();
        let what = What::Header(Box::new(header.clone()));
        snapshot.take(&Item { offset: Duration::ZERO, conn: 0, flags: Default::default(), what });
        Self { rotate, disk, path, files, part: 0, snapshot }
    }

    /// Creates the next file. Returns it with its header and opening items.
    pub(super) fn next(&mut self, start: Duration) -> Result<Next, Problem> {
        self.part += 1;
        let path = part_path(&self.path, self.part);
        let file = create_file(&*self.disk, &path)?;
        let file = Placed::new(Arc::clone(&self.disk), path.clone(), file);
        self.files.add(path);
        let mut header = self.snapshot.header_from(start);
        header.tags.insert(PART_TAG.into(), self.part.to_string());
        Ok((file, header, self.snapshot.openings(Duration::ZERO).collect()))
    }

    /// Removes the file that [`Parts::next`] created, because nothing was written to it.
    pub(super) fn take_back(&self) {
        if self.disk.remove(&part_path(&self.path, self.part)).is_ok() {
            self.files.replace_last(None);
        }
    }
}

/// Returns the first free path of `<user>-<utc>.bin`, `<user>-<utc>-2.bin` and so on. The user name is
/// reduced to letters, digits, `_`, `-` and `.`; `wall` is the time since the Unix epoch.
#[must_use]
pub fn default_path(folder: &Path, user: &str, wall: Duration) -> PathBuf {
    let free = paths(folder, user, wall).find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| folder.join(stem(user, wall)))
}

/// Creates the file and returns it with its base path. `name_of` maps the base path to the name of the file.
pub(super) fn create(
    disk: &dyn Disk,
    target: &Target,
    name_of: impl Fn(&Path) -> PathBuf,
) -> Result<(Box<dyn DiskFile>, PathBuf), Problem> {
    match target {
        Target::File(path) => create_file(disk, &name_of(path)).map(|file| (file, path.clone())),
        Target::Folder { folder, user } => {
            fs::create_dir_all(folder).map_err(|error| {
                Problem::new(Code::Io, format!("cannot create {}: {error}", folder.display()))
            })?;
            create_first(disk, paths(folder, user, clock::wall()), name_of)
        }
    }
}

/// Creates a file, which must not exist, and makes its name survive a power failure.
fn create_file(disk: &dyn Disk, path: &Path) -> Result<Box<dyn DiskFile>, Problem> {
    try_create(disk, path).map_err(|error| problem(&error))
}

fn try_create(disk: &dyn Disk, path: &Path) -> Result<Box<dyn DiskFile>, files::Error> {
    let file = files::create_new(disk, path, false)?;
    // An empty file that cannot be used would only be in the way of the next attempt.
    files::sync_folder(disk, path).inspect_err(|_| drop(disk.remove(path)))?;
    Ok(file)
}

/// Creates the first file that does not exist. Atomic, because checking first would be a race.
fn create_first(
    disk: &dyn Disk,
    paths: impl Iterator<Item = PathBuf>,
    name_of: impl Fn(&Path) -> PathBuf,
) -> Result<(Box<dyn DiskFile>, PathBuf), Problem> {
    for path in paths {
        match try_create(disk, &name_of(&path)) {
            Ok(file) => return Ok((file, path)),
            Err(files::Error::Exists { .. } | files::Error::Directory { .. }) => {}
            Err(error) => return Err(problem(&error)),
        }
    }
    Err(Problem::new(Code::OutputExists, "too many recordings start in this second"))
}

/// Describes why a file cannot be created.
pub(super) fn problem(error: &files::Error) -> Problem {
    match error {
        files::Error::Exists { path } => {
            let message = format!("{} already exists, and recordings are never overwritten", path.display());
            Problem::new(Code::OutputExists, message).hint("choose another name")
        }
        files::Error::Dash | files::Error::TooLong { .. } | files::Error::Unportable { .. } => {
            Problem::new(Code::BadRequest, error).hint(error.hint())
        }
        _ => Problem::new(Code::Io, error).hint(error.hint()),
    }
}

fn paths(folder: &Path, user: &str, wall: Duration) -> impl Iterator<Item = PathBuf> {
    let stem = folder.join(stem(user, wall)).into_os_string();
    (1..=NAMES_MAX).map(move |n| {
        let mut path = stem.clone();
        if n > 1 {
            path.push(format!("-{n}"));
        }
        path.push(".bin");
        path.into()
    })
}

fn stem(user: &str, wall: Duration) -> String {
    let time = i64::try_from(wall.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = time.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y%m%dT%H%M%SZ");
    format!("{}-{time}", safe(user))
}

/// Reduces a user name to characters that are safe in file systems and shells.
fn safe(user: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let reduced = user.chars().take(USER_CHARS_MAX).map(|c| if is_safe(c) { c } else { '_' });
    let name = String::from_iter(reduced);
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "room".to_owned() } else { name.to_owned() }
}

/// Returns the path of a part: `show.bin` → `show.007.bin`.
pub(super) fn part_path(path: &Path, part: u32) -> PathBuf {
    let mut ending = OsString::from(format!("{part:03}"));
    if let Some(last) = path.extension() {
        ending.push(".");
        ending.push(last);
    }
    path.with_extension(ending)
}

/// Returns a part that is there already. The recording would break off before it.
fn first_part(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_part = |name: &Path| {
        let number = name.file_stem().and_then(|stem| Path::new(stem).extension()?.to_str()?.parse().ok());
        number.is_some_and(|number| part_path(path, number).file_name() == Some(name.as_os_str()))
    };
    let names = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let first = names.filter(|name| is_part(Path::new(name))).min()?;
    Some(path.with_file_name(first))
}

/// Rejects a path where no new file can be created, before anything begins.
///
/// # Errors
/// Like [`super::Recorder::start`].
pub fn check_new(path: &Path, is_split: bool) -> Result<(), Problem> {
    let path = match is_split {
        true => first_part(path).unwrap_or_else(|| part_path(path, 0)),
        false => path.to_owned(),
    };
    let has_folder = path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir());
    let error = match path.symlink_metadata() {
        Ok(_) if path.is_dir() => files::Error::Directory { path },
        Ok(_) => files::Error::Exists { path },
        Err(_) if !has_folder => files::Error::NoParent { path },
        Err(_) => return Ok(()),
    };
    Err(problem(&error))
}

pub(super) fn first_header(mut header: Header) -> Header {
    let user = header.tags.get(USER_TAG).cloned().unwrap_or_default();
    let part_of = format!("{user}-{}", header.wall_anchor_ns.unwrap_or_default());
    header.tags.insert(PART_OF_TAG.into(), part_of);
    header.tags.insert(PART_TAG.into(), "0".into());
    header
}

/// Interval of syncs to disk.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Minimum size of a rotated file, in bytes: most of it should not be its header.
const PART_BYTES_MIN: u64 = 64_000;
/// Minimum duration of a rotated file.
const PART_TIME_MIN: Duration = Duration::from_secs(1);
/// Maximum time that an item stays in memory while the disk keeps up.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Default maximum number of queued items. A busy room sends a few dozen per second.
pub const QUEUE_ITEMS_MAX: usize = 16_384;
/// Default maximum payload of queued items, in bytes: twice the largest record.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Size of the write buffer, in bytes.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

#[derive(Clone, Debug)]
pub struct RecorderOptions {
    pub flush: Flush,
    /// Maximum time until data is synced to disk (fdatasync) while the disk keeps up: what a power failure may destroy.
    /// Each file is also synced at its end, and its directory when the file is created.
    pub sync_every: Duration,
    pub queue_items_max: usize,
    /// Maximum payload of queued items, in bytes.
    pub queue_bytes_max: usize,
    /// Maximum total length of the recording's files, in bytes. At the limit, the recording is sealed and
    /// ends with `recording_full`.
    pub bytes_max: Option<u64>,
    /// When to continue in a new file: `show.000.bin`, `show.001.bin`, …; `None` for a single file.
    pub rotate: Option<Rotate>,
    /// Wall clock, since the Unix epoch; `None` if offsets do not follow real time, as in replays.
    pub wall: Option<fn() -> Duration>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            flush: Flush::default(),
            sync_every: SYNC_EVERY,
            queue_items_max: QUEUE_ITEMS_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            bytes_max: None,
            rotate: None,
            wall: Some(clock::wall),
        }
    }
}

/// When data is passed to the operating system. Data that was passed on survives if the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// After each record.
    Each,
    /// When the queue is empty, and at the latest after this time.
    Every(Duration),
    /// After this number of bytes, and at the end.
    Bytes(u64),
}

impl Default for Flush {
    fn default() -> Self {
        Self::Every(FLUSH_EVERY)
    }
}

/// Limit at which a recording continues in a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    Bytes(u64),
    Every(Duration),
}

impl FromStr for Rotate {
    type Err = String;

    /// Parses `100MB` as a size, and `30m` as a time.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.ends_with(['b', 'B']) {
            return Self::every(text);
        }
        match size::parse(text)? {
            bytes @ PART_BYTES_MIN.. => Ok(Self::Bytes(bytes)),
            _ => Err(format!("`{text}` is too small: each file needs at least 64KB")),
        }
    }
}

impl Rotate {
    fn every(text: &str) -> Result<Self, String> {
        let every = offset::parse(text)
            .map_err(|_| format!("`{text}` is neither a size (e.g. 100MB) nor a time (e.g. 30m)"))?;
        if every < PART_TIME_MIN {
            Err("each file must last at least 1s".to_owned())
        } else {
            Ok(Self::Every(every))
        }
    }
}

impl fmt::Display for Rotate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&size::shown(*bytes)),
            Self::Every(every) => write!(f, "{}ms", every.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_unique() {
        let folder = tempfile::tempdir().unwrap();
        let wall = Duration::from_secs(1_757_443_489);
        let path = || default_path(folder.path(), "clumsyboy_45", wall);
        for ending in ["", "-2", "-3"] {
            let name = format!("clumsyboy_45-20250909T184449Z{ending}.bin");
            assert_eq!(path(), folder.path().join(name));
            fs::write(path(), "").unwrap();
        }
        assert_eq!(safe("../../etc/pass wd"), "_.._etc_pass_wd");
        assert_eq!((safe(""), safe("..."), safe("🎁")), ("room".into(), "room".into(), "_".into()));
        assert_eq!(safe(&"x".repeat(500)).len(), USER_CHARS_MAX);
    }

    #[test]
    fn parts_are_numbered() {
        assert_eq!(part_path(Path::new("a/show.bin"), 7), Path::new("a/show.007.bin"));
        assert_eq!(part_path(Path::new("show"), 1234), Path::new("show.1234"));
        #[cfg(unix)]
        {
            let path = |name| Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
            assert_eq!(part_path(path(b"caf\xe9.b\xe9"), 7), path(b"caf\xe9.007.b\xe9"));
        }
    }

    #[test]
    fn rotation_takes_a_size_or_a_time() {
        let parse = |text: &str| text.parse::<Rotate>().ok();
        assert_eq!(parse("100MB"), Some(Rotate::Bytes(100_000_000)));
        assert_eq!(parse("64kb"), Some(Rotate::Bytes(64_000)));
        assert_eq!(parse("64KiB"), Some(Rotate::Bytes(65_536)));
        assert_eq!(parse("30m"), Some(Rotate::Every(Duration::from_secs(1800))));
        assert_eq!(parse("1h"), Some(Rotate::Every(Duration::from_secs(3600))));
        for wrong in ["", "0", "10KB", "100", "x", "-1m", "999ms", "99999999999GB"] {
            assert_eq!(
                parse(wrong).filter(|rotate| *rotate != Rotate::Every(Duration::from_secs(100))),
                None,
                "{wrong}"
            );
        }
        for text in ["100MB", "64KB", "64KiB", "2GB"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(&parse("30m").unwrap().to_string()), parse("30m"));
    }
}
