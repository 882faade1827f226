//! Job objects and events of the console.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::windows::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitStatus,
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, CreationFlags, JobObject, KillOnDrop};
use send_ctrlc::Interruptible;
use tempfile::TempDir;
use tokio::process::{ChildStderr, ChildStdout, Command};
use windows::Win32::System::Threading::CREATE_NEW_PROCESS_GROUP;

use super::{OWNER, Work};
use crate::cli::process::signals::Signal;

/// What asks a command to exit.
pub(in crate::cli::judge) const STOP: &str = "Ctrl+Break";
/// Whether the work of a command can be read.
pub(in crate::cli::judge) const MEASURES_WORK: bool = false;
/// Variables that name the folder for temporary files.
pub(super) const TEMPORARY: [&str; 3] = ["TEMP", "TMP", "TMPDIR"];
/// Programs that run scripts, by extension.
pub(super) const INTERPRETERS: [(&str, &str); 2] = [("py", "python"), ("ps1", "powershell -File")];
/// `STATUS_CONTROL_C_EXIT`: the exit code of a process that an event of the console ended.
const CONTROL_C_EXIT: u32 = 0xc000_013a;
/// `ERROR_BAD_EXE_FORMAT` and `ERROR_ELEVATION_REQUIRED`.
const BAD_FORMAT: i32 = 193;
const NEEDS_ADMINISTRATOR: i32 = 740;

/// Returns the program that a command names, as a shell finds it: with the extensions of PATHEXT.
pub(super) fn find(program: &OsStr) -> OsString {
    which::which(program).map_or_else(|_| program.to_owned(), Into::into)
}

/// A running process, and the job of all processes that it starts, which ends with this process. Dropped, they are killed.
pub(super) struct Process {
    process: Box<dyn ChildWrapper>,
    leads_group: bool,
}

impl Process {
    pub(super) fn start(command: Command, leads_group: bool) -> io::Result<Self> {
        let mut command = CommandWrap::from(command);
        if leads_group {
            command.wrap(CreationFlags(CREATE_NEW_PROCESS_GROUP));
        }
        command.wrap(JobObject).wrap(KillOnDrop);
        Ok(Self { process: command.spawn()?, leads_group })
    }

    pub(super) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.process.stdout().take(), self.process.stderr().take())
    }

    /// Cancel safe.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        // Not for the processes that it has started.
        self.process.inner_mut().wait().await
    }

    /// Sends Ctrl+Break to its process group. Returns whether it can be sent: it needs a console, and a group of its own.
    pub(super) fn send(&self, _: Signal) -> bool {
        self.leads_group && Group(self.process.id()).terminate().is_ok()
    }

    /// Also kills its job after its own end.
    pub(super) fn kill(&mut self) {
        // Fails only if all have exited.
        let _ = self.process.start_kill();
    }

    pub(super) fn work(&self) -> Work {
        Work::default()
    }
}

/// A process group, which can be sent Ctrl+Break.
struct Group(Option<u32>);

impl Interruptible for Group {
    fn pid(&mut self) -> io::Result<Option<u32>> {
        Ok(self.0)
    }
}

/// Whether a signal to livetape reaches a command in its group, too: the system sends it to all processes of a console.
pub(super) fn is_shared(_: Signal) -> bool {
    true
}

pub(super) fn exit_code(status: ExitStatus) -> Option<i32> {
    status.code()
}

/// Whether [`STOP`] ended the process: it has no handler.
pub(super) fn was_stopped(status: ExitStatus) -> bool {
    status.code() == Some(CONTROL_C_EXIT.cast_signed())
}

/// Returns why a command cannot be started, and what to do, where the system's own words do not help.
pub(super) fn why(error: &io::Error) -> Option<(&'static str, &'static str)> {
    match (error.kind(), error.raw_os_error()) {
        (_, Some(BAD_FORMAT)) => {
            Some(("it is not a program for this system", "write its interpreter before it, such as `python`"))
        }
        (_, Some(NEEDS_ADMINISTRATOR)) => {
            Some(("it needs an administrator", "start livetape as an administrator"))
        }
        // From std, which quotes everything else safely.
        (io::ErrorKind::InvalidInput, None) => Some((
            "an argument has a character that cmd.exe cannot take, such as a line break",
            "leave it out, or call the program that the script starts",
        )),
        _ => None,
    }
}

pub(in crate::cli::judge) fn kill_strays(_: &Path) {}

/// Only this user can read the folder of temporary files.
pub(super) fn keep_private(_: &mut tempfile::Builder<'_, '_>) {}

/// Whether no process holds this file, which exists. Then it is removed: one that is open cannot be.
pub(super) fn is_unused(owner: &Path) -> bool {
    fs::remove_file(owner).is_ok()
}

/// Marks a folder as used. The system ends the job of a command with this process, so only the folder may be left behind: the
/// next start removes it.
pub(crate) struct Guard {
    owner: Option<File>,
}

impl Guard {
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else { return Self { owner: None } };
        let mut options = File::options();
        options.write(true).create_new(true).share_mode(0);
        Self { owner: options.open(folder.join(OWNER)).ok() }
    }

    pub(super) fn watch(&self, _: &Process) {}

    /// Removes its folder. If processes that were killed a moment ago still use it, a later start tries again.
    pub(super) fn remove(&mut self, folder: TempDir) {
        drop(self.owner.take());
        let owner = folder.path().join(OWNER);
        if folder.close().is_err() {
            let _ = File::create(owner);
        }
    }
}
