//! Maps names and paths of recordings to files.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use livetape_core::{
    error::{Code, Problem},
    recording::is_plain_name,
};
use livetape_io::files;
use livetape_tools::missing::missing;

/// Location of a recording.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// A path that the user entered.
    Path(PathBuf),
    /// A name in the folder of recordings. Symbolic links must not lead out of it.
    Named(PathBuf),
}

impl Finding {
    /// Finds a recording by path, or by name in `folder`; `called` is its name in messages.
    pub(super) fn path_or_name(folder: &Path, path: &Path, called: &str) -> Result<Self, Problem> {
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

    pub(super) fn name(folder: &Path, name: &str) -> Result<Self, Problem> {
        if !is_plain_name(name) {
            return Err(Problem::new(
                Code::RecordingNotFound,
                format!("`{}` is not the name of a recording", name.escape_debug()),
            ));
        }
        let file = named(folder, name);
        if file.symlink_metadata().is_err() { Err(missing(folder, name)) } else { Ok(Self::Named(file)) }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Named(path) => path,
        }
    }

    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            Self::Path(path) => files::open_regular(path),
            Self::Named(path) => files::open_inside(path),
        }
    }
}

/// Returns the display name of a recording: its file name without the extension.
pub(crate) fn shown_name(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned())
}

fn named(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.bin"))
}

/// Explains why a recording cannot be opened. The message contains no path except the user's own.
pub(super) fn cannot_read(called: &str, error: &io::Error) -> Problem {
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
