//! The arguments of `trigger`.

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use clap::{
    Arg, Command, Error,
    builder::{PossibleValue, TypedValueParser},
};
use livetape_core::{inject::KINDS, nearest, offset};

use super::{Flags, OfWatch};

/// Maximum number of repetitions.
const REPEAT_MAX: u64 = 100_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  livetape trigger gift --user ann --gift Rose --count 50 --combo
  livetape trigger chat --comment hi --repeat 10 --every 2s",
    after_long_help = "KIND is one of: chat, gift, like, join (or member), follow, share, repost,
subscribe, question, emote, envelope, battle, poll, viewers (or room_user), end,
raw. --schema prints all fields of each.

Prints the answer to each request as a line of JSON:
  {\"offsetMs\":40583,\"ids\":[…],\"seqs\":[…],\"delivered\":2}

Examples:
  livetape trigger gift --user ann --gift Rose --count 50 --combo
  livetape trigger chat --comment hi --repeat 10 --every 2s
  livetape trigger chat --moderator --badge gifter:16 --emote 0:7031 --comment hi
  livetape trigger gift --set user.teamLevel=4 --set groupId=77 --receiver ben
  livetape events demo --types chat | livetape trigger --json -
  livetape trigger battle --user ann --opponent ben --points 9 --over
  livetape trigger raw --method WebcastChatMessage --payload chat.bin
  livetape trigger viewers --count 120 --url http://127.0.0.1:8080"
)]
pub(in crate::cli) struct Trigger {
    /// Kind of event
    #[arg(value_parser = Kinds, hide_possible_values = true, required_unless_present_any = ["json", "schema"])]
    pub(in crate::cli) kind: Option<String>,
    /// Unique id of the user [default: viewer; host for battle and poll]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    /// Displayed name of the user
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(in crate::cli) nickname: Option<String>,
    /// URL of the user's picture
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(in crate::cli) avatar: Option<String>,
    /// Make the user a moderator
    #[arg(long)]
    pub(in crate::cli) moderator: bool,
    /// Make the user a subscriber
    #[arg(long)]
    pub(in crate::cli) subscriber: bool,
    /// Make the user a follower (in chat, gift and emote)
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) follower: bool,
    /// Give the user a badge, as often as needed: KIND[:LEVEL[:TEXT]]
    ///
    /// KIND is moderator, new-gifter, friends, subscriber, top-gifter, new-subscriber, gifter, fan-club, host,
    /// guardian, or TikTok's number. gifter:16, fan-club:5:Roses, top-gifter:1
    #[arg(long, value_name = "BADGE")]
    pub(in crate::cli) badge: Vec<String>,
    /// Set any field, as often as needed: FIELD=VALUE
    ///
    /// FIELD has the name that --schema prints, e.g. language or user.gifterLevel. VALUE is a text or JSON.
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(in crate::cli) set: Vec<String>,
    /// Read events from a file, or - for stdin, as JSON
    ///
    /// They have the fields that --schema prints, or are events of the feed. Flags add fields.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
    /// Print the JSON Schema of events
    #[arg(long, exclusive = true)]
    pub(in crate::cli) schema: bool,
    /// Text of a chat [default: Hello!]
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) comment: Option<String>,
    /// Name of the gift [default: Rose]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) gift: Option<String>,
    /// Guest who receives the gift
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(in crate::cli) receiver: Option<String>,
    /// Number of gifts, likes, months or viewers [default: 1]
    ///
    /// With join, follow or share: number of viewers, followers or shares after the event [default: 0].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(in crate::cli) count: Option<i64>,
    /// Total likes of the room after the likes
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true)]
    pub(in crate::cli) total: Option<i64>,
    /// Send the gift as a streak that rises to --count
    #[arg(long)]
    pub(in crate::cli) combo: bool,
    /// Price of one gift, or diamonds in an envelope [default for an envelope: 100]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(in crate::cli) diamonds: Option<i64>,
    /// Number of viewers who can open the envelope
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true)]
    pub(in crate::cli) people: Option<i64>,
    /// Text of a question or poll [default: Tea?]
    #[arg(long, value_name = "TEXT", hide_short_help = true)]
    pub(in crate::cli) question: Option<String>,
    /// Answers of a poll, separated by commas [default: yes,no]
    #[arg(long, value_name = "TEXTS", value_delimiter = ',', hide_short_help = true)]
    pub(in crate::cli) options: Option<Vec<String>>,
    /// Other host of a battle [default: opponent]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(in crate::cli) opponent: Option<String>,
    /// Points of the host in a battle
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true)]
    pub(in crate::cli) points: Option<i64>,
    /// Points of the other host
    #[arg(long, value_name = "N", allow_negative_numbers = true, hide_short_help = true)]
    pub(in crate::cli) opponent_points: Option<i64>,
    /// End the battle
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) over: bool,
    /// Emote, as often as needed: ID[=URL], in a chat [INDEX:]ID[=URL] [default of emote: 1]
    #[arg(long, value_name = "EMOTE")]
    pub(in crate::cli) emote: Vec<String>,
    /// URL of the picture of a gift or emote
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(in crate::cli) picture: Option<String>,
    /// Method of a raw message, e.g. WebcastChatMessage
    #[arg(long, value_name = "METHOD", hide_short_help = true)]
    pub(in crate::cli) method: Option<String>,
    /// File with the protobuf of a raw message
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::cli) payload: Option<PathBuf>,
    /// Wait until N clients are connected, for at most 30 s
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(in crate::cli) wait_clients: usize,
    /// Number of requests, up to 100,000
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=REPEAT_MAX))]
    pub(in crate::cli) repeat: u64,
    /// Time between requests, with --repeat
    #[arg(long, value_name = "D", default_value = "1s", value_parser = offset::parse, requires = "repeat", allow_hyphen_values = true)]
    pub(in crate::cli) every: Duration,
    /// Server: an address, or a port of this machine
    ///
    /// It may have a bearer token: ?token=TOKEN.
    ///
    /// [default: http://127.0.0.1:3000] [env: LIVETAPE_URL]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) url: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfWatch>,
}

fn kind(text: &str) -> Result<String, String> {
    if KINDS.contains(&text) { Ok(text.to_owned()) } else { Err(nearest::choices(text, &KINDS)) }
}

/// Parses kinds with [`kind`], and lists them for the completion of shells.
#[derive(Clone)]
struct Kinds;

impl TypedValueParser for Kinds {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        kind.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(KINDS.into_iter().map(PossibleValue::new)))
    }
}
