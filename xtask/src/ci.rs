//! All CI stages in order. A stage has no time limit, because a busy machine needs several times as long as
//! an idle one: it is killed when it prints nothing for [`SILENCE_MAX`].

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::{
    autobahn, cluster,
    group::Group,
    guard, peers,
    programs::{self, CHROMIUM, CLIPPY, NODE, Need, PYTHON, RUSTFMT, cargo, status},
};

/// Maximum time without output. Anything that is silent for minutes, such as a soak, prints its progress.
const SILENCE_MAX: Duration = Duration::from_secs(10 * 60);

/// A stage: its name, what it needs, and its cargo arguments.
type Stage = (&'static str, &'static [&'static [Need]], &'static [&'static str]);

/// `programs` links livetape, the addon for Node and the benchmarks, so that cargo can link them in parallel.
/// `packages` uses that build of livetape and the addon, and the Chromium of `client`.
#[rustfmt::skip]
const STAGES: &[Stage] = &[
    ("test", &[], &["xtask", "test"]),
    ("format", &[&[RUSTFMT]], &["fmt", "--all", "--check"]),
    ("lints", &[&[CLIPPY]], &["xtask", "lints"]),
    ("simulate", &[], &["xtask", "simulate", "--seconds", "24"]),
    ("fuzz", &[], &["xtask", "fuzz", "--minutes", "0.05"]),
    ("outside", &[], &["xtask", "outside"]),
    ("docs", &[], &["doc", "--workspace", "--no-deps", "--locked"]),
    ("programs", &[], &["build", "--release", "--locked", "--features", "livetape/nats", "--package", "livetape", "--package", "livetape-benches", "--package", "livetape-node", "--lib", "--bin", "livetape", "--bin", "benches"]),
    ("benches", &[], &["xtask", "bench", "decode", "--rounds", "1", "--no-peer"]),
    ("guard", &[&[guard::VALGRIND]], &["xtask", "guard"]),
    ("size", &[], &["xtask", "size"]),
    ("memory", &[], &["xtask", "bench", "fanout", "--memory"]),
    ("days", &[], &["xtask", "bench", "replay", "--memory", "--days"]),
    ("soak", &[], &["xtask", "soak", "--minutes", "4"]),
    ("cluster", &[&cluster::NEEDS], &["xtask", "cluster", "--release"]),
    ("autobahn", &[&[autobahn::PIP, Need::Packages("target/autobahn")]], &["xtask", "autobahn"]),
    ("peers", &[&NODE, &[PYTHON, Need::Packages("tests/peers/node_modules"), Need::Packages("target/peers-2.5.0"), Need::Packages("target/peers"), Need::Packages("target/peers-6.6.6"), Need::Packages("target/peers-7.0.1")]], &["xtask", "peers"]),
    ("web", &[&NODE, &[Need::Packages("web/node_modules")]], &["xtask", "web", "--check"]),
    ("client", &[&NODE, &CHROMIUM, &[Need::Packages("packages/client/node_modules"), Need::Packages("packages/testing/node_modules")]], &["xtask", "client", "--check"]),
    ("browser", &[&NODE, &CHROMIUM, &[Need::Packages("tests/browser/node_modules")]], &["xtask", "browser"]),
    ("producers", &[&NODE, &CHROMIUM, &[PYTHON, Need::Packages("tests/producers/node_modules"), Need::Packages("target/producers")]], &["xtask", "producers"]),
    ("python", &[&[PYTHON, Need::Packages("target/python")]], &["xtask", "python", "--check"]),
    ("verdict", &[&NODE, &[PYTHON, Need::Packages("packages/client/node_modules"), Need::Packages("target/python")]], &["xtask", "verdict"]),
    ("packages", &[&NODE, &CHROMIUM, &[PYTHON, Need::Packages("target/packages-tools"), Need::Packages("target/packages-python")]], &["xtask", "package", "--check"]),
    ("addon", &[&NODE, &[Need::Packages("packages/node/node_modules")]], &["xtask", "addon"]),
];

/// Checks of every night, like [`STAGES`]: they take too long for every change.
#[rustfmt::skip]
const NIGHTLY: &[Stage] = &[
    ("times", &[&NODE, &CHROMIUM, &[Need::Packages("packages/client/node_modules"), Need::Packages("tests/browser/node_modules")]], &["xtask", "times"]),
    ("alone", &[&[CLIPPY]], &["xtask", "lints", "--alone"]),
    ("soak", &[], &["xtask", "soak"]),
    ("cluster", &[&cluster::NEEDS], &["xtask", "cluster", "--nightly"]),
    ("proxied", &[&NODE, &CHROMIUM, &peers::PROXIED, &[PYTHON, Need::Packages("target/peers-proxied")]], &["xtask", "peers", "--proxied"]),
    ("table", &[&NODE, &[PYTHON, Need::Packages("target/peers-piratetok")]], &["xtask", "peers", "--table", "--check"]),
    ("verdict", &[&NODE, &[PYTHON, Need::Packages("packages/client/node_modules"), Need::Packages("target/python")]], &["xtask", "verdict", "--all"]),
    ("simulate", &[], &["xtask", "simulate", "--seconds", "600"]),
    ("fuzz", &[], &["xtask", "fuzz", "--minutes", "1"]),
];

/// Returns the names of all stages.
pub(crate) fn names() -> String {
    joined(STAGES)
}

fn joined(stages: &[Stage]) -> String {
    stages.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

/// Runs the tests that need only a Rust toolchain, and says what they leave out.
pub(crate) fn test() -> Result<()> {
    let started = now();
    status(cargo().args(["test", "--workspace", "--locked"]))?;
    println!(
        "\nall tests passed in {:.0} s; nothing was installed",
        now().duration_since(started).as_secs_f64()
    );
    println!("not run, because these need more programs or time: {}", joined(&STAGES[1..]));
    println!("`cargo xtask ci` runs them, and asks before it installs anything");
    println!("`cargo xtask nightly` runs the longest: {}", joined(NIGHTLY));
    Ok(())
}

/// Runs all stages, or only the named ones, and stops at the first failure.
pub(crate) fn run(only: &[String], is_agreed: bool) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| STAGES.iter().all(|(stage, ..)| stage != name)) {
        bail!("unknown stage {unknown}; choose from {}", names());
    }
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    run_stages(&STAGES.iter().filter(|(name, ..)| is_wanted(name)).copied().collect::<Vec<_>>(), is_agreed)
}

/// Runs the checks of every night.
pub(crate) fn run_nightly(is_agreed: bool) -> Result<()> {
    run_stages(NIGHTLY, is_agreed)
}

fn run_stages(stages: &[Stage], is_agreed: bool) -> Result<()> {
    provide(stages, is_agreed)?;
    let (mut durations, mut result) = (Vec::new(), Ok(()));
    for (name, _, args) in stages {
        println!("\n── {name}: cargo {}", args.join(" "));
        let started = now();
        result = run_stage(name, args);
        durations.push(format!("{name} {:.0} s", now().duration_since(started).as_secs_f64()));
        println!("── {}", durations[durations.len() - 1]);
        if result.is_err() {
            break;
        }
    }
    println!("\n{}: {}", if result.is_ok() { "all stages passed" } else { "times" }, durations.join(", "));
    result
}

fn run_stage(name: &str, args: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(args).env("RUSTDOCFLAGS", "--deny warnings");
    // Python would keep its output until the end.
    command.env("PYTHONUNBUFFERED", "1");
    if io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let Some(status) = Group::start(&mut command)?.wait(SILENCE_MAX)? else {
        bail!("{name} was killed, because it printed nothing for {} minutes", SILENCE_MAX.as_secs() / 60);
    };
    ensure!(status.success(), "{name} failed: {status}");
    Ok(())
}

/// Installs what the stages need and the machine does not have, if the user agrees. Packages are left to the
/// stages.
fn provide(stages: &[Stage], is_agreed: bool) -> Result<()> {
    let mut needs: Vec<Need> = Vec::new();
    for need in stages.iter().flat_map(|(_, needs, _)| needs.iter().copied().flatten()) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs.retain(|need| need.is_missing());
    if needs.is_empty() {
        return Ok(());
    }
    println!("Missing, and installed by these stages:\n{}", described(&needs));
    if !is_agreed {
        ensure!(io::stdin().is_terminal(), "nothing was installed: add --yes to install it");
        print!("Install it? [y/N] ");
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        ensure!(answer.trim().eq_ignore_ascii_case("y"), "nothing was installed");
    }
    programs::install(&needs)
}

/// Describes what would be installed, a line for each way to install.
fn described(needs: &[Need]) -> String {
    let (mut debian, mut components, mut folders, mut lines) = (vec![], vec![], vec![], vec![]);
    for need in needs {
        match *need {
            Need::Program(_, name) | Need::Fonts(_, name) => debian.push(name),
            Need::Component(_, name) => components.push(name),
            Need::Node => {
                lines.push("  Node 20 or later, from Debian or else from npm into target/node".to_owned());
            }
            Need::Packages(folder) => folders.push(folder),
        }
    }
    for (how, what) in [
        ("apt-get install", debian),
        ("rustup component add", components),
        ("packages from npm and PyPI, pinned by lock files, into", folders),
    ] {
        if !what.is_empty() {
            lines.push(format!("  {how} {}", what.join(" ")));
        }
    }
    lines.join("\n")
}

#[expect(clippy::disallowed_methods, reason = "only measures how long a stage takes")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program missing from `programs` would be linked alone, by the stage that runs it.
    #[test]
    fn programs_links_every_benchmark_that_a_stage_runs() {
        let programs = STAGES.iter().find(|(name, ..)| *name == "programs").unwrap().2;
        for (name, _, args) in STAGES {
            if let ["xtask", "bench" | "guard", ..] = args {
                assert!(programs.contains(&"benches"), "{name} runs it");
            }
        }
    }

    /// A stranger's command is the first that CI runs, and needs nothing.
    #[test]
    fn ci_begins_with_the_tests_that_need_nothing() {
        assert_eq!(STAGES[0].2, ["xtask", "test"]);
        assert!(STAGES[0].1.is_empty());
    }

    #[test]
    fn what_would_be_installed_is_listed_by_the_way_to_install_it() {
        let needs =
            [CLIPPY, PYTHON, Need::Fonts("ja", "a-font"), Need::Packages("web/node_modules"), Need::Node];
        assert_eq!(
            described(&needs),
            "  Node 20 or later, from Debian or else from npm into target/node\n  apt-get install python3-venv a-font\n  \
             rustup component add clippy\n  packages from npm and PyPI, pinned by lock files, into web/node_modules"
        );
    }

    #[test]
    fn a_program_that_does_not_run_is_missing() {
        assert!(Need::Program(&["livetape-no-such-program"], "none").is_missing());
        assert!(!Need::Program(&["cargo", "--version"], "none").is_missing());
        assert!(Need::Program(&["cargo", "no-such-command"], "none").is_missing());
        assert!(Need::Packages("no/such/folder").is_missing());
        assert!(!Need::Packages("xtask/src").is_missing());
    }
}
