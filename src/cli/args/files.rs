//! The arguments of commands on recordings and captures.

use std::{path::PathBuf, time::Duration};

use clap::{
    ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use livetape_core::{offset, size};
use livetape_tools::{
    import::{self, CaptureFormat},
    share, synth,
};

use super::flags::{Flags, OfTools};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape info demo
  livetape info show.bin --json | jq .gifts
  livetape info demo --totals
  curl -s https://example.org/show.bin | livetape info -")]
pub(in crate::cli) struct Info {
    /// Recording to read: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Print what clients of a replay should have counted, as `GET /truth` does
    #[arg(long)]
    pub(in crate::cli) totals: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape verify show.bin || livetape repair show.bin
  livetape verify show.bin --json | jq .report.missing

Exit codes: 0 complete, 1 unreadable, 3 a part is missing or unreadable, or the
recording is not sealed")]
pub(in crate::cli) struct Verify {
    /// Recording to read: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape cat show.bin | less
  livetape cat show.bin --json | jq 'select(.type == \"connClose\")'
  livetape cat show.bin --fields --type Gift --at 12m30s
  livetape cat show.bin --fields --unknown | less

--fields: a line has number, name, wire type and value. Fields without a name
have ?, and what they hold is guessed.")]
pub(in crate::cli) struct Cat {
    /// Recording to print: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Print every field of each record, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Print the fields of each message, also those that the schema does not name
    #[arg(long)]
    pub(in crate::cli) fields: bool,
    /// Print only messages of this method, e.g. Gift or WebcastGiftMessage
    #[arg(long = "type", value_name = "METHOD", requires = "fields")]
    pub(in crate::cli) method: Option<String>,
    /// Print only the first frame with such messages, at this offset or later
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse, requires = "fields")]
    pub(in crate::cli) at: Option<Duration>,
    /// Print only fields that are not as in the schema
    #[arg(long, requires = "fields")]
    pub(in crate::cli) unknown: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Events match if their type and id match; the time of receipt is ignored.

Examples:
  livetape diff before.bin after.bin
  livetape diff before.bin after.bin --json | jq .change

Find what changed in TikTok's messages since a recording, or since livetape's
schema, which needs none but finds only new methods and changed types:
  livetape diff old.bin new.bin --fields --markdown
  livetape diff schema new.bin --fields

Exit codes: 0 equal, 1 different, 2 failed, 3 records are missing or unreadable")]
pub(in crate::cli) struct Diff {
    /// First recording: a file, a name under recordings/, `demo` or, with --fields, `schema`
    pub(in crate::cli) before: PathBuf,
    /// Second recording
    pub(in crate::cli) after: PathBuf,
    /// Compare methods and fields: new, gone, retyped, repeated, always empty or constant
    #[arg(long)]
    pub(in crate::cli) fields: bool,
    /// Print a report for an issue
    #[arg(long, requires = "fields", conflicts_with = "json")]
    pub(in crate::cli) markdown: bool,
    /// Print each difference as a line of JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape export har show.bin                   writes show.har
  livetape export jsonl show.bin -o - | head")]
pub(in crate::cli) struct Export {
    /// Format to write
    #[arg(value_name = "FORMAT")]
    pub(in crate::cli) form: Form,
    /// Recording to convert: a file, a name under recordings/ or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Write to this file, or - for stdout [default: RECORDING.har or .jsonl]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// As Chrome saves it, for browser tools and `livetape import`
    Har,
    /// One frame per line: {"offset_ms":350,"conn":1,"frame":"<base64>"}
    Jsonl,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "With this scenario, the mock plays the recording to any client, and repeats the
recorded failures and disconnects.

Examples:
  livetape as-scenario show.bin                  writes show.toml
  livetape mock --scenario show.toml")]
pub(in crate::cli) struct AsScenario {
    /// Recording to convert: a file or a name under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// Write to this file, or - for stdout [default: RECORDING.toml]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

/// Output file of a command that has no default name for it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NewRecording {
    /// Write the recording to this file
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Records keep their numbers and times, and gaps stay marked as missing. Without
-o, a recording that needs no repair is not copied.

Examples:
  livetape repair show.bin                 writes show.repaired.bin
  livetape repair show.bin -o good.bin

Exit code 3: repaired, but records are lost or may be lost")]
pub(in crate::cli) struct Repair {
    /// Recording to repair: a file or a name under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// Write the result to this file [default: RECORDING.repaired.bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The new recording starts at offset 0. Connections that were open at the start of
the range are open at offset 0.

Examples:
  livetape cut show.bin --from 12m --to 15m30s -o raid.bin
  livetape cut show.bin --around raid --before 20s --after 2m -o raid.bin")]
pub(in crate::cli) struct Cut {
    /// Recording to copy from: a file, a name under recordings/ or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Start of the range, e.g. 90s, 1m30s or 00:01:30 [default: 0]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) from: Option<Duration>,
    /// End of the range, exclusive [default: the end]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) to: Option<Duration>,
    /// Copy the range around the first marker with this label
    #[arg(long, value_name = "MARKER", conflicts_with_all = ["from", "to"])]
    pub(in crate::cli) around: Option<String>,
    /// Start this long before the marker
    #[arg(long, value_name = "D", default_value = "10s", value_parser = offset::parse, requires = "around")]
    pub(in crate::cli) before: Duration,
    /// End this long after the marker
    #[arg(long, value_name = "D", default_value = "10s", value_parser = offset::parse, requires = "around")]
    pub(in crate::cli) after: Duration,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Recordings are aligned by the wall time at which they start. The files of a
rotated recording become one again. Rooms stay separate: each keeps its own
connections.

Examples:
  livetape merge ann.bin bob.bin -o both.bin
  livetape merge show.000.bin show.001.bin show.002.bin -o show.bin
  livetape merge a.bin b.bin --offset 1m30s -o both.bin    b starts 1m30s later")]
pub(in crate::cli) struct Merge {
    /// Recordings to merge: files or names under recordings/
    #[arg(required = true, num_args = 2.., value_name = "RECORDING")]
    pub(in crate::cli) inputs: Vec<PathBuf>,
    /// Start a recording this long after the first, ignoring wall times
    ///
    /// Repeat the flag for each recording after the first.
    #[arg(long, value_name = "D", value_parser = offset::parse)]
    pub(in crate::cli) offset: Vec<Duration>,
    /// Write the recording to this file
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// Overwrite an existing file, and merge across gaps of more than 7 days
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape mark show.bin --at 12m30s raid
  livetape mark show.bin --at 12m30s raid -o marked.bin
  livetape cut show.bin --around raid -o raid.bin")]
pub(in crate::cli) struct Mark {
    /// Recording to mark: a file or a name under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// Label of the marker
    pub(in crate::cli) label: String,
    /// Offset of the marker, e.g. 90s, 1m30s or 00:01:30
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) at: Duration,
    /// Write the result to this file [default: RECORDING itself]
    ///
    /// Only a complete, sealed recording is changed in place.
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  livetape import show.har -o show.bin
  livetape import flows.mitm --entry 2 --user ann
  livetape import capture.jsonl && livetape replay capture.bin

Run `livetape import --help` for how to export a HAR from a browser",
    after_long_help = "To record any room that you can watch, without an API key or sign server:
  1. In Chrome or Edge, open the Network tab of the developer tools BEFORE you
     open the LIVE page: earlier frames are not captured.
  2. Open the LIVE page and leave it open for as long as you like.
  3. Click Export HAR (the arrow pointing down).
  4. livetape import show.har -o show.bin
Firefox does not save frames. A HAR contains your cookies; the recording does
not.

JSON lines:
  {\"offset_ms\":350,\"frame\":\"<base64>\"}
      frame: one binary WebSocket message; add \"conn\":2 for a second connection,
      and \"opcode\":0 to a fragment that continues the previous one
  {\"offset_ms\":350,\"method\":\"WebcastChatMessage\",\"payload\":\"<base64>\"}
      payload: one message; add \"host\" to separate several rooms
Instead of offset_ms, ts_ms can be Unix milliseconds or a date. If no line has a
time, --rate is the number of frames per second.

Examples:
  livetape import show.har -o show.bin
  livetape import flows.mitm --entry 2 --user ann
  livetape import capture.jsonl && livetape replay capture.bin"
)]
pub(in crate::cli) struct Import {
    /// Capture to convert, or - for stdin
    pub(in crate::cli) file: PathBuf,
    /// Write the recording to this file [default: FILE with .bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Set the user [default: from the capture or the file name]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    /// Set the room id [default: from the capture]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) room: Option<i64>,
    /// Set the format if it is not recognised
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(in crate::cli) format: Option<CaptureFormat>,
    /// Import only this connection of the capture [repeatable]
    #[arg(long = "entry", value_name = "N")]
    pub(in crate::cli) entries: Vec<u64>,
    /// Set the frame rate of a capture without times [per second]
    #[arg(long, value_name = "N", default_value_t = import::RATE, value_parser = parse_rate)]
    pub(in crate::cli) rate: f64,
    /// Keep the times of a clock that was set while it ran
    #[arg(long)]
    pub(in crate::cli) keep_clock: bool,
    /// Shorten silences to this, e.g. 10s
    #[arg(long, value_name = "D", value_parser = offset::parse)]
    pub(in crate::cli) idle_limit: Option<Duration>,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

fn formats() -> impl TypedValueParser<Value = CaptureFormat> {
    let value = |format: CaptureFormat| PossibleValue::new(format.row().name).help(format.row().help);
    PossibleValuesParser::new(CaptureFormat::ALL.map(value))
        .try_map(|name| CaptureFormat::named(&name).ok_or("unknown format"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=10_000.0).contains(rate));
    rate.ok_or_else(|| "not a number from 0.001 to 10000".to_owned())
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Each person gets an invented name and invented ids, which stay the same
throughout the recording. Counts, times, gifts and order are kept. What
cannot be read is dropped and counted (exit code 3).

Examples:
  livetape scrub show.bin -o share.bin && livetape audit share.bin
  livetape scrub show.bin -o share.bin --key-file people.key
      with the same key, people stay the same across recordings")]
pub(in crate::cli) struct Scrub {
    /// Recording to scrub: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    /// Use the key in this file, created if missing [default: a one-time key]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key_file: Option<PathBuf>,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape audit share.bin
  livetape audit share.bin --words names.txt
      names.txt: names, ids or phrases that must not occur, one per line
  livetape audit share.bin --json | jq .counts

Exit codes: 0 nothing found, 1 something found, 3 nothing found but a part is
unreadable")]
pub(in crate::cli) struct Audit {
    /// Recording to search: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Also search for the words in this file, one per line
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) words: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The page has the recording, scrubbed; its events as JSON; their totals; and an
overlay for alerts. It is only written if `audit` finds nothing in this copy.

Examples:
  livetape share show.bin                  writes show.html
  livetape share show.bin --from 12m --to 15m --title \"The raid\" -o raid.html
  livetape share show.bin --words names.txt

Exit codes: 0 written, 1 something found and nothing written, 3 written, but a
part of the recording is missing")]
pub(in crate::cli) struct Share {
    /// Recording to share: a file, a name under recordings/ or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Write the page to this file [default: RECORDING.html]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Set the heading, which is not scrubbed [default: the host's invented name]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(in crate::cli) title: String,
    /// Start of the range, e.g. 90s, 1m30s or 00:01:30 [default: 0]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) from: Option<Duration>,
    /// End of the range, exclusive [default: the end]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) to: Option<Duration>,
    /// Shorten silences to this when the page plays
    #[arg(long, value_name = "D", default_value = share::IDLE_LIMIT, value_parser = offset::parse)]
    pub(in crate::cli) idle_limit: Duration,
    /// Also search for the words in this file, one per line
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) words: Option<PathBuf>,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "All people are invented. The same flags produce the same bytes.

Examples:
  livetape synth -o busy.bin && livetape replay busy.bin
  livetape synth --seed 7 --profile raid --minutes 3 -o raid.bin
  livetape synth --size 10GB -o big.bin")]
pub(in crate::cli) struct Synth {
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    /// Seed for reproducible output
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(in crate::cli) seed: u64,
    /// Choose the kind of show
    ///
    /// quiet: a few viewers. busy: constant chats, gifts and likes. raid: quiet, then many viewers at once. battle: busy,
    /// with a battle against another host. everything: a battle, subscriptions, super fans, a poll, a goal and questions.
    /// guests: guests who receive gifts. In the last two, viewers have roles, badges and emotes.
    #[arg(long, value_name = "KIND", default_value = "busy", value_parser = profiles())]
    pub(in crate::cli) profile: synth::Profile,
    /// Set the length [minutes]
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "size",
          value_parser = clap::value_parser!(u64).range(1..=synth::MINUTES_MAX))]
    pub(in crate::cli) minutes: u64,
    /// Set the size instead of the length, e.g. 500KB, 20MB or 10GB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) size: Option<u64>,
}

fn profiles() -> impl TypedValueParser<Value = synth::Profile> {
    let find = |name: String| synth::Profile::ALL.into_iter().find(|profile| profile.name() == name);
    PossibleValuesParser::new(synth::Profile::ALL.map(synth::Profile::name))
        .try_map(move |name| find(name).ok_or("unknown kind"))
}

impl Synth {
    pub(in crate::cli) fn options(&self) -> synth::SynthOptions {
        synth::SynthOptions {
            seed: self.seed,
            profile: self.profile,
            length: self.size.map_or(synth::Length::Minutes(self.minutes), synth::Length::Bytes),
        }
    }
}

/// Largest size, in bytes.
const SIZE_MAX: u64 = 100_000_000_000;

fn parse_size(text: &str) -> Result<u64, String> {
    let size = size::parse(text)?;
    let size = Some(size).filter(|size| (1..=SIZE_MAX).contains(size));
    size.ok_or_else(|| "not a size from 1 byte to 100GB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_every_format() {
        let table: String = CaptureFormat::ALL
            .iter()
            .flat_map(|format| format.row().producers)
            .map(|producer| format!("| {} |\n", producer.join(" | ")))
            .collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/import.md");
        let document = std::fs::read_to_string(path).unwrap();
        assert!(document.contains(&format!("|---|---|---|\n{table}\n")), "docs/import.md needs:\n{table}");
    }
}
