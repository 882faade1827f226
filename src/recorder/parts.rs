//! A recording in parts, each of which can be read by itself.

use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::name;
use crate::{
    sans_io::{
        error::Problem,
        recording::{Item, PART_OF_TAG, PART_TAG, Standing, USER_TAG, What, records::Header},
    },
    settings::{Rotate, Sync},
};

/// `show.bin` → `show.007.bin`
pub(super) fn part_path(path: &Path, part: u32) -> PathBuf {
    let ending = path.extension().map(|ending| format!(".{}", ending.display())).unwrap_or_default();
    path.with_extension(format!("{part:03}{ending}"))
}

/// The files of a recording, in their order.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Vec<PathBuf>>>);

impl Files {
    /// Those that were made so far.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add(&self, path: PathBuf) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }
}

/// Where the recording goes on, and what the next part has to begin with.
pub(super) struct Parts {
    pub(super) rotate: Rotate,
    sync: Sync,
    path: PathBuf,
    files: Files,
    part: u32,
    standing: Standing,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("rotate", &self.rotate)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// The header of part 0.
pub(super) fn first_header(mut header: Header) -> Header {
    let user = header.tags.get(USER_TAG).cloned().unwrap_or_default();
    let part_of = format!("{user}-{}", header.wall_anchor_ns.unwrap_or_default());
    header.tags.insert(PART_OF_TAG.into(), part_of);
    header.tags.insert(PART_TAG.into(), "0".into());
    header
}

impl Parts {
    /// `path` is what the user named; `header` that of part 0.
    pub(super) fn new((rotate, sync): (Rotate, Sync), path: PathBuf, files: Files, header: &Header) -> Self {
        let mut standing = Standing::default();
        let what = What::Header(header.clone());
        standing.take(&Item { offset: Duration::ZERO, conn: 0, flags: Default::default(), what });
        Self { rotate, sync, path, files, part: 0, standing }
    }

    /// Takes note of what is written.
    pub(super) fn note(&mut self, item: &Item) {
        self.standing.take(item);
    }

    /// Makes the next file: its header, and what it opens with.
    pub(super) fn next(&mut self, start: Duration) -> Result<(File, Header, Vec<Item>), Problem> {
        self.part += 1;
        let path = part_path(&self.path, self.part);
        let file = name::create_file(&path, self.sync)?;
        self.files.add(path);
        let mut header = self.standing.header_from(start);
        header.tags.insert(PART_TAG.into(), self.part.to_string());
        Ok((file, header, self.standing.openings(Duration::ZERO).collect()))
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
