//! The process of the command that `livetape run` starts, and the folder for its files.

#[cfg_attr(windows, path = "child/windows.rs")]
#[cfg_attr(not(windows), path = "child/unix.rs")]
mod system;

use std::{
    ffi::OsString,
    fs,
    io::{self, IsTerminal as _},
    path::{Path, is_separator},
    process::{ExitStatus, Stdio},
    sync::Once,
    time::Duration,
};

use livetape_core::error::{Code, Problem, exit};
use livetape_io::clock;
use tempfile::TempDir;
use tokio::{
    process::{ChildStderr, ChildStdout, Command},
    time::Instant,
};

use super::proxies;
use crate::cli::process::{
    output::{shown, warn},
    signals::Signal,
};

use system::Process;

pub(super) use system::{Guard, MEASURES_WORK, STOP, kill_strays};

/// How the names of folders for the files of a command begin.
const FOLDER: &str = "livetape-test-";
/// A file in such a folder that its process holds for as long as it uses the folder.
const OWNER: &str = ".owner";
/// Maximum number of folders of killed processes to remove at a time.
const REMOVED_MAX: usize = 100;

/// For how long processes have used processors, and have waited for one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub(super) used: Duration,
    pub(super) waited: Duration,
}

/// Time between two looks on a machine that is not busy.
const LOOK_MAX: Duration = Duration::from_secs(2);

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
        let passed = now - before.at;
        // Several processes and threads may have waited at once. Some systems do not say for how long: there, a look that is
        // late says that livetape has waited itself.
        let waited = work.waited.saturating_sub(before.last.waited).min(passed);
        let late = passed.saturating_sub(LOOK_MAX);
        Work { used: work.used.saturating_sub(before.last.used), waited: waited.max(late) }
    }
}

/// A running command. Dropped, it is killed, with the processes that it has started.
pub(crate) struct Child {
    process: Process,
    /// Time to exit after the first signal.
    grace: Duration,
    deadline: Option<Instant>,
    /// Whether its end is not reported.
    is_quiet: bool,
    /// Whether it leads a process group, which receives the signals and none of the terminal's.
    leads_group: bool,
    was_killed: bool,
    /// Whether it was killed because it cannot be asked to exit.
    is_unasked: bool,
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
    /// Kills it after the death of this process.
    pub(crate) guard: &'a Guard,
}

impl Child {
    /// Starts a command. In a terminal it stays in livetape's process group, which receives Ctrl+C and can read
    /// the input, unless its output is piped.
    pub(crate) fn start(start: Start<'_>) -> Result<Self, Problem> {
        let Start { command, env, stdin, is_piped, grace, guard } = start;
        let (program, args) = command.split_first().expect("clap requires a command");
        let mut command = Command::new(system::find(program));
        let env = env.iter().map(|(name, value)| (name, value));
        command.args(args).envs(proxies::direct()).envs(env).stdin(stdin);
        if is_piped {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let leads_group = is_piped || !io::stdin().is_terminal();
        let process =
            Process::start(command, leads_group).map_err(|error| refused(program.as_ref(), &error))?;
        guard.watch(&process);
        Ok(Self {
            process,
            grace,
            deadline: None,
            is_quiet: is_piped,
            leads_group,
            was_killed: false,
            is_unasked: false,
        })
    }

    /// Takes the ends of the pipes that it prints to.
    pub(crate) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        self.process.take_output()
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
        self.was_killed = true;
        self.kill();
        self.process.wait().await
    }

    /// Whether it was killed because it took too long to exit.
    pub(super) fn was_killed(&self) -> bool {
        self.was_killed
    }

    /// Whether the stop ended it: it has no handler, or could not be asked.
    pub(super) fn was_stopped(&self, status: ExitStatus) -> bool {
        self.is_unasked || system::was_stopped(status)
    }

    /// Forwards a signal that this process received, unless a terminal has sent it to both.
    pub(super) fn forward(&mut self, signal: Signal) {
        if system::is_shared(signal) && !self.leads_group {
            self.deadline = clock::now().checked_add(self.grace);
        } else {
            self.stop(signal);
        }
    }

    /// Asks the process to exit. Kills it if it cannot be asked.
    pub(crate) fn stop(&mut self, signal: Signal) {
        self.deadline = clock::now().checked_add(self.grace);
        if !self.process.send(signal) {
            self.is_unasked = true;
            self.kill();
        }
    }

    /// Leaves it this much more time to exit, after a signal.
    pub(super) fn extend(&mut self, time: Duration) {
        self.deadline = self.deadline.and_then(|at| at.checked_add(time));
    }

    /// Returns the work of it and the processes that it started. Elsewhere than on Linux, nothing.
    pub(super) fn work(&self) -> Work {
        self.process.work()
    }

