//! Runs other programs.

use std::{
    env::{
        self,
        consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX},
    },
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context as _, Result, bail, ensure};

/// Features of released programs beyond the default ones. Every release build has them, so that cargo builds
/// livetape once.
const RELEASED: [&str; 2] = ["--features", "nats"];

/// Returns the folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns the target folder, which contains this program.
pub(crate) fn target() -> Result<PathBuf> {
    let xtask = env::current_exe()?;
    Ok(xtask.ancestors().nth(2).context("cannot find the target folder")?.to_owned())
}

/// Returns the cargo that runs this chore, in the folder of the repository.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    without_package(&mut cargo);
    cargo
}

/// Removes this package's environment variables from those of a program that runs cargo: some build scripts
/// (ring's) depend on them and would run again on every switch between `cargo xtask` and `cargo`, along with
/// all their dependents.
pub(crate) fn without_package(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
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

/// Returns what a command prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds the program and the benchmarks for release, and returns the path of the latter.
pub(crate) fn benches() -> Result<PathBuf> {
    let build = ["build", "--release", "--locked", "--bin", "livetape", "--bin", "benches"];
    let packages = ["--package", "livetape", "--package", "livetape-benches"];
    status(cargo().args(build).args(packages).args(RELEASED))?;
    Ok(target()?.join("release/benches"))
}

/// The program and the addon for Node, built for release.
pub(crate) struct Built {
    pub(crate) livetape: PathBuf,
    pub(crate) addon: PathBuf,
}

impl Built {
    /// Builds both together, so that they share their libraries.
    pub(crate) fn for_release() -> Result<Self> {
        let packages = ["--package", "livetape", "--package", "livetape-node", "--lib", "--bin", "livetape"];
        status(cargo().args(["build", "--release", "--locked"]).args(packages).args(RELEASED))?;
        let folder = target()?.join("release");
        Ok(Self {
            livetape: folder.join(format!("livetape{EXE_SUFFIX}")),
            addon: folder.join(format!("{DLL_PREFIX}livetape_node{DLL_SUFFIX}")),
        })
    }
}

/// Exit code for a process ended by a signal.
const ENDED_BY_SIGNAL: u8 = 130;

/// Runs livetape from source with the same arguments, and returns its exit code. livetape reports its own
/// errors.
pub(crate) fn record(args: &[String]) -> Result<ExitCode> {
    let status = cargo().args(["run", "--quiet", "--", "record"]).args(args).status()?;
    Ok(exit_code(status).into())
}

fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(ENDED_BY_SIGNAL)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn the_exit_code_of_livetape_is_passed_on() {
        for code in [0, 1, 2, 3, 130] {
            assert_eq!(exit_code(ExitStatus::from_raw(i32::from(code) << 8)), code);
        }
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 130, "killed");
    }
}
