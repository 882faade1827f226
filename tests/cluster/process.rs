//! A process that a test starts.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use livetape_io::clock;

use crate::support::PATIENCE;

/// A process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Lines of stdout and stderr.
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`cargo xtask nightly cluster` installs nats-server");
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let inputs: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
        for input in inputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(input).lines().map_while(Result::ok) {
                    drop(sender.send(line));
                }
            });
        }
        Self { child, lines }
    }

    /// Waits for a line that contains `text`.
    #[track_caller]
    pub(crate) fn until(&self, text: &str) -> String {
        let (mut seen, ends) = (Vec::new(), clock::now() + PATIENCE);
        loop {
            match self.lines.recv_timeout(ends.saturating_duration_since(clock::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?} in {seen:#?}"),
            }
        }
    }

    /// Returns the output that nobody has waited for.
    pub(crate) fn rest(&self) -> String {
        self.lines.try_iter().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        // Until then, it may still answer.
        while name == "STOP" && !self.stands_still() {}
    }

    /// Whether all threads are stopped.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.flatten().all(|thread| {
            let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.contains("\nState:\tT")
        })
    }

    /// Waits for the exit. Returns its code and all further lines.
    #[track_caller]
    pub(crate) fn wait(self) -> (Option<i32>, String) {
        self.wait_at_most(PATIENCE)
    }

    /// Like [`wait`](Self::wait), but fails if it takes longer.
    #[track_caller]
    pub(crate) fn wait_at_most(mut self, time: Duration) -> (Option<i32>, String) {
        let (mut lines, ends) = (Vec::new(), clock::now() + time);
        // The output ends with the process.
        loop {
            match self.lines.recv_timeout(ends.saturating_duration_since(clock::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("process {} did not end within {time:?}: {lines:#?}", self.child.id())
                }
            }
        }
        (self.child.wait().unwrap().code(), lines.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            println!("process {} had said:\n{}", self.child.id(), self.rest());
        }
    }
}
