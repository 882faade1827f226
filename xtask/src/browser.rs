//! Tests the dashboard in a real browser. Installs the dependencies of the checks in `tests/browser/`.

use std::{env, path::Path, process::Command};

use anyhow::Result;

use crate::{
    node::Node,
    programs::{Built, CHROMIUM, build_livetape, install, status},
};

/// Runs all checks, or only the named ones.
pub(crate) fn run(only: &[String]) -> Result<()> {
    status(&mut checks(only)?)
}

/// Builds livetape, installs the dependencies and returns the command for the checks.
pub(crate) fn checks(only: &[String]) -> Result<Command> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let node = Node::with_packages(&tests)?;
    install(&CHROMIUM)?;
    let args = [tests.join("run.mjs"), livetape, target.join("browser")];
    let mut checks = node.command()?;
    checks.args(args).args(only);
    Ok(checks)
}
