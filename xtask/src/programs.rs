//! Programs of others: run, and installed where they are missing.

use std::{ffi::OsStr, process::Command};

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
