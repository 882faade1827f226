//! Checks the size of the program, built for release.

use std::{env::consts::EXE_SUFFIX, fs, path::PathBuf};

use anyhow::{Result, ensure};

use crate::{
    addon::LIBRARIES,
    programs::{RELEASED, cargo, status, target},
};

/// Maximum size of the program, including the dashboard, in bytes.
const BINARY_BYTES_MAX: u64 = 25_000_000;

/// Builds livetape for release and checks its size.
pub(crate) fn run() -> Result<()> {
    let bytes = fs::metadata(build()?)?.len();
    println!("size of livetape: {:.2} MB (maximum {} MB)", bytes as f64 / 1e6, BINARY_BYTES_MAX / 1_000_000);
    judge(bytes)
}

fn judge(bytes: u64) -> Result<()> {
    ensure!(bytes > 0, "the program is empty");
    ensure!(bytes <= BINARY_BYTES_MAX, "the program is too large");
    Ok(())
}

/// Builds livetape for release and returns the path of the program.
pub(crate) fn build() -> Result<PathBuf> {
    built(&["--bin", "livetape"])
}

/// Builds livetape and the addon for release, with one build of the libraries that both contain, and returns
/// the path of the program.
pub(crate) fn build_with_addon() -> Result<PathBuf> {
    built(&[&LIBRARIES[..], &["--bin", "livetape"]].concat())
}

fn built(what: &[&str]) -> Result<PathBuf> {
    status(cargo().args(["build", "--release", "--locked"]).args(RELEASED).args(what))?;
    Ok(target()?.join(format!("release/livetape{EXE_SUFFIX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_or_empty_program_fails() {
        assert!(judge(1).is_ok() && judge(BINARY_BYTES_MAX).is_ok());
        assert!(judge(BINARY_BYTES_MAX + 1).is_err() && judge(0).is_err());
    }
}
