//! Names of recordings, and creation of their files.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use livetape_core::{
    error::{Code, Problem},
    recording::FOLDER,
};
use livetape_io::{
    clock,
    files::{self, Disk, DiskFile},
};

use super::options::Sync;

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
pub(super) fn create_file(disk: &dyn Disk, path: &Path, sync: Sync) -> Result<Box<dyn DiskFile>, Problem> {
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
}
