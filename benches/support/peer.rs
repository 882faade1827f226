//! Other people's programs that stand beside us: unmodified, installed by lock file, each in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
};

/// A program that answers each line with one line.
pub(crate) struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script of `tests/peers` under Node, if `package` is installed there.
    ///
    /// # Errors
    /// What to install, said already, and the exit code.
    pub(crate) fn node(script: &str, package: &str, argument: &Path) -> Result<Self, ExitCode> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let installed = folder.join("node_modules").join(package).is_dir();
        let spawned = installed.then(|| {
            let mut node = Command::new("node");
            node.arg(folder.join(script)).arg(argument);
            node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()
        });
        let Some(mut child) = spawned.flatten() else {
            eprintln!("the peer is missing: install Node 20 or later, and run in tests/peers");
            eprintln!("    npm ci --ignore-scripts");
            eprintln!("or measure beside the floor alone, with --no-peer");
            return Err(ExitCode::from(2));
        };
        let orders = child.stdin.take().expect("it was asked for");
        let answers = BufReader::new(child.stdout.take().expect("it was asked for"));
        Ok(Self { child, orders, answers })
    }

    /// What it answers, as a number.
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
