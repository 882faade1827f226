//! The flags, as typed.

mod browser;
mod files;
mod import;
mod rooms;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    hub::{Gifts, Types},
    sans_io::{
        error::{Code, Problem},
        offset,
        pace::Speed,
    },
};

pub(super) use files::{Info, Synth, Verify};
pub(super) use import::Import;
pub(super) use rooms::{Live, RecordRoom, ServeIdle};

#[derive(Debug, Parser)]
#[command(
    name = "livetape",
    version,
    about = "Records a TikTok LIVE room once and replays it for ever",
    after_help = "Examples:
  livetape replay demo                   the built-in recording on port 3000
  livetape replay show.bin --speed 4     one of yours, four times as fast
  livetape live USER --record show.bin   connect to a room, serve and record it
  livetape mock                          a TikTok to connect to, nobody live
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
    /// Show the events of a running server in this terminal
    Watch(Watch),
    /// Decode a recording without a server: one JSON event a line
    Events(Events),
    /// Make a recording of a browser's or proxy's capture
    Import(Import),
    /// Say what a recording holds
    Info(Info),
    /// Read a whole recording and say what is damaged or missing
    Verify(Verify),
    /// Make up a recording, for tests and benchmarks
    Synth(Synth),
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
    /// The recording: a file, the name of one under recordings/, or `demo`
    #[arg(env = "LIVETAPE_RECORDING")]
    pub(super) recording: String,
    #[command(flatten)]
    pub(super) serve: Serve,
    /// How fast: 0.1 to 1000 times the original, or max (as fast as the slowest subscriber takes it)
    #[arg(
        long,
        value_name = "N|max",
        default_value = "1",
        env = "LIVETAPE_SPEED",
        allow_hyphen_values = true
    )]
    pub(super) speed: Speed,
    /// Play again and again; with N, so many times in all
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "0", env = "LIVETAPE_LOOP",
          value_parser = clap::value_parser!(u32))]
    pub(super) r#loop: Option<u32>,
    /// Where to begin, e.g. 90s, 1m30s or 00:01:30
    #[arg(long, value_name = "OFFSET", default_value = "0s", env = "LIVETAPE_START", value_parser = offset::parse,
          allow_hyphen_values = true)]
    pub(super) start: Duration,
    /// Where to end
    #[arg(long, value_name = "OFFSET", env = "LIVETAPE_END", value_parser = offset::parse,
          allow_hyphen_values = true)]
    pub(super) end: Option<Duration>,
    /// Shorten silences to this, e.g. 2s
    #[arg(long, value_name = "D", env = "LIVETAPE_IDLE_LIMIT", value_parser = offset::parse,
          allow_hyphen_values = true)]
    pub(super) idle_limit: Option<Duration>,
    /// Hold the first frame until N subscribers are there [default: 0; 1 with --speed max]
    #[arg(long, value_name = "N", env = "LIVETAPE_WAIT_CLIENTS")]
    pub(super) wait_clients: Option<usize>,
    /// At the end close the sockets (1000) and exit
    #[arg(long, env = "LIVETAPE_EXIT_WHEN_DONE")]
    pub(super) exit_when_done: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Where to listen: a port on loopback, or an address and a port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000", env = "LIVETAPE_LISTEN")]
    pub(super) listen: String,
    /// The port, instead of that of --listen; 0 takes any that is free
    #[arg(long, value_name = "N", env = "LIVETAPE_PORT")]
    pub(super) port: Option<u16>,
    /// Show no events in the terminal
    #[arg(long, short, env = "LIVETAPE_QUIET")]
    pub(super) quiet: bool,
    /// Leave nothing to chance: the same number, the same stream name and waiting times
    #[arg(long, value_name = "N", env = "LIVETAPE_SEED")]
    pub(super) seed: Option<u64>,
}

impl Serve {
    /// Where to listen.
    pub(super) fn address(&self) -> Result<SocketAddr, Problem> {
        let listen = self.listen.as_str();
        let port = listen.parse().ok().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let named =
            || listen.replacen("localhost:", "127.0.0.1:", usize::from(listen.starts_with("localhost:")));
        let Some(mut address) = port.or_else(|| named().parse().ok()) else {
            let problem = Problem::new(Code::BadRequest, format!("`{listen}` is no address to listen on"));
            return Err(
                problem.hint("give a port, or an address and a port, e.g. 127.0.0.1:3000 or [::1]:3000")
            );
        };
        if !address.ip().is_loopback() {
            // Whoever reaches the port may steer and stop the server.
            let message =
                format!("{} is not a loopback address: anybody could stop this server", address.ip());
            return Err(Problem::new(Code::BadRequest, message)
                .hint("listen on 127.0.0.1, and use a tunnel or a proxy"));
        }
        if let Some(port) = self.port {
            address.set_port(port);
        }
        Ok(address)
    }
}

/// A number that no other process has.
pub(super) fn random() -> u64 {
    // The keys of the standard library's hash maps are random.
    RandomState::new().build_hasher().finish()
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
    /// The recording that every room plays: a file, or `demo` [default: that of the scenario, or demo]
    #[arg(long, value_name = "FILE", env = "LIVETAPE_PLAY")]
    pub(super) play: Option<PathBuf>,
    /// Who exists and what goes wrong: a file in TOML
    #[arg(long, value_name = "FILE", env = "LIVETAPE_SCENARIO")]
    pub(super) scenario: Option<PathBuf>,
    /// The port on loopback; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 3100, env = "LIVETAPE_PORT")]
    pub(super) port: u16,
    /// How fast rooms play, whatever the scenario says: 0.1 to 1000 times the original, or max
    #[arg(long, value_name = "N|max", env = "LIVETAPE_SPEED", allow_hyphen_values = true)]
    pub(super) speed: Option<Speed>,
    /// The same seed gives the same bytes [default: that of the scenario, or 0]
    #[arg(long, value_name = "N", env = "LIVETAPE_SEED")]
    pub(super) seed: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape watch
  livetape watch ws://127.0.0.1:8080 --types gift,chat
  livetape watch --json --since 0 | jq .data.comment")]
pub(super) struct Watch {
    /// The server
    #[arg(default_value = "ws://127.0.0.1:3000/", env = "LIVETAPE_URL")]
    pub(super) url: String,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Where to begin: 0 for all of the backlog, or STREAM:SEQ to resume
    #[arg(long, value_name = "POSITION")]
    pub(super) since: Option<String>,
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
    pub(super) recording: String,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Keep duplicates
    #[arg(long)]
    pub(super) no_dedup: bool,
}

fn parse_types(text: &str) -> Result<Types, String> {
    text.parse().map_err(|unknown| format!("there is no type `{unknown}`"))
}
