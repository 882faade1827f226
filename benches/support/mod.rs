//! Shared by the benchmarks: arguments, alternating rounds, calibration and reports.

mod machine;
mod peer;

use machine::Calibration;
pub(crate) use machine::{allow_sockets, cpu, now, process_cpu, rounded};
pub(crate) use peer::{Peer, installed, node, program, root};
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

    /// Calibrates again and prints the result: as JSON with `figures` and the machine, or only a warning if
    /// the machine was busy.
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
            let verdict = verdict(&ratios, *bar);
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
        if !self.run.json {
            println!("{name}, {unit}");
            println!("  {:<24} {}, bar {bar}: {}", "livetape", spread(values), verdict(values, bar));
        }
        let rounded: Vec<f64> = values.iter().map(|value| rounded(*value)).collect();
        self.figures.push(json!({ "name": name, "unit": unit, "ours": rounded, "bar": bar }));
        is_met(values, bar)
    }

    /// Ends the run.
    pub(crate) fn end(self) {
        self.run.end(json!({ "matches": self.matches, "figures": self.figures }));
    }
}

/// Whether measured values meet their maximum. Every cost is positive: a value that is missing, zero,
/// negative or not a number was not measured.
pub(crate) fn is_met(values: &[f64], bar: f64) -> bool {
    is_measured(values) && median(values) <= bar
}

fn is_measured(values: &[f64]) -> bool {
    !values.is_empty() && values.iter().all(|value| value.is_finite() && *value > 0.0)
}

/// Returns the word for whether measured values meet their maximum.
pub(crate) fn verdict(values: &[f64], bar: f64) -> &'static str {
    match (is_measured(values), is_met(values, bar)) {
        (_, true) => "met",
        (true, _) => "missed",
        (false, _) => "NOT MEASURED",
    }
}

pub(crate) fn spread(values: &[f64]) -> String {
    let sorted = sorted(values);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return "no values".to_owned() };
    format!("{:8.2} ({least:.2} to {most:.2})", median(values))
}

/// Returns the median, or NaN if there are no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    sorted(values).get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_measured_values_meet_a_bar() {
        assert!(is_met(&[7.0, 8.0, 9.0], 8.0) && verdict(&[8.0], 8.0) == "met");
        assert!(!is_met(&[7.0, 8.1, 9.0], 8.0) && verdict(&[8.1], 8.0) == "missed");
        for values in [&[][..], &[0.0], &[-100.0], &[f64::NAN], &[f64::NEG_INFINITY], &[7.0, 0.0, 7.0]] {
            assert!(!is_met(values, 8.0), "{values:?}");
            assert_eq!(verdict(values, 8.0), "NOT MEASURED", "{values:?}");
        }
    }
}
