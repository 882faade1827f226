//! Development chores: `cargo xtask <chore>`.

mod bench;
mod codegen;
mod package;
mod programs;
#[cfg(feature = "codegen")]
mod schema;
mod soak;
mod verdict;
mod version;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::programs::{output, root, status, without_package};

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
    /// Run what CI runs, or only some stages of it; `.ci/setup` installs what they use
    Ci { stages: Vec<String> },
    /// Run what takes too long for every change; `.ci/setup night` installs what it uses
    Nightly { stages: Vec<String> },
    /// Build the documents as a book that can be searched, into target/book/html, and check its links; `.ci/setup night`
    /// installs mdBook
    Book,
    /// Benchmark livetape against a baseline, in alternating rounds
    Bench(bench::Args),
    /// Generate what is generated and committed: `proto` (the default), `recordings`, `web`, `picture`, `peers`, `fields`, `bots`
    Codegen {
        #[arg(default_value = "proto")]
        what: Vec<String>,
    },
    /// Record a live room with `livetape record`, built from source
    Record {
        /// User and flags, as for `livetape record`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        args: Vec<String>,
    },
    /// Build the packages for users into target/packages
    Package {
        /// Also install each into an empty environment and use it
        #[arg(long)]
        check: bool,
        /// Let `livetape` on npm depend on the packages with the program (only once we own their names)
        #[arg(long)]
        published: bool,
    },
    /// Change the version of everything that is released, also in documents
    Version { new: String },
    /// Run readers, rooms, uploads, seeks and a live room that drops, and fail if memory, descriptors or
    /// threads keep growing
    Soak(soak::Args),
    /// Check `livetape test` with correct bots and with bots in which a bug is planted
    Verdict {
        /// Run each bug in every case, and the correct bots 20 times beside busy loops
        #[arg(long)]
        all: bool,
        /// Write what new bugs fail, and what all fail of new cases: `cargo xtask codegen bots`
        #[arg(long, conflicts_with = "all")]
        write: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().chore {
        Chore::Test => stages("ci", &["build", "test"].map(str::to_owned)),
        Chore::Ci { stages: only } => stages("ci", &only),
        Chore::Nightly { stages: only } => stages("nightly", &only),
        Chore::Book => stages("nightly", &["book".to_owned()]),
        Chore::Bench(args) => bench::run(&args),
        Chore::Codegen { what } => what.iter().try_for_each(|what| match &**what {
            "proto" => codegen::run(),
            _ => stages("codegen", std::slice::from_ref(what)),
        }),
        Chore::Record { args } => return programs::record(&args),
        Chore::Package { check, published } => package::run(check, published),
        Chore::Version { new } => version::run(&new),
        Chore::Soak(args) => soak::run(&args),
        Chore::Verdict { write: true, .. } => verdict::write(),
        Chore::Verdict { all, .. } => verdict::run(all),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Runs stages of a list in `.ci/run`, or all.
fn stages(list: &str, only: &[String]) -> anyhow::Result<()> {
    status(without_package(Command::new(bash()?).arg(".ci/run").arg(list).args(only).current_dir(root())))
}

/// Returns bash: on Windows that of Git, because the system first finds that of its Linux.
fn bash() -> anyhow::Result<PathBuf> {
    if !cfg!(windows) {
        return Ok("bash".into());
    }
    // In C:/Program Files/Git/mingw64/libexec/git-core.
    let programs = PathBuf::from(output(Command::new("git").arg("--exec-path"))?.trim());
    let git = programs.ancestors().nth(3).context("git has no folder")?;
    Ok(git.join("bin").join("bash.exe"))
}
