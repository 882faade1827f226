//! From what a user calls a recording to its file.

use std::path::{Path, PathBuf};

use crate::sans_io::{
    error::{Code, Problem},
    recording::is_plain_name,
};
use crate::tools::missing::missing;

pub(super) fn shown_name(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned())
}

/// The file of a path, or of a name in `folder`.
pub(super) fn find_file(folder: &Path, name: &str) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(name);
    if path.is_dir() {
        let problem = Problem::new(Code::BadRecording, format!("{name} is a directory, not a recording"));
        return Err(problem.hint("name one of the files in it"));
    }
    if path.exists() {
        return Ok(path);
    }
    // `demo.bin` means `demo`, where the command runs outside the folder.
    let named = is_plain_name(name).then(|| named(folder, name.strip_suffix(".bin").unwrap_or(name)));
    named.filter(|path| path.is_file()).ok_or_else(|| missing(folder, name))
}

pub(super) fn named(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.bin"))
}

pub(super) fn cannot_read(path: &Path, error: &std::io::Error) -> Problem {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::RecordingNotFound,
        _ => Code::Io,
    };
    Problem::new(code, format!("cannot read {}: {error}", path.display()))
}
