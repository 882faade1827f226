//! `--drift`: compares what a room sends with a baseline while it runs.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
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

/// Becomes closed after the last comparison.
pub(super) struct Last(Option<Receiver<()>>);

impl Last {
    /// Waits for the last comparison.
    pub(super) fn wait(self) {
        if let Some(closed) = self.0 {
            // It is closed without a message.
            let _ = closed.recv_timeout(LAST_MAX);
        }
    }
}

/// Starts to compare, in a thread of its own, and warns of each finding once. Returns where items go.
pub(super) fn start(name: Option<&Path>, folder: &Path) -> Result<(Option<Watch>, Last), Problem> {
    let Some(name) = name else { return Ok((None, Last(None))) };
    let (baseline, loss) = baseline(name, |name| Tape::find_in(folder, name))?;
    // What is missing there is no failure of the room.
    report_loss(&name.to_string_lossy(), loss);
    let (items, received) = sync_channel(ITEMS_MAX);
    let findings = Arc::<AtomicU64>::default();
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
    Ok((Some(Watch { items, findings }), Last(Some(closed))))
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
