//! The program itself: exit codes, lines, signals, ports.

mod bad_input;
mod config;
mod documents;
mod hostile_clients;
mod hostile_upstream;
mod lifecycle;
mod live;
mod log;
mod missing;
mod mock;
mod pipes;
mod replay;
mod run;
mod secure;
mod serving;
mod share;
#[cfg(unix)]
mod shutdown;
mod tools;
mod trigger;

use std::{
    io::{BufRead as _, BufReader, Lines, Read as _},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
};

/// The program that was built with these tests, or another build's: one that a test has to fail on.
pub(crate) fn program() -> String {
    std::env::var("LIVETAPE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_livetape").to_owned())
}

pub(crate) fn livetape(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIVETAPE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs to the end.
pub(crate) fn run(args: &[&str]) -> Output {
    livetape(args).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server that runs; killed if a test ends early.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    /// What it printed before it was ready.
    pub(crate) greeting: Vec<String>,
}

impl Running {
    /// Starts it on a free port, and waits until it serves.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_until(args, "Press Ctrl+C")
    }

    /// The same, but waits for a line with `last`.
    pub(crate) fn start_until(args: &[&str], last: &str) -> Self {
        Self::start_with(args, &[], last)
    }

    /// The same, with more in the environment.
    pub(crate) fn start_with(args: &[&str], env: &[(&str, &str)], last: &str) -> Self {
        let args = [args, &["--port", "0"]].concat();
        let mut command = livetape(&args);
        let mut child =
            command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut greeting, mut address) = (Vec::new(), None);
        for line in lines.by_ref() {
            let line = line.unwrap();
            let urls = ["ws://", "wss://", "http://"].map(|scheme| line.split_once(scheme));
            if let Some((_, rest)) = urls.into_iter().flatten().next() {
                address = rest.split(['/', ' ']).next().map(str::to_owned);
            }
            greeting.push(line);
            if greeting.last().unwrap().contains(last) {
                break;
            }
        }
        let address = address.unwrap_or_else(|| panic!("no address in {greeting:?}"));
        Self { child, lines, address, greeting }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// The most that it held in memory, in KiB, without the program's own file: how much of that is in memory is up to
    /// the build, and tells nothing of what is bounded.
    #[cfg(target_os = "linux")]
    pub(crate) fn own_peak_kib(&self) -> u64 {
        self.peak_kib().saturating_sub(self.kib("RssFile:"))
    }

    /// The most that it held in memory, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kib(&self) -> u64 {
        self.kib("VmHWM:")
    }

    #[cfg(target_os = "linux")]
    fn kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for the end: how it ended, and what it logged to stderr, which has to fit into a pipe.
    pub(crate) fn wait_for_log(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }

    /// Waits for the end: how it ended, and the lines that were left.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap(), lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, but where a test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
