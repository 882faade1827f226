//! The dashboard in a real browser: `tests/browser/` holds the checks, this installs what they need.

use std::{env, path::Path};

use anyhow::{Context as _, Result};

use crate::programs::{apt_get_install, command, install_node};

/// Builds, installs, runs the checks; those alone whose names are given.
pub(crate) fn run(only: &[String]) -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser").canonicalize()?;
    command(env!("CARGO"), ["build", "--locked", "--bin", "livetape"])?;
    // This program and livetape are built into the same folder.
    let xtask = env::current_exe()?;
    let livetape = xtask.with_file_name("livetape");
    let target = xtask.ancestors().nth(2).context("the target folder is not known")?;
    install_node(&tests)?;
    if command("chromium", ["--version"]).is_err() {
        apt_get_install(&["chromium"])?;
    }
    let args = [tests.join("run.mjs"), livetape, target.join("browser")];
    command("node", args.iter().map(|path| path.as_os_str()).chain(only.iter().map(AsRef::as_ref)))
}
