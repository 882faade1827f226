//! Runs unmodified third-party programs, installed from lock files, each in its own process.

use std::{
    env::consts::EXE_SUFFIX,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
};

/// Returns a command that runs a script of the project with Node, if Node and the package in a folder are installed.
///
/// # Errors
/// A message with what installs what is missing.
pub(crate) fn node(script: &str, package: &Path) -> Result<Command, String> {
    let has_node = Command::new("node").arg("--version").output().is_ok_and(|it| it.status.success());
    if !has_node || !package.is_dir() {
        return Err("the peer is missing: install Node 20 or later, and run\n    .ci/setup night\n\
                    or compare with the floor only: --no-peer"
            .to_owned());
    }
    let mut command = Command::new("node");
    command.arg(root().join(script));
    Ok(command)
}

/// Returns the folder of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns a folder of `target`.
pub(crate) fn installed(folder: &str) -> PathBuf {
    program().with_file_name("..").join(folder)
}

/// Returns the path of livetape, which `cargo xtask bench` builds beside the benchmarks.
pub(crate) fn program() -> PathBuf {
    let program =
        std::env::current_exe().expect("this program").with_file_name(format!("livetape{EXE_SUFFIX}"));
    assert!(program.is_file(), "run `cargo build --release` first");
    program
}

/// A program that answers each line with one line.
pub(crate) struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script of the project under Node, with the path of the package and `argument`.
    ///
    /// # Errors
    /// The exit code, after printing what to install.
    pub(crate) fn node(script: &str, package: &Path, argument: &Path) -> Result<Self, ExitCode> {
        let spawned = node(script, package).and_then(|mut node| {
            node.args([package, argument]).stdin(Stdio::piped()).stdout(Stdio::piped());
            node.spawn().map_err(|error| format!("cannot start the peer: {error}"))
        });
        let mut child = spawned.map_err(|missing| {
            eprintln!("{missing}");
            ExitCode::from(2)
        })?;
        let orders = child.stdin.take().expect("it was asked for");
        let answers = BufReader::new(child.stdout.take().expect("it was asked for"));
        Ok(Self { child, orders, answers })
    }

    /// Sends a line and returns the answer as a number.
    pub(crate) fn ask(&mut self, order: &str) -> f64 {
        writeln!(self.orders, "{order}").expect("the peer reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the peer writes");
        answer.trim().parse().expect("the peer answers with a number")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
