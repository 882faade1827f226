//! Opens and creates files, with error messages for the user; drafts, which get their names once complete; and the disk
//! below, which tests replace.

mod spool;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use livetape_core::recording::why_not_on_windows;
use parking_lot::Mutex;

pub use self::spool::{Spool, SpoolReader, SpoolWriter};

#[cfg(unix)]
use std::{fs::TryLockError, os::unix::fs::MetadataExt as _};

/// Maximum length of a file name, in bytes. File systems allow 255, and the name of a draft needs 17 more.
pub const NAME_BYTES_MAX: usize = 238;
/// Variable with the folder for temporary files.
pub const TEMPORARY: &str = if cfg!(windows) { "TMP" } else { "TMPDIR" };
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
    #[error("{} is being recorded or changed", path.display())]
    Busy { path: PathBuf },
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
    /// On any system, because the file may be used on another.
    #[error("{why}: {}", path.display())]
    Unportable { path: PathBuf, why: String },
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
            Self::Busy { .. } => "wait for that, or stop the recorder, or choose another name",
            Self::Directory { .. } => "name a file",
            Self::Irregular { .. } => "copy the content to a regular file",
            Self::Irreplaceable { .. } => "write to another file, which is regular or does not exist",
            Self::Dash => "name a file; write ./- if its name is -",
            Self::TooLong { .. } => "choose a shorter name",
            Self::Unportable { .. } => "choose another name",
            Self::NoPermission { .. } => "check the owner and the permissions of the file",
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

/// Reads a small text file that people write, like [`read_small`]. A byte-order mark is removed; UTF-16 is read
/// if it has one, as Windows PowerShell redirects it.
///
/// # Errors
/// See [`read_small`]; also `InvalidData` if the file is not such a text.
pub fn read_text(path: &Path) -> io::Result<String> {
    text(read_small(path)?)
}

/// Decodes a text file, as [`read_text`] does.
///
/// # Errors
/// `InvalidData` if it is neither UTF-8 nor UTF-16 with a byte-order mark.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    let not_text = || io::Error::new(io::ErrorKind::InvalidData, "the file is not UTF-8 text");
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| unit(*pair));
        let text = char::decode_utf16(units).collect::<Result<String, _>>().ok();
        text.filter(|_| rest.is_empty()).ok_or_else(not_text)
    };
    match &*bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).map_err(|_| not_text()),
        _ => String::from_utf8(bytes).map_err(|_| not_text()),
    }
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
/// See [`open_regular`]; also `InvalidFilename` for a new file with a name that another system refuses.
pub fn append(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Err(error) => {
            check_name(path).map_err(|error| io::Error::new(io::ErrorKind::InvalidFilename, error))?;
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
        }
        // Checked before opening, because opening a FIFO without a reader blocks.
        Ok(found) => require_regular(&found)?,
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    for_owner_only(&mut options);
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

/// Rejects a name that is too long for its draft, one that another system refuses, and the one that means standard output
/// elsewhere.
fn check_name(path: &Path) -> Result<(), Error> {
    let why_not = |name: &OsStr| why_not_on_windows(&name.to_string_lossy());
    match path.file_name() {
        _ if path == Path::new("-") => Err(Error::Dash),
        Some(name) if name.len() > NAME_BYTES_MAX => Err(Error::TooLong { path: path.into() }),
        Some(name) if let Some(why) = why_not(name) => Err(Error::Unportable { path: path.into(), why }),
        _ => Ok(()),
    }
}

fn create(disk: &dyn Disk, path: &Path, force: bool) -> Result<Box<dyn DiskFile>, Error> {
    disk.create(path, force).map_err(|error| uncreated(path, error))
}

fn uncreated(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        _ if path.is_dir() => Error::Directory { path: path.into() },
        io::ErrorKind::NotFound => Error::NoParent { path: path.into() },
        _ => explain(path, error),
    }
}

