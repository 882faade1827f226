//! Tests the dashboard in a real browser. Installs the dependencies of the checks in `tests/browser/`.

use std::{env, path::Path};

use anyhow::Result;

use crate::{
    node::Node,
    programs::{Built, CHROMIUM, build_livetape, install, status},
};

/// Builds livetape, installs the dependencies and runs all checks, or only the named ones.
pub(crate) fn run(only: &[String]) -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let node = Node::with_packages(&tests)?;
    install(&CHROMIUM)?;
    let args = [tests.join("run.mjs"), livetape, target.join("browser")];
    status(node.command()?.args(args).args(only))
}
