//! `--drift`: compares what a room sends with a baseline while it runs.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    recording::Item,
};
use livetape_engine::{channels::Watch, source::Tape};
use livetape_tools::drift::{Baseline, Finding, Profile, compare};

use crate::cli::{
    files::diff::baseline,
    process::output::{report_loss, warn},
};

/// Number of items that wait to be compared. Further ones are left out.
const ITEMS_MAX: usize = 4096;
/// Time in the room between two comparisons.
const INTERVAL: Duration = Duration::from_secs(10);
/// Number of messages after which a new comparison begins, so that a change in a long show is found.
const MESSAGES_MAX: u64 = 20_000;
/// Number of findings to print. Others are only counted.
const LINES_MAX: usize = 100;

/// Maximum time to wait for the last comparison, after the room has ended.
const LAST_MAX: Duration = Duration::from_secs(2);

/// What becomes closed after the last comparison, and the number of items that were left out.
pub(super) struct Last(Option<(Receiver<()>, Arc<AtomicU64>)>);

impl Last {
    /// Waits for the last comparison, and says what was not compared.
    pub(super) fn wait(self) {
        self.not_compared().iter().for_each(warn);
    }

    fn not_compared(self) -> Vec<String> {
        let (mut lines, Some((closed, left_out))) = (Vec::new(), self.0) else { return Vec::new() };
        // It is closed without a message.
        if closed.recv_timeout(LAST_MAX) == Err(RecvTimeoutError::Timeout) {
            lines.push(format!("⚠️ drift: the last comparison took more than {} s", LAST_MAX.as_secs()));
        }
        let left_out = left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            lines.push(format!("⚠️ drift: {left_out} items came too fast and were not compared"));
        }
        lines
    }
}

/// Starts to compare, in a thread of its own, and warns of each finding once. Returns where items go.
pub(super) fn start(name: Option<&Path>, folder: &Path) -> Result<(Option<Watch>, Last), Problem> {
    let Some(name) = name else { return Ok((None, Last(None))) };
    let (baseline, loss) = baseline(name, |name| Tape::find_in(folder, name))?;
    // What is missing there is no failure of the room.
    report_loss(&name.to_string_lossy(), loss);
    let (items, received) = sync_channel(ITEMS_MAX);
    let [findings, left_out] = [(); 2].map(|()| Arc::<AtomicU64>::default());
    let mut watcher =
        Watcher { baseline, new: Profile::default(), known: HashSet::new(), findings: Arc::clone(&findings) };
    let (running, closed) = sync_channel(0);
    let run = move || {
        watcher.run(&received);
        drop(running);
    };
    thread::Builder::new()
        .name("drift".into())
        .spawn(run)
        .map_err(|error| Problem::new(Code::Io, format!("cannot start a thread: {error}")))?;
    let last = Last(Some((closed, Arc::clone(&left_out))));
    Ok((Some(Watch { items, left_out, findings }), last))
}

struct Watcher {
    baseline: Baseline,
    new: Profile,
    /// Findings that were reported.
    known: HashSet<String>,
    findings: Arc<AtomicU64>,
}

impl Watcher {
    fn run(&mut self, items: &Receiver<Item>) {
        let (mut number, mut due) = (0, INTERVAL);
        for item in items {
            self.new.take(&item, number);
            number += 1;
            if item.offset >= due || self.new.messages >= MESSAGES_MAX {
                due = item.offset + INTERVAL;
                self.compare().iter().for_each(warn);
            }
        }
        self.compare().iter().for_each(warn);
    }

    /// Returns lines about new findings.
    fn compare(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for finding in compare(&self.baseline, &self.new).findings {
            let Finding { is, method, path, .. } = &finding;
            if self.known.len() > LINES_MAX || !self.known.insert(format!("{} {method} {path}", is.name())) {
                continue;
            }
            self.findings.fetch_add(1, Ordering::Relaxed);
            lines.push(match self.known.len() {
                ..=LINES_MAX => format!("⚠️ drift: {}", finding.line()),
                _ => {
                    "⚠️ drift: more changes are not shown; compare a recording with `livetape diff --fields`"
                        .into()
                }
            });
        }
        if self.new.messages >= MESSAGES_MAX {
            self.new = Profile::default();
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use livetape_core::wire::Message;
    use livetape_tools::drift::Place;

    use super::*;

    #[test]
    fn what_was_left_out_is_said() {
        let last = |left_out| Last(Some((sync_channel(0).1, Arc::new(AtomicU64::new(left_out)))));
        assert!(last(0).not_compared().is_empty());
        assert_eq!(last(3).not_compared(), ["⚠️ drift: 3 items came too fast and were not compared"]);
    }

    #[test]
    fn each_finding_is_reported_once_and_their_number_is_bounded() {
        let mut watcher = Watcher {
            baseline: Baseline::Schema,
            new: Profile::default(),
            known: HashSet::new(),
            findings: Arc::default(),
        };
        let mut take = |number: usize| {
            let method = format!("WebcastNew{number:03}Message").into();
            let message = Message { method, ..Message::default() };
            watcher.new.take_message(&message, Place::default());
            (watcher.compare(), watcher.findings.load(Ordering::Relaxed))
        };
        let line = "⚠️ drift: medium new WebcastNew000Message: 1 of 1, first at 00:00:00.000";
        assert_eq!(take(0), (vec![line.to_owned()], 1));
        assert_eq!(take(0), (vec![], 1));
        let lines = (1..200).map(|number| take(number).0.len()).sum::<usize>();
        assert_eq!(lines, LINES_MAX);
        assert_eq!(take(200), (vec![], LINES_MAX as u64 + 1));
    }
}
