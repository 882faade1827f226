//! The process of the command that `livetape run` starts, and the folder for its files.

use std::{
    ffi::OsString,
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use tokio::{
    process::{self, ChildStderr, ChildStdout, Command},
    time::Instant,
};

use crate::cli::{
    args,
    process::{
        output::{shown, warn},
        signals::Signal,
    },
};

#[cfg(target_os = "linux")]
use memchr::memmem;
#[cfg(unix)]
use rustix::process::{Pid, Signal as Number, kill_process, kill_process_group};
#[cfg(unix)]
use std::{io::Write as _, os::unix::process::CommandExt as _};

/// Offset of a signal's number in the exit code of a command that it ended, as in shells.
#[cfg(unix)]
const SIGNALLED: i32 = 128;

/// Maximum number of looks for processes that a command left behind: one may start another before it is killed.
#[cfg(target_os = "linux")]
const SCANS_MAX: usize = 100;

/// Unit of the times in `/proc`, in milliseconds.
#[cfg(target_os = "linux")]
const TICK_MS: u64 = 10;

/// For how long processes have used processors, and have waited for one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub(super) used: Duration,
    pub(super) waited: Duration,
}

/// Reads the work of a command again and again.
pub(super) struct Meter {
    at: Instant,
    last: Work,
}

impl Meter {
    pub(super) fn new(at: Instant, last: Work) -> Self {
        Self { at, last }
    }

    /// Returns the work since the last reading.
    pub(super) fn read(&mut self, now: Instant, work: Work) -> Work {
        let before = std::mem::replace(self, Self { at: now, last: work });
        Work {
            used: work.used.saturating_sub(before.last.used),
            // Several processes and threads may have waited at once.
            waited: work.waited.saturating_sub(before.last.waited).min(now - before.at),
        }
    }
}

/// A running command, killed when dropped.
pub(crate) struct Child {
    process: process::Child,
    /// Time to exit after the first signal.
    grace: Duration,
    deadline: Option<Instant>,
    /// Whether its end is not reported.
    is_quiet: bool,
    /// Whether it leads a process group, so that signals also reach the processes that it starts.
    leads_group: bool,
    /// Number of its process group, if it leads one.
    #[cfg(unix)]
    group: Option<Pid>,
}

/// How a command is started.
pub(crate) struct Start<'a> {
    pub(crate) command: &'a [OsString],
    /// Added to its environment.
    pub(crate) env: &'a [(&'a str, String)],
    pub(crate) stdin: Stdio,
    /// Whether its output can be taken with [`Child::take_output`].
    pub(crate) is_piped: bool,
    /// Time to exit after the first signal.
    pub(crate) grace: Duration,
}

