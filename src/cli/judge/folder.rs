//! Folders for the files of a run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    cli::args,
    sans_io::error::{Code, Problem},
};

/// A folder that is removed when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Creates a folder in the system's folder for temporary files, which only this user can read.
    pub(super) fn new() -> Result<Self, Problem> {
        let path = std::env::temp_dir().join(format!("livetape-test-{:016x}", args::random()));
        create(&path).map_err(|error| {
            let message = format!("cannot create {}: {error}", path.display());
            Problem::new(Code::Io, message).hint("set TMPDIR to another folder")
        })?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

fn create(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(path);
    #[cfg(not(unix))]
    return fs::create_dir(path);
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a command left open stays until the system cleans up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
