//! Other people's clients, unmodified, against `livetape mock`: `tests/peers/` holds the checks, this installs what they need.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

/// Builds, installs by the lock files, runs the checks.
pub(crate) fn run() -> Result<()> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers").canonicalize()?;
    command(env!("CARGO"), ["build", "--locked", "--bin", "livetape"])?;
    // This program and livetape are built into the same folder.
    let xtask = env::current_exe()?;
    let livetape = xtask.with_file_name("livetape");
    let target = xtask.ancestors().nth(2).context("the target folder is not known")?;
    install_node(&peers)?;
    let python = install_python(&peers, &target.join("peers"))?;
    command("node", [peers.join("run.mjs"), livetape, python])
}

pub(crate) fn install_node(peers: &Path) -> Result<()> {
    if command("node", ["--version"]).and_then(|()| command("npm", ["--version"])).is_err() {
        apt_get_install(&["nodejs", "npm"])?;
    }
    // None of the packages needs its install scripts: those that have some build what is only faster.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(peers);
    status(&mut npm)
}

/// A virtual environment in `folder`; returns its Python.
pub(crate) fn install_python(peers: &Path, folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let venv = || command("python3", [OsStr::new("-m"), OsStr::new("venv"), folder.as_os_str()]);
    if !folder.join("bin/pip").exists() && venv().is_err() {
        // What a failed attempt leaves looks like an environment, but has no pip.
        fs::remove_dir_all(folder).ok();
        apt_get_install(&["python3", "python3-venv"])?;
        venv()?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    pip.arg("--requirement").arg(peers.join("requirements.txt"));
    status(&mut pip)?;
    Ok(python)
}

/// A missing tool is installed, and if that fails the check fails: a test that is skipped tells nothing.
pub(crate) fn apt_get_install(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let attempt = command("apt-get", ["update", "--quiet"])
        .and_then(|()| command("apt-get", ["install", "--quiet", "--yes"].iter().chain(packages)));
    attempt.with_context(|| format!("install {wanted} (Debian's names) to run the clients of others"))
}

pub(crate) fn command(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<()> {
    status(Command::new(program).args(args))
}

fn status(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) => ensure!(status.success(), "{program} failed: {status}"),
        Err(error) => bail!("cannot run {program}: {error}"),
    }
    Ok(())
}
