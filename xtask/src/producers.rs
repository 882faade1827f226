//! Captures the traffic of `livetape mock` with unmodified programs. Installs the dependencies of the checks
//! in `tests/producers/`.

use std::{env, path::Path};

use anyhow::Result;

use crate::{
    node::Node,
    peers::install_python,
    programs::{Built, CHROMIUM, build_livetape, install, status},
};

/// Path of Debian's Chromium.
const CHROMIUM_PATH: &str = "/usr/bin/chromium";

/// Builds livetape, installs the programs from lock files and runs the checks.
pub(crate) fn run() -> Result<()> {
    let producers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/producers").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let node = Node::with_packages(&producers)?;
    let python = install_python(&producers.join("requirements.txt"), &target.join("producers"))?;
    install(&CHROMIUM)?;
    let files = target.join("producers-files");
    let tools = [livetape, python.with_file_name("mitmdump"), CHROMIUM_PATH.into(), files];
    status(node.command()?.arg(producers.join("run.mjs")).args(tools))
}