impl Child {
    /// Starts a command. In a terminal it stays in livetape's process group, which receives Ctrl+C and can read
    /// the input, unless its output is piped.
    pub(crate) fn start(start: Start<'_>) -> Result<Self, Problem> {
        let Start { command, env, stdin, is_piped, grace } = start;
        let (program, args) = command.split_first().expect("clap requires a command");
        let name = shown(program.as_ref());
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .kill_on_drop(true);
        if is_piped {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let leads_group = is_piped || !io::stdin().is_terminal();
        #[cfg(unix)]
        if leads_group {
            command.process_group(0);
        }
        let process = command.spawn().map_err(|error| {
            let problem = match error.kind() {
                io::ErrorKind::NotFound => {
                    Problem::new(Code::CommandNotFound, format!("command `{name}` not found"))
                }
                _ => Problem::new(Code::CommandNotExecutable, format!("cannot run `{name}`: {error}")),
            };
            match interpreter(Path::new(program)) {
                Some(interpreter) => problem.hint(format!("write -- {interpreter} {name}")),
                None => problem,
            }
        })?;
        Ok(Self {
            #[cfg(unix)]
            group: pid(&process),
            process,
            grace,
            deadline: None,
            is_quiet: is_piped,
            leads_group,
        })
    }

    /// Takes the ends of the pipes that it prints to.
    pub(crate) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.process.stdout.take(), self.process.stderr.take())
    }

    /// Waits for the exit. Kills the process if it takes too long after the first signal. Cancel safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        tokio::select! { biased;
            status = self.process.wait() => return status,
            () = clock::passed(self.deadline) => {}
        }
        self.deadline = None;
        if !self.is_quiet {
            warn(format_args!("⚠️ COMMAND did not exit within {:?}: killing it", self.grace));
        }
        self.kill();
        self.process.wait().await
    }

    /// Forwards a signal that this process received. A terminal sends SIGINT to both.
    pub(super) fn forward(&mut self, signal: Signal) {
        if signal == Signal::Interrupt && !self.leads_group {
            self.deadline = clock::now().checked_add(self.grace);
        } else {
            self.stop(signal);
        }
    }

    /// Sends a signal that asks the process to exit.
    pub(crate) fn stop(&mut self, signal: Signal) {
        self.deadline = clock::now().checked_add(self.grace);
        self.send(signal);
    }

    /// Leaves it this much more time to exit, after a signal.
    pub(super) fn extend(&mut self, time: Duration) {
        self.deadline = self.deadline.and_then(|at| at.checked_add(time));
    }

    /// Kills the processes that it started and left behind, after its own end.
    pub(crate) fn kill_others(&self) {
        #[cfg(unix)]
        if let Some(group) = self.group.filter(|_| self.leads_group) {
            // Fails if there are none.
            let _ = kill_process_group(group, Number::KILL);
        }
    }

    /// Kills the processes that have left its group: those whose environment names this folder. Elsewhere than on
    /// Linux, they stay.
    pub(super) fn kill_strays(folder: &Path) {
        #[cfg(target_os = "linux")]
        for _ in 0..SCANS_MAX {
            let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
            let strays = Vec::from_iter(entries.filter_map(|entry| {
                let id = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
                // Processes of other users cannot be read.
                let environment = fs::read(entry.path().join("environ")).ok()?;
                memmem::find(&environment, folder.as_os_str().as_encoded_bytes()).map(|_| id)
            }));
            if strays.is_empty() {
                return;
            }
            for stray in strays {
                let _ = kill_process(stray, Number::KILL);
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = folder;
    }

    /// Returns the work of it and the processes that it started. Elsewhere than on Linux, nothing.
    pub(super) fn work(&self) -> Work {
        #[cfg(target_os = "linux")]
        {
            let group = self.group.map(|group| group.as_raw_nonzero().get());
            let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
            let numbers = entries.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
            let works = numbers.filter_map(|entry| {
                let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
                // After the name, which may contain anything.
                let fields = Vec::from_iter(stat.rsplit_once(')')?.1.split_whitespace());
                let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
                let is_in_group = fields.get(2)?.parse().ok() == group;
                let used = is_in_group.then(|| Some(number(11)? + number(12)?))??;
                Some((Duration::from_millis(used * TICK_MS), waited(&entry.path())))
            });
            let (used, waited): (Vec<_>, Vec<_>) = works.unzip();
            Work { used: used.iter().sum(), waited: waited.iter().sum() }
        }
        #[cfg(not(target_os = "linux"))]
        Work::default()
    }

    pub(crate) fn kill(&mut self) {
        #[cfg(unix)]
        self.send_number(Number::KILL);
        // Fails only if the process has already exited.
        drop(self.process.start_kill());
    }

    #[cfg(unix)]
    fn send(&self, signal: Signal) {
        self.send_number(match signal {
            Signal::Interrupt => Number::INT,
            Signal::Terminate => Number::TERM,
            Signal::Hangup => Number::HUP,
        });
    }

    #[cfg(unix)]
    fn send_number(&self, number: Number) {
        let id = pid(&self.process);
        let send = if self.leads_group { kill_process_group } else { kill_process };
        // Fails only if the process has already exited.
        if let Some(id) = id {
            let _ = send(id, number);
        }
    }

    #[cfg(not(unix))]
    fn send(&mut self, _: Signal) {
        self.kill();
    }
}

/// Returns for how long the threads of a process, which still run, have waited for a processor. Some kernels do not say it.
#[cfg(target_os = "linux")]
fn waited(process: &Path) -> Duration {
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let waits = threads.filter_map(|thread| {
        let schedule = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedule.split(' ').nth(1)?.parse().ok().map(Duration::from_nanos)
    });
    waits.sum()
}

#[cfg(unix)]
fn pid(process: &process::Child) -> Option<Pid> {
    process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Returns the exit code that a shell would report.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let code = {
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        status.code().or(signal.map(|signal| SIGNALLED + signal))
    };
    #[cfg(not(unix))]
    let code = status.code();
    // Windows has codes larger than a byte; none of them means success.
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(livetape_core::error::exit::FAILED)
}

/// Whether SIGTERM ended the process.
pub(super) fn was_terminated(status: ExitStatus) -> bool {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&status) == Some(Number::TERM.as_raw());
    #[cfg(not(unix))]
    return !status.success();
}

