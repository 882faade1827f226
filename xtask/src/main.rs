//! The chores of the project: `cargo xtask <chore>`.

mod autobahn;
mod bench;
mod browser;
mod ci;
mod client;
mod codegen;
mod fixture;
mod guard;
mod lints;
mod node;
mod outside;
mod peers;
mod producers;
mod programs;
mod record;
#[cfg(feature = "fixture")]
mod recordings;
#[cfg(feature = "codegen")]
mod schema;
mod size;
#[cfg(feature = "codegen")]
mod views;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that CI runs, from fast to slow
    Ci {
        #[arg(help = format!("Only these stages: {}", ci::names()))]
        stages: Vec<String>,
    },
    /// Measure us beside a floor, in turns
    Bench(bench::Args),
    /// Count the instructions of decode, dedup and encode, and compare them with what is committed
    Guard {
        /// Write the counts down instead (after a change that is meant to move them)
        #[arg(long)]
        accept: bool,
    },
    /// Build the program for release, and fail if it is too large
    Size,
    /// Record a live room: `livetape record`, from the sources
    Record {
        /// The user, and the flags of `livetape record`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<String>,
    },
    /// Make the Rust code of proto/*.proto anew (after a change to them)
    Codegen,
    /// Make recordings/*.bin from fixtures/webcast (after a change to the importer)
    Fixture {
        /// Only compare, and fail if they differ
        #[arg(long)]
        check: bool,
    },
    /// Run other people's clients, unmodified, against `livetape mock`
    Peers {
        /// Clients to run instead of those that it installs: VERSION=PATH of an npm package, or of a Python that has it
        others: Vec<String>,
    },
    /// Capture `livetape mock` with Chromium, Playwright and mitmproxy, and import that
    Producers,
    /// Run the official test suite of the WebSocket protocol against `/ws/echo`
    Autobahn,
    /// Build web/dist from web/ (after a change to it)
    Web {
        /// Only compare, and fail if they differ
        #[arg(long)]
        check: bool,
    },
    /// Build and test packages/client and examples/ (after a change to them, or to what events look like)
    Client {
        /// Only compare what is made and committed, and fail if it differs
        #[arg(long)]
        check: bool,
    },
    /// Run clippy on the workspace, and on livetape with each feature alone
    Lints,
    /// Test the packages with a crate outside the workspace
    Outside,
    /// Try the dashboard in Chromium
    Browser {
        /// Only these checks: feed, transport, …
        checks: Vec<String>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().chore {
        Chore::Ci { stages } => ci::run(&stages),
        Chore::Bench(args) => bench::run(&args),
        Chore::Guard { accept } => guard::run(accept),
        Chore::Size => size::run(),
        Chore::Record { args } => return record::run(&args),
        Chore::Codegen => codegen::run(),
        Chore::Fixture { check } => fixture::run(check),
        Chore::Peers { others } => peers::run(&others),
        Chore::Producers => producers::run(),
        Chore::Autobahn => autobahn::run(),
        Chore::Web { check } => web::run(check),
        Chore::Client { check } => client::run(check),
        Chore::Lints => lints::run(),
        Chore::Outside => outside::run(),
        Chore::Browser { checks } => browser::run(&checks),
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
