//! The arguments of `synth`.

use clap::ValueEnum;
use livetape_core::size;
use livetape_tools::synth;

use super::edit::NewRecording;

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
    #[arg(long, value_name = "KIND", default_value = "busy")]
    pub(in crate::cli) profile: Profile,
    /// Set the length [minutes]
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "size",
          value_parser = clap::value_parser!(u64).range(1..=synth::MINUTES_MAX))]
    pub(in crate::cli) minutes: u64,
    /// Set the size instead of the length, e.g. 500KB, 20MB or 10GB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(in crate::cli) size: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Profile {
    /// A few viewers
    Quiet,
    /// Constant chats, gifts and likes
    Busy,
    /// Quiet, then many viewers at once
    Raid,
    /// Busy, with a battle against another host
    Battle,
    /// A battle, subscriptions, super fans, a poll, a goal and questions
    Everything,
}

impl Synth {
    pub(in crate::cli) fn options(&self) -> synth::SynthOptions {
        synth::SynthOptions {
            seed: self.seed,
            profile: match self.profile {
                Profile::Quiet => synth::Profile::Quiet,
                Profile::Busy => synth::Profile::Busy,
                Profile::Raid => synth::Profile::Raid,
                Profile::Battle => synth::Profile::Battle,
                Profile::Everything => synth::Profile::Everything,
            },
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
