//! A program that ends together with everything that it has started, and that is killed when it prints
//! nothing for a long time.

#[cfg(unix)]
use std::os::unix::process::CommandExt as _;
use std::{
    io::{self, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use wait_timeout::ChildExt as _;

use crate::compilers::Compilers;

/// Time between two looks at a program that prints nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time without output after which compilers at work are reported.
const QUIET: Duration = Duration::from_secs(30);
/// Bytes of output to pass on at a time.
const PASSED_BYTES_MAX: usize = 8 << 10;
/// Reads until the other end of its pipe is closed, then kills its process group.
#[cfg(unix)]
const GUARD: &str = "read -r line; kill -KILL 0";

/// A program and its process group. The group also ends with this process, because Ctrl+C does not reach
/// another group.
pub(crate) struct Group {
    child: Child,
    #[cfg(unix)]
    guard: Child,
    /// Receives a message for each piece of output, until both pipes are closed.
    heard: Receiver<()>,
}

impl Group {
    /// Starts a program, without input: outside the terminal's own group, reading from it would stop the
    /// program. Its output is passed on as it is produced.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Self::start_passing(command, io::stdout(), io::stderr())
    }

    fn start_passing(
        command: &mut Command,
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
    ) -> Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (hears, heard) = channel();
        pass(child.stdout.take(), stdout, hears.clone());
        pass(child.stderr.take(), stderr, hears);
        Ok(Self {
            #[cfg(unix)]
            guard: Command::new("sh")
                .args(["-c", GUARD])
                .stdin(Stdio::piped())
                .process_group(i32::try_from(child.id())?)
                .spawn()?,
            child,
            heard,
        })
    }

    /// Waits for the end of the program. Kills the whole group and returns `None` if it prints nothing for
    /// too long. Without process groups, only the program itself is killed.
    pub(crate) fn wait(mut self, silence_max: Duration) -> Result<Option<ExitStatus>> {
        let status = self.wait_for_end(silence_max)?;
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

    /// Returns the status of the program, once it has ended and its output has been passed on; `None` if it
    /// prints nothing for too long.
    fn wait_for_end(&mut self, silence_max: Duration) -> Result<Option<ExitStatus>> {
        let (mut last, mut looked, mut compilers) = (now(), now(), Compilers::of(self.child.id()));
        loop {
            let pause = match self.heard.recv_timeout(LOOK_EVERY.min(silence_max)) {
                Ok(()) => {
                    last = now();
                    if last.duration_since(looked) < LOOK_EVERY {
                        continue;
                    }
                    Duration::ZERO
                }
                Err(RecvTimeoutError::Timeout) => Duration::ZERO,
                Err(RecvTimeoutError::Disconnected) => LOOK_EVERY.min(silence_max),
            };
            looked = now();
            // A daemon keeps the pipes of a program that has ended, and may print more.
            if let Some(status) = self.child.wait_timeout(pause)? {
                return Ok(Some(status));
            }
            let silence = now().duration_since(last);
            // Cargo prints nothing while it waits for a compiler, which takes minutes on a busy machine.
            if silence >= QUIET.min(silence_max)
                && let Some(progress) = compilers.progress()
            {
                println!("   … {progress}");
                last = now();
            } else if silence >= silence_max {
                return Ok(None);
            }
        }
    }
}

/// Passes output on as it is produced, on another thread.
fn pass(from: Option<impl Read + Send + 'static>, mut to: impl Write + Send + 'static, hears: Sender<()>) {
    let Some(mut from) = from else { return };
    thread::spawn(move || {
        let mut bytes = [0; PASSED_BYTES_MAX];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            // The program must not wait for a closed terminal.
            let _ = to.write_all(&bytes[..read]).and_then(|()| to.flush());
            // Nobody listens any more after the end of the program.
            let _ = hears.send(());
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "only measures silence")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead as _, BufReader, pipe};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn script(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// The program and its child both write to the pipe, so its end is that of both.
    #[test]
    fn a_silent_program_ends_with_its_children() {
        let (passed, to) = pipe().unwrap();
        let mut command = script("(echo started; exec tail -f /dev/null) & wait");
        let group = Group::start_passing(&mut command, to, io::sink()).unwrap();
        let mut output = BufReader::new(passed);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        assert_eq!(group.wait(Duration::ZERO).unwrap(), None);
        assert_eq!(output.read_to_string(&mut line).unwrap(), 0);
    }

    #[test]
    fn output_is_passed_on_as_it_is_produced() {
        let (mut passed, to) = pipe().unwrap();
        let (mut errors, to_errors) = pipe().unwrap();
        let group =
            Group::start_passing(&mut script("echo a; echo b >&2; exec tail -f /dev/null"), to, to_errors);
        let (mut one, mut two) = ([0; 2], [0; 2]);
        passed.read_exact(&mut one).unwrap();
        errors.read_exact(&mut two).unwrap();
        assert_eq!((&one, &two), (b"a\n", b"b\n"));
        assert_eq!(group.unwrap().wait(Duration::ZERO).unwrap(), None);
    }

    #[test]
    fn the_status_of_a_program_is_its_own() {
        let group = Group::start(&mut script("exit 3")).unwrap();
        assert_eq!(group.wait(LONG).unwrap().unwrap().code(), Some(3));
    }

    #[test]
    fn a_daemon_that_prints_does_not_delay_the_end() {
        let (mut errors, to_errors) = pipe().unwrap();
        let group = Group::start_passing(&mut script("yes & echo $! >&2"), io::sink(), to_errors).unwrap();
        assert_eq!(group.wait(LONG).unwrap().unwrap().code(), Some(0));
        let mut daemon = String::new();
        BufReader::new(&mut errors).read_line(&mut daemon).unwrap();
        assert!(Command::new("kill").arg(daemon.trim()).status().unwrap().success());
    }

    #[test]
    fn a_daemon_that_keeps_the_output_does_not_delay_the_end() {
        let group = Group::start(&mut script("tail -f /dev/null & echo $! ; exit 0")).unwrap();
        assert_eq!(group.wait(LONG).unwrap().unwrap().code(), Some(0));
    }
}
