//! All CI stages in order, each with a time limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{group::Group, programs::cargo};

/// Maximum total of all limits, in seconds.
#[cfg(test)]
const LIMITS_SECONDS_MAX: u64 = 45 * 60;

/// Name, limit in seconds and cargo arguments of each stage. A limit is at least 1.4 times what the stage takes on two idle cores,
/// starting with an empty target folder; that of `soak` is less, because its time is fixed: 3 minutes, and 15 s of rest. `programs` links
/// livetape, the addon for Node and the benchmarks, so that cargo can link them in parallel. `packages` uses that build of livetape and the addon, and the Chromium of `client`.
#[rustfmt::skip]
const STAGES: &[(&str, u64, &[&str])] = &[
    ("format", 6, &["fmt", "--all", "--check"]),
    ("lints", 255, &["xtask", "lints"]),
    ("tests", 420, &["test", "--workspace", "--locked"]),
    ("simulate", 35, &["xtask", "simulate", "--seconds", "24"]),
    ("fuzz", 45, &["xtask", "fuzz", "--minutes", "0.05"]),
    ("outside", 62, &["xtask", "outside"]),
    ("docs", 33, &["doc", "--workspace", "--no-deps", "--locked"]),
    ("programs", 554, &["build", "--release", "--locked", "--features", "livetape/nats", "--package", "livetape", "--package", "livetape-benches", "--package", "livetape-node", "--lib", "--bin", "livetape", "--bin", "benches", "--bin", "guard"]),
    ("benches", 5, &["xtask", "bench", "decode", "--rounds", "1", "--no-peer"]),
    ("guard", 7, &["xtask", "guard"]),
    ("size", 8, &["xtask", "size"]),
    ("memory", 16, &["xtask", "bench", "fanout", "--memory"]),
    ("days", 22, &["xtask", "bench", "replay", "--memory", "--days"]),
    ("soak", 215, &["xtask", "soak", "--minutes", "3"]),
    ("cluster", 170, &["xtask", "cluster", "--release"]),
    ("autobahn", 130, &["xtask", "autobahn"]),
    ("peers", 137, &["xtask", "peers"]),
    ("web", 14, &["xtask", "web", "--check"]),
    ("client", 187, &["xtask", "client", "--check"]),
    ("browser", 135, &["xtask", "browser"]),
    ("producers", 25, &["xtask", "producers"]),
    ("python", 68, &["xtask", "python", "--check"]),
    ("packages", 98, &["xtask", "package", "--check"]),
    ("addon", 53, &["xtask", "addon"]),
];

/// Checks of every night, like [`STAGES`]: they do not fit into CI's limit.
#[rustfmt::skip]
const NIGHTLY: &[(&str, u64, &[&str])] = &[
    ("soak", 2100, &["xtask", "soak"]),
    ("cluster", 900, &["xtask", "cluster", "--nightly"]),
    ("proxied", 600, &["xtask", "peers", "--proxied"]),
    ("table", 1800, &["xtask", "peers", "--table", "--check"]),
    ("simulate", 900, &["xtask", "simulate", "--seconds", "600"]),
    ("fuzz", 900, &["xtask", "fuzz", "--minutes", "1"]),
];

/// Returns the names of all stages.
pub(crate) fn names() -> String {
    STAGES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

/// Runs all stages, or only the named ones, and stops at the first failure.
pub(crate) fn run(only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| STAGES.iter().all(|(stage, ..)| stage != name)) {
        bail!("unknown stage {unknown}; choose from {}", names());
    }
    run_stages(STAGES, only)
}

/// Runs the checks of every night.
pub(crate) fn run_nightly() -> Result<()> {
    run_stages(NIGHTLY, &[])
}

fn run_stages(stages: &[(&str, u64, &[&str])], only: &[String]) -> Result<()> {
    let mut durations = Vec::new();
    for (name, limit_seconds, args) in stages {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            let duration = run_stage(name, Duration::from_secs(*limit_seconds), args)?;
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
    let group = Group::start(command.args(args).env("RUSTDOCFLAGS", "--deny warnings"))?;
    let Some(status) = group.wait(limit)? else {
        bail!("{name} took longer than its limit of {} s", limit.as_secs());
    };
    let duration = now().duration_since(started);
    println!("── {name}: {:.1} s, limit {} s", duration.as_secs_f64(), limit.as_secs());
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(duration)
}

#[expect(clippy::disallowed_methods, reason = "only measures how long a stage takes")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stages_together_have_45_minutes() {
        let seconds: u64 = STAGES.iter().map(|(_, seconds, _)| seconds).sum();
        assert!(seconds <= LIMITS_SECONDS_MAX, "{seconds}");
    }

    /// A program missing from `programs` would be linked alone, by the stage that runs it.
    #[test]
    fn programs_links_every_benchmark_that_a_stage_runs() {
        let programs = STAGES.iter().find(|(name, ..)| *name == "programs").unwrap().2;
        for (name, _, args) in STAGES {
            let program = match args {
                ["xtask", "bench", ..] => "benches",
                ["xtask", "guard"] => "guard",
                _ => continue,
            };
            assert!(programs.contains(&program), "{name} runs {program}");
        }
    }
}
