//! The operations on files whose failure can lose data. Tests replace the system's disk with a simulated one.

#[cfg(unix)]
use std::fs::TryLockError;
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::Path,
};

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
    return super::open_inside(path).is_ok_and(|file| file.try_lock().is_ok());
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
        super::tests::SYNCED.with_borrow_mut(|synced| synced.push("folder"));
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
        super::tests::SYNCED.with_borrow_mut(|synced| synced.push("file"));
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }
}
