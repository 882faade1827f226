//! Programs that capture WebSockets, unmodified, on `livetape mock`: `tests/producers/` holds the checks, this installs what
//! they need.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    peers::install_python,
    programs::{apt_get_install, command, install_node},
};

/// Where Debian's Chromium is.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Builds, installs by the lock files, runs the checks.
pub(crate) fn run() -> Result<()> {
    let producers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/producers").canonicalize()?;
    command(env!("CARGO"), ["build", "--locked", "--bin", "livetape"])?;
    // This program and livetape are built into the same folder.
    let xtask = env::current_exe()?;
    let livetape = xtask.with_file_name("livetape");
    let target = xtask.ancestors().nth(2).context("the target folder is not known")?;
    install_node(&producers)?;
    let python = install_python(&producers, &target.join("producers"))?;
    let chromium = install_chromium()?;
    let files = target.join("producers-files");
    command("node", [producers.join("run.mjs"), livetape, python.with_file_name("mitmdump"), chromium, files])
}

fn install_chromium() -> Result<PathBuf> {
    if command(CHROMIUM, ["--version"]).is_err() {
        apt_get_install(&["chromium"])?;
    }
    Ok(CHROMIUM.into())
}
