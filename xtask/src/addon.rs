//! Builds `packages/node` and runs its tests.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    node::Node,
    programs::{cargo, status, target},
};

/// Arguments of cargo that build the addon. Built together with `livetape`, it has the features of the
/// program, and shares its libraries.
pub(crate) const LIBRARIES: [&str; 5] = ["--package", "livetape", "--package", "livetape-node", "--lib"];

/// Returns the addon that cargo builds with this profile.
pub(crate) fn built(profile: &str) -> Result<PathBuf> {
    Ok(target()?.join(profile).join(format!("{DLL_PREFIX}livetape_node{DLL_SUFFIX}")))
}

/// Builds the JavaScript around an addon.
pub(crate) fn build(node: &Node, package: &Path, addon: &Path) -> Result<()> {
    let mut build = node.command()?;
    status(build.args(["scripts/build.mjs", "--addon"]).arg(addon).current_dir(package))
}

/// Builds the addon for development and the JavaScript around it, and runs all tests.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let package = root.join("packages/node");
    status(cargo().args(["build", "--locked"]).args(LIBRARIES))?;
    let node = Node::with_packages(&package)?;
    build(&node, &package, &built("debug")?)?;
    node.run(&package, "typescript/bin/tsc", &["--project", "tests/tsconfig.json"])?;
    let mut names = Vec::new();
    for entry in fs::read_dir(package.join("tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.ends_with(".test.mjs").then(|| format!("tests/{name}")));
    }
    names.sort();
    status(node.command()?.arg("--test").args(names).current_dir(&package))
}
