//! Checks the size of the installed program.

use std::fs;

use anyhow::{Result, ensure};

use crate::programs::{cargo, status, target};

/// Maximum size of the program, including the dashboard, in bytes.
const BINARY_BYTES_MAX: u64 = 25_000_000;

/// Builds livetape for release and checks its size.
pub(crate) fn run() -> Result<()> {
    status(cargo().args(["build", "--release", "--locked", "--bin", "livetape"]))?;
    let target = target()?;
    let bytes = fs::metadata(target.join("release/livetape"))?.len();
    println!("size of livetape: {:.2} MB (maximum {} MB)", bytes as f64 / 1e6, BINARY_BYTES_MAX / 1_000_000);
    ensure!(bytes <= BINARY_BYTES_MAX, "the program is too large");
    Ok(())
}
