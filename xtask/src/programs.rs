//! Programs of others: run, and installed where they are missing.

use std::{ffi::OsStr, path::Path, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// The packages of a folder with a `package-lock.json`.
pub(crate) fn install_node(folder: &Path) -> Result<()> {
    if command("node", ["--version"]).and_then(|()| command("npm", ["--version"])).is_err() {
        apt_get_install(&["nodejs", "npm"])?;
    }
    // None of the packages needs its install scripts: those that have some build what is only faster.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
        .current_dir(folder);
    status(&mut npm)
}

/// A missing tool is installed, and if that fails the check fails: a test that is skipped tells nothing.
pub(crate) fn apt_get_install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let attempt = command("apt-get", ["update", "--quiet"])
        .and_then(|()| command("apt-get", ["install", "--quiet", "--yes"].iter().chain(packages)));
    attempt.with_context(|| format!("install {wanted} (Debian's names): this chore needs it"))
}

pub(crate) fn command(program: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    status(Command::new(program).args(args))
}

pub(crate) fn status(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) => ensure!(status.success(), "{program} failed: {status}"),
        Err(error) => bail!("cannot run {program}: {error}"),
    }
    Ok(())
}
