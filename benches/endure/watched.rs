//! Processes, and their memory, descriptors and threads over time.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use livetape_io::clock;
use tokio::time::Instant;

use crate::support::program;

/// Backlog, in events. It is full within a minute, before the memory is judged; the default is full only
/// after six. Readers that fall behind by more than this are closed, which takes about 45 s.
const BACKLOG_EVENTS: usize = 2048;
/// Maximum number of heaps of glibc. By default, a thread that starts late adds its own heap, which keeps
/// freed memory and looks like a leak.
const ARENAS_MAX: &str = "2";

/// A running livetape, killed when dropped.
pub(super) struct Program {
    child: Child,
    pub(super) address: String,
}

impl Program {
    /// Starts the program that was built beside this one, and waits until it listens.
    pub(super) fn start(args: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(args)
            .args(["--port", "0"])
            .env("NO_COLOR", "1")
            .env("LIVETAPE_BACKLOG_EVENTS", BACKLOG_EVENTS.to_string())
            .env("MALLOC_ARENA_MAX", ARENAS_MAX)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it was built");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("ws://").or_else(|| line.split_once("http://"))?;
            rest.split(['/', ' ']).next().map(str::to_owned)
        });
        // The program may write more, which must be read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it listens") }
    }

    fn sample(&self) -> [u64; 3] {
        let of = |name: &str| PathBuf::from(format!("/proc/{}/{name}", self.child.id()));
        let status = fs::read_to_string(of("status")).expect("the program runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("a number")
        };
        let files = fs::read_dir(of("fd")).expect("the program runs").count();
        // Without pages of the program file, which the system may drop at any time.
        [number("RssAnon:"), files as u64, number("Threads:")]
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Samples of all processes, which are also written to a CSV file.
pub(super) struct Log<'a> {
    programs: &'a [(&'static str, &'a Program)],
    started: Instant,
    path: &'a Path,
    text: String,
}

impl<'a> Log<'a> {
    pub(super) fn start(path: &'a Path, programs: &'a [(&'static str, &'a Program)]) -> Self {
        let mut text = "seconds,readers".to_owned();
        for (name, _) in programs {
            let _ = write!(text, ",{name} KiB,{name} files,{name} threads");
        }
        Self { programs, started: clock::now(), path, text: text + "\n" }
    }

    pub(super) fn sample(&mut self, readers: usize) {
        let seconds = clock::now().duration_since(self.started).as_secs_f64();
        let _ = write!(self.text, "{seconds:.1},{readers}");
        for number in self.programs.iter().flat_map(|(_, program)| program.sample()) {
            let _ = write!(self.text, ",{number}");
        }
        self.text.push('\n');
        fs::write(self.path, &self.text).expect("the samples can be written");
    }
}
