//! All CI stages in order, with one time limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use wait_timeout::ChildExt as _;

use crate::programs::cargo;

/// Maximum duration of all stages together. They share one limit, because the same stage takes twice as long on a busy machine: limits of single
/// stages with the same total failed there, without a hang.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// Name and cargo arguments of each stage. `programs` links livetape, the addon for Node and the benchmarks, so that cargo can link them in parallel. `packages` uses that build of livetape and the addon, and the Chromium of `client`.
#[rustfmt::skip]
const STAGES: &[(&str, &[&str])] = &[
    ("format", &["fmt", "--all", "--check"]),
    ("lints", &["xtask", "lints"]),
    ("tests", &["test", "--workspace", "--locked"]),
    ("outside", &["xtask", "outside"]),
    ("docs", &["doc", "--workspace", "--no-deps", "--locked"]),
    ("programs", &["build", "--release", "--locked", "--package", "livetape", "--package", "livetape-benches", "--package", "livetape-node", "--lib", "--bin", "livetape", "--bin", "benches", "--bin", "guard"]),
    ("benches", &["xtask", "bench", "decode", "--rounds", "1", "--no-peer"]),
    ("guard", &["xtask", "guard"]),
    ("size", &["xtask", "size"]),
    ("memory", &["xtask", "bench", "fanout", "--memory"]),
    ("days", &["xtask", "bench", "replay", "--memory", "--days"]),
    ("autobahn", &["xtask", "autobahn"]),
    ("peers", &["xtask", "peers"]),
    ("web", &["xtask", "web", "--check"]),
    ("client", &["xtask", "client", "--check"]),
    ("browser", &["xtask", "browser"]),
    ("producers", &["xtask", "producers"]),
    ("python", &["xtask", "python", "--check"]),
    ("packages", &["xtask", "package", "--check"]),
    ("addon", &["xtask", "addon"]),
];

/// Returns the names of all stages.
pub(crate) fn names() -> String {
    STAGES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Runs all stages, or only the named ones, and stops at the first failure.
pub(crate) fn run(only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| STAGES.iter().all(|(stage, _)| stage != name)) {
        bail!("unknown stage {unknown}; choose from {}", names());
    }
    let deadline = now() + LIMIT;
    let mut durations = Vec::new();
    for (name, args) in STAGES {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            let duration = run_stage(name, deadline, args)?;
            durations.push(format!("{name} {:.0} s", duration.as_secs_f64()));
        }
    }
    println!("\nall stages passed: {}", durations.join(", "));
    Ok(())
}

fn run_stage(name: &str, deadline: Instant, args: &[&str]) -> Result<Duration> {
    println!("\n── {name}: cargo {}", args.join(" "));
    let started = now();
    let mut command = cargo();
    let mut child = command.args(args).env("RUSTDOCFLAGS", "--deny warnings").spawn()?;
    let Some(status) = child.wait_timeout(deadline.duration_since(started))? else {
        child.kill()?;
        child.wait()?;
        bail!("{name} did not end within the {} minutes of all stages", LIMIT.as_secs() / 60);
    };
    let duration = now().duration_since(started);
    println!("── {name}: {:.1} s", duration.as_secs_f64());
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(duration)
}

#[expect(clippy::disallowed_methods, reason = "only measures how long a stage takes")]
fn now() -> Instant {
    Instant::now()
}
