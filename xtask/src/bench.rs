//! Benchmarks: each is a program in `benches/` that measures us and a floor in turns.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};

use crate::programs::install_node;

/// What to measure, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench decode
  cargo xtask bench fanout
  cargo xtask bench replay --rounds 9 --json")]
pub(crate) struct Args {
    /// What to measure
    bench: Bench,
    /// Rounds of us and the floor in turns
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// The figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Bench {
    /// Decode, dedup and JSON of all real frames, beside bare gunzip and prost
    Decode,
    /// CPU time of a delivery, beside an epoll writer and npm `ws`; latency, memory
    Fanout,
    /// The same with 100 to 10,000 subscribers
    Scale,
    /// Lateness of a replay at speed 1, beside a bare timer
    Replay,
    /// Two thousand subscribers for a minute, twenty of them stalled: who misses what, and memory
    Soak,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if matches!(args.bench, Bench::Fanout) {
        install_node(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers"))?;
    }
    let name = match args.bench {
        Bench::Decode => "decode",
        Bench::Fanout | Bench::Scale => "fanout",
        Bench::Replay => "replay",
        Bench::Soak => "soak",
    };
    let mut command = Command::new(env!("CARGO"));
    command.args(["bench", "--quiet", "--locked", "--bench", name, "--", "--rounds"]);
    command.arg(args.rounds.to_string());
    if matches!(args.bench, Bench::Scale) {
        command.arg("--scale");
    }
    if args.json {
        command.arg("--json");
    }
    let status = command.status()?;
    ensure!(status.success(), "the benchmark failed: {status}");
    Ok(())
}
