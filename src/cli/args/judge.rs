//! The arguments of `run`, `test` and `shrink`.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use livetape_cases::{combine::Seed, table::Suite};
use livetape_core::{
    error::{Code, Problem},
    offset,
    pace::Speed,
};

use super::{Flags, Lifecycle, OfRun, files::NewRecording};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  livetape run demo --speed max --exit-when-done -- npm test
  livetape run show.bin --speed max --clients 2 --until-idle 2s -- node bot.js",
    after_long_help = "The environment of COMMAND contains the addresses:
  LIVETAPE_URL        the feed, ws://127.0.0.1:PORT/
  LIVETAPE_HTTP       the REST API, http://127.0.0.1:PORT
  LIVETAPE_MOCK_URL   the mock TikTok, with --mock; also as SIGN_API_URL
  LIVETAPE_TOKEN      the first bearer token of the server, if it has any
  LIVETAPE_OFFLINE    true, if livetape contacts only loopback addresses
  NO_PROXY, no_proxy  what they were, and the names of this machine
  with --mock-proxy   HTTPS_PROXY, HTTP_PROXY, SSL_CERT_FILE,
                      REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, NODE_EXTRA_CA_CERTS,
                      DENO_CERT, NODE_USE_ENV_PROXY, NODE_OPTIONS,
                      JAVA_TOOL_OPTIONS

Without --port or --listen, the server listens on any free port. livetape
contacts only loopback addresses, unless the setting `live.offline`
(LIVETAPE_OFFLINE) is false.

Examples:
  livetape run demo --speed max --exit-when-done -- npm test
  livetape run show.bin --speed max --clients 2 --until-idle 2s -- node bot.js
  livetape run demo --mock demo -- pytest
  livetape run demo --mock-proxy -- java -jar bot.jar

Exit code: that of COMMAND; 1 if it did not connect or used neither mock nor
feed, 126 or 127 if it cannot run, 3 if it succeeded but the recording is damaged"
)]
pub(in crate::cli) struct Run {
    /// Recording to play: a file, a name under recordings/ or `demo`
    ///
    /// [default: demo]
    pub(in crate::cli) recording: Option<PathBuf>,
    /// Command to test, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
    /// Also start a mock TikTok with this scenario
    ///
    /// A file, or a name of fixtures/scenarios, such as `rate-limited-twice`. With `demo`, every user is live.
    #[arg(long, value_name = "SCENARIO")]
    pub(in crate::cli) mock: Option<PathBuf>,
    /// Send the requests of COMMAND to TikTok and to sign servers to the mock
    ///
    /// For clients whose hosts cannot be changed. COMMAND gets the variables that curl, Node.js, Python and
    /// Java read, for a proxy and for the certificate of its CA. Starts the mock `demo` without --mock.
    #[arg(long)]
    pub(in crate::cli) mock_proxy: bool,
    /// Start playing once N clients are connected [default: 1; 0 with a mock]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(in crate::cli) clients: Option<usize>,
    /// Fail if the clients are not connected within this time
    #[arg(long, value_name = "D", default_value = "2m", value_parser = offset::parse)]
    pub(in crate::cli) connect_time: Duration,
    /// Stop COMMAND after this long without traffic
    ///
    /// With SIGTERM, on Windows with Ctrl+Break. The time starts once the clients are connected and, with --mock, have sent the mock a request. Events,
    /// open private replays and client activity on the mock count as traffic.
    #[arg(long, value_name = "D", value_parser = silence)]
    pub(in crate::cli) until_idle: Option<Duration>,
    #[command(flatten)]
    pub(in crate::cli) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfRun>,
}

impl Run {
    /// Number of clients to wait for.
    pub(in crate::cli) fn clients(&self) -> usize {
        self.clients.unwrap_or(usize::from(self.mock.is_none() && !self.mock_proxy))
    }
}

