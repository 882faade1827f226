//! What the benchmarks share: arguments, turns, calibration, figures.
#![allow(dead_code, unused_imports, reason = "not every benchmark uses all of it")]

mod machine;
mod peer;
pub(crate) mod plot;

use machine::Calibration;
pub(crate) use machine::{allow_sockets, cpu, now, process_cpu, rounded};
pub(crate) use peer::{Peer, node};
use serde_json::{Value, json};

/// How to measure.
pub(crate) struct Args {
    pub(crate) rounds: u32,
    json: bool,
    args: Vec<String>,
}

impl Args {
    /// `--rounds N`, `--json`, and what a benchmark has of its own; what cargo adds is ignored.
    pub(crate) fn parse() -> Self {
        let args: Vec<String> = std::env::args().collect();
        let mut parsed = Self { rounds: 5, json: false, args };
        parsed.rounds = parsed.value("--rounds").unwrap_or(5).max(1);
        parsed.json = parsed.has("--json");
        parsed
    }

    /// Whether a flag is given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| arg == flag)
    }

    /// The value behind a flag.
    pub(crate) fn value<T: std::str::FromStr>(&self, flag: &str) -> Option<T> {
        let at = self.args.iter().position(|arg| arg == flag)?;
        self.args.get(at + 1)?.parse().ok()
    }

    /// The number behind a flag, of a process that a benchmark started.
    pub(crate) fn count(&self, flag: &str) -> usize {
        self.value(flag).unwrap_or_else(|| panic!("{flag} is missing"))
    }
}

/// A run: begun and ended by a calibration, so that a busy machine is told.
pub(crate) struct Run {
    bench: &'static str,
    json: bool,
    before: Calibration,
}

impl Run {
    pub(crate) fn begin(args: &Args, bench: &'static str) -> Self {
        Self { bench, json: args.json, before: Calibration::take() }
    }

    /// Says what is no figure; nothing where JSON is wanted.
    pub(crate) fn say(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// Calibrates again, and prints what is left to be printed: where JSON is wanted, `figures` and on what they were
    /// measured.
    pub(crate) fn end(self, figures: Value) {
        let after = Calibration::take();
        let busy = self.before.busy(after);
        if self.json {
            let mut report = json!({
                "bench": self.bench, "date": machine::date(), "machine": machine::describe(),
                "busy": busy, "calibration": [self.before.json(), after.json()],
            });
            if let (Value::Object(report), Value::Object(figures)) = (&mut report, figures) {
                report.extend(figures);
            }
            println!("{report:#}");
        } else if let Some(busy) = busy {
            println!("the machine is BUSY: {busy}; only ratios say something");
        }
    }
}

/// What is compared: us, and who stands beside us.
pub(crate) struct Match<'a> {
    pub(crate) name: &'a str,
    pub(crate) unit: &'a str,
    /// The floor or the peer.
    pub(crate) beside: &'a str,
    /// The ratio of us to them that is the bar.
    pub(crate) bar: f64,
}

/// The figures of one run.
pub(crate) struct Report {
    run: Run,
    rounds: u32,
    matches: Vec<Value>,
    figures: Vec<Value>,
}

impl Report {
    pub(crate) fn begin(args: &Args, bench: &'static str) -> Self {
        Self { run: Run::begin(args, bench), rounds: args.rounds, matches: vec![], figures: vec![] }
    }

    /// How often each side is measured.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Says what is no figure; nothing where JSON is wanted.
    pub(crate) fn say(&self, line: &str) {
        self.run.say(&format!("  {line}"));
    }

    /// Measures us and them in turns, as costs: the less the better. Gives the median ratio.
    pub(crate) fn compare(
        &mut self,
        what: &Match<'_>,
        mut ours: impl FnMut() -> f64,
        mut theirs: impl FnMut() -> f64,
    ) -> f64 {
        let (mut us, mut them) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            us.push(ours());
            them.push(theirs());
        }
        self.record(what, &us, &them)
    }

    /// Takes down rounds that somebody else measured in turns.
    pub(crate) fn record(&mut self, what: &Match<'_>, us: &[f64], them: &[f64]) -> f64 {
        // Rounds are paired: what disturbs one side of a pair mostly disturbs the other too.
        let ratios: Vec<f64> = us.iter().zip(them).map(|(us, them)| us / them).collect();
        let Match { name, unit, beside, bar } = what;
        let ratio = median(&ratios);
        if !self.run.json {
            let verdict = if ratio <= *bar { "met" } else { "missed" };
            println!("{name}, {unit}, median of {} (least to most)", us.len());
            println!("  {:<24} {}", "livetape", spread(us));
            println!("  {beside:<24} {}", spread(them));
            println!("  {:<24} {}, bar {bar}: {verdict}", "ratio", spread(&ratios));
        }
        let list = |values: &[f64]| values.iter().map(|value| rounded(*value)).collect::<Vec<_>>();
        self.matches.push(json!({
            "name": name, "unit": unit, "ours": list(us), "beside": beside, "theirs": list(them),
            "bar": bar, "ratio": rounded(ratio),
        }));
        ratio
    }

    /// One figure that nothing stands beside, and its bar. Says whether that is met.
    pub(crate) fn figure(&mut self, name: &str, unit: &str, values: &[f64], bar: f64) -> bool {
        let value = median(values);
        if !self.run.json {
            let verdict = if value <= bar { "met" } else { "missed" };
            println!("{name}, {unit}");
            println!("  {:<24} {}, bar {bar}: {verdict}", "livetape", spread(values));
        }
        let values: Vec<f64> = values.iter().map(|value| rounded(*value)).collect();
        self.figures.push(json!({ "name": name, "unit": unit, "ours": values, "bar": bar }));
        value <= bar
    }

    /// Ends the run.
    pub(crate) fn end(self) {
        self.run.end(json!({ "matches": self.matches, "figures": self.figures }));
    }
}

pub(crate) fn spread(values: &[f64]) -> String {
    let sorted = sorted(values);
    format!("{:8.2} ({:.2} to {:.2})", median(values), sorted[0], sorted[sorted.len() - 1])
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    sorted[sorted.len() / 2]
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}
