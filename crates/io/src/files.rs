//! Opens and creates files, with error messages for the user.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Maximum length of a file name, in bytes. File systems allow 255, and the name of a draft needs 17 more.
pub const NAME_BYTES_MAX: usize = 238;
/// Maximum size of a small file, such as settings or a scenario, in bytes.
pub const READ_BYTES_MAX: u64 = 1 << 20;
/// Maximum number of partial files with the same name.
const PARTIALS_MAX: u32 = 1000;
/// Mode of new files.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// Error in opening or creating a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("{} already exists", path.display())]
    Exists { path: PathBuf },
    #[error("{} does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("the directory of {} does not exist", path.display())]
    NoParent { path: PathBuf },
    #[error("{} is a directory", path.display())]
    Directory { path: PathBuf },
    #[error("{} is not a regular file", path.display())]
    Irregular { path: PathBuf },
    #[error("the name of {} is longer than {NAME_BYTES_MAX} bytes", path.display())]
    TooLong { path: PathBuf },
    #[error("no permission for {}", path.display())]
    NoPermission { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: io::Error },
}

impl Error {
    /// Returns advice on what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "choose another name, or overwrite the file with --force",
            Self::Missing { .. } => "check the name",
            Self::NoParent { .. } => "create the directory first",
            Self::Directory { .. } => "name a file",
            Self::Irregular { .. } => "copy the content to a regular file",
            Self::TooLong { .. } => "choose a shorter name",
            Self::NoPermission { .. } => "check the owner and the mode of the file",
            Self::Other { .. } => "check that the disk works and is not full",
        }
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// [`Error`] with the path and the cause.
pub fn open(path: &Path) -> Result<File, Error> {
    open_regular(path).map_err(|error| explain(path, error))
}

/// Opens a file like [`open`], but returns the system's error. Devices, FIFOs and sockets are rejected,
/// because reading one may never end.
///
/// # Errors
/// Any error of the operating system; `IsADirectory` for a directory, and `Unsupported` for other special
/// files.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Checked before opening, because opening a FIFO without a writer blocks.
    require_regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    // Checked again, because another file may have replaced it in between.
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a small file, of at most [`READ_BYTES_MAX`].
///
/// # Errors
/// Any error of [`open_regular`], and `FileTooLarge` for a larger file.
pub fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// Reads a small text file, like [`read_small`].
///
/// # Errors
/// See [`read_small`]; also `InvalidData` if the file is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text");
    String::from_utf8(read_small(path)?).map_err(not_text)
}

/// Opens a file like [`open_regular`] in a folder that others can write to. Also rejects symbolic links,
/// which may lead out of the folder.
///
/// # Errors
/// See [`open_regular`].
pub fn open_inside(path: &Path) -> io::Result<File> {
    require_regular(&path.symlink_metadata()?)?;
    open_regular(path)
}

/// Opens a regular file for appending, and creates it if it is missing.
///
/// # Errors
/// See [`open_regular`].
pub fn append(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // Checked before opening, because opening a FIFO without a reader blocks.
        found => require_regular(&found?)?,
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

fn require_regular(metadata: &fs::Metadata) -> io::Result<()> {
    match metadata.file_type() {
        found if found.is_file() => Ok(()),
        found if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "not a regular file")),
    }
}

/// Creates a file that only its owner can read and write. An existing file is only overwritten with `force`.
///
/// # Errors
/// See [`open`].
pub fn create_new(path: &Path, force: bool) -> Result<File, Error> {
    check_name(path)?;
    create(path, force)
}

/// Rejects a file that a program replaces without being told to, unless it is missing or a regular file.
///
/// # Errors
/// [`Error::Directory`] for a directory, and [`Error::Irregular`] for devices, pipes, sockets and symbolic links.
pub fn check_replaceable(path: &Path) -> Result<(), Error> {
    refuse_special(path, path.symlink_metadata())
}

