//! Development chores: `cargo xtask <chore>`.

mod addon;
mod autobahn;
mod bench;
mod browser;
mod ci;
mod client;
mod cluster;
mod codegen;
mod compilers;
mod fixture;
mod group;
mod guard;
mod lints;
mod node;
mod node_version;
mod outside;
mod package;
mod peers;
mod producers;
mod programs;
mod python;
mod record;
#[cfg(feature = "fixture")]
mod recordings;
#[cfg(feature = "codegen")]
mod schema;
mod screenshot;
mod seeds;
mod size;
mod soak;
mod times;
mod verdict;
#[cfg(feature = "codegen")]
mod views;
mod web;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development chores")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run the tests that need only a Rust toolchain: they install nothing and take a few minutes
    Test,
    /// Run everything that CI runs, beginning with `test`
    Ci {
        /// Install what is missing, without asking
        #[arg(long)]
        yes: bool,
        #[arg(help = format!("Run only these stages: {}", ci::names()))]
        stages: Vec<String>,
    },
    /// Benchmark livetape against a baseline, in alternating rounds
    Bench(bench::Args),
    /// Count the instructions of decode, dedup and encode, and compare them with the committed counts
    Guard {
        /// Save the counts instead (after a change that moves them on purpose)
        #[arg(long)]
        accept: bool,
    },
    /// Run readers, rooms, uploads, seeks and a live room that drops, and fail if memory, descriptors or
    /// threads keep growing
    Soak(soak::Args),
    /// Build livetape for release and fail if it is too large
    Size,
    /// Record a live room with `livetape record`, built from source
    Record {
        /// User and flags, as for `livetape record`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<String>,
    },
    /// Simulate the recorder and the tools on a failing disk, and subscribers of the hub, with fresh seeds
    Simulate {
        /// Repeat this seed
        #[arg(long)]
        seed: Option<u64>,
        /// Time for fresh seeds
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Fuzz what parses bytes from outside: the committed corpora, then mutations of them
    Fuzz {
        #[arg(help = format!("Fuzz only one of {}", seeds::names()))]
        target: Option<String>,
        /// Repeat this seed
        #[arg(long)]
        seed: Option<u64>,
        /// Time for each target, in minutes, such as 0.25
        #[arg(long, default_value_t = 1.0)]
        minutes: f64,
    },
    /// Regenerate the Rust code of proto/*.proto (after a change to them)
    Codegen,
    /// Regenerate recordings/*.bin (after a change to fixtures/webcast, the format, import, scrub or synth)
    Fixture {
        /// Compare without writing, and fail on any difference
        #[arg(long)]
        check: bool,
    },
    /// Run the checks that take too long for every change
    Nightly {
        /// Install what is missing, without asking
        #[arg(long)]
        yes: bool,
    },
    /// Run unmodified third-party clients against `livetape mock`
    Peers(peers::Args),
    /// Capture `livetape mock` with Chromium, Playwright and mitmproxy, and import the captures
    Producers,
    /// Run the official test suite of the WebSocket protocol against `/ws/echo`
    Autobahn,
    /// Test processes that share one feed over NATS
    Cluster(cluster::Args),
    /// Check web/ and build web/dist (after a change to web/)
    Web {
        /// Compare without writing, and fail on any difference
        #[arg(long)]
        check: bool,
    },
    /// Build and test packages/client, packages/testing and examples/ (after a change to them or to the
    /// events)
    Client {
        /// Compare without writing, and fail on any difference
        #[arg(long)]
        check: bool,
    },
    /// Check and test packages/python (after a change to it)
    Python {
        /// Report what would be formatted or fixed, and fail on any difference
        #[arg(long)]
        check: bool,
    },
    /// Build and test packages/node (after a change to it, to the lobby, or to handlers)
    Addon,
    /// Run clippy on the workspace, and on the libraries without features
    Lints {
        /// On each crate and on livetape with each feature alone instead
        #[arg(long)]
        alone: bool,
    },
    /// Test the packages with a crate outside the workspace
    Outside,
    /// Build the packages for users into target/packages
    Package {
        /// Also install each into an empty environment and use it
        #[arg(long)]
        check: bool,
        /// Let `livetape` on npm depend on the packages with the program (only once we own their names)
        #[arg(long)]
        published: bool,
    },
    /// Check `livetape test` with correct bots and with bots in which a bug is planted
    Verdict {
        /// Run each bug in every case, and the correct bots 20 times beside busy loops
        #[arg(long)]
        all: bool,
    },
    /// Test the dashboard in Chromium
    Browser {
        /// Run only these checks: feed, transport, …
        checks: Vec<String>,
    },
    /// Judge frames and CPU times of pages under load; leave the machine idle meanwhile
    Times,
    /// Take the screenshot of the dashboard for README.md (after a change to `web/dist`)
    Screenshot,
}

fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().chore {
        Chore::Test => ci::test(),
        Chore::Ci { yes, stages } => ci::run(&stages, yes),
        Chore::Nightly { yes } => ci::run_nightly(yes),
        Chore::Bench(args) => bench::run(&args),
        Chore::Guard { accept } => guard::run(accept),
        Chore::Size => size::run(),
        Chore::Soak(args) => soak::run(&args),
        Chore::Record { args } => return record::run(&args),
        Chore::Simulate { seed, seconds } => seeds::simulate(seed, Duration::from_secs(seconds)),
        Chore::Fuzz { target, seed, minutes } => {
            seeds::fuzz(target.as_deref(), seed, Duration::try_from_secs_f64(minutes * 60.0)?)
        }
        Chore::Codegen => codegen::run(),
        Chore::Fixture { check } => fixture::run(check),
        Chore::Peers(args) => peers::run(&args),
        Chore::Producers => producers::run(),
        Chore::Autobahn => autobahn::run(),
        Chore::Cluster(args) => cluster::run(&args),
        Chore::Web { check } => web::run(check),
        Chore::Client { check } => client::run(check),
        Chore::Python { check } => python::run(check),
        Chore::Addon => addon::run(),
        Chore::Lints { alone: false } => lints::run(),
        Chore::Lints { alone: true } => lints::run_alone(),
        Chore::Outside => outside::run(),
        Chore::Package { check, published } => package::run(check, published),
        Chore::Verdict { all } => verdict::run(all),
        Chore::Browser { checks } => browser::run(&checks),
        Chore::Times => times::run(),
        Chore::Screenshot => screenshot::run(),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_help_of_ci_names_every_stage() {
        let mut args = Args::command();
        let help = args.find_subcommand_mut("ci").unwrap().render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&ci::names()) && help.contains("days"), "{help}");
    }
}
