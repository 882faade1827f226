//! The file of a recording. Other programs may move it, replace it or write to it while it is written.

use std::{
    env, fmt, fs,
    io::{self, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crc32fast::Hasher;
use livetape_io::files::{Disk, DiskFile, FileId, partial_names};

use super::Output;

/// What another program did to the name of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displaced {
    Gone,
    Replaced,
}

impl fmt::Display for Displaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "was removed or renamed while it was written",
            Self::Replaced => "was replaced while it was written",
        })
    }
}

/// What was saved of a displaced recording.
#[derive(Debug)]
pub struct Rescued {
    pub message: String,
    /// Path of the copy.
    pub path: Option<PathBuf>,
}

/// A copy of a file.
struct Copied {
    path: PathBuf,
    /// Its length.
    bytes: u64,
    /// Why it is incomplete, if it is.
    kept: io::Result<()>,
}

/// A file that is found under its name, and that only the recorder writes to.
#[derive(Debug)]
pub(super) struct Placed {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// `None` where files have no identity.
    id: Option<FileId>,
    /// Its length, in bytes.
    length: u64,
    /// Checksum of what was written.
    written: Checksum,
}

impl Placed {
    pub(super) fn new(disk: Arc<dyn Disk>, path: PathBuf, file: Box<dyn DiskFile>) -> Self {
        let id = file.id().ok();
        Self { disk, path, file, id, length: 0, written: Checksum::default() }
    }

    /// Checks that nobody else has written to it: what follows would stand behind a hole, or in other data.
    fn check_length(&self) -> io::Result<()> {
        match self.file.length()? {
            length if length < self.length => Err(io::Error::other("another program has shortened it")),
            length if length > self.length => Err(io::Error::other("another program has written to it")),
            _ => Ok(()),
        }
    }

    /// Copies the content to a new file with the first of these names that is free.
    fn copy_to(&mut self, mut names: impl Iterator<Item = PathBuf>) -> io::Result<Copied> {
        let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        let created = names.find_map(|path| match self.disk.create(&path, false) {
            Err(error) if is_taken(&error) => None,
            created => Some(created.map(|file| (file, path))),
        });
        let (mut copy, path) = created.unwrap_or_else(|| Err(io::ErrorKind::AlreadyExists.into()))?;
        let copied = self.file.seek(SeekFrom::Start(0)).and_then(|_| io::copy(&mut self.file, &mut copy));
        let kept = copied.and_then(|_| copy.sync()).and_then(|()| self.disk.sync_folder(&path));
        match (copy.length().unwrap_or(0), kept) {
            (0, Err(error)) => {
                drop(copy);
                self.disk.remove(&path).and(Err(error))
            }
            (bytes, kept) => Ok(Copied { path, bytes, kept }),
        }
    }
}

/// CRC-32 of what is written to it.
#[derive(Debug, Default)]
struct Checksum(Hasher);

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Placed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_length()?;
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        self.written.0.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for Placed {
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn read_back(&mut self) -> io::Result<()> {
        let mut found = Checksum::default();
        self.file.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.file, &mut found)?;
        if found.0.finalize() != self.written.0.clone().finalize() {
            return Err(io::Error::other("another program has written to it"));
        }
        Ok(())
    }

    fn discard(&self) -> io::Result<()> {
        self.check_length()?;
        self.disk.remove(&self.path)
    }

    fn check(&self) -> io::Result<Option<Displaced>> {
        match (self.disk.id(&self.path), self.id) {
            (Ok(found), Some(id)) if found != id => Ok(Some(Displaced::Replaced)),
            (Err(error), _) if is_absence(&error) => Ok(Some(Displaced::Gone)),
            _ => self.check_length().map(|()| None),
        }
    }

    fn rescue(&mut self, displaced: Displaced) -> Rescued {
        // The folder may have been renamed. If it is out of reach, the copy goes to the folder for temporary files.
        drop(self.path.parent().map(fs::create_dir_all));
        let elsewhere = self.path.file_name().map(|name| env::temp_dir().join(name)).unwrap_or_default();
        let mut copied = self.copy_to(partial_names(&self.path));
        let is_complete = |copied: &io::Result<Copied>| copied.as_ref().is_ok_and(|copy| copy.kept.is_ok());
        if !is_complete(&copied) {
            let mut other = self.copy_to(partial_names(&elsewhere));
            // The longer one is kept.
            let bytes = |copied: &io::Result<Copied>| copied.as_ref().map_or(0, |copy| copy.bytes);
            if is_complete(&other) || bytes(&other) > bytes(&copied) {
                std::mem::swap(&mut copied, &mut other);
            }
            drop(other.and_then(|copy| self.disk.remove(&copy.path)));
        }
        let (path, result) = match copied {
            Ok(Copied { path, kept: Ok(()), .. }) => (Some(path), "what was recorded is in".to_owned()),
            Ok(Copied { path, bytes, kept: Err(error) }) => {
                (Some(path), format!("{bytes} bytes could be copied ({error}), and are in"))
            }
            Err(error) => (None, format!("it could not be copied: {error}")),
        };
        let shown = path.as_deref().map(Path::display).map(|path| format!(" {path}")).unwrap_or_default();
        Rescued { message: format!("{} {displaced}; {result}{shown}", self.path.display()), path }
    }
}

/// Whether nothing has this name, as opposed to a failure to find out.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
