//! The files of the repository, for the tests of every crate.

use std::path::{Path, PathBuf};

/// Returns the folder of the repository: the first above the crate that has the lock file of the workspace.
pub(crate) fn repository() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").is_file()).unwrap().to_owned()
}
