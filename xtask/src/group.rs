//! A program that ends together with everything that it has started.

use std::{
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Result;
use wait_timeout::ChildExt as _;

/// Reads until the other end of its pipe is closed, then kills its process group.
#[cfg(unix)]
const GUARD: &str = "read -r line; kill -KILL 0";

/// A program and its process group. The group also ends with this process, because Ctrl+C does not reach another group.
pub(crate) struct Group {
    child: Child,
    #[cfg(unix)]
    guard: Child,
}

impl Group {
    /// Starts a program, without input: outside the terminal's own group, reading from it would stop the program.
    #[cfg(unix)]
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD]).stdin(Stdio::piped()).process_group(i32::try_from(child.id())?);
        Ok(Self { guard: guard.spawn()?, child })
    }

    /// Starts a program. Without process groups, only the program itself is killed.
    #[cfg(not(unix))]
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self { child: command.stdin(Stdio::null()).spawn()? })
    }

    /// Waits for the end of the program. Kills the whole group and returns `None` if it takes longer than the limit.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let status = self.child.wait_timeout(limit)?;
        #[cfg(unix)]
        {
            // What a successful program leaves behind, such as a daemon, stays.
            if status.is_some() {
                self.guard.kill()?;
            }
            drop(self.guard.stdin.take());
            self.guard.wait()?;
        }
        #[cfg(not(unix))]
        if status.is_none() {
            self.child.kill()?;
        }
        self.child.wait()?;
        Ok(status)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};

    use super::*;

    /// The program and its child both write to the pipe, so its end is that of both.
    #[test]
    fn at_the_limit_the_children_of_a_program_end_too() {
        let script = "(echo started; exec tail -f /dev/null) & wait";
        let mut group = Group::start(Command::new("sh").args(["-c", script]).stdout(Stdio::piped())).unwrap();
        let mut output = BufReader::new(group.child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        assert_eq!(group.wait(Duration::ZERO).unwrap(), None);
        assert_eq!(output.read_to_string(&mut line).unwrap(), 0);
    }

    #[test]
    fn the_status_of_a_program_within_the_limit_is_its_own() {
        let group = Group::start(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!(group.wait(Duration::from_secs(60)).unwrap().unwrap().code(), Some(3));
    }
}
