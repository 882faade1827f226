//! Builds `packages/node` and runs its tests.

use std::{env, fs, path::Path};

use anyhow::Result;

use crate::{
    node::Node,
    programs::{cargo, status, target},
};

/// Builds the addon for development and the JavaScript around it, and runs all tests.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let package = root.join("packages/node");
    status(cargo().args(["build", "--locked", "--package", "livetape-node"]))?;
    let file = format!("{}livetape_node{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let node = Node::with_packages(&package)?;
    let mut build = node.command()?;
    let addon = target()?.join("debug").join(file);
    status(build.args(["scripts/build.mjs", "--addon"]).arg(addon).current_dir(&package))?;
    node.run(&package, "typescript/bin/tsc", &["--project", "tests/tsconfig.json"])?;
    let mut names = Vec::new();
    for entry in fs::read_dir(package.join("tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.ends_with(".test.mjs").then(|| format!("tests/{name}")));
    }
    names.sort();
    status(node.command()?.arg("--test").args(names).current_dir(&package))
}