fn silence(text: &str) -> Result<Duration, String> {
    match offset::parse(text)? {
        Duration::ZERO => Err("it must be longer than 0s".to_owned()),
        silence => Ok(silence),
    }
}

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "livetape test [OPTIONS] [RECORDING] -- COMMAND...\n       livetape test [OPTIONS] [RECORDING] --page FILE_OR_URL",
    after_help = "Examples:
  livetape test demo --expect \"diamonds: {diamonds}\" -- node bot.mjs
  livetape test demo --case cut --case no-final -- python bot.py
  livetape test demo --suite room -- node tiktok-bot.mjs
  livetape test demo --page overlay.html --text \"#total\" --expect \"{diamonds}\"
  livetape test --list",
    after_long_help = "Each case runs COMMAND once, beside a server of its own. It is over when the
show has ended, COMMAND has read all of it and prints nothing more; COMMAND then
gets SIGTERM, on Windows Ctrl+Break.

The environment of COMMAND contains:
  LIVETAPE_URL            the feed, ws://127.0.0.1:PORT/
  LIVETAPE_HTTP           the REST API, http://127.0.0.1:PORT
  LIVETAPE_TIKFINITY_URL  the feed in TikFinity's format, with --tikfinity
  LIVETAPE_CASE           the name of the case
  LIVETAPE_TRUTH          a file with the right numbers, as in GET /truth
  LIVETAPE_RESULT         a file to write numbers to: {\"diamonds\":114}
  LIVETAPE_OFFLINE        true: livetape contacts only loopback addresses
  PYTHONUNBUFFERED        1, so that Python prints at once
  TMPDIR                  a folder of its own; on Windows, also as TEMP and TMP
  NO_PROXY, no_proxy      what they were, and the names of this machine
With --suite room, instead of LIVETAPE_URL and LIVETAPE_HTTP:
  LIVETAPE_MOCK_URL       the mock TikTok, with the user `demo`; also as
                          SIGN_API_URL
  with --mock-proxy       the variables of `livetape run --mock-proxy`

Numbers: events, chats, gifts, streaks, diamonds, likes, likes_total, follows,
shares, joins, subscribes, viewers, gifters, empty_texts, texts,
diamonds.NAME, received.USERID, count.TYPE (count.envelope, …)
Texts: top_gifter, top_gifter_name, last_chat

Examples:
  livetape test demo --expect \"diamonds: {diamonds}\" -- node bot.mjs
  livetape test demo --case cut --case no-final -- python bot.py
  livetape test demo --random 200 --expect \"gifts: {gifts}\" -- node bot.mjs
  livetape test show.bin --junit report.xml --html report.html -- npm test
  livetape test demo --suite room -- node tiktok-bot.mjs
  livetape test demo --page overlay.html --text \"#total\" --expect \"{diamonds}\"
  livetape test --list

Exit code: 0 if all cases passed or showed a known limit of the client library,
1 if one failed (with --strict, also by such a limit), 126 or 127 if COMMAND cannot
run, 3 if the recording is damaged or a report is incomplete, 130 after Ctrl+C"
)]
pub(in crate::cli) struct Test {
    /// Recording to play: a file, a name under recordings/ or `demo`
    ///
    /// [default: demo]
    pub(in crate::cli) recording: Option<PathBuf>,
    /// Command to test, with its arguments
    #[arg(last = true, required_unless_present_any = ["list", "page", "result"], conflicts_with = "page", value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
    /// Run only this case
    ///
    /// Repeatable. laps, seek, restart and deaf, and with --suite room incidents such as 2026-09-09, run only if they
    /// are named. `names+cut@412` is both at once, the cut after 412 thousandths of the show.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) case: Vec<String>,
    /// Leave this case out
    ///
    /// Repeatable.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) skip: Vec<String>,
    /// Run N shows with several changes and breaks at once, at random places
    ///
    /// The smallest show that fails is kept in a folder beside the recording, and runs first the next time.
    #[arg(long, value_name = "N", conflicts_with_all = ["case", "skip", "list"], value_parser = shows)]
    pub(in crate::cli) random: Option<NonZeroU32>,
    /// With --random: the seed of an earlier run, for the same shows
    #[arg(long, hide_short_help = true, value_name = "SEED", requires = "random", value_parser = Seed::parse)]
    pub(in crate::cli) seed: Option<(Seed, bool)>,
    /// Fail also in cases that the client library cannot pass
    ///
    /// Otherwise, known limits of a library are reported apart, and do not change the exit code.
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) strict: bool,
    #[command(flatten)]
    pub(in crate::cli) conditions: Conditions,
    /// List the cases
    #[arg(long)]
    pub(in crate::cli) list: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Also write the result to this file, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,
    /// Also write the result to this file, as a page for an issue
    ///
    /// Each failed case has a timeline: what was sent and printed, and the first event that was counted wrong. The file
    /// needs no server.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Compare with an older result of the same shows, which --json has printed
    ///
    /// Before and after an upgrade of a library: which cases are worse or better, and which numbers, texts and fields of
    /// the output changed. It does not change the exit code.
    #[arg(long, hide_short_help = true, value_name = "OLD", conflicts_with_all = ["list", "result"])]
    pub(in crate::cli) against: Option<PathBuf>,
    /// Make the page of --html from the results of --json, and run nothing
    ///
    /// Repeatable, for a page about several programs.
    #[arg(long, hide_short_help = true, value_name = "FILE", requires = "html", conflicts_with_all = ["command", "page", "list", "json", "junit"])]
    pub(in crate::cli) result: Vec<PathBuf>,
}

