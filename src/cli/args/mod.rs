//! The flags, as typed.

mod browser;
mod config;
#[cfg(test)]
mod documented;
mod edit;
mod files;
mod flags;
mod import;
mod lifecycle;
mod look;
mod rooms;
mod run;
mod share;
mod synth;
mod trigger;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::PathBuf,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    hub::{Gifts, Types},
    sans_io::{event::KINDS, nearest::choices},
};

pub(super) use config::{Config, ConfigCommand};
pub(super) use edit::{Cut, Mark, Merge, Repair};
pub(super) use files::{Info, Verify};
pub(super) use flags::{Flags, OfLive, OfMock, OfNone, OfRecord, OfRun, OfServe, OfTools, OfWatch, Scope};
pub(super) use import::Import;
pub(super) use lifecycle::Lifecycle;
pub(super) use look::{AsScenario, Cat, Diff, Export, Form};
pub(super) use rooms::{Live, RecordRoom, ServeIdle};
pub(super) use run::Run;
pub(super) use share::{Audit, Scrub};
pub(super) use synth::Synth;
pub(super) use trigger::Trigger;

#[derive(Debug, Parser)]
#[command(
    name = "livetape",
    version,
    about = "Records a TikTok LIVE room once and replays it for ever",
    after_help = "Examples:
  livetape replay demo                   the built-in recording on port 3000
  livetape replay show.bin --speed 4     one of yours, four times as fast
  livetape live USER --record show.bin   connect to a room, serve and record it
  livetape mock                          a TikTok to connect to, without a live room
  livetape watch                         the events of a running server
  livetape events demo | head            the events as JSON, without a server

Exit codes: 0 done, 1 failed, 2 usage, 3 finished but something was lost"
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Replay a recording at its original timing and serve it
    Replay(Replay),
    /// Connect to a live room and serve it
    Live(Live),
    /// Serve with nothing connected; REST decides
    Serve(ServeIdle),
    /// Record a live room
    Record(RecordRoom),
    /// Be a TikTok that any client can connect to: its rooms play a recording
    Mock(Mock),
    /// Test a command against a recording
    Run(Run),
    /// Show the events of a running server in this terminal
    Watch(Watch),
    /// Inject events into a running server
    Trigger(Box<Trigger>),
    /// Decode a recording without a server: one JSON event a line
    Events(Events),
    /// Make a recording of a browser's or proxy's capture
    Import(Import),
    /// Say what a recording holds
    Info(Info),
    /// Read a whole recording and say what is damaged or missing
    Verify(Verify),
    /// Seal a recording and drop what is damaged in it
    Repair(Repair),
    /// Cut a range out of a recording
    Cut(Cut),
    /// Lay recordings on one clock
    Merge(Merge),
    /// Put a marker into a recording
    Mark(Mark),
    /// Take the people out of a recording
    Scrub(Scrub),
    /// Look for people and secrets in a recording that is to be shared
    Audit(Audit),
    /// Show every record of a recording
    Cat(Cat),
    /// Compare the events of two recordings
    Diff(Diff),
    /// Write a recording in another form: har, jsonl or piratetok
    Export(Export),
    /// Write a scenario for the mock that does what happened
    AsScenario(AsScenario),
    /// Make up a recording, for tests and benchmarks
    Synth(Synth),
    /// Check or show the settings
    Config(Config),
    /// Make up a bearer token of 32 random bytes
    Token(Token),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape replay demo
  livetape replay recordings/demo.bin --speed 10 --loop
  livetape replay show.bin --start 12m --end 15m30s --idle-limit 2s
  livetape replay show.bin --speed max --exit-when-done

While it runs:
  curl -X POST localhost:3000/replay/pause
  curl -X POST localhost:3000/replay/seek -d '{\"offset\":\"1m30s\"}'")]
pub(super) struct Replay {
    /// The recording: a file, the name of one under recordings/, or `demo` [default: demo] [env: LIVETAPE_RECORDING]
    pub(super) recording: Option<PathBuf>,
    #[command(flatten)]
    pub(super) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(super) flags: Flags<OfServe>,
}

/// A number that no other process has.
pub(super) fn random() -> u64 {
    // The keys of the standard library's hash maps are random.
    RandomState::new().build_hasher().finish()
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  livetape token -o token && livetape serve --listen 0.0.0.0:3000 --token-file token")]
pub(super) struct Token {
    /// Write it to this new file, which only its owner may read [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape mock
  livetape mock --play show.bin --speed 10
  livetape mock --scenario fixtures/scenarios/rate-limited-twice.toml

While it runs:
  curl localhost:3100/__admin/log
  curl -X PUT localhost:3100/__admin/scenario --data-binary @other.toml
  curl -X POST localhost:3100/__admin/reset")]
pub(super) struct Mock {
    #[command(flatten)]
    pub(super) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(super) flags: Flags<OfMock>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape watch
  livetape watch ws://127.0.0.1:8080 --types gift,chat
  livetape watch wss://overlay.example --token-file token --ca server.pem
  livetape watch --json --since 0 | jq .data.comment")]
pub(super) struct Watch {
    /// The server [default: ws://127.0.0.1:3000/] [env: LIVETAPE_URL]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) flags: Flags<OfWatch>,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Where to begin: 0 for all of the backlog, or STREAM:SEQ to resume
    #[arg(long, value_name = "POSITION")]
    pub(super) since: Option<String>,
    /// Look on only: it is no client for --wait-clients, and --speed max does not wait for it
    #[arg(long)]
    pub(super) observe: bool,
    /// Print the JSON of every event
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Only these types, e.g. gift,chat
    #[arg(long, value_name = "TYPES", value_parser = parse_types)]
    pub(super) types: Option<Types>,
    /// Which events of a gift streak: all that TikTok sent, those that add something, or finals alone
    #[arg(long, value_name = "MODE", default_value = "raw")]
    pub(super) gifts: GiftsArg,
    /// Also what has no type: method and bytes
    #[arg(long)]
    pub(super) raw: bool,
}

impl Filter {
    pub(super) fn to_filter(&self) -> crate::hub::Filter {
        let gifts = match self.gifts {
            GiftsArg::Raw => Gifts::Raw,
            GiftsArg::Delta => Gifts::Delta,
            GiftsArg::Final => Gifts::Final,
        };
        crate::hub::Filter { types: self.types.unwrap_or_default(), gifts, raw: self.raw }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum GiftsArg {
    Raw,
    Delta,
    Final,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape events demo
  livetape events show.bin --types gift --gifts final
  livetape events show.bin --no-dedup | wc -l")]
pub(super) struct Events {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(super) recording: PathBuf,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Keep duplicates
    #[arg(long)]
    pub(super) no_dedup: bool,
    #[command(flatten)]
    pub(super) flags: Flags<OfTools>,
}

fn parse_types(text: &str) -> Result<Types, String> {
    text.parse().map_err(|name: String| format!("there is no type `{name}`; {}", choices(&name, KINDS)))
}
