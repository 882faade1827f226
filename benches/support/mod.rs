//! What the benchmarks share: arguments, turns, figures.

use std::time::Instant;

/// How to measure.
pub(crate) struct Args {
    pub(crate) rounds: u32,
    json: bool,
}

impl Args {
    /// `--rounds N`, `--json`; what cargo adds is ignored.
    pub(crate) fn parse() -> Self {
        let args: Vec<String> = std::env::args().collect();
        let rounds =
            args.iter().position(|arg| arg == "--rounds").and_then(|at| args.get(at + 1)?.parse().ok());
        Self { rounds: rounds.unwrap_or(5), json: args.iter().any(|arg| arg == "--json") }
    }
}

/// Measures us and the floor in turns, and prints both and their ratio.
pub(crate) fn compare(
    args: &Args,
    name: &str,
    unit: &str,
    mut ours: impl FnMut() -> f64,
    mut floor: impl FnMut() -> f64,
) {
    let (mut us, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        us.push(ours());
        floors.push(floor());
    }
    // Rounds are paired: what disturbs one side of a pair mostly disturbs the other too.
    let ratios: Vec<f64> = us.iter().zip(&floors).map(|(us, floor)| us / floor).collect();
    if args.json {
        let list = |values: &[f64]| {
            let values: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
            values.join(",")
        };
        let (ours, floor, ratio) = (list(&us), list(&floors), median(&ratios));
        println!(
            r#"{{"bench":"{name}","unit":"{unit}","ours":[{ours}],"floor":[{floor}],"ratio":{ratio:.3}}}"#
        );
    } else {
        println!("{name}, {unit}, median of {} (least to most)", us.len());
        println!("  livetape  {}", spread(&us));
        println!("  floor     {}", spread(&floors));
        println!("  ratio     {}", spread(&ratios));
    }
}

fn spread(values: &[f64]) -> String {
    let sorted = sorted(values);
    format!("{:8.2} ({:.2} to {:.2})", median(values), sorted[0], sorted[sorted.len() - 1])
}

fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    sorted[sorted.len() / 2]
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

#[allow(dead_code, reason = "not every benchmark takes the time itself")]
#[expect(clippy::disallowed_methods, reason = "benchmarks measure time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