fn explain(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path },
        io::ErrorKind::NotFound => Error::Missing { path },
        io::ErrorKind::IsADirectory => Error::Directory { path },
        io::ErrorKind::Unsupported => Error::Irregular { path },
        io::ErrorKind::InvalidFilename => check_name(&path).err().unwrap_or(Error::TooLong { path }),
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
        if is_wanted && is_abandoned(&path) {
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

/// The number of a draft that only one process at a time can have for a file. No process has it.
const SHARED_ID: u32 = 0;
/// Maximum number of partial files with the same name.
const PARTIALS_MAX: u32 = 1000;

/// Drafts of this process on the system's disk. Locked while one is created or renamed, so that none is
/// missed.
static DRAFTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes every draft of this process, which is about to exit, and blocks new ones. Returns whether there
/// was any.
pub fn abandon_drafts() -> bool {
    let mut drafts = DRAFTS.lock();
    let parts = mem::take(&mut *drafts);
    // Until the process exits, other threads could go on writing.
    mem::forget(drafts);
    parts.iter().filter(|part| fs::remove_file(part).is_ok()).count() > 0
}

/// A file that gets its name only once it is complete. A failing tool leaves nothing behind, and a tool can
/// overwrite the file it reads from.
#[derive(Debug)]
pub struct Draft {
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    part: PathBuf,
    target: PathBuf,
    force: bool,
    /// Whether it got its name, so that `part` is free for another draft.
    renamed: bool,
}

impl Draft {
    /// Creates a draft in the folder of `target`, and removes drafts of killed processes for the same file.
    ///
    /// # Errors
    /// The errors of [`create_new`], reported early so that no work is wasted.
    pub fn new(target: &Path, force: bool) -> Result<Self, Error> {
        refuse_special(target, target.metadata())?;
        let mut drafts = DRAFTS.lock();
        let draft = Self::on(Arc::new(System), target, force)?;
        drafts.insert(draft.part.clone());
        drop(drafts);
        remove_left_parts(target.parent().unwrap_or(target), target.file_name());
        Ok(draft)
    }

    /// Creates a draft that will replace `target` with a changed copy of it. Nobody else changes it in this way before
    /// the draft is kept or dropped, so read it afterwards.
    ///
    /// # Errors
    /// [`Error::Busy`] if somebody else does, and the errors of [`Draft::new`].
    pub fn of_changed(target: &Path) -> Result<Self, Error> {
        refuse_special(target, target.metadata())?;
        remove_left_parts(target.parent().unwrap_or(target), target.file_name());
        let mut drafts = DRAFTS.lock();
        let draft = Self::named(Arc::new(System), target, true, SHARED_ID).map_err(|error| match error {
            Error::Exists { .. } => Error::Busy { path: target.into() },
            other => other,
        })?;
        drafts.insert(draft.part.clone());
        Ok(draft)
    }

    /// Like [`Draft::new`], on any disk.
    ///
    /// # Errors
    /// The errors of [`Draft::new`].
    pub fn on(disk: Arc<dyn Disk>, target: &Path, force: bool) -> Result<Self, Error> {
        Self::named(disk, target, force, process::id())
    }

    /// With [`SHARED_ID`], only one process can have the draft.
    fn named(disk: Arc<dyn Disk>, target: &Path, force: bool, id: u32) -> Result<Self, Error> {
        let name = target.file_name().ok_or_else(|| Error::Directory { path: target.into() })?;
        check_name(target)?;
        let mut part = OsString::from(".");
        part.push(name);
        part.push(format!(".{id}.part"));
        let part = target.with_file_name(part);
        refuse_taken(&*disk, target, force)?;
        let file = match id {
            SHARED_ID => open_locked(&mut for_new(false), &part, false).map(|file| Box::new(file) as _),
            _ => disk.create(&part, true),
        };
        let file = file.map_err(|error| match uncreated(&part, error) {
            Error::NoParent { .. } => Error::NoParent { path: target.into() },
            other => other,
        })?;
        Ok(Self { disk, file, part, target: target.into(), force, renamed: false })
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
    /// The errors of [`create_new`]. The draft is removed. If only its name could not be synced, the
    /// file has its name, but may lose it in a power failure.
    pub fn keep(mut self) -> Result<(), Error> {
        refuse_taken(&*self.disk, &self.target, self.force)?;
        self.file.sync().map_err(|error| explain(&self.target, error))?;
        self.rename()?;
        self.disk.sync_folder(&self.target).map_err(|error| explain(&self.target, error))
    }

    /// Gives the file its name without syncing it to disk, for files that need not survive a power failure.
    ///
    /// # Errors
    /// The errors of [`Draft::keep`].
    pub fn keep_unsynced(mut self) -> Result<(), Error> {
        refuse_taken(&*self.disk, &self.target, self.force)?;
        self.rename()
    }

    fn rename(&mut self) -> Result<(), Error> {
        self.rename_to(&self.target.clone(), self.force).map_err(|error| explain(&self.target, error))
    }

    fn rename_to(&mut self, target: &Path, force: bool) -> io::Result<()> {
        let mut drafts = DRAFTS.lock();
        self.disk.rename(&self.part, target, force)?;
        drafts.remove(&self.part);
        self.renamed = true;
        Ok(())
    }

    /// Keeps the data written before the disk failed as `<name>.partial.<extension>`, because it is
    /// incomplete. Returns `None` if nothing was written, or if this fails too.
    pub fn keep_partial(mut self) -> Option<PathBuf> {
        if self.file.length().ok()? == 0 {
            return None;
        }
        let free = partial_names(&self.target).find(|path| !self.disk.exists(path))?;
        self.rename_to(&free, false).ok()?;
        Some(free)
    }
}

/// Rejects a name that another file has, unless `force` permits to replace that, and nobody is recording it.
fn refuse_taken(disk: &dyn Disk, path: &Path, force: bool) -> Result<(), Error> {
    match path {
        path if !force && disk.exists(path) => Err(Error::Exists { path: path.into() }),
        path if disk.is_locked(path) => Err(Error::Busy { path: path.into() }),
        _ => Ok(()),
    }
}

/// Returns names for the part of a file that could be kept: `show.partial.bin`, `show.partial-2.bin` and so on.
pub fn partial_names(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let path = path.to_owned();
    (1..=PARTIALS_MAX).map(move |n| {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(".partial");
        if n > 1 {
            name.push(format!("-{n}"));
        }
        if let Some(ending) = path.extension() {
            name.push(".");
            name.push(ending);
        }
        path.with_file_name(name)
    })
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

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
        if !self.renamed {
            // Locked first, as another draft may get the name at once.
            let mut drafts = DRAFTS.lock();
            // A failure cannot be handled here.
            let _ = self.disk.remove(&self.part);
            drafts.remove(&self.part);
        }
    }
}

/// Mode of new files.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;
/// Maximum number of attempts to lock a file that another process looks at, or removes before it is locked.
#[cfg(unix)]
const LOCK_ATTEMPTS: usize = 100;
/// `FILE_SHARE_READ` of Windows.
#[cfg(windows)]
const SHARE_READ: u32 = 1;
/// `ERROR_SHARING_VIOLATION` of Windows.
#[cfg(windows)]
const SHARING_VIOLATION: i32 = 32;

pub(super) fn for_owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, OWNER_ONLY);
    #[cfg(not(unix))]
    let _ = options;
}

