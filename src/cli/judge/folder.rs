//! Folders for the files of a run.

use std::{
    fs, io,
    path::{Path, PathBuf},
};
#[cfg(unix)]
use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{self, Command, Stdio},
};

use livetape_core::error::{Code, Problem};

use crate::cli::args;

/// Waits until livetape is done with a folder. If it was killed instead, ends what names the folder in its environment
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
rm -rf -- "$0""#;

/// A folder that is removed when dropped, and after the death of this process.
pub(super) struct Folder {
    path: PathBuf,
    /// `None` on a system without a shell.
    #[cfg(unix)]
    guard: Option<process::Child>,
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
fn guard(path: &Path) -> Option<process::Child> {
    let mut shell = Command::new("sh");
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
        // What a command left open stays until the system cleans up.
        let _ = fs::remove_dir_all(&self.path);
        #[cfg(unix)]
        if let Some(guard) = &mut self.guard {
            let _ = guard.stdin.take().map(|mut stdin| stdin.write_all(b"\n"));
            let _ = guard.wait();
        }
    }
}
