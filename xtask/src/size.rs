//! How large the program is that users install.

use std::fs;

use anyhow::{Result, ensure};

use crate::programs::{cargo, status, target};

/// The largest that it may be, dashboard and all, in bytes.
const BINARY_BYTES_MAX: u64 = 25_000_000;

/// Builds it for release, and says.
pub(crate) fn run() -> Result<()> {
    status(cargo().args(["build", "--release", "--locked", "--bin", "livetape"]))?;
    let target = target()?;
    let bytes = fs::metadata(target.join("release/livetape"))?.len();
    println!("livetape is {:.2} MB, of {} MB at most", bytes as f64 / 1e6, BINARY_BYTES_MAX / 1_000_000);
    ensure!(bytes <= BINARY_BYTES_MAX, "the program is larger than it may be");
    Ok(())
}