/// Returns options to create a file, which may contain personal data or a secret. With `force`, truncates an existing one.
fn for_new(force: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    for_owner_only(&mut options);
    options
}

/// Whether no process holds this regular file, so that it may be removed: a process that is still writing a
/// draft holds a lock on Unix, and elsewhere an open file.
pub(super) fn is_abandoned(path: &Path) -> bool {
    #[cfg(unix)]
    return open_inside(path).is_ok_and(|file| file.try_lock().is_ok());
    #[cfg(windows)]
    return path.symlink_metadata().is_ok_and(|found| found.is_file())
        && std::os::windows::fs::OpenOptionsExt::share_mode(OpenOptions::new().read(true), 0)
            .open(path)
            .is_ok();
    #[cfg(not(any(unix, windows)))]
    return {
        let _ = path;
        false
    };
}

/// Opens a file to write and locks it. The lock shows that the file is being written: others do not rename,
/// replace or delete it.
#[cfg(unix)]
fn open_locked(options: &mut OpenOptions, path: &Path, force: bool) -> io::Result<File> {
    let mut file = options.open(path)?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) if file.metadata()?.nlink() > 0 => break,
            // Not every file system has locks.
            Err(TryLockError::Error(_)) => break,
            Ok(()) | Err(TryLockError::WouldBlock) => {}
        }
        std::thread::yield_now();
        // Another process took a draft for abandoned before it was locked, and has removed it or is about to.
        if force || file.metadata()?.nlink() == 0 {
            file = options.open(path)?;
        }
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_locked(options: &mut OpenOptions, path: &Path, _: bool) -> io::Result<File> {
    options.open(path)
}

