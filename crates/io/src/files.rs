//! Files to read and to write, and what to tell a user when there are none.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Longest name of a file that is made, in bytes: file systems take 255, and the draft's name has 17 more.
pub const NAME_BYTES_MAX: usize = 238;
/// Files that the disk left unfinished under one name.
const PARTIALS_MAX: u32 = 1000;
/// The mode of new files.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

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
    #[error("the name of {} is too long: give it at most {NAME_BYTES_MAX} bytes", path.display())]
    TooLong { path: PathBuf },
    #[error("no permission for {}: check who owns it, and its mode", path.display())]
    NoPermission { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Other { path: PathBuf, source: io::Error },
}

/// Opens a regular file to read it.
///
/// # Errors
/// [`Error`] names the path and what is wrong with it.
pub fn open(path: &Path) -> Result<File, Error> {
    open_regular(path).map_err(|error| explain(path, error))
}

/// As [`open`], with the system's error. Devices, FIFOs and sockets are rejected: reading one may never end.
///
/// # Errors
/// Those of the system; `IsADirectory`, or `Unsupported` for what is neither a file nor a directory.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Before it is opened: a FIFO without a writer would block.
    require_regular(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    // Again, as another file may have taken its place.
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// As [`open_regular`], for a folder that others may write to: symbolic links are rejected as well, as they may lead
/// out of it.
///
/// # Errors
/// As [`open_regular`].
pub fn open_inside(path: &Path) -> io::Result<File> {
    require_regular(&path.symlink_metadata()?)?;
    open_regular(path)
}

fn require_regular(metadata: &fs::Metadata) -> io::Result<()> {
    match metadata.file_type() {
        found if found.is_file() => Ok(()),
        found if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "not a regular file")),
    }
}

/// Creates a file that only its owner may read and write; one that exists is overwritten only with `force`.
///
/// # Errors
/// As [`open`].
pub fn create_new(path: &Path, force: bool) -> Result<File, Error> {
    check_name(path)?;
    create(path, force)
}

/// Rejects a name that leaves no room for that of its draft.
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
    // It may hold people, or a secret.
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
        // A device or a pipe would be replaced by the file: with `--force` as root, even `/dev/null`.
        if target.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(Error::Irregular { path: target.into() });
        }
        let name = target.file_name().ok_or_else(|| Error::Directory { path: target.into() })?;
        check_name(target)?;
        refuse_existing(target, force)?;
        let part = target.with_file_name(format!(".{}.{}.part", name.display(), std::process::id()));
        let file = create(&part, true).map_err(|error| match error {
            Error::NoParent { .. } => Error::NoParent { path: target.into() },
            other => other,
        })?;
        // Held for as long as it is written: see `remove_left_parts`. Where locks would keep readers out, there is none.
        #[cfg(unix)]
        drop(file.try_lock());
        Ok(Self { file, part, target: target.into(), force })
    }

    /// Where it is until then, to read back what was written.
    #[must_use]
    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Gives the file its name, once the disk has it: a power cut leaves all of it or nothing.
    ///
    /// # Errors
    /// As [`create_new`]; the draft is removed then.
    pub fn keep(self) -> Result<(), Error> {
        refuse_existing(&self.target, self.force)?;
        sync_file(&self.file).map_err(|error| explain(&self.target, error))?;
        fs::rename(&self.part, &self.target).map_err(|error| explain(&self.target, error))?;
        sync_folder(&self.target);
        Ok(())
    }

    /// Gives the file its name without waiting for the disk, for files that need not outlast a power cut.
    ///
    /// # Errors
    /// As [`Draft::keep`].
    pub fn keep_unsynced(self) -> Result<(), Error> {
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

fn sync_file(file: &File) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push("file"));
    file.sync_all()
}

/// Makes the name of a file in its folder outlast a power cut, where the file system can be told to.
pub fn sync_folder(path: &Path) {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push("folder"));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not every file system can. Where the disk fails, what is written next fails as well.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    #[cfg(not(unix))]
    let _ = folder;
}

/// Removes drafts from `folder` that nobody writes any more: their process was killed.
pub fn remove_left_parts(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_part(path)) {
        // A process that still writes one holds a lock.
        if open_inside(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Whether it is called like a draft: `.show.bin.123.part`.
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

/// What was written, for as long as it is a draft.
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
        // Nothing can be done if that fails, and nothing is there once it was kept.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// What this thread synced, in order.
        pub(super) static SYNCED: std::cell::RefCell<Vec<&'static str>> = const { std::cell::RefCell::new(Vec::new()) };
    }

    #[test]
    fn a_draft_is_on_the_disk_before_it_takes_its_name_and_the_name_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Draft::new(&folder.path().join("show.bin"), false).unwrap();
        draft.write_all(b"whole").unwrap();
        assert_eq!(SYNCED.take(), [""; 0]);
        draft.keep().unwrap();
        assert_eq!(SYNCED.take(), ["file", "folder"]);
    }

    #[test]
    fn a_name_that_is_too_long_for_a_draft_is_rejected_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |bytes: usize| folder.path().join("x".repeat(bytes));
        for bytes in [NAME_BYTES_MAX + 1, 255, 300] {
            for error in [Draft::new(&path(bytes), false).err(), create_new(&path(bytes), false).err()] {
                assert!(matches!(error, Some(Error::TooLong { .. })), "{bytes}: {error:?}");
            }
            assert!(matches!(open(&path(300)), Err(Error::TooLong { .. })));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Draft::new(&path(NAME_BYTES_MAX), false).unwrap().keep().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn new_files_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (made, kept) = (folder.path().join("made.bin"), folder.path().join("kept.bin"));
        create_new(&made, false).unwrap();
        Draft::new(&kept, false).unwrap().keep().unwrap();
        for path in [made, kept] {
            let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }

    #[test]
    fn drafts_of_killed_processes_are_removed_and_those_that_are_written_stay() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> =
                entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let draft = Draft::new(&folder.path().join("show.bin"), false).unwrap();
        for name in [".left.bin.1.part", ".notes.part", "x.1.part", ".show.bin.x.part"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_left_parts(folder.path());
        let ours = format!(".show.bin.{}.part", std::process::id());
        let mut left = [".notes.part", ".show.bin.x.part", "x.1.part", &ours].map(str::to_owned);
        left.sort();
        assert_eq!(names(), left);
        drop(draft);
        assert!(!names().contains(&ours));
    }

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
