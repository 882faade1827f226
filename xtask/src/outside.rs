//! Tests the packages as published, from a crate outside the workspace.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::programs::{cargo, command, status, target};

/// The packages that a crate with tests needs.
const PACKAGES: &[&str] = &[
    "livetape",
    "livetape-cases",
    "livetape-core",
    "livetape-feed",
    "livetape-io",
    "livetape-mock",
    "livetape-testing",
    "livetape-tools",
];
/// Files of the outside crate.
const FILES: &[&str] = &["Cargo.toml", "src/lib.rs", "tests/outside.rs"];

/// Packages the workspace, then runs the tests of the outside crate against the packages.
pub(crate) fn run() -> Result<()> {
    let (root, target) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), target()?);
    let package = [
        "package",
        "--quiet",
        "--offline",
        "--workspace",
        "--exclude",
        "xtask",
        "--exclude",
        "livetape-node",
        "--exclude",
        "livetape-benches",
        "--no-verify",
    ];
    status(cargo().args(package).args(["--allow-dirty", "--target-dir"]).arg(&target))?;
    let outside = target.join("outside");
    for name in PACKAGES {
        unpack(&target.join(format!("package/{name}-{}.crate", version(&root)?)), &outside, name)?;
    }
    for name in FILES {
        copy(&root.join("xtask/outside").join(name), &outside.join(name))?;
    }
    // The same versions of dependencies as in the workspace.
    copy(&root.join("Cargo.lock"), &outside.join("Cargo.lock"))?;
    let test = cargo().args(["test", "--offline", "--target-dir"]).arg(&target).current_dir(outside).status();
    anyhow::ensure!(test?.success(), "a crate outside the workspace fails on the packages");
    Ok(())
}

/// Returns the version that all packages share.
pub(crate) fn version(root: &Path) -> Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    Ok(line.context("the workspace has a version")?.trim_matches('"').to_owned())
}

/// Unpacks a package unless it is unchanged, so that cargo does not rebuild it.
fn unpack(package: &Path, outside: &Path, name: &str) -> Result<()> {
    let (folder, kept) =
        (outside.join("packages").join(name), outside.join(format!("packages/{name}.crate")));
    let bytes = fs::read(package).with_context(|| format!("{} was not packaged", package.display()))?;
    if fs::read(&kept).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    // Cargo dates packaged files 2006, so without `--touch` it would not notice changes.
    let options = ["--extract", "--gzip", "--touch", "--strip-components=1", "--file"].map(Path::new);
    command("tar", options.into_iter().chain([package, Path::new("--directory"), &folder]))?;
    Ok(fs::write(kept, bytes)?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}
