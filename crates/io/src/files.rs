//! Opens and creates files, with error messages for the user; drafts, which get their names once complete;
//! the disk below, which tests replace; and a spool for input that can be read only once, such as standard input, and for
//! what may be too large for memory: more than a little is kept in a file without a name.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

#[cfg(unix)]
use std::fs::TryLockError;

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

    /// Like [`Draft::new`], on any disk.
    ///
    /// # Errors
    /// The errors of [`Draft::new`].
    pub fn on(disk: Arc<dyn Disk>, target: &Path, force: bool) -> Result<Self, Error> {
        let name = target.file_name().ok_or_else(|| Error::Directory { path: target.into() })?;
        check_name(target)?;
        let part = target.with_file_name(format!(".{}.{}.part", name.display(), process::id()));
        refuse_existing(&*disk, target, force)?;
        let file = create(&*disk, &part, true).map_err(|error| match error {
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
        refuse_existing(&*self.disk, &self.target, self.force)?;
        self.file.sync().map_err(|error| explain(&self.target, error))?;
        self.rename()?;
        self.disk.sync_folder(&self.target).map_err(|error| explain(&self.target, error))
    }

    /// Gives the file its name without syncing it to disk, for files that need not survive a power failure.
    ///
    /// # Errors
    /// The errors of [`Draft::keep`].
    pub fn keep_unsynced(mut self) -> Result<(), Error> {
        refuse_existing(&*self.disk, &self.target, self.force)?;
        self.rename()
    }

    fn rename(&mut self) -> Result<(), Error> {
        self.rename_to(&self.target.clone()).map_err(|error| explain(&self.target, error))
    }

    fn rename_to(&mut self, target: &Path) -> io::Result<()> {
        let mut drafts = DRAFTS.lock();
        self.disk.rename(&self.part, target)?;
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
        let stem = self.target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending =
            self.target.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
        let mut names = (1..=PARTIALS_MAX).map(|n| match n {
            1 => self.target.with_file_name(format!("{stem}.partial{ending}")),
            n => self.target.with_file_name(format!("{stem}.partial-{n}{ending}")),
        });
        let free = names.find(|path| !self.disk.exists(path))?;
        self.rename_to(&free).ok()?;
        Some(free)
    }
}

fn refuse_existing(disk: &dyn Disk, path: &Path, force: bool) -> Result<(), Error> {
    if !force && disk.exists(path) {
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
            // A failure cannot be handled here.
            let _ = self.disk.remove(&self.part);
            DRAFTS.lock().remove(&self.part);
        }
    }
}

/// Mode of new files.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;
/// Maximum number of attempts to create a file that another process removes before it is locked.
#[cfg(unix)]
const CREATE_ATTEMPTS: usize = 100;

pub(super) fn for_owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, OWNER_ONLY);
    #[cfg(not(unix))]
    let _ = options;
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
/// replace or delete it. Not where locks would block readers.
#[cfg(unix)]
fn open_locked(options: &OpenOptions, path: &Path, force: bool) -> io::Result<File> {
    let mut file = options.open(path)?;
    for _ in 0..CREATE_ATTEMPTS {
        let is_kept = match file.try_lock() {
            Ok(()) => std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 0,
            Err(TryLockError::WouldBlock) => false,
            // Not every file system has locks.
            Err(TryLockError::Error(_)) => true,
        };
        if is_kept || !force {
            break;
        }
        // Another process took a draft for abandoned before it was locked, and has removed it or is about to.
        std::thread::yield_now();
        file = options.open(path)?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_locked(options: &OpenOptions, path: &Path, _: bool) -> io::Result<File> {
    options.open(path)
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

    /// Renames a file, and replaces an existing one.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

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
}

/// The disk of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Disk for System {
    fn create(&self, path: &Path, force: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        // The file may contain personal data or a secret.
        for_owner_only(&mut options);
        Ok(Box::new(open_locked(&options, path, force)?))
    }

    fn exists(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
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
}

/// `FILE_FLAG_DELETE_ON_CLOSE` of Windows.
#[cfg(windows)]
const DELETE_ON_CLOSE: u32 = 0x0400_0000;

const MEMORY_BYTES_MAX: usize = 2 << 20;

/// A copy of an input, or a result, that can be read several times, also at once. It needs no removal: its file has no
/// name, or loses it with the process.
#[derive(Clone, Debug)]
pub struct Spool {
    stored: Stored,
    bytes: u64,
}

#[derive(Clone, Debug)]
enum Stored {
    Memory(Arc<[u8]>),
    File(Arc<File>),
}

#[derive(Debug, Default)]
pub struct SpoolWriter {
    memory: Vec<u8>,
    /// Has everything as soon as it is too large for memory.
    file: Option<BufWriter<File>>,
}

impl Write for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + bytes.len() > MEMORY_BYTES_MAX {
            let mut file = BufWriter::new(unnamed()?);
            file.write_all(&mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => self.memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Spool {
    /// Copies the input to its end.
    ///
    /// # Errors
    /// Any error in reading the input, or in writing to the folder for temporary files.
    pub fn of(mut input: impl Read) -> io::Result<Self> {
        Self::written(|file| io::copy(&mut input, file).map(drop))
    }

    /// Keeps what `write` writes.
    ///
    /// # Errors
    /// Any error in writing to the folder for temporary files, or of `write`.
    pub fn written(write: impl FnOnce(&mut SpoolWriter) -> io::Result<()>) -> io::Result<Self> {
        let mut writer = SpoolWriter::default();
        write(&mut writer)?;
        let SpoolWriter { memory, file } = writer;
        let Some(file) = file else {
            return Ok(Self { bytes: memory.len() as u64, stored: Stored::Memory(memory.into()) });
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { bytes: file.metadata()?.len(), stored: Stored::File(Arc::new(file)) })
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    #[must_use]
    pub fn open(&self) -> SpoolReader {
        SpoolReader { spool: self.clone(), at: 0 }
    }
}

/// Creates a file without a name in the folder for temporary files.
fn unnamed() -> io::Result<File> {
    static CREATED: AtomicU64 = AtomicU64::new(0);
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let path: PathBuf = env::temp_dir().join(format!(".livetape.{}.{number}.spool", process::id()));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    for_owner_only(&mut options);
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, DELETE_ON_CLOSE);
    let file = options.open(&path)?;
    #[cfg(unix)]
    fs::remove_file(&path)?;
    Ok(file)
}

/// Reads a [`Spool`] from its own position.
#[derive(Debug)]
pub struct SpoolReader {
    spool: Spool,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.spool.stored {
            Stored::Memory(bytes) => {
                let at = usize::try_from(self.at).map_or(bytes.len(), |at| at.min(bytes.len()));
                (&bytes[at..]).read(buffer)?
            }
            #[cfg(unix)]
            Stored::File(file) => std::os::unix::fs::FileExt::read_at(&**file, buffer, self.at)?,
            #[cfg(windows)]
            Stored::File(file) => std::os::windows::fs::FileExt::seek_read(&**file, buffer, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.spool.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
