//! Files that get their names only once they are complete.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{Disk, DiskFile, Error, System, check_name, create, explain, refuse_special, remove_left_parts};

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
    /// The errors of [`super::create_new`], reported early so that no work is wasted.
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
        let part = target.with_file_name(format!(".{}.{}.part", name.display(), std::process::id()));
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
    /// The errors of [`super::create_new`]. The draft is removed. If only its name could not be synced, the
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
