//! Runs the benchmarks in `benches/`. Most alternate between livetape and a baseline, the floor.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::programs::{Built, benches, root, status};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench decode
  cargo xtask bench fanout
  cargo xtask bench fanout --memory
  cargo xtask bench node
  cargo xtask bench replay --memory
  cargo xtask bench replay --rounds 9 --json
  cargo xtask bench scale --svg docs/bench/scale.svg")]
pub(crate) struct Args {
    /// Benchmark to run
    bench: Bench,
    /// Alternating rounds of livetape and the floor
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// decode, fanout: leave out the comparison with an npm package, which `.ci/setup night` installs
    #[arg(long)]
    no_peer: bool,
    /// replay: measure memory while playing two recordings of 24 hours and one of 1 GB at full speed; fanout:
    /// for 1,000 connections, idle and busy
    #[arg(long)]
    memory: bool,
    /// replay --memory: measure only the recordings of 24 hours
    #[arg(long, requires = "memory")]
    days: bool,
    /// replay --memory: use this recording instead of generating 1 GB
    #[arg(long, value_name = "FILE", requires = "memory")]
    large: Option<PathBuf>,
    /// scale: write charts to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Bench {
    /// What a cluster of several processes costs, on a real NATS server: latency, CPU time and bytes per
    /// piece, room messages to clients of another node, time until another takes over, what planned restarts miss
    Cluster,
    /// Decode, dedup and JSON of all real frames, compared with bare gunzip and prost
    Decode,
    /// CPU time per delivery, compared with an epoll writer and npm `ws`; latency, memory
    Fanout,
    /// Fanout with 100 to 10,000 subscribers, 10 to 1,000 events per second, 1 to 100 rooms
    Scale,
    /// Lateness of a replay at speed 1, compared with a bare timer; the time to play an hour at speed max,
    /// once without clients and once over a WebSocket, compared with decoding alone
    Replay,
    /// Writing, reading and seeking, compared with bare loops
    Recording,
    /// Time from exec to the listening socket and to the first event, compared with a bare axum server; size
    /// of the program
    Start,
    /// Echo and broadcast by handlers of `@livetape/node`, compared with npm `ws`
    Node,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let name = match args.bench {
        Bench::Cluster => "cluster",
        Bench::Decode => "decode",
        Bench::Fanout | Bench::Scale => "fanout",
        Bench::Replay => "replay",
        Bench::Recording => "recording",
        Bench::Start => "start",
        Bench::Node => return handlers(args),
    };
    let mut bench = Command::new(benches()?);
    bench.current_dir(root().join("benches"));
    bench.arg(name).args(["--rounds", &args.rounds.to_string()]);
    let flags = [
        ("--scale", matches!(args.bench, Bench::Scale)),
        ("--json", args.json),
        ("--no-peer", args.no_peer),
        ("--memory", args.memory),
        ("--days", args.days),
    ];
    bench.args(flags.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag));
    for (flag, file) in [("--large", &args.large), ("--svg", &args.svg)] {
        if let Some(file) = file {
            bench.arg(flag).arg(std::path::absolute(file)?);
        }
    }
    status(&mut bench)
}

/// Builds the addon for release, and runs the benchmark of its handlers.
fn handlers(args: &Args) -> Result<()> {
    let Built { addon, .. } = Built::for_release()?;
    let build = root().join("packages/node/scripts/build.mjs");
    status(Command::new("node").arg(build).arg("--addon").arg(addon))?;
    let mut bench = Command::new("node");
    bench.arg(root().join("benches/node/run.mjs")).args(["--rounds", &args.rounds.to_string()]);
    bench.args(args.json.then_some("--json"));
    status(&mut bench)
}
