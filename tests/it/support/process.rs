//! The program, started by a test.

use std::{
    io::{BufRead as _, BufReader, Lines, Read, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use reqwest::{Client, ClientBuilder};
use tokio_rustls::rustls::crypto;

#[path = "../../support/command.rs"]
mod command;

pub(crate) use command::{livetape, program};

/// ID of the last message in the demo. A server that is stopped before it has processed this may drop the rest,
/// which it reports: it takes only a second for that.
pub(crate) const DEMO_LAST: &str = "7309148503694412550";

/// Maximum time of a command that ends by itself. It is generous, for a development build on a busy machine.
const RUN_MAX: Duration = Duration::from_secs(120);

/// `limits.shutdown_time` of servers without a settings file: the default of 5 s forces the exit of a graceful shutdown on
/// a busy machine. A client that does not read delays a shutdown for all of it.
const SHUTDOWN_TIME: &str = "2m";

/// A client of the program's REST interface.
pub(crate) fn http() -> Client {
    client().build().unwrap()
}

/// A client that trusts only the servers that a test adds.
pub(crate) fn client() -> ClientBuilder {
    // Of all calls, the first one installs it.
    let _ = crypto::ring::default_provider().install_default();
    ClientBuilder::new().no_proxy().tls_certs_only([])
}

/// Runs a command to its end, which it must reach.
pub(crate) fn run(args: &[&str]) -> Output {
    let mut child = livetape(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) = (read(child.stdout.take().unwrap()), read(child.stderr.take().unwrap()));
    let outputs = stdout.recv_timeout(RUN_MAX).and_then(|stdout| Ok((stdout, stderr.recv_timeout(RUN_MAX)?)));
    let Ok((stdout, stderr)) = outputs else {
        child.kill().unwrap();
        panic!("{args:?} does not end");
    };
    Output { status: child.wait().unwrap(), stdout, stderr }
}

/// Reads all output of a process on another thread.
fn read(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        drop(sender.send(bytes));
    });
    receiver
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Creates a named pipe, which ends once every process that has opened it for writing is over.
pub(crate) fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("alive");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    pipe
}

/// A running server, killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
    /// What was read of the log.
    log: String,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    /// Lines that it printed before it was ready.
    pub(crate) greeting: Vec<String>,
}

impl Running {
    /// Starts a server on a free port and waits until it is ready.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[], "Press Ctrl+C")
    }

    /// Like [`Running::start`], with additional environment variables, but waits for a line that contains `last`.
    pub(crate) fn start_with(args: &[&str], env: &[(&str, &str)], last: &str) -> Self {
        let args = [args, &["--port", "0"]].concat();
        let mut command = livetape(&args);
        if !args.contains(&"--config") {
            command.env("LIVETAPE_SHUTDOWN_TIME", SHUTDOWN_TIME);
        }
        command.envs(env.iter().copied());
        Self::spawn(&mut command, last)
    }

    /// Starts a command, which may print an address, and waits for a line that contains `last`.
    pub(crate) fn spawn(command: &mut Command, last: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = BufReader::new(child.stderr.take().unwrap());
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
        assert!(greeting.last().is_some_and(|line| line.contains(last)), "no {last} in {greeting:?}");
        let address = address.unwrap_or_default();
        Self { child, lines, stderr, log: String::new(), address, greeting }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Stops a server: as `kill` does, or by a request where no process can send a signal to another.
    pub(crate) fn stop(&self) {
        if cfg!(unix) {
            return self.signal("TERM");
        }
        let mut io = TcpStream::connect(&self.address).unwrap();
        io.write_all(b"POST /shutdown HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        io.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    }

    /// Returns the peak of resident memory, in KiB, without the program: how many pages its file has, and how many of
    /// them are changed when it is loaded, depends on the build.
    #[cfg(target_os = "linux")]
    pub(crate) fn own_peak_kib(&self) -> u64 {
        let (peak, file) = (self.kib("VmHWM:"), self.kib("RssFile:") + self.relocated_kib());
        assert!(peak > file, "a process has memory of its own: {peak} KiB, {file} of them the program");
        peak - file
    }

    /// Returns the memory of changed pages of the program file, in KiB.
    #[cfg(target_os = "linux")]
    fn relocated_kib(&self) -> u64 {
        let of = |name: &str| format!("/proc/{}/{name}", self.id());
        let program = std::fs::read_link(of("exe")).unwrap();
        let (mut is_program, mut kib) = (false, 0);
        for line in std::fs::read_to_string(of("smaps")).unwrap().lines() {
            match line.split_once(':') {
                Some(("Anonymous", changed)) if is_program => {
                    kib += changed.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
                }
                // The start of a mapping: only there does a number come first.
                _ if line.starts_with(|c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()) => {
                    is_program = program.to_str().is_some_and(|path| line.ends_with(path));
                }
                _ => {}
            }
        }
        assert!(kib > 0, "a program has data that is relocated");
        kib
    }

    #[cfg(target_os = "linux")]
    fn kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for the exit; returns the status and the log on stderr, which has to fit into a pipe.
    pub(crate) fn wait_for_log(mut self) -> (ExitStatus, String) {
        self.stderr.read_to_string(&mut self.log).unwrap();
        (self.child.wait().unwrap(), std::mem::take(&mut self.log))
    }

    /// Waits for the exit; returns the status and all lines of stdout and stderr.
    pub(crate) fn wait_for_output(mut self) -> (ExitStatus, String, String) {
        let mut lines = std::mem::take(&mut self.greeting);
        lines.extend(self.lines.by_ref().map(Result::unwrap));
        let (status, log) = self.wait_for_log();
        (status, lines.join("\n"), log)
    }

    /// Waits until the log has a text. A signal can end the server before it has seen what a client did last.
    pub(crate) fn wait_until_logged(&mut self, text: &str) {
        while !self.log.contains(text) {
            assert!(self.stderr.read_line(&mut self.log).unwrap() > 0, "{}", self.log);
        }
    }

    /// Waits for a line of stdout that contains a text.
    pub(crate) fn wait_until_said(&mut self, text: &str) {
        let found = self.lines.by_ref().map(Result::unwrap).any(|line| line.contains(text));
        assert!(found, "{text}");
    }

    /// Waits for the exit; returns the status and the remaining lines of stdout.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap(), lines)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is still running only if a test has failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for the exit on another thread, because the mock runs on this one.
pub(crate) async fn finish(server: Running) -> (ExitStatus, Vec<String>) {
    tokio::task::spawn_blocking(|| server.wait()).await.unwrap()
}

pub(crate) async fn start(args: Vec<String>) -> Running {
    let start = move || {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        Running::start_with(&args, &[], "Connecting to TikTok Live")
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What starts `script` in the shell of the system; `echo`, `&&` and `||` mean the same in each.
pub(crate) fn shell(script: &str) -> [&str; 3] {
    let [shell, flag] = SHELL;
    [shell, flag, script]
}

/// The shell of the system, and its flag for a script.
const SHELL: [&str; 2] = if cfg!(windows) { ["cmd", "/C"] } else { ["sh", "-c"] };

/// A variable of the environment in a script of [`shell`].
pub(crate) fn variable(name: &str) -> String {
    if cfg!(windows) { format!("%{name}%") } else { format!("${{{name}}}") }
}

/// A printed text with the line ends of this file.
pub(crate) fn lines_of(printed: &str) -> String {
    printed.replace("\r\n", "\n")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
