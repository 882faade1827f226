//! The files of a recording: their names, their creation, and recordings in several parts.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use livetape_core::{
    error::{Code, Problem},
    recording::{FOLDER, Item, PART_OF_TAG, PART_TAG, Snapshot, USER_TAG, What, records::Header},
};
use livetape_io::{
    clock,
    files::{self, Disk, DiskFile},
};
use parking_lot::Mutex;

use super::options::{Rotate, Sync};

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
}

/// The next file with its header and opening items.
type Next = (Box<dyn DiskFile>, Header, Vec<Item>);

/// State for continuing a recording in the next file.
pub(super) struct Parts {
    pub(super) rotate: Rotate,
    disk: Arc<dyn Disk>,
    sync: Sync,
    path: PathBuf,
    files: Files,
    part: u32,
    snapshot: Snapshot,
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
        (rotate, sync): (Rotate, Sync),
        path: PathBuf,
        files: Files,
        header: &Header,
    ) -> Self {
        let mut snapshot = Snapshot::default();
        let what = What::Header(Box::new(header.clone()));
        snapshot.take(&Item { offset: Duration::ZERO, conn: 0, flags: Default::default(), what });
        Self { rotate, disk, sync, path, files, part: 0, snapshot }
    }

    /// Updates the state with a written item.
    pub(super) fn note(&mut self, item: &Item) {
        self.snapshot.take(item);
    }

    /// Creates the next file. Returns it with its header and opening items.
    pub(super) fn next(&mut self, start: Duration) -> Result<Next, Problem> {
        self.part += 1;
        let path = part_path(&self.path, self.part);
        let file = create_file(&*self.disk, &path, self.sync)?;
        self.files.add(path);
        let mut header = self.snapshot.header_from(start);
        header.tags.insert(PART_TAG.into(), self.part.to_string());
        Ok((file, header, self.snapshot.openings(Duration::ZERO).collect()))
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
    sync: Sync,
    name_of: impl Fn(&Path) -> PathBuf,
) -> Result<(Box<dyn DiskFile>, PathBuf), Problem> {
    match target {
        Target::File(path) => create_file(disk, &name_of(path), sync).map(|file| (file, path.clone())),
        Target::Folder { folder, user } => {
            fs::create_dir_all(folder).map_err(|error| {
                Problem::new(Code::Io, format!("cannot create {}: {error}", folder.display()))
            })?;
            create_first(disk, paths(folder, user, clock::wall()), sync, name_of)
        }
    }
}

/// Creates a file, which must not exist, and makes its name survive a power failure.
fn create_file(disk: &dyn Disk, path: &Path, sync: Sync) -> Result<Box<dyn DiskFile>, Problem> {
    try_create(disk, path, sync).map_err(|error| problem(&error))
}

fn try_create(disk: &dyn Disk, path: &Path, sync: Sync) -> Result<Box<dyn DiskFile>, files::Error> {
    let file = files::create_new(disk, path, false)?;
    let synced = if sync == Sync::Off { Ok(()) } else { files::sync_folder(disk, path) };
    // An empty file that cannot be used would only be in the way of the next attempt.
    synced.inspect_err(|_| drop(disk.remove(path)))?;
    Ok(file)
}

/// Creates the first file that does not exist. Atomic, because checking first would be a race.
fn create_first(
    disk: &dyn Disk,
    paths: impl Iterator<Item = PathBuf>,
    sync: Sync,
    name_of: impl Fn(&Path) -> PathBuf,
) -> Result<(Box<dyn DiskFile>, PathBuf), Problem> {
    for path in paths {
        match try_create(disk, &name_of(&path), sync) {
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
        files::Error::Dash | files::Error::TooLong { .. } => {
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
    let ending = path.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
    path.with_extension(format!("{part:03}{ending}"))
}

/// Rejects a path where no new file can be created, before anything begins.
///
/// # Errors
/// Like [`super::Recorder::start`].
pub fn check_new(path: &Path, is_split: bool) -> Result<(), Problem> {
    let path = if is_split { part_path(path, 0) } else { path.to_owned() };
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
    }
}
