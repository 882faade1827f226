//! The chores of the project: `cargo xtask <chore>`.

mod codegen;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Make the Rust code of proto/*.proto anew (after a change to them)
    Codegen,
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Codegen => codegen::run(),
    }
}
