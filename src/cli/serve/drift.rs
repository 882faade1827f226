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
    event::known_methods,
    recording::Item,
    terminal::{printable, thousands},
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

/// A comparison that runs.
pub(super) struct Last(Option<Running>);

struct Running {
    /// Becomes closed after the last comparison.
    closed: Receiver<()>,
    counts: DriftCounts,
}

#[derive(Clone, Default)]
struct DriftCounts {
    findings: Arc<AtomicU64>,
    messages: Arc<AtomicU64>,
    /// Number of items that were left out.
    left_out: Arc<AtomicU64>,
}

impl Last {
    /// Waits for the last comparison, and sums it up.
    pub(super) fn wait(self) {
        self.summary().iter().for_each(warn);
    }

    fn summary(self) -> Vec<String> {
        let (mut lines, Some(Running { closed, counts })) = (Vec::new(), self.0) else { return Vec::new() };
        // It is closed without a message, after at most `ITEMS_MAX` items: a limit in time would depend on the machine.
        let _ = closed.recv();
        let [findings, messages, left_out] = [counts.findings, counts.messages, counts.left_out]
            .map(|count| thousands(count.load(Ordering::Relaxed)));
        if left_out != "0" {
            lines.push(format!("⚠️ drift: {left_out} items came too fast and were not compared"));
        }
        let mark = if findings == "0" { "✅" } else { "⚠️" };
        lines.push(format!("{mark} drift: changes: {findings}; messages compared: {messages}"));
        lines
    }
}

/// Starts to compare, in a thread of its own, and warns of each finding once. Returns where items go.
pub(super) fn start(name: Option<&Path>, folder: &Path) -> Result<(Option<Watch>, Last), Problem> {
    let Some(name) = name else { return Ok((None, Last(None))) };
    let (baseline, loss) = baseline(name, |name| Tape::find_in(folder, name))?;
    // What is missing there is no failure of the room.
    report_loss(&name.to_string_lossy(), loss);
    let methods = match &baseline {
        Baseline::Schema => known_methods().len(),
        Baseline::Capture(profile) => profile.methods(),
    };
    let named = printable(&name.to_string_lossy());
    warn(format_args!("🔎 drift: comparing messages with {named}, which has {methods} methods"));
    let (items, received) = sync_channel(ITEMS_MAX);
    let counts = DriftCounts::default();
    let mut watcher = Watcher::new(baseline, counts.clone());
    let (running, closed) = sync_channel(0);
    let run = move || {
        watcher.run(&received);
        drop(running);
    };
    thread::Builder::new()
        .name("drift".into())
        .spawn(run)
        .map_err(|error| Problem::new(Code::Io, format!("cannot start a thread: {error}")))?;
    let DriftCounts { findings, left_out, .. } = counts.clone();
    Ok((Some(Watch { items, left_out, findings }), Last(Some(Running { closed, counts }))))
}

struct Watcher {
    baseline: Baseline,
    new: Profile,
    /// Findings that were reported.
    known: HashSet<String>,
    counts: DriftCounts,
}

impl Watcher {
    fn new(baseline: Baseline, counts: DriftCounts) -> Self {
        Self { baseline, new: Profile::default(), known: HashSet::new(), counts }
    }

    fn run(&mut self, items: &Receiver<Item>) {
        let (mut number, mut due) = (0, INTERVAL);
        for item in items {
            let before = self.new.messages;
            self.new.take(&item, number);
            self.counts.messages.fetch_add(self.new.messages - before, Ordering::Relaxed);
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
            self.counts.findings.fetch_add(1, Ordering::Relaxed);
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
    fn the_comparison_is_summed_up() {
        let summary = |findings: u64, left_out: u64| {
            let [findings, messages, left_out] =
                [findings, 1234, left_out].map(|count| Arc::new(AtomicU64::new(count)));
            let counts = DriftCounts { findings, messages, left_out };
            let closed = sync_channel(0).1;
            Last(Some(Running { closed, counts })).summary()
        };
        assert_eq!(summary(0, 0), ["✅ drift: changes: 0; messages compared: 1,234"]);
        let left_out = "⚠️ drift: 3 items came too fast and were not compared";
        assert_eq!(summary(2, 3), [left_out, "⚠️ drift: changes: 2; messages compared: 1,234"]);
        assert!(Last(None).summary().is_empty());
    }

    #[test]
    fn each_finding_is_reported_once_and_their_number_is_bounded() {
        let mut watcher = Watcher::new(Baseline::Schema, DriftCounts::default());
        let mut take = |number: usize| {
            let method = format!("WebcastNew{number:03}Message").into();
            let message = Message { method, ..Message::default() };
            watcher.new.take_message(&message, Place::default());
            (watcher.compare(), watcher.counts.findings.load(Ordering::Relaxed))
        };
        let line = "⚠️ drift: medium new WebcastNew000Message: 1 of 1, first at 00:00:00.000";
        assert_eq!(take(0), (vec![line.to_owned()], 1));
        assert_eq!(take(0), (vec![], 1));
        let lines = (1..200).map(|number| take(number).0.len()).sum::<usize>();
        assert_eq!(lines, LINES_MAX);
        assert_eq!(take(200), (vec![], LINES_MAX as u64 + 1));
    }
}
