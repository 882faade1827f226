//! Recorded data of `fixtures/webcast`.

use super::repository::repository;

/// Reads a file of recorded data.
pub(crate) fn fixture(name: &str) -> String {
    let path = repository().join("fixtures/webcast").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
