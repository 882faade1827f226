//! Commands and flags, as given on the command line; the arguments of `live`, `serve` and `record`, and flags for the program
//! that starts a server.

mod files;
mod flags;
mod judge;
mod trigger;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::PathBuf,
};

use clap::{
    Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;
use livetape_core::{event::KINDS, nearest::hint};
use livetape_feed::hub::{Gifts, Since, Types};

pub(super) use files::{
    AsScenario, Audit, Cat, Cut, Diff, Export, Form, Import, Info, Mark, Merge, NewRecording, Repair, Scrub,
    Share, Synth, Verify,
};
pub(super) use flags::{
    Flags, OfCa, OfDoctor, OfLive, OfMock, OfNone, OfRecord, OfReplay, OfRun, OfServe, OfTools, OfWatch,
    Scope, grouped,
};
pub(super) use judge::{Conditions, Page, Run, Shrink, Test};
pub(super) use trigger::Trigger;

#[derive(Debug, Parser)]
#[command(
    name = "livetape",
    version,
    about = "Record a TikTok LIVE once, then test overlays, bots and games against it offline",
    after_long_help = "Examples:
  livetape replay demo                  replay the built-in recording
  livetape replay show.bin --speed 4    replay your own, four times as fast
  livetape live USER --record show.bin  connect to a room, serve and record it
  livetape mock                         run a mock TikTok, without a live room
  livetape watch                        print the events of a running server
  livetape events demo | head           print events as JSON, without a server

Exit codes: 0 done, 1 failed, 2 usage, 3 finished but something was lost,
130 forced exit: a second Ctrl+C, or the shutdown took too long"
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Replay a recording at its original timing and serve it
    Replay(Replay),
    /// Connect to a live room and serve its events
    Live(Live),
    /// Start idle and control it over REST
    Serve(ServeIdle),
    /// Record a live room to a file
    Record(RecordRoom),
    /// Run a mock TikTok server
    Mock(Mock),
    /// Print the CA certificate of the mock's proxy
    Ca(Ca),
    /// Run a command beside a server
    Run(Run),
    /// Judge a command in changed shows and broken connections
    Test(Test),
    /// Show the page of a case (`test --page` runs it)
    #[command(hide = true)]
    Page(Page),
    /// Find the smallest recording with which a command fails
    Shrink(Shrink),
    /// Print the events of a running server
    Watch(Watch),
    /// Inject events into a running server
    Trigger(Box<Trigger>),
    /// Decode a recording offline: one JSON event per line
    Events(Events),
    /// Convert a browser's or proxy's capture to a recording
    Import(Import),
    /// Show what a recording contains
    Info(Info),
    /// Check a recording for damage and missing records
    Verify(Verify),
    /// Seal a recording and remove damaged parts
    Repair(Repair),
    /// Copy a range of a recording to a new file
    Cut(Cut),
    /// Merge recordings by timestamp
    Merge(Merge),
    /// Add a marker to a recording
    Mark(Mark),
    /// Put a scrubbed recording into a page that plays it
    Share(Share),
    /// Replace the people in a recording with invented ones
    Scrub(Scrub),
    /// Search a recording for people and secrets before sharing
    Audit(Audit),
    /// Print every record of a recording
    Cat(Cat),
    /// Compare the events of two recordings
    Diff(Diff),
    /// Convert a recording to HAR or JSON lines
    Export(Export),
    /// Turn a recording into a scenario for the mock
    AsScenario(AsScenario),
    /// Generate a synthetic recording for tests
    Synth(Synth),
    /// Check or show the settings
    Config(Config),
    /// Check which ways lead into a room, or NATS for a cluster
    Doctor(Doctor),
    /// Generate a bearer token
    Token(Token),
    /// Print a shell completion script
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  livetape replay demo
  livetape replay recordings/demo.bin --speed 10 --loop
  livetape replay show.bin --start 12m --end 15m30s --idle-limit 2s
  livetape replay show.bin --speed max --exit-when-done",
    after_long_help = "Examples:
  livetape replay demo
  livetape replay recordings/demo.bin --speed 10 --loop
  livetape replay show.bin --start 12m --end 15m30s --idle-limit 2s
  livetape replay show.bin --speed max --exit-when-done

While it runs:
  curl -X POST localhost:3000/replay/pause
  curl -X POST localhost:3000/replay/seek -d '{\"offset\":\"1m30s\"}'"
)]
pub(super) struct Replay {
    /// Recording to play: a file, a name under recordings/ or `demo`
    ///
    /// [default: demo]
    pub(super) recording: Option<PathBuf>,
    /// Play a case of `livetape test`: a changed show or broken connections
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(super) case: Option<String>,
    #[command(flatten)]
    pub(super) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(super) flags: Flags<OfReplay>,
}

