//! The dashboard in a real browser: `tests/browser/` holds the checks, this installs what they need.

use std::{env, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    node::Node,
    programs::{command, install_chromium, status},
};

/// Builds, installs, runs the checks; those alone whose names are given.
pub(crate) fn run(only: &[String]) -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser").canonicalize()?;
    command(env!("CARGO"), ["build", "--locked", "--bin", "livetape"])?;
    // This program and livetape are built into the same folder.
    let xtask = env::current_exe()?;
    let livetape = xtask.with_file_name("livetape");
    let target = xtask.ancestors().nth(2).context("the target folder is not known")?;
    let node = Node::with_packages(&tests)?;
    install_chromium()?;
    let args = [tests.join("run.mjs"), livetape, target.join("browser")];
    status(node.command()?.args(args).args(only))
}
