//! Everything that CI runs, in its order: from fast to slow, each stage with a time limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use wait_timeout::ChildExt as _;

use crate::programs::cargo;

/// Name, limit in minutes, arguments of cargo. The limits, for two cores and an empty target folder, sum up to less than 90
/// minutes.
const STAGES: &[(&str, u64, &[&str])] = &[
    ("format", 1, &["fmt", "--all", "--check"]),
    ("lints", 10, &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
    ("tests", 12, &["test", "--workspace", "--locked"]),
    ("docs", 3, &["doc", "--workspace", "--no-deps", "--locked"]),
    ("benches", 10, &["xtask", "bench", "decode", "--rounds", "1", "--no-peer"]),
    ("guard", 5, &["xtask", "guard"]),
    ("size", 6, &["xtask", "size"]),
    ("memory", 4, &["xtask", "bench", "fanout", "--memory"]),
    ("days", 5, &["xtask", "bench", "replay", "--memory", "--days"]),
    ("autobahn", 6, &["xtask", "autobahn"]),
    ("peers", 6, &["xtask", "peers"]),
    ("web", 4, &["xtask", "web", "--check"]),
    ("client", 4, &["xtask", "client", "--check"]),
    ("browser", 8, &["xtask", "browser"]),
    ("producers", 5, &["xtask", "producers"]),
];

/// The names of the stages.
pub(crate) fn names() -> String {
    STAGES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

/// Runs every stage, or those whose names are given, and stops at the first that fails.
pub(crate) fn run(only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| STAGES.iter().all(|(stage, ..)| stage != name)) {
        bail!("there is no stage {unknown}; there are {}", names());
    }
    let mut durations = Vec::new();
    for (name, limit_minutes, args) in STAGES {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            let duration = run_stage(name, Duration::from_secs(limit_minutes * 60), args)?;
            durations.push(format!("{name} {:.0} s", duration.as_secs_f64()));
        }
    }
    println!("\nall stages passed: {}", durations.join(", "));
    Ok(())
}

fn run_stage(name: &str, limit: Duration, args: &[&str]) -> Result<Duration> {
    println!("\n── {name}: cargo {}", args.join(" "));
    let started = now();
    let mut command = cargo();
    let mut child = command.args(args).env("RUSTDOCFLAGS", "--deny warnings").spawn()?;
    let Some(status) = child.wait_timeout(limit)? else {
        child.kill()?;
        child.wait()?;
        bail!("{name} took longer than its limit of {} minutes", limit.as_secs() / 60);
    };
    let duration = now().duration_since(started);
    println!("── {name}: {:.1} s, limit {} s", duration.as_secs_f64(), limit.as_secs());
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(duration)
}

#[expect(clippy::disallowed_methods, reason = "chores are timed, nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stages_together_have_less_than_ninety_minutes() {
        let minutes: u64 = STAGES.iter().map(|(_, minutes, _)| minutes).sum();
        assert!(minutes < 90, "{minutes}");
    }
}