    /// Kills it and the processes that it has started, also after its own end.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the error of a command that cannot be started.
fn refused(program: &Path, error: &io::Error) -> Problem {
    let name = shown(program);
    let cannot = |why: &dyn std::fmt::Display| {
        Problem::new(Code::CommandNotExecutable, format!("cannot run `{name}`: {why}"))
    };
    let problem = match error.kind() {
        // Without a separator, it is looked for in PATH, and a folder is not found there.
        _ if program.is_dir() && name.contains(is_separator) => {
            return cannot(&"it is a folder").hint("name a program in it");
        }
        io::ErrorKind::NotFound => Problem::new(Code::CommandNotFound, format!("command `{name}` not found")),
        _ => match system::why(error) {
            Some((why, hint)) => cannot(&why).hint(hint),
            None => cannot(error),
        },
    };
    match interpreter(program) {
        Some(interpreter) => problem.hint(format!("write -- {interpreter} {name}")),
        None => problem,
    }
}

/// Returns the exit code that a shell would report.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    // Windows has codes larger than a byte; none of them means success.
    system::exit_code(status).and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED)
}

/// A folder for the files of a command, which only this user can read. It is removed when dropped, and after the death of this
/// process.
pub(super) struct Folder {
    /// `None` once it is removed.
    folder: Option<TempDir>,
    guard: Guard,
}

impl Folder {
    /// Creates a folder in the system's folder for temporary files.
    pub(super) fn new() -> Result<Self, Problem> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| remove_left_behind(&std::env::temp_dir()));
        let mut builder = tempfile::Builder::new();
        system::keep_private(&mut builder);
        let folder = builder.prefix(FOLDER).tempdir().map_err(|error| {
            let message = format!("cannot create a folder in {}: {error}", shown(&std::env::temp_dir()));
            Problem::new(Code::Io, message)
                .hint(format!("set {} to another folder", livetape_io::files::TEMPORARY))
        })?;
        if folder.path().to_str().is_none() {
            // The command gets paths in it as variables.
            let message = format!("the folder for temporary files is not Unicode: {}", shown(folder.path()));
            return Err(Problem::new(Code::Io, message)
                .hint(format!("set {} to another folder", livetape_io::files::TEMPORARY)));
        }
        Ok(Self { guard: Guard::new(Some(folder.path())), folder: Some(folder) })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Returns the variables that make it the folder for temporary files.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        system::TEMPORARY.iter().map(|name| (*name, self.path().to_string_lossy().into_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take() {
            self.guard.remove(folder);
        }
    }
}

/// Removes the folders of processes that were killed together with what cleans up after them. One without the file is not
/// complete yet, or not ours.
fn remove_left_behind(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        // Links are not followed.
        name.to_string_lossy().starts_with(FOLDER) && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let unused = ours.map(|entry| entry.path()).filter(|folder| system::is_unused(&folder.join(OWNER)));
    for folder in unused.take(REMOVED_MAX) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Returns what runs this script, if it is one.
fn interpreter(script: &Path) -> Option<&'static str> {
    let extension = script.extension()?.to_str()?.to_ascii_lowercase();
    let runs = match &*extension {
        "js" | "mjs" | "cjs" => "node",
        "sh" => "sh",
        "jar" => "java -jar",
        extension => system::INTERPRETERS.iter().find(|(known, _)| *known == extension)?.1,
    };
    script.is_file().then_some(runs)
}

#[cfg(test)]
mod folder_tests {
    use super::*;

    #[test]
    fn only_folders_that_no_process_uses_are_removed() {
        let all = tempfile::tempdir().unwrap();
        let [used, left, incomplete, foreign] = ["a", "b", "c", "other"].map(|name| {
            let prefix = if name == "other" { "" } else { FOLDER };
            let folder = all.path().join(format!("{prefix}{name}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("profile"), "x").unwrap();
            folder
        });
        let guard = Guard::new(Some(&used));
        for folder in [&left, &foreign] {
            fs::write(folder.join(OWNER), "").unwrap();
        }
        remove_left_behind(all.path());
        let stay = [&used, &left, &incomplete, &foreign].map(|folder| folder.exists());
        assert_eq!(stay, [true, false, true, true]);
        assert!(used.join("profile").exists());
        drop(guard);
        remove_left_behind(all.path());
        assert!(!used.exists());
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::{io::AsyncReadExt as _, time::timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_to_exit_can_be_extended() {
        let command = ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1000; done"].map(Into::into);
        let grace = Duration::from_secs(5);
        let start = Start {
            command: &command,
            env: &[],
            stdin: Stdio::null(),
            is_piped: true,
            grace,
            guard: &Guard::new(None),
        };
        let mut child = Child::start(start).unwrap();
        let mut line = [0];
        child.take_output().0.unwrap().read_exact(&mut line).await.unwrap();
        let began = clock::now();
        child.stop(Signal::Terminate);
        assert!(timeout(Duration::from_secs(4), child.wait()).await.is_err());
        child.extend(Duration::from_secs(10));
        let status = child.wait().await.unwrap();
        assert_eq!((exit_code(status), clock::now() - began), (137, Duration::from_secs(15)));
    }
}
