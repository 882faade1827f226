//! Builds the dashboard from `web/` into `web/dist`, which is committed so that building livetape does not
//! require Node.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{node::Node, programs::target};

/// Checks types, runs tests and builds `web/dist`; with `check`, builds elsewhere and compares byte for byte.
pub(crate) fn run(check: bool) -> Result<()> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web").canonicalize()?;
    let dist = web.join("dist");
    let node = Node::with_packages(&web)?;
    node.run(&web, "typescript/bin/tsc", &["--noEmit"])?;
    node.run(&web, "vitest/vitest.mjs", &["run"])?;
    if !check {
        return node.run(&web, "vite/bin/vite.js", &["build"]);
    }
    let built = target()?.join("web");
    let folder = built.to_str().context("the path of the target folder is not UTF-8")?;
    node.run(&web, "vite/bin/vite.js", &["build", "--emptyOutDir", "--outDir", folder])?;
    let (committed, fresh) = (contents(&dist)?, contents(&built)?);
    let names = committed.keys().chain(fresh.keys());
    let stale: Vec<_> = names.filter(|name| committed.get(*name) != fresh.get(*name)).collect();
    ensure!(stale.is_empty(), "web/dist is stale: run `cargo xtask web` (different files: {stale:?})");
    println!("web/dist is up to date: {} files", committed.len());
    Ok(())
}

/// Reads all files below a folder, by relative path.
pub(crate) fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).with_context(|| format!("cannot read {}", below.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}
