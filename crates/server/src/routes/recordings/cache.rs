//! A cache of values computed from files. Entries are valid until the file changes.

use std::{collections::VecDeque, time::SystemTime};

use parking_lot::Mutex;

/// A version of a file, identified by name, length and modification time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
}

/// The most recent values, up to a maximum, each for one version of a file.
#[derive(Debug)]
pub(super) struct Cache<T> {
    max: usize,
    values: Mutex<VecDeque<(Version, T)>>,
}

impl<T: Clone> Cache<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, values: Mutex::default() }
    }

    pub(super) fn get(&self, version: &Version) -> Option<T> {
        let values = self.values.lock();
        values.iter().find(|(known, _)| known == version).map(|(_, value)| value.clone())
    }

    /// Stores a value and drops values for other versions of the same file.
    pub(super) fn put(&self, version: Version, value: T) {
        let mut values = self.values.lock();
        values.retain(|(known, _)| known.name != version.name);
        values.truncate(self.max - 1);
        values.push_front((version, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, bytes: u64) -> Version {
        Version { name: name.into(), bytes, modified: None }
    }

    #[test]
    fn a_changed_file_misses_the_cache() {
        let cache = Cache::new(2);
        cache.put(version("a", 1), 'a');
        assert_eq!((cache.get(&version("a", 1)), cache.get(&version("a", 2))), (Some('a'), None));
        cache.put(version("a", 2), 'A');
        assert_eq!((cache.get(&version("a", 1)), cache.get(&version("a", 2))), (None, Some('A')));
    }

    #[test]
    fn the_oldest_entry_is_evicted_first() {
        let cache = Cache::new(2);
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            cache.put(version(name, 1), at);
        }
        assert_eq!(["a", "b", "c"].map(|name| cache.get(&version(name, 1))), [None, Some(1), Some(2)]);
    }
}
