//! Generates the types of `packages/client` from the server's schema, then builds and tests the client,
//! `examples/` and `packages/testing`, in Node and in Chromium.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Result, ensure};

use crate::{
    node::Node,
    programs::{Built, CHROMIUM, build_livetape, install, status},
};

/// The committed build of the package, which the examples load.
const BUNDLE: &str = "examples/livetape-client.js";

/// Generates types, builds the bundle and runs all tests; with `check`, compares instead of writing. Pages are
/// measured, but only [`crate::times`] judges that.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let package = root.join("packages/client");
    let built = build_livetape()?;
    let node = Node::with_packages(&package)?;
    let mut types = node.command()?;
    types.arg("scripts/types.mjs").arg(&built.livetape).args(check.then_some("--check"));
    status(types.current_dir(&package))?;
    build(&node, &package)?;
    let (bytes, bundle) = (fs::read(package.join("dist/livetape-client.iife.js"))?, root.join(BUNDLE));
    if check {
        let committed = fs::read(&bundle).unwrap_or_default();
        ensure!(committed == bytes, "{BUNDLE} is stale: run `cargo xtask client`");
    } else {
        fs::write(&bundle, bytes)?;
    }
    install(&CHROMIUM)?;
    let testing = root.join("packages/testing");
    build(&Node::with_packages(&testing)?, &testing)?;
    status(&mut tests(&node, &package, &built)?)?;
    status(&mut tests(&node, &testing, &built)?)
}

/// Returns the command for the tests of a package.
pub(crate) fn tests(node: &Node, package: &Path, built: &Built) -> Result<Command> {
    let mut tests = node.command()?;
    tests.args(["node_modules/vitest/vitest.mjs", "run"]).current_dir(package);
    tests.env("LIVETAPE", &built.livetape).env("PICTURES", built.target.join("client"));
    Ok(tests)
}

/// Checks the types of a package and builds it.
pub(crate) fn build(node: &Node, package: &Path) -> Result<()> {
    node.run(package, "typescript/bin/tsc", &["--noEmit"])?;
    node.run(package, "vite/bin/vite.js", &["build", "--logLevel", "warn"])?;
    // Types for `import` and for `require`, which TypeScript distinguishes by the package.json in the folder.
    for out in ["dist/types", "dist/cjs"] {
        node.run(package, "typescript/bin/tsc", &["--project", "tsconfig.build.json", "--outDir", out])?;
    }
    Ok(())
}
