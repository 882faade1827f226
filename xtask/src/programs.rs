//! Runs other programs.

use std::{
    env::{
        self,
        consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX},
    },
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
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

/// Becomes `livetape record`, built from source: one process, so that a signal to it or to its group reaches the recorder,
/// and the shell waits until the recording is sealed.
pub(crate) fn record(args: &[String]) -> Result<ExitCode> {
    become_program(cargo().args(["run", "--quiet", "--", "record"]).args(args))
}

/// Runs a program in place of this one.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<ExitCode> {
    // It only returns if it fails. `cargo run` does the same.
    Err(std::os::unix::process::CommandExt::exec(command).into())
}

/// Waits for a program, and returns its exit code. Both receive Ctrl+C, which only ends the program.
#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<ExitCode> {
    #[cfg(windows)]
    let _ignored = tokio::signal::windows::ctrl_c()?;
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Environment variable of the process that becomes another program.
    const BECOMES: &str = "XTASK_BECOMES";

    /// Runs in the child process.
    #[test]
    fn child() {
        let Some(line) = env::var_os(BECOMES) else { return };
        let error = become_program(Command::new("sh").arg("-c").arg(line)).unwrap_err();
        panic!("{error}");
    }

    /// A shell sees the exit code of livetape, and a signal to the only process there is reaches it.
    #[test]
    fn the_recorder_takes_the_place_of_the_chore() {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "programs::tests::child", "--nocapture"]);
        command.env(BECOMES, "echo \"process $$\"; exit 3").stdout(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        let line = format!("process {}", child.id());
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.lines().any(|printed| printed.ends_with(&line)), "{line}: {printed}");
        assert_eq!(output.status.code(), Some(3));
    }
}