/// Maximum number of shows at random.
const RANDOM_MAX: u32 = 10_000;

fn shows(text: &str) -> Result<NonZeroU32, String> {
    let count = text.parse().ok().filter(|count: &NonZeroU32| count.get() <= RANDOM_MAX);
    count.ok_or_else(|| format!("use a number from 1 to {RANDOM_MAX}"))
}

fn suite(name: &str) -> Result<Suite, String> {
    let found = [Suite::Feed, Suite::Room].into_iter().find(|suite| suite.name() == name);
    found.ok_or_else(|| "use feed or room".to_owned())
}

/// How COMMAND is run, and what is expected of it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Conditions {
    /// What COMMAND connects to: feed or room [default: feed]
    ///
    /// With room, COMMAND has a TikTok client library, and connects to the mock.
    #[arg(long, value_name = "NAME", value_parser = suite)]
    suite: Option<Suite>,
    /// Send the requests of COMMAND to TikTok to the mock; implies --suite room
    ///
    /// As in `livetape run`: for clients whose hosts cannot be changed.
    #[arg(long)]
    pub(in crate::cli) mock_proxy: bool,
    /// Text that the output must contain, such as "diamonds: {diamonds}"
    ///
    /// In the last line with the text around the placeholder, the number must be right. Repeatable.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) expect: Vec<String>,
    /// Page to test in place of COMMAND: a file or an address
    ///
    /// An installed Chromium shows it, or the browser whose path is in CHROMIUM. A query may contain {LIVETAPE_URL}.
    #[arg(long, value_name = "FILE_OR_URL")]
    pub(in crate::cli) page: Option<String>,
    /// CSS selector of the page's text that --expect is compared with
    ///
    /// Repeatable: then each line begins with its selector, `#total: 114`. Without it, the console is compared.
    #[arg(long, value_name = "SELECTOR")]
    pub(in crate::cli) text: Vec<String>,
    /// Playback speed: a factor or max [default: max; 20 for rooms]
    #[arg(long, value_name = "X")]
    pub(in crate::cli) speed: Option<Speed>,
    /// Number of clients of COMMAND to wait for
    #[arg(long, hide_short_help = true, value_name = "N", default_value = "1")]
    pub(in crate::cli) clients: NonZeroUsize,
    /// Number of commands at a time, beside those that mostly wait, such as rooms; with 1, one after another [default: the number of processors]
    ///
    /// For a command with a file of its own, 1.
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub(in crate::cli) jobs: Option<NonZeroUsize>,
    /// Show the page as OBS does
    ///
    /// A file at `http://absolute/`, and a hosted page without Chrome's check of Local Network Access.
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) obs: bool,
    /// Also serve the feed in TikFinity's format, on this port [default: any free port]
    ///
    /// For a command with TikFinity's address in its code: --tikfinity=21213. Then one case runs at a time.
    #[arg(long, hide_short_help = true, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub(in crate::cli) tikfinity: Option<u16>,
    /// Listen on this port, for a command that has it in its code [default: any free port]
    ///
    /// One case runs at a time.
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub(in crate::cli) port: Option<u16>,
    /// Listen on this address, so that a command in a container reaches it
    ///
    /// With 0.0.0.0, LIVETAPE_URL has the host `host.docker.internal`.
    #[arg(long, hide_short_help = true, value_name = "ADDRESS", value_parser = listen)]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Also accept requests for this host, by which COMMAND calls this machine
    ///
    /// Repeatable. Those of containers, such as `host.docker.internal`, are always accepted.
    #[arg(long, hide_short_help = true, value_name = "NAME")]
    pub(in crate::cli) host: Vec<String>,
    /// Also accept requests of this origin, such as chrome-extension://ID
    ///
    /// Repeatable.
    #[arg(long, hide_short_help = true, value_name = "ORIGIN")]
    pub(in crate::cli) origin: Vec<String>,
}

