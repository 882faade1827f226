//! Opens and creates files, with error messages for the user.

mod disk;
mod draft;
mod spool;

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

pub use disk::{Disk, DiskFile, System};
pub use draft::{Draft, abandon_drafts};
pub use spool::{Spool, SpoolReader, SpoolWriter};

/// Maximum length of a file name, in bytes. File systems allow 255, and the name of a draft needs 17 more.
pub const NAME_BYTES_MAX: usize = 238;
/// Maximum size of a small file, such as settings or a scenario, in bytes.
pub const READ_BYTES_MAX: u64 = 1 << 20;
#[derive(Debug, thiserror::Error)]
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
    #[error("{} is not a regular file", path.display())]
    Irreplaceable { path: PathBuf },
    #[error("- is not the name of a file, and this file cannot be written to standard output")]
    Dash,
    #[error("the name of {} is longer than {NAME_BYTES_MAX} bytes", path.display())]
    TooLong { path: PathBuf },
    #[error("no permission for {}", path.display())]
    NoPermission { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: io::Error },
}

impl Error {
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "choose another name, or overwrite the file with --force",
            Self::Missing { .. } => "check the name",
            Self::NoParent { .. } => "create the directory first",
            Self::Directory { .. } => "name a file",
            Self::Irregular { .. } => "copy the content to a regular file",
            Self::Irreplaceable { .. } => "write to another file, which is regular or does not exist",
            Self::Dash => "name a file; write ./- if its name is -",
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

/// Opens a regular file for appending. Creates a missing one, which only its owner can read and write.
///
/// # Errors
/// See [`open_regular`].
pub fn append(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // Checked before opening, because opening a FIFO without a reader blocks.
        found => require_regular(&found?)?,
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    disk::for_owner_only(&mut options);
    let file = options.open(path)?;
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
pub fn create_new(disk: &dyn Disk, path: &Path, force: bool) -> Result<Box<dyn DiskFile>, Error> {
    check_name(path)?;
    create(disk, path, force)
}

/// Rejects a file that a program replaces without being told to, unless it is missing or a regular file.
///
/// # Errors
/// [`Error::Directory`] for a directory, and [`Error::Irreplaceable`] for devices, pipes, sockets and symbolic
/// links.
pub fn check_replaceable(path: &Path) -> Result<(), Error> {
    refuse_special(path, path.symlink_metadata())
}

/// Replacing a device or a pipe with a file would destroy it: as root, even `/dev/null`.
fn refuse_special(path: &Path, found: io::Result<fs::Metadata>) -> Result<(), Error> {
    match found.map(|found| require_regular(&found)) {
        Ok(Err(error)) => Err(match explain(path, error) {
            Error::Irregular { path } => Error::Irreplaceable { path },
            error => error,
        }),
        // A missing file will be created, and any other failure shows then.
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Rejects a name that is too long for its draft, and the one that means standard output elsewhere.
fn check_name(path: &Path) -> Result<(), Error> {
    match path.file_name() {
        _ if path == Path::new("-") => Err(Error::Dash),
        Some(name) if name.len() > NAME_BYTES_MAX => Err(Error::TooLong { path: path.into() }),
        _ => Ok(()),
    }
}

fn create(disk: &dyn Disk, path: &Path, force: bool) -> Result<Box<dyn DiskFile>, Error> {
    disk.create(path, force).map_err(|error| match error.kind() {
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

/// Syncs the folder of a file, so that its name survives a power failure, if the file system supports this.
///
/// # Errors
/// Errors of the device.
pub fn sync_folder(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    disk.sync_folder(path).map_err(|error| explain(path, error))
}

/// Removes drafts of killed processes from `folder`: those of the file `name`, or all.
pub fn remove_left_parts(folder: &Path, name: Option<&OsStr>) {
    // The folder of a plain file name.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_wanted =
            target_of(&path).is_some_and(|target| name.is_none_or(|name| name.as_encoded_bytes() == target));
        if is_wanted && disk::is_abandoned(&path) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Returns the name that a draft would get: `show.bin` for `.show.bin.123.part`. `None` for other files.
fn target_of(path: &Path) -> Option<&[u8]> {
    let name = path.file_name()?.as_encoded_bytes().strip_prefix(b".")?.strip_suffix(b".part")?;
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let (target, id) = (&name[..dot], &name[dot + 1..]);
    let is_id = !id.is_empty() && id.iter().all(u8::is_ascii_digit);
    (is_id && !target.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests;
