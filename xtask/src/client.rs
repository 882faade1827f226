//! `packages/client` and `examples/`: types made of the server's schema, built, held to their size, and tried against
//! the server, in Node and in Chromium.

use std::{env, fs, path::Path};

use anyhow::{Result, ensure};

use crate::{
    node::Node,
    programs::{Built, build_livetape, install_chromium, status},
};

/// What is made of the package and committed: the examples load it.
const BUNDLE: &str = "examples/livetape-client.js";

/// Makes the types and the bundle, and tests all of it; with `check` what is committed is compared.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let package = root.join("packages/client");
    let Built { livetape, target } = build_livetape()?;
    let node = Node::with_packages(&package)?;
    let mut types = node.command()?;
    types.arg("scripts/types.mjs").arg(&livetape).args(check.then_some("--check"));
    status(types.current_dir(&package))?;
    node.run(&package, "typescript/bin/tsc", &["--noEmit"])?;
    node.run(&package, "vite/bin/vite.js", &["build", "--logLevel", "warn"])?;
    // Once for `import`, once for `require`: TypeScript tells the two apart by the folder's package.json.
    for out in ["dist/types", "dist/cjs"] {
        node.run(&package, "typescript/bin/tsc", &["--project", "tsconfig.build.json", "--outDir", out])?;
    }
    let (built, bundle) = (fs::read(package.join("dist/livetape-client.iife.js"))?, root.join(BUNDLE));
    if check {
        let committed = fs::read(&bundle).unwrap_or_default();
        ensure!(committed == built, "{BUNDLE} is stale: run `cargo xtask client`");
    } else {
        fs::write(&bundle, built)?;
    }
    install_chromium()?;
    let mut tests = node.command()?;
    tests.arg("node_modules/vitest/vitest.mjs").arg("run").current_dir(&package);
    status(tests.env("LIVETAPE", livetape).env("PICTURES", target.join("client")))
}
