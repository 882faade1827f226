//! Programs of others: run, and installed where they are missing.

use std::{env, ffi::OsStr, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// A font with emoji, without which pictures show boxes in their place, and what tells whether there is one.
const EMOJI: [&str; 2] = ["fonts-noto-color-emoji", "fontconfig"];

/// Debian's Chromium, and what it draws emoji with.
pub(crate) fn install_chromium() -> Result<()> {
    let mut missing = Vec::new();
    if command("chromium", ["--version"]).is_err() {
        missing.push("chromium");
    }
    let fonts = Command::new("fc-list").args([":lang=und-zsye", "family"]).output();
    if !fonts.is_ok_and(|fonts| fonts.status.success() && !fonts.stdout.is_empty()) {
        missing.extend(EMOJI);
    }
    if missing.is_empty() { Ok(()) } else { apt_get_install(&missing) }
}

/// A missing tool is installed, and if that fails the check fails: a test that is skipped tells nothing.
pub(crate) fn apt_get_install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let attempt = command("apt-get", ["update", "--quiet"])
        .and_then(|()| command("apt-get", ["install", "--quiet", "--yes"].iter().chain(packages)));
    attempt.with_context(|| format!("install {wanted} (Debian's names): this chore needs it"))
}

/// The cargo that runs this chore, without what it says of this package: build scripts (ring's) ask for that, and would run
/// again, with all that stands on them, whenever somebody goes from `cargo xtask` to `cargo` or back.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// livetape as users run it, and the folder for whatever else is made.
pub(crate) struct Built {
    pub(crate) livetape: PathBuf,
    pub(crate) target: PathBuf,
}

pub(crate) fn build_livetape() -> Result<Built> {
    status(cargo().args(["build", "--locked", "--bin", "livetape"]))?;
    // This program and livetape are built into the same folder.
    Ok(Built { livetape: env::current_exe()?.with_file_name("livetape"), target: target()? })
}

/// The folder for whatever is made: the one that this program was built into.
pub(crate) fn target() -> Result<PathBuf> {
    let xtask = env::current_exe()?;
    Ok(xtask.ancestors().nth(2).context("the target folder is not known")?.to_owned())
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