/// Replacing a device or a pipe with a file would destroy it: as root, even `/dev/null`.
fn refuse_special(path: &Path, found: io::Result<fs::Metadata>) -> Result<(), Error> {
    match found.map(|found| require_regular(&found)) {
        Ok(Err(error)) => Err(explain(path, error)),
        // A missing file will be created, and any other failure shows then.
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Rejects a name that is too long for its draft.
fn check_name(path: &Path) -> Result<(), Error> {
    match path.file_name() {
        Some(name) if name.len() > NAME_BYTES_MAX => Err(Error::TooLong { path: path.into() }),
        _ => Ok(()),
    }
}

fn create(path: &Path, force: bool) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    // The file may contain personal data or a secret.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ONLY);
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
        io::ErrorKind::Unsupported => Error::Irregular { path },
        io::ErrorKind::InvalidFilename => Error::TooLong { path },
        io::ErrorKind::PermissionDenied => Error::NoPermission { path },
        _ => Error::Other { path, source },
    }
}

/// A file that gets its name only once it is complete. A failing tool leaves nothing behind, and a tool can
/// overwrite the file it reads from.
#[derive(Debug)]
pub struct Draft {
    file: File,
    part: PathBuf,
    target: PathBuf,
    force: bool,
}

impl Draft {
    /// Creates a draft in the folder of `target`.
    ///
    /// # Errors
    /// The errors of [`create_new`], reported early so that no work is wasted.
    pub fn new(target: &Path, force: bool) -> Result<Self, Error> {
        refuse_special(target, target.metadata())?;
        let name = target.file_name().ok_or_else(|| Error::Directory { path: target.into() })?;
        check_name(target)?;
        refuse_existing(target, force)?;
        let part = target.with_file_name(format!(".{}.{}.part", name.display(), std::process::id()));
        let file = create(&part, true).map_err(|error| match error {
            Error::NoParent { .. } => Error::NoParent { path: target.into() },
            other => other,
        })?;
        // Locked while it is written; see `remove_left_parts`. Not where locks would block readers.
        #[cfg(unix)]
        drop(file.try_lock());
        Ok(Self { file, part, target: target.into(), force })
    }

    /// Returns the path of the draft, to read back its contents.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Gives the file its name after syncing it to disk, so that a power failure leaves the complete file or
    /// nothing.
    ///
    /// # Errors
    /// The errors of [`create_new`]. The draft is removed.
    pub fn keep(self) -> Result<(), Error> {
        refuse_existing(&self.target, self.force)?;
        sync_file(&self.file).map_err(|error| explain(&self.target, error))?;
        fs::rename(&self.part, &self.target).map_err(|error| explain(&self.target, error))?;
        sync_folder(&self.target);
        Ok(())
    }

    /// Gives the file its name without syncing it to disk, for files that need not survive a power failure.
    ///
    /// # Errors
    /// The errors of [`Draft::keep`].
    pub fn keep_unsynced(self) -> Result<(), Error> {
        refuse_existing(&self.target, self.force)?;
        fs::rename(&self.part, &self.target).map_err(|error| explain(&self.target, error))
    }

    /// Keeps the data written before the disk failed as `<name>.partial.<extension>`, because it is
    /// incomplete. Returns `None` if nothing was written, or if this fails too.
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

fn sync_file(file: &File) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push("file"));
    file.sync_all()
}

/// Syncs the folder of a file, so that its name survives a power failure, if the file system supports this.
pub fn sync_folder(path: &Path) {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push("folder"));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not every file system supports this. If the disk fails, the next write will fail too.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    #[cfg(not(unix))]
    let _ = folder;
}

/// Removes drafts of killed processes from `folder`.
pub fn remove_left_parts(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_part(path)) {
        // A process that is still writing a draft holds a lock.
        if open_inside(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Whether a file is named like a draft: `.show.bin.123.part`.
fn is_part(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix('.'));
    let process = name.and_then(|name| name.strip_suffix(".part")?.rsplit_once('.'));
    process.is_some_and(|(name, id)| !name.is_empty() && id.parse::<u32>().is_ok())
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

/// Reads back the draft.
impl Read for Draft {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Seek for Draft {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A failure cannot be handled here, and after `keep` there is nothing to remove.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests;
