//! The arguments of `test`.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use crate::sans_io::pace::Speed;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "livetape test [OPTIONS] [RECORDING] -- COMMAND...",
    after_help = "Examples:
  livetape test demo --expect 'diamonds: {diamonds}' -- node bot.mjs
  livetape test demo --case cut --case no-final -- python bot.py
  livetape test --list",
    after_long_help = "Each case runs COMMAND once, beside a server of its own. It is over when the
show has ended, COMMAND has read all of it and prints nothing more; COMMAND then
gets SIGTERM.

The environment of COMMAND contains:
  LIVETAPE_URL            the feed, ws://127.0.0.1:PORT/
  LIVETAPE_HTTP           the REST API, http://127.0.0.1:PORT
  LIVETAPE_TIKFINITY_URL  the feed in TikFinity's format, with --tikfinity
  LIVETAPE_CASE           the name of the case
  LIVETAPE_TRUTH          a file with the right numbers, as in GET /truth
  LIVETAPE_RESULT         a file to write numbers to: {\"diamonds\":114}
  LIVETAPE_OFFLINE        true: livetape contacts only loopback addresses
  PYTHONUNBUFFERED        1, so that Python prints at once
  TMPDIR                  a folder of its own

Numbers: events, chats, gifts, streaks, diamonds, likes, follows, shares, joins,
subscribes, viewers, gifters, top_gifter, diamonds.NAME

Examples:
  livetape test demo --expect 'diamonds: {diamonds}' -- node bot.mjs
  livetape test demo --case cut --case no-final -- python bot.py
  livetape test show.bin --junit report.xml -- npm test
  livetape test --list

Exit code: 0 if all cases passed, 1 if one failed, 126 or 127 if COMMAND cannot
run, 3 if the recording is damaged or a report is incomplete, 130 after Ctrl+C"
)]
pub(in crate::cli) struct Test {
    /// Recording to play: a file, a name under recordings/ or `demo`
    ///
    /// [default: demo]
    pub(in crate::cli) recording: Option<PathBuf>,
    /// Command to test, with its arguments
    #[arg(last = true, required_unless_present = "list", value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
    /// Text that the output must contain, such as 'diamonds: {diamonds}'
    ///
    /// In the last line with the text around the placeholder, the number must be right. Repeatable.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) expect: Vec<String>,
    /// Run only this case
    ///
    /// Repeatable.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) case: Vec<String>,
    /// Leave this case out
    ///
    /// Repeatable.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) skip: Vec<String>,
    /// Playback speed: a factor or max
    #[arg(long, value_name = "X", default_value = "max")]
    pub(in crate::cli) speed: Speed,
    /// Number of clients of COMMAND to wait for
    #[arg(long, value_name = "N", default_value = "1")]
    pub(in crate::cli) clients: NonZeroUsize,
    /// Number of cases at a time [default: the number of processors]
    ///
    /// For a command with a port or file of its own, 1.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) jobs: Option<NonZeroUsize>,
    /// Also serve the feed in TikFinity's format
    #[arg(long)]
    pub(in crate::cli) tikfinity: bool,
    /// List the cases
    #[arg(long)]
    pub(in crate::cli) list: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Also write the result to this file, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,
}