/// Identity of a file, whatever its names: on Unix, its device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    pub device: u64,
    pub number: u64,
}

pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a file that only its owner can read and write, and locks it. With `force`, truncates an
    /// existing file.
    ///
    /// # Errors
    /// Any error of the operating system; `AlreadyExists` for an existing file without `force`.
    fn create(&self, path: &Path, force: bool) -> io::Result<Box<dyn DiskFile>>;

    /// Whether something has this name.
    fn exists(&self, path: &Path) -> bool;

    /// Whether somebody holds the lock of this file, which may have other names as well.
    fn is_locked(&self, path: &Path) -> bool;

    /// Identifies the file that has this name. Symbolic links are followed.
    ///
    /// # Errors
    /// Any error of the operating system; `Unsupported` if it has no identities.
    fn id(&self, path: &Path) -> io::Result<FileId>;

    /// Renames a file. With `force`, replaces an existing one.
    ///
    /// # Errors
    /// Any error of the operating system; `AlreadyExists` for an existing file without `force`.
    fn rename(&self, from: &Path, to: &Path, force: bool) -> io::Result<()>;

    /// # Errors
    /// Any error of the operating system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in the folder of `path` survive a power failure, if the file system supports this.
    ///
    /// # Errors
    /// Errors of the device.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

pub trait DiskFile: Read + Write + Seek + fmt::Debug + Send {
    /// Makes the written data survive a power failure.
    ///
    /// # Errors
    /// Errors of the device. The data may be lost, even if a later call succeeds.
    fn sync(&self) -> io::Result<()>;

    /// # Errors
    /// Any error of the operating system.
    fn length(&self) -> io::Result<u64>;

    /// # Errors
    /// See [`Disk::id`].
    fn id(&self) -> io::Result<FileId>;
}

/// The disk of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Disk for System {
    fn create(&self, path: &Path, force: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut options = for_new(force);
        // Windows itself keeps others from changing or renaming a file that is not a draft.
        #[cfg(windows)]
        if !force {
            std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, SHARE_READ);
        }
        Ok(Box::new(open_locked(&mut options, path, force)?))
    }

    fn exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn is_locked(&self, path: &Path) -> bool {
        // A shared lock does not get in the way of others that look.
        #[cfg(unix)]
        return open_regular(path)
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
        #[cfg(windows)]
        return OpenOptions::new()
            .write(true)
            .open(path)
            .is_err_and(|error| error.raw_os_error() == Some(SHARING_VIOLATION));
        #[cfg(not(any(unix, windows)))]
        return {
            let _ = path;
            false
        };
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        // Opening a FIFO would block.
        #[cfg(unix)]
        return fs::metadata(path).map(|metadata| id_of(&metadata));
        #[cfg(not(unix))]
        return DiskFile::id(&File::open(path)?);
    }

    fn rename(&self, from: &Path, to: &Path, force: bool) -> io::Result<()> {
        if force {
            return fs::rename(from, to);
        }
        // Unlike a rename, a link never replaces a file that another process has created meanwhile.
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(_) if self.exists(to) => Err(io::ErrorKind::AlreadyExists.into()),
            // Not every file system has links.
            Err(_) => fs::rename(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        tests::SYNCED.with_borrow_mut(|synced| synced.push("folder"));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A folder that others own may be unreadable, and not every file system can sync one.
        #[cfg(unix)]
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            Err(error) if is_unsupported(&error) => {}
            result => result?,
        }
        #[cfg(not(unix))]
        let _ = folder;
        Ok(())
    }
}

#[cfg(unix)]
fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

impl DiskFile for File {
    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        tests::SYNCED.with_borrow_mut(|synced| synced.push("file"));
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn id(&self) -> io::Result<FileId> {
        #[cfg(unix)]
        return self.metadata().map(|metadata| id_of(&metadata));
        #[cfg(windows)]
        return winapi_util::file::information(self)
            .map(|found| FileId { device: found.volume_serial_number(), number: found.file_index() });
        #[cfg(not(any(unix, windows)))]
        return Err(io::ErrorKind::Unsupported.into());
    }
}

#[cfg(unix)]
fn id_of(metadata: &fs::Metadata) -> FileId {
    FileId { device: metadata.dev(), number: metadata.ino() }
}
