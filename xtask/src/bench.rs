//! Benchmarks: each is a program in `benches/` that measures us and a floor in turns.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{node::Node, programs::cargo};

/// What to measure, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench decode
  cargo xtask bench fanout
  cargo xtask bench fanout --memory
  cargo xtask bench replay --memory --svg docs/bench/replay-memory.svg
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
    /// decode, fanout: beside the floor alone
    #[arg(long)]
    no_peer: bool,
    /// replay: memory, of two days and of 1 GB as fast as possible; fanout: of 1,000 connections, idle and busy
    #[arg(long)]
    memory: bool,
    /// replay --memory: the days alone
    #[arg(long, requires = "memory")]
    days: bool,
    /// replay --memory: a recording that is there, instead of 1 GB that is made
    #[arg(long, value_name = "FILE", requires = "memory")]
    large: Option<PathBuf>,
    /// replay --memory, scale: where to draw it
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Bench {
    /// Decode, dedup and JSON of all real frames, beside bare gunzip and prost
    Decode,
    /// CPU time of a delivery, beside an epoll writer and npm `ws`; latency, memory
    Fanout,
    /// The same with 100 to 10,000 subscribers, 10 to 1,000 events a second, 1 to 100 rooms
    Scale,
    /// Lateness of a replay at speed 1, beside a bare timer; an hour at speed max, beside its decoding and over a socket
    Replay,
    /// Writing, reading and seeking, beside bare loops
    Recording,
    /// From exec to the listening socket and to the first event, beside a bare axum server; the size of the program
    Start,
    /// Two thousand subscribers for a minute, twenty of them stalled: who misses what, and memory
    Soak,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = match args.bench {
        Bench::Fanout if !args.memory => Some(("benches/peers", "node_modules/ws")),
        Bench::Decode => Some(("tests/peers", "node_modules/connector-203")),
        _ => None,
    };
    let node = folder.filter(|_| !args.no_peer).map(|(folder, package)| {
        let folder = root.join(folder);
        if folder.join(package).is_dir() { Node::find() } else { Node::with_packages(&folder) }
    });
    let node = node.transpose()?;
    let name = match args.bench {
        Bench::Decode => "decode",
        Bench::Fanout | Bench::Scale => "fanout",
        Bench::Replay => "replay",
        Bench::Recording => "recording",
        Bench::Start => "start",
        Bench::Soak => "soak",
    };
    let mut command = cargo();
    if let Some(node) = node {
        node.lead(&mut command)?;
    }
    command.args(["bench", "--quiet", "--locked", "--bench", name, "--", "--rounds"]);
    command.arg(args.rounds.to_string());
    if matches!(args.bench, Bench::Scale) {
        command.arg("--scale");
    }
    let flags = [
        ("--json", args.json),
        ("--no-peer", args.no_peer),
        ("--memory", args.memory),
        ("--days", args.days),
    ];
    for (flag, given) in flags {
        if given {
            command.arg(flag);
        }
    }
    for (flag, file) in [("--large", &args.large), ("--svg", &args.svg)] {
        if let Some(file) = file {
            // The benchmark runs in the folder of its package.
            command.arg(flag).arg(std::path::absolute(file)?);
        }
    }
    let status = command.status()?;
    ensure!(status.success(), "the benchmark failed: {status}");
    Ok(())
}