/// Parses an address, a port of loopback, or both. Without a port, it is 0.
fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((address, 0).into());
    }
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "use an address of this machine, such as 172.17.0.1 or 0.0.0.0:3000".to_owned())
}

impl Conditions {
    /// Whether COMMAND connects to the mock.
    pub(in crate::cli) fn is_of_rooms(&self) -> bool {
        self.mock_proxy || self.suite == Some(Suite::Room)
    }

    /// What COMMAND connects to.
    ///
    /// # Errors
    /// `bad_request` if other flags contradict it.
    pub(in crate::cli) fn suite(&self) -> Result<Suite, Problem> {
        let suite = self.suite.unwrap_or(if self.mock_proxy { Suite::Room } else { Suite::Feed });
        let wrong = match suite {
            Suite::Feed => self.mock_proxy.then_some("--mock-proxy needs --suite room"),
            Suite::Room if self.tikfinity.is_some() => Some("--tikfinity needs --suite feed"),
            Suite::Room => (self.clients.get() > 1).then_some("--clients needs --suite feed"),
        };
        wrong.map_or(Ok(suite), |wrong| {
            Err(Problem::new(Code::BadRequest, wrong).hint("leave one of them out"))
        })
    }
}

/// The page of a case.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Page {
    #[arg(long)]
    pub(in crate::cli) browser: PathBuf,
    #[arg(long)]
    pub(in crate::cli) text: Vec<String>,
    #[arg(long)]
    pub(in crate::cli) obs: bool,
    #[arg(long)]
    pub(in crate::cli) pictures: bool,
    pub(in crate::cli) page: String,
}

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "livetape shrink [OPTIONS] <RECORDING> -o FILE -- COMMAND...",
    after_help = "Examples:
  livetape shrink show.bin -o small.bin --expect \"gifts: {gifts}\" -- node bot.js
  livetape shrink show.bin -o small.bin --case no-final -- npm test

A run is judged as by `livetape test`. The same failure is the same number that
is wrong, the same text that is missing, the same exit code.

Exit code: 0 if FILE was written, 1 if COMMAND passed, or failed in different
ways, 126 or 127 if COMMAND cannot run, 130 after Ctrl+C: FILE is what was
reached"
)]
pub(in crate::cli) struct Shrink {
    /// Recording with which COMMAND fails: a file, a name under recordings/ or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Command that fails, with its arguments
    #[arg(last = true, required_unless_present = "page", conflicts_with = "page", value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
    /// The case of `livetape test` in which it fails
    #[arg(long, value_name = "NAME", default_value = "plain")]
    pub(in crate::cli) case: String,
    /// Maximum number of runs, at least 3
    #[arg(long, value_name = "N", default_value = "500", value_parser = clap::value_parser!(u32).range(3..))]
    pub(in crate::cli) runs: u32,
    #[command(flatten)]
    pub(in crate::cli) conditions: Conditions,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
}
