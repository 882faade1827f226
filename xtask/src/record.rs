//! `cargo xtask record <user>`: the same as `livetape record <user>`.

use anyhow::{Result, ensure};

use crate::programs::cargo;

/// Runs the program from the sources; flags are passed on as they are.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let status = cargo().args(["run", "--quiet", "--", "record"]).args(args).status()?;
    ensure!(status.success(), "livetape record ended with {status}");
    Ok(())
}
