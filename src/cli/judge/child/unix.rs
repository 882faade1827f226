//! Process groups and signals.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod procfs;

/// Elsewhere, a process cannot read what others have used, and what they were started with.
#[cfg(not(target_os = "linux"))]
mod procfs {
    use std::path::Path;

    use rustix::process::Pid;

    use super::Work;

    pub(in crate::cli::judge) fn kill_strays(_: &Path) {}

    pub(in crate::cli::judge::child) fn work(_: Pid) -> Work {
        Work::default()
    }
}

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{self, ExitStatus, Stdio},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal as Number, getpgrp, getpid, kill_process, kill_process_group},
};
use tempfile::TempDir;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::{OWNER, Work};
use crate::cli::process::signals::Signal;

pub(in crate::cli::judge) use procfs::kill_strays;

/// What asks a command to exit.
pub(in crate::cli::judge) const STOP: &str = "SIGTERM";
/// Whether the work of a command can be read.
pub(in crate::cli::judge) const MEASURES_WORK: bool = cfg!(target_os = "linux");
/// Variables that name the folder for temporary files.
pub(super) const TEMPORARY: [&str; 1] = ["TMPDIR"];
/// Programs that run scripts, by extension.
pub(super) const INTERPRETERS: [(&str, &str); 1] = [("py", "python3")];
/// Offset of a signal's number in the exit code of a command that it ended, as in shells.
const SIGNALLED: i32 = 128;

/// Returns the program that a command names, which the system finds.
pub(super) fn find(program: &OsStr) -> &OsStr {
    program
}

/// A running process. Dropped, it is killed.
pub(super) struct Process {
    process: Child,
    /// What signals are sent to.
    id: Pid,
    leads_group: bool,
}

impl Process {
    pub(super) fn start(mut command: Command, leads_group: bool) -> io::Result<Self> {
        if leads_group {
            command.process_group(0);
        }
        let process = command.kill_on_drop(true).spawn()?;
        let id = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { process, id: id.ok_or(io::ErrorKind::Other)?, leads_group })
    }

    pub(super) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.process.stdout.take(), self.process.stderr.take())
    }

    /// Cancel safe.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Sends a signal to the process, or to the group that it leads. Returns whether it can be sent.
    pub(super) fn send(&self, signal: Signal) -> bool {
        self.send_number(match signal {
            Signal::Interrupt => Number::INT,
            Signal::Terminate => Number::TERM,
            Signal::Hangup => Number::HUP,
        });
        true
    }

    /// Also kills its group after its own end.
    pub(super) fn kill(&mut self) {
        self.send_number(Number::KILL);
    }

    fn send_number(&self, number: Number) {
        // They fail only if all have exited.
        let _ = match (self.leads_group, self.process.id()) {
            (true, _) => kill_process_group(self.id, number),
            (false, Some(_)) => kill_process(self.id, number),
            (false, None) => Ok(()),
        };
    }

    pub(super) fn work(&self) -> Work {
        procfs::work(self.id)
    }
}

/// Whether a terminal sends a signal not only to livetape, but also to a command in its group.
pub(super) fn is_shared(signal: Signal) -> bool {
    signal == Signal::Interrupt
}

pub(super) fn exit_code(status: ExitStatus) -> Option<i32> {
    status.code().or(status.signal().map(|signal| SIGNALLED + signal))
}

/// Whether [`STOP`] ended the process: it has no handler, or a shell reports it.
pub(super) fn was_stopped(status: ExitStatus) -> bool {
    exit_code(status) == Some(SIGNALLED + Number::TERM.as_raw())
}

/// Returns why a command cannot be started, and what to do, where the system's own words do not help.
pub(super) fn why(error: &io::Error) -> Option<(&'static str, &'static str)> {
    (error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error())).then_some((
        "it is neither a program nor a script that begins with `#!`",
        "write its interpreter before it, such as `sh`",
    ))
}

/// Waits until livetape is done. If it was killed instead, kills the command that it has named, and what has the folder in its
/// environment (elsewhere than on Linux, this stays). Then removes the folder, also if livetape could not.
const GUARD: &str = r#"target=
while read -r line; do target=$line; done
[ "$target" = done ] && exit
[ "$target" ] && kill -s KILL -- "$target"
[ "$1" ] || exit
looks=100
while [ $((looks -= 1)) -gt 0 ]; do
  files=$(grep -lsF -- "$1" /proc/[0-9]*/environ)
  [ "$files" ] || break
  for file in $files; do
    pid=${file#/proc/}
    kill -KILL "${pid%/environ}"
  done
done
looks=10
until rm -rf -- "$1" || [ $((looks -= 1)) -eq 0 ]; do sleep 1; done"#;

/// Lets only this user read a folder.
pub(super) fn keep_private(folder: &mut tempfile::Builder<'_, '_>) {
    folder.permissions(fs::Permissions::from_mode(0o700));
}

/// Whether no process holds this file, which exists.
pub(super) fn is_unused(owner: &Path) -> bool {
    livetape_io::files::open_regular(owner).is_ok_and(|file| file.try_lock().is_ok())
}

/// Creates the file that this process holds, locked before it has its name.
fn hold(folder: &Path) -> io::Result<File> {
    let new = folder.join(OWNER).with_extension("new");
    let file = File::create_new(&new)?;
    file.try_lock()?;
    fs::rename(new, folder.join(OWNER))?;
    Ok(file)
}

/// A shell that survives the death of this process, and the file that says who uses its folder.
pub(crate) struct Guard {
    /// `None` on a system without a shell.
    shell: Option<process::Child>,
    /// `None` without a folder, or where files cannot be locked.
    _owner: Option<File>,
}

impl Guard {
    /// Starts a guard of a command and its folder.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        let mut shell = process::Command::new("sh");
        shell.args(["-c", GUARD, "sh"]).args(folder).stdin(Stdio::piped()).stdout(Stdio::null());
        // Signals of a terminal do not reach it.
        let shell = shell.process_group(0).spawn().ok();
        Self { shell, _owner: folder.and_then(|folder| hold(folder).ok()) }
    }

    /// Tells it the command: its process group, or that of a terminal, if livetape leads it.
    pub(super) fn watch(&self, command: &Process) {
        let (id, group) = (command.id.as_raw_pid(), getpgrp());
        self.tell(&match command.leads_group {
            true => format!("-{id}"),
            false if group == getpid() => format!("-{}", group.as_raw_pid()),
            false => id.to_string(),
        });
    }

    /// Removes its folder. If processes that were killed a moment ago still write to it, the guard tries again.
    pub(super) fn remove(&mut self, folder: TempDir) {
        if folder.close().is_err() {
            self.tell("");
            self.end();
        }
    }

    /// Fails only without a guard.
    fn tell(&self, line: &str) {
        if let Some(mut stdin) = self.shell.as_ref().and_then(|shell| shell.stdin.as_ref()) {
            let _ = stdin.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Closes its input, and waits for its end.
    fn end(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            let _ = shell.wait();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.tell("done");
        self.end();
    }
}
