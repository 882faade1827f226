//! A recording in several files, each of which is a complete recording.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use livetape_core::{
    error::Problem,
    recording::{Item, PART_OF_TAG, PART_TAG, Snapshot, USER_TAG, What, records::Header},
};
use livetape_io::files::{self, Disk, DiskFile};
use parking_lot::Mutex;

use super::{
    name,
    options::{Rotate, Sync},
};

/// Returns the path of a part: `show.bin` → `show.007.bin`.
pub(super) fn part_path(path: &Path, part: u32) -> PathBuf {
    let ending = path.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
    path.with_extension(format!("{part:03}{ending}"))
}

/// Rejects a path where no new file can be created, before anything begins.
///
/// # Errors
/// Like [`super::Recorder::start`].
pub fn check_new(path: &Path, is_split: bool) -> Result<(), Problem> {
    let path = if is_split { part_path(path, 0) } else { path.to_owned() };
    let has_folder = path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir());
    let error = match path.symlink_metadata() {
        Ok(_) if path.is_dir() => files::Error::Directory { path },
        Ok(_) => files::Error::Exists { path },
        Err(_) if !has_folder => files::Error::NoParent { path },
        Err(_) => return Ok(()),
    };
    Err(name::problem(&error))
}

/// The files of a recording, in order.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Vec<PathBuf>>>);

impl Files {
    /// Returns the files created so far.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().clone()
    }

    pub(super) fn add(&self, path: PathBuf) {
        self.0.lock().push(path);
    }
}

/// The next file with its header and opening items.
type Next = (Box<dyn DiskFile>, Header, Vec<Item>);

/// State for continuing a recording in the next file.
pub(super) struct Parts {
    pub(super) rotate: Rotate,
    disk: Arc<dyn Disk>,
    sync: Sync,
    path: PathBuf,
    files: Files,
    part: u32,
    snapshot: Snapshot,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("rotate", &self.rotate)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

pub(super) fn first_header(mut header: Header) -> Header {
    let user = header.tags.get(USER_TAG).cloned().unwrap_or_default();
    let part_of = format!("{user}-{}", header.wall_anchor_ns.unwrap_or_default());
    header.tags.insert(PART_OF_TAG.into(), part_of);
    header.tags.insert(PART_TAG.into(), "0".into());
    header
}

impl Parts {
    /// `path` is the name that the user chose; `header` belongs to part 0.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        (rotate, sync): (Rotate, Sync),
        path: PathBuf,
        files: Files,
        header: &Header,
    ) -> Self {
        let mut snapshot = Snapshot::default();
        let what = What::Header(header.clone());
        snapshot.take(&Item { offset: Duration::ZERO, conn: 0, flags: Default::default(), what });
        Self { rotate, disk, sync, path, files, part: 0, snapshot }
    }

    /// Updates the state with a written item.
    pub(super) fn note(&mut self, item: &Item) {
        self.snapshot.take(item);
    }

    /// Creates the next file. Returns it with its header and opening items.
    pub(super) fn next(&mut self, start: Duration) -> Result<Next, Problem> {
        self.part += 1;
        let path = part_path(&self.path, self.part);
        let file = name::create_file(&*self.disk, &path, self.sync)?;
        self.files.add(path);
        let mut header = self.snapshot.header_from(start);
        header.tags.insert(PART_TAG.into(), self.part.to_string());
        Ok((file, header, self.snapshot.openings(Duration::ZERO).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbered() {
        assert_eq!(part_path(Path::new("a/show.bin"), 7), Path::new("a/show.007.bin"));
        assert_eq!(part_path(Path::new("show"), 1234), Path::new("show.1234"));
    }
}
