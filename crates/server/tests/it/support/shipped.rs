//! The recordings in `recordings/`.

use std::{collections::BTreeSet, fs};

use livetape_core::recording::{Item, Reader};

use super::repository::repository;

/// Returns the items of each shipped recording.
pub(crate) fn shipped_recordings() -> Vec<(String, Vec<Item>)> {
    let folder = fs::read_dir(repository().join("recordings")).unwrap();
    let paths: BTreeSet<_> = folder.map(|entry| entry.unwrap().path()).collect();
    let files = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    let items = files.map(|path| {
        let mut reader = Reader::open(fs::File::open(path).unwrap()).unwrap();
        let items = std::iter::from_fn(|| reader.next().unwrap()).map(|record| record.item).collect();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), items)
    });
    items.collect()
}
