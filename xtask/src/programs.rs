//! Runs other programs, and installs missing ones.

use std::{env, ffi::OsStr, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

/// Fonts without which screenshots show boxes, each with a language that it covers. `und-zsye` is emoji.
const FONTS: [(&str, &str); 3] =
    [("und-zsye", "fonts-noto-color-emoji"), ("ja", "fonts-noto-cjk"), ("hi", "fonts-noto-core")];

/// Installs Debian's Chromium, and fonts for the names and texts of recordings, if they are missing.
pub(crate) fn install_chromium() -> Result<()> {
    let mut missing = Vec::new();
    if command("chromium", ["--version"]).is_err() {
        missing.push("chromium");
    }
    if command("fc-list", ["--version"]).is_err() {
        missing.push("fontconfig");
    }
    for (language, package) in FONTS {
        let fonts = Command::new("fc-list").args([&format!(":lang={language}"), "family"]).output();
        if !fonts.is_ok_and(|fonts| fonts.status.success() && !fonts.stdout.is_empty()) {
            missing.push(package);
        }
    }
    if missing.is_empty() { Ok(()) } else { apt_get_install(&missing) }
}

/// Installs Debian packages. A failure fails the chore, because a skipped test proves nothing.
pub(crate) fn apt_get_install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let attempt = command("apt-get", ["update", "--quiet"])
        .and_then(|()| command("apt-get", ["install", "--quiet", "--yes"].iter().chain(packages)));
    attempt.with_context(|| format!("this chore needs {wanted} (names of Debian packages): install them"))
}

/// Returns the cargo that runs this chore, without this package's environment variables: some build scripts (ring's) depend on them and
/// would run again on every switch between `cargo xtask` and `cargo`, along with all their dependents.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    without_package(&mut cargo);
    cargo
}

/// Removes this package's environment variables from those of a program that runs cargo.
pub(crate) fn without_package(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Features of released programs beyond the default ones. Every release build has them, so that cargo builds livetape once.
pub(crate) const RELEASED: [&str; 2] = ["--features", "livetape/nats"];

/// A built livetape, and the folder for other output.
pub(crate) struct Built {
    pub(crate) livetape: PathBuf,
    pub(crate) target: PathBuf,
}

pub(crate) fn build_livetape() -> Result<Built> {
    status(cargo().args(["build", "--locked", "--bin", "livetape"]))?;
    // Cargo puts this program and livetape into the same folder.
    Ok(Built { livetape: env::current_exe()?.with_file_name("livetape"), target: target()? })
}

/// Returns the target folder, which contains this program.
pub(crate) fn target() -> Result<PathBuf> {
    let xtask = env::current_exe()?;
    Ok(xtask.ancestors().nth(2).context("cannot find the target folder")?.to_owned())
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