/// Returns a random number, different in each process.
pub(super) fn random() -> u64 {
    // The standard library's hash maps have random keys.
    RandomState::new().build_hasher().finish()
}

#[derive(Debug, clap::Args)]
#[command(after_help = "With USER: looks the user up, and connects by each way once. Exits with 0 if a
way works. Without: creates the cluster's stream if it is missing, but does not
join the cluster. Exits with 1 if a check fails.

Examples:
  livetape doctor clumsyboy_45
  livetape doctor clumsyboy_45 --way direct --way sign --json
  livetape doctor clumsyboy_45 --cdp 9222
  livetape doctor --nats nats://10.0.0.5:4222 --cluster show")]
pub(super) struct Doctor {
    /// Name or URL of a user who is live
    pub(super) user: Option<String>,
    /// Print JSON
    #[arg(long, requires = "user")]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) flags: Flags<OfDoctor>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  livetape token -o token
  livetape serve --listen 0.0.0.0:3000 --token-file token")]
pub(super) struct Token {
    /// Write the token to a new file that only its owner can read [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape mock
  livetape mock --play show.bin --speed 10
  livetape mock --scenario fixtures/scenarios/rate-limited-twice.toml
  livetape mock --proxy-listen 3128

While it runs:
  curl localhost:3100/__admin/log
  curl -X PUT localhost:3100/__admin/scenario --data-binary @other.toml
  curl -X POST localhost:3100/__admin/reset
  curl -X POST localhost:3100/__admin/clock -d '{\"advance_ms\": 30000}'")]
pub(super) struct Mock {
    #[command(flatten)]
    pub(super) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(super) flags: Flags<OfMock>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Prints the certificate as PEM on stdout, and on stderr how clients trust it.

Examples:
  livetape ca
  livetape ca 2>/dev/null > ca.pem")]
pub(super) struct Ca {
    #[command(flatten)]
    pub(super) flags: Flags<OfCa>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape watch
  livetape watch ws://127.0.0.1:8080 --types gift,chat
  livetape watch wss://overlay.example --token-file token
  SSL_CERT_FILE=server.pem livetape watch wss://127.0.0.1:3000
  livetape watch --json --since 0 | jq .data.comment")]
pub(super) struct Watch {
    /// Server to connect to: an address, or a port of this machine
    ///
    /// [default: ws://127.0.0.1:3000/] [env: LIVETAPE_URL]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) flags: Flags<OfWatch>,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Start at this position: 0 for the whole backlog, or STREAM:SEQ to resume
    #[arg(long, value_name = "POSITION")]
    pub(super) since: Option<Since>,
    /// Observe without counting as a client
    ///
    /// The server does not count an observer for --wait-clients, and --speed max does not wait for it.
    #[arg(long)]
    pub(super) observe: bool,
    /// Print each event as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Print only these types of event, e.g. gift,chat
    #[arg(long, value_name = "TYPES", value_parser = parse_types)]
    pub(super) types: Option<Types>,
    /// Choose which events of a gift streak to print
    ///
    /// raw: every event that TikTok sent. delta: those that add gifts, and the last of each streak. final: only the last.
    #[arg(long, value_name = "MODE", default_value = "raw", value_parser = gifts())]
    pub(super) gifts: Gifts,
    /// Also print messages without an event type, as method and bytes
    ///
    /// `livetape watch` prints them only with --json.
    #[arg(long)]
    pub(super) raw: bool,
}

impl Filter {
    pub(super) fn to_filter(&self) -> livetape_feed::hub::Filter {
        livetape_feed::hub::Filter {
            types: self.types.unwrap_or_default(),
            gifts: self.gifts,
            raw: self.raw,
            ..Default::default()
        }
    }
}

fn gifts() -> impl TypedValueParser<Value = Gifts> {
    PossibleValuesParser::new(Gifts::NAMES).try_map(|name| Gifts::named(&name).ok_or("unknown mode"))
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape events demo
  livetape events show.bin --types gift --gifts final
  livetape events show.bin --no-dedup | wc -l")]
pub(super) struct Events {
    /// Recording to decode: a file, a name under recordings/, `demo`, or - for stdin
    pub(super) recording: PathBuf,
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Keep duplicate messages
    #[arg(long)]
    pub(super) no_dedup: bool,
    #[command(flatten)]
    pub(super) flags: Flags<OfTools>,
}

fn parse_types(text: &str) -> Result<Types, String> {
    text.parse().map_err(|name: String| format!("unknown type `{name}`; {}", hint(&name, KINDS)))
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  eval \"$(livetape completions bash)\"         in ~/.bashrc
  livetape completions zsh > ~/.zfunc/_livetape
  livetape completions fish > ~/.config/fish/completions/livetape.fish")]
pub(in crate::cli) struct Completions {
    /// Shell to print the script for
    pub(in crate::cli) shell: Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape man | man -l -
  livetape man replay > livetape-replay.1
  livetape man config show | man -l -")]
pub(in crate::cli) struct Man {
    /// Command to print the page of [default: livetape itself]
    pub(in crate::cli) command: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape config example > livetape.toml
  livetape config check
  livetape config show")]
pub(in crate::cli) struct Config {
    #[command(subcommand)]
    pub(in crate::cli) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Check the settings and report every error
    Check {
        #[arg(
            help = "Settings file to check [default: livetape.toml]",
            long_help = "Settings file to check\n\n[default: livetape.toml, here or in the user's folder for configuration] [env: LIVETAPE_CONFIG]"
        )]
        file: Option<PathBuf>,
    },
    /// Print the settings in effect and their origins, with secrets masked
    Show(Flags<OfNone>),
    /// Print a settings file with every key and its default
    Example,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape live clumsyboy_45
  livetape live clumsyboy_45 --record show.bin
  livetape live clumsyboy_45 --wait-clients 1 --stay  clients see every failure
  livetape live ann --cdp 9222                        follow a tab of Chrome
  livetape live ann --upstream http://127.0.0.1:3100  use `livetape mock`")]
pub(in crate::cli) struct Live {
    /// User to connect to: the name in the profile's address
    ///
    /// With or without @.
    pub(in crate::cli) user: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) tab: Tab,
    #[command(flatten)]
    pub(in crate::cli) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(in crate::cli) drift: Drift,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfLive>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape serve
  livetape serve 8080
  curl -X POST localhost:3000/connect/clumsyboy_45")]
pub(in crate::cli) struct ServeIdle {
    /// Port to listen on [default: 3000]
    #[arg(value_name = "PORT")]
    pub(in crate::cli) port_first: Option<u16>,
    #[command(flatten)]
    pub(in crate::cli) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfServe>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape record clumsyboy_45
  livetape record clumsyboy_45 -o show.bin && livetape replay show.bin
  livetape record clumsyboy_45 -o show.bin --rotate 30m
  livetape record clumsyboy_45 --max-size 2GiB
  livetape record clumsyboy_45 --cdp 9222              record a tab of Chrome

No file is kept if the room was never reached. To record failures as well, use
`livetape live USER --record FILE`.")]
pub(in crate::cli) struct RecordRoom {
    /// User to connect to: the name in the profile's address
    ///
    /// With or without @.
    pub(in crate::cli) user: Option<String>,
    /// Write the recording to this file
    ///
    /// [default: <user>-<utc>.bin under --recordings] [env: LIVETAPE_RECORD]
    #[arg(short, long, value_name = "FILE", help_heading = "Recording")]
    pub(in crate::cli) output: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) tab: Tab,
    #[command(flatten)]
    pub(in crate::cli) drift: Drift,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfRecord>,
}

/// What to compare the messages of a room with.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Drift {
    /// Warn if messages differ from this recording, or from `schema`, as `diff --fields` does
    #[arg(long, value_name = "BASELINE", help_heading = "Live room", hide_short_help = true)]
    pub(in crate::cli) drift: Option<PathBuf>,
}

/// Tab of the browser instead of a room.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Tab {
    /// With --cdp: choose a tab by its number [default: by USER]
    #[arg(id = "tab", long = "tab", value_name = "N", help_heading = "Live room", hide_short_help = true)]
    pub(in crate::cli) number: Option<usize>,
}

#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct Lifecycle {
    /// Write the addresses to this file as JSON when the server is ready
    #[arg(long, value_name = "FILE", help_heading = "Server", hide_short_help = true)]
    pub(in crate::cli) ready_file: Option<PathBuf>,
    /// Exit at the end of standard input
    ///
    /// The process then ends with the program that started it.
    #[arg(long, help_heading = "Server", hide_short_help = true)]
    pub(in crate::cli) exit_with_stdin: bool,
}
