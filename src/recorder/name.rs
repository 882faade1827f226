//! Where a recording goes, if nobody says.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock, files,
    sans_io::error::{Code, Problem},
    settings::{FOLDER, Sync},
};

/// Most characters of a user's name in the name of a file.
const USER_CHARS_MAX: usize = 64;
/// Recordings of one user that may begin in the same second.
const NAMES_MAX: u32 = 10_000;

/// Where a recording goes. Nothing is ever overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this file.
    File(PathBuf),
    /// To a new file in a directory, which is made if it is not there.
    Folder {
        /// The directory.
        folder: PathBuf,
        /// Whom the file is named for.
        user: String,
    },
}

impl Target {
    /// A new file for `user` in [`FOLDER`].
    #[must_use]
    pub fn named(user: &str) -> Self {
        Self::Folder { folder: FOLDER.into(), user: user.to_owned() }
    }
}

/// The first file `<user>-<utc>.bin`, `<user>-<utc>-2.bin` and so on that is not there yet. The user's name is reduced to
/// letters, digits, `_`, `-` and `.`; `wall` is the time since the Unix epoch.
#[must_use]
pub fn default_path(folder: &Path, user: &str, wall: Duration) -> PathBuf {
    let free = paths(folder, user, wall).find(|path| path.symlink_metadata().is_err());
    free.unwrap_or_else(|| folder.join(stem(user, wall)))
}

/// Makes the file; `of` says what it is called for a path. Gives the path, too.
pub(super) fn create(
    target: &Target,
    sync: Sync,
    of: impl Fn(&Path) -> PathBuf,
) -> Result<(File, PathBuf), Problem> {
    match target {
        Target::File(path) => create_file(&of(path), sync).map(|file| (file, path.clone())),
        Target::Folder { folder, user } => {
            fs::create_dir_all(folder).map_err(|error| {
                Problem::new(Code::Io, format!("cannot make {}: {error}", folder.display()))
            })?;
            create_first(paths(folder, user, clock::wall()), sync, of)
        }
    }
}

/// Makes a file that is not there.
pub(super) fn create_file(path: &Path, sync: Sync) -> Result<File, Problem> {
    let file = files::create_new(path, false).map_err(|error| problem(&error))?;
    Ok(made(file, path, sync))
}

/// A new file that a power cut leaves its name.
fn made(file: File, path: &Path, sync: Sync) -> File {
    if sync != Sync::Off {
        files::sync_folder(path);
    }
    held(file)
}

/// Tells whoever would rename, replace or delete it. Where locks would keep readers out, there is none.
fn held(file: File) -> File {
    #[cfg(unix)]
    drop(file.try_lock());
    file
}

/// Makes the first file that is not there: whoever looks first and makes it then may be overtaken.
fn create_first(
    paths: impl Iterator<Item = PathBuf>,
    sync: Sync,
    of: impl Fn(&Path) -> PathBuf,
) -> Result<(File, PathBuf), Problem> {
    for path in paths {
        match files::create_new(&of(&path), false) {
            Ok(file) => return Ok((made(file, &of(&path), sync), path)),
            Err(files::Error::Exists { .. } | files::Error::Directory { .. }) => {}
            Err(error) => return Err(problem(&error)),
        }
    }
    Err(Problem::new(Code::OutputExists, "there are too many recordings of this second"))
}

fn problem(error: &files::Error) -> Problem {
    match error {
        files::Error::Exists { path } => {
            let message = format!("{} exists already, and recordings are never overwritten", path.display());
            Problem::new(Code::OutputExists, message).hint("choose another name with -o FILE")
        }
        // The messages say what to do themselves.
        _ => Problem::new(Code::Io, error).hint(""),
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

/// A name that no file system and no shell takes for anything else.
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
    fn names_are_safe_and_never_taken_twice() {
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
