//! Shared by the benchmarks: arguments, alternating rounds, calibration and reports.

mod machine;
mod peer;
pub(crate) mod plot;

use machine::Calibration;
pub(crate) use machine::{allow_sockets, cpu, now, process_cpu, rounded};
pub(crate) use peer::{Peer, node, program};
use serde_json::{Value, json};

/// Arguments of a benchmark.
pub(crate) struct Args {
    pub(crate) rounds: u32,
    json: bool,
    args: Vec<String>,
}

impl Args {
    /// Parses `--rounds N` and `--json`, and keeps the flags of the benchmark.
    pub(crate) fn parse() -> Self {
        let args: Vec<String> = std::env::args().collect();
        let mut parsed = Self { rounds: 5, json: false, args };
        parsed.rounds = parsed.value("--rounds").unwrap_or(5).max(1);
        parsed.json = parsed.has("--json");
        parsed
    }

    /// Whether a flag is present.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| arg == flag)
    }

    /// Returns the value of a flag.
    pub(crate) fn value<T: std::str::FromStr>(&self, flag: &str) -> Option<T> {
        let at = self.args.iter().position(|arg| arg == flag)?;
        self.args.get(at + 1)?.parse().ok()
    }

    /// Returns the value of a flag that a benchmark always passes to its child processes.
    pub(crate) fn count(&self, flag: &str) -> usize {
        self.value(flag).unwrap_or_else(|| panic!("{flag} is missing"))
    }
}

/// A run between two calibrations, which detect a busy machine.
pub(crate) struct Run {
    bench: &'static str,
    json: bool,
    before: Calibration,
}

impl Run {
    pub(crate) fn begin(args: &Args, bench: &'static str) -> Self {
        Self { bench, json: args.json, before: Calibration::take() }
    }

    /// Prints a line, unless the output is JSON.
    pub(crate) fn say(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    /// Calibrates again and prints the result: as JSON with `figures` and the machine, or only a warning if the machine was busy.
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
            println!("the machine is BUSY: {busy}; only the ratios are meaningful");
        }
    }
}

/// A comparison of livetape with a floor or a peer.
pub(crate) struct Match<'a> {
    pub(crate) name: &'a str,
    pub(crate) unit: &'a str,
    /// Name of the floor or peer.
    pub(crate) beside: &'a str,
    /// Maximum ratio of our cost to theirs.
    pub(crate) bar: f64,
}

/// The results of a run.
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

    /// Number of measurements of each side.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Prints an indented line, unless the output is JSON.
    pub(crate) fn say(&self, line: &str) {
        self.run.say(&format!("  {line}"));
    }

    /// Measures the costs of both sides in alternating rounds, and returns the median ratio.
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

    /// Records rounds that the caller has measured.
    pub(crate) fn record(&mut self, what: &Match<'_>, us: &[f64], them: &[f64]) -> f64 {
        // Ratios are taken within each round, because a disturbance usually affects both sides.
        let ratios: Vec<f64> = us.iter().zip(them).map(|(us, them)| us / them).collect();
        let Match { name, unit, beside, bar } = what;
        let ratio = median(&ratios);
        if !self.run.json {
            let verdict = if ratio <= *bar { "met" } else { "missed" };
            println!("{name}, {unit}, median of {} (min to max)", us.len());
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

    /// Records a figure without a comparison. Returns whether it meets its bar.
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