/// Waits until livetape is done with a folder. If it was killed instead, or could not remove it, ends what names the folder in its environment
/// (elsewhere than on Linux, this stays), and removes it.
#[cfg(unix)]
const GUARD: &str = r#"read -r _ && exit
looks=100
while [ $((looks -= 1)) -gt 0 ]; do
  files=$(grep -lsF -- "$0" /proc/[0-9]*/environ)
  [ "$files" ] || break
  for file in $files; do
    pid=${file#/proc/}
    kill -KILL "${pid%/environ}"
  done
done 2>/dev/null
looks=100
while [ -e "$0" ] && [ $((looks -= 1)) -gt 0 ]; do
  rm -rf -- "$0"
done 2>/dev/null"#;

/// A folder that is removed when dropped, and after the death of this process.
pub(super) struct Folder {
    path: PathBuf,
    /// `None` on a system without a shell.
    #[cfg(unix)]
    guard: Option<std::process::Child>,
}

impl Folder {
    /// Creates a folder in the system's folder for temporary files, which only this user can read.
    pub(super) fn new() -> Result<Self, Problem> {
        let path = std::env::temp_dir().join(format!("livetape-test-{:016x}", args::random()));
        create(&path).map_err(|error| {
            let message = format!("cannot create {}: {error}", path.display());
            Problem::new(Code::Io, message).hint("set TMPDIR to another folder")
        })?;
        Ok(Self {
            #[cfg(unix)]
            guard: guard(&path),
            path,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
fn guard(path: &Path) -> Option<std::process::Child> {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", GUARD]).arg(path).stdin(Stdio::piped()).stdout(Stdio::null());
    // Signals of a terminal do not reach it.
    shell.process_group(0).spawn().ok()
}

fn create(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(path);
    #[cfg(not(unix))]
    return fs::create_dir(path);
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Processes that were killed a moment ago may still write to it. The guard then tries again. Without one, what is left
        // stays until the system cleans up.
        let is_removed = fs::remove_dir_all(&self.path).is_ok();
        #[cfg(unix)]
        if let Some(guard) = &mut self.guard {
            let done: &[u8] = if is_removed { b"\n" } else { b"" };
            let _ = guard.stdin.take().map(|mut stdin| stdin.write_all(done));
            let _ = guard.wait();
        }
        #[cfg(not(unix))]
        let _ = is_removed;
    }
}

/// Returns what runs this script, if it is one.
fn interpreter(script: &Path) -> Option<&'static str> {
    let runs = match script.extension()?.to_str()? {
        "js" | "mjs" | "cjs" => "node",
        "py" => "python3",
        "sh" => "sh",
        _ => return None,
    };
    script.is_file().then_some(runs)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use tokio::{io::AsyncReadExt as _, time::timeout};

    use super::*;

    /// Maximum number of times that a thread looks at how long all have waited: about ten seconds.
    const LOOKS_MAX: usize = 100_000;

    #[tokio::test(start_paused = true)]
    async fn the_time_to_exit_can_be_extended() {
        let command = ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1000; done"].map(Into::into);
        let grace = Duration::from_secs(5);
        let start = Start { command: &command, env: &[], stdin: Stdio::null(), is_piped: true, grace };
        let mut child = Child::start(start).unwrap();
        let mut line = [0];
        child.take_output().0.unwrap().read_exact(&mut line).await.unwrap();
        let began = clock::now();
        child.stop(Signal::Terminate);
        assert!(timeout(Duration::from_secs(4), child.wait()).await.is_err());
        child.extend(Duration::from_secs(10));
        let status = child.wait().await.unwrap();
        assert_eq!((exit_code(status), clock::now() - began), (137, Duration::from_secs(15)));
        child.kill_others();
    }

    #[test]
    fn threads_that_wait_for_a_processor_are_counted() {
        let own = Path::new("/proc/self");
        let (before, is_over) = (waited(own), AtomicBool::new(false));
        let spin = || {
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        // The first thread, whose waits are those of the process, only joins them.
        let has_waited = thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().unwrap().get() {
                scope.spawn(spin);
            }
            let looks = scope.spawn(|| {
                let has = (0..LOOKS_MAX).any(|_| waited(own) > before + Duration::from_millis(20));
                is_over.store(true, Ordering::Relaxed);
                has
            });
            looks.join().unwrap()
        });
        assert!(has_waited);
    }
}
