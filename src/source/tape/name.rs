//! From what a user calls a recording to its file.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    sans_io::{
        error::{Code, Problem},
        recording::is_plain_name,
    },
    tools::{files, missing::missing},
};

/// Where a recording is.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// At the path that the user gave.
    Path(PathBuf),
    /// In the folder of recordings, under its name: symbolic links do not lead out of that.
    Named(PathBuf),
}

impl Finding {
    /// The file of a path, or of a name in `folder`; `called` is what a message may say.
    pub(super) fn path_or_name(folder: &Path, path: &Path, called: &str) -> Result<Self, Problem> {
        if path.is_dir() {
            let problem =
                Problem::new(Code::BadRecording, format!("{called} is a directory, not a recording"));
            return Err(problem.hint("name a file in it"));
        }
        if path.exists() {
            return Ok(Self::Path(path.into()));
        }
        // `show.bin` means `show`, where the command runs outside the folder.
        let name = path.to_str().filter(|name| is_plain_name(name));
        let file = name.map(|name| named(folder, name.strip_suffix(".bin").unwrap_or(name)));
        let file = file.filter(|file| file.is_file());
        file.map(Self::Named).ok_or_else(|| missing(folder, called))
    }

    /// The file of a name in `folder`.
    pub(super) fn name(folder: &Path, name: &str) -> Result<Self, Problem> {
        if !is_plain_name(name) {
            return Err(Problem::new(
                Code::RecordingNotFound,
                format!("`{name}` is not the name of a recording"),
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

/// What a recording is called: the name of its file, without the ending.
pub(crate) fn shown_name(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned())
}

fn named(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.bin"))
}

/// Why the file of a recording cannot be opened; the message has no path but the user's own.
pub(super) fn cannot_read(called: &str, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Problem::new(Code::RecordingNotFound, format!("recording {called} not found"))
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::Unsupported => {
            Problem::new(Code::BadRecording, format!("{called} is not a regular file"))
                .hint("copy its content to a file")
        }
        _ => Problem::new(Code::Io, format!("cannot read {called}: {error}")),
    }
}
