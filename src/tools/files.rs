//! Files to read and to write, and what to tell a user when there are none.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Files that the disk left unfinished under one name.
const PARTIALS_MAX: u32 = 1000;

/// Why a file cannot be opened or made. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("{} exists already: choose another name, or overwrite it with --force", path.display())]
    Exists { path: PathBuf },
    #[error("{} does not exist: check the name", path.display())]
    Missing { path: PathBuf },
    #[error("the directory of {} does not exist: create it first", path.display())]
    NoParent { path: PathBuf },
    #[error("{} is a directory: name a file", path.display())]
    Directory { path: PathBuf },
    #[error("{} is not a regular file: copy what it holds into one", path.display())]
    Irregular { path: PathBuf },
    #[error("no permission for {}: check who owns it, and its mode", path.display())]
    NoPermission { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: io::Error },
}

/// Opens a regular file to read it. Devices, FIFOs and sockets are rejected: reading one may never end.
///
/// # Errors
/// [`Error`] names the path and what is wrong with it.
pub fn open(path: &Path) -> Result<File, Error> {
    // Before it is opened: a FIFO without a writer would block.
    require_regular(path, fs::metadata(path))?;
    let file = File::open(path).map_err(|error| explain(path, error))?;
    // Again, as another file may have taken its place.
    require_regular(path, file.metadata())?;
    Ok(file)
}

/// Opens a regular file of a folder that others may write to: symbolic links are rejected as well, because they lead
/// out of it.
///
/// # Errors
/// As [`open`].
pub fn open_inside(path: &Path) -> Result<File, Error> {
    require_regular(path, path.symlink_metadata())?;
    open(path)
}

fn require_regular(path: &Path, metadata: io::Result<fs::Metadata>) -> Result<(), Error> {
    let metadata = metadata.map_err(|error| explain(path, error))?;
    match metadata.file_type() {
        found if found.is_file() => Ok(()),
        found if found.is_dir() => Err(Error::Directory { path: path.into() }),
        _ => Err(Error::Irregular { path: path.into() }),
    }
}

/// Creates a file; one that exists is overwritten only with `force`.
///
/// # Errors
/// As [`open`].
pub fn create_new(path: &Path, force: bool) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path).map_err(|error| match error.kind() {
        _ if path.is_dir() => Error::Directory { path: path.into() },
        io::ErrorKind::NotFound => Error::NoParent { path: path.into() },
        _ => explain(path, error),
    })
}

fn explain(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path },
        io::ErrorKind::NotFound => Error::Missing { path },
        io::ErrorKind::IsADirectory => Error::Directory { path },
        io::ErrorKind::PermissionDenied => Error::NoPermission { path },
        _ => Error::Other { path, source },
    }
}

/// A file that takes its name only when it is complete: a tool that fails leaves nothing behind, and may write over
/// the file that it reads.
#[derive(Debug)]
pub struct Draft {
    file: File,
    part: PathBuf,
    target: PathBuf,
    force: bool,
}

impl Draft {
    /// Begins a file beside `target`.
    ///
    /// # Errors
    /// As [`create_new`], already now, so that no work is done in vain.
    pub fn new(target: &Path, force: bool) -> Result<Self, Error> {
        if target.is_dir() {
            return Err(Error::Directory { path: target.into() });
        }
        let name = target.file_name().ok_or_else(|| Error::Directory { path: target.into() })?;
        refuse_existing(target, force)?;
        let part = target.with_file_name(format!(".{}.{}.part", name.display(), std::process::id()));
        let file = create_new(&part, true).map_err(|error| match error {
            Error::NoParent { .. } => Error::NoParent { path: target.into() },
            other => other,
        })?;
        Ok(Self { file, part, target: target.into(), force })
    }

    /// Where it is until then, to read back what was written.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// As [`create_new`]; the draft is removed then.
    pub fn keep(self) -> Result<(), Error> {
        refuse_existing(&self.target, self.force)?;
        fs::rename(&self.part, &self.target).map_err(|error| explain(&self.target, error))
    }

    /// Keeps what was written until the disk failed: not under the file's name, as it is not all of it, but as
    /// `<name>.partial.<ending>`. `None` if nothing was written, or if even that fails.
    pub fn keep_partial(self) -> Option<PathBuf> {
        if self.file.metadata().ok()?.len() == 0 {
            return None;
        }
        let stem = self.target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending =
            self.target.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
        let names = (1..=PARTIALS_MAX).map(|n| match n {
            1 => self.target.with_file_name(format!("{stem}.partial{ending}")),
            n => self.target.with_file_name(format!("{stem}.partial-{n}{ending}")),
        });
        let free = names.into_iter().find(|path| path.symlink_metadata().is_err())?;
        fs::rename(&self.part, &free).ok()?;
        Some(free)
    }
}

fn refuse_existing(path: &Path, force: bool) -> Result<(), Error> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: path.into() });
    }
    Ok(())
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Nothing can be done if that fails, and nothing is there once it was kept.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_path_and_what_to_do() {
        let message = |kind: io::ErrorKind| explain(Path::new("a.bin"), kind.into()).to_string();
        assert_eq!(
            message(io::ErrorKind::PermissionDenied),
            "no permission for a.bin: check who owns it, and its mode"
        );
        assert_eq!(message(io::ErrorKind::NotFound), "a.bin does not exist: check the name");
        assert_eq!(message(io::ErrorKind::StorageFull), "a.bin: no storage space");
    }
}
