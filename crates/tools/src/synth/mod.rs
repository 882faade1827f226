//! Synthesises a show, for trying livetape out, for the shipped recordings, and for benchmarks.
//!
//! `show` generates the actions of viewers, and `connection` the network traffic. All numbers are integers
//! and all randomness comes from one seed, so the same options produce the same bytes everywhere.

mod connection;
mod profile;
mod show;

use std::{io::Write, time::Duration};

use connection::RoomState;
use livetape_core::{
    recording::{
        Error, USER_TAG, Writer,
        records::{Header, header},
    },
    retry::SplitMix,
};
pub use profile::Profile;
use show::{Random, Show};

/// User name of the host.
pub const USER: &str = "synthetic_host";
pub const ROOM_ID: i64 = 7_300_000_000_000_000_001;
/// Maximum length of a show in minutes: a month.
pub const MINUTES_MAX: u64 = 31 * 24 * 60;

/// Time of offset 0, in Unix milliseconds: 2026-01-01.
const START_UNIX_MS: i64 = 1_767_225_600_000;
/// Length of an act in minutes. A show of a given size repeats its acts.
const ACT_MINUTES: u64 = 10;
/// Maximum offset, so that a show of any size ends: a hundred years.
const OFFSET_MS_MAX: u64 = 100 * 366 * 24 * 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthOptions {
    /// The same seed produces the same bytes.
    pub seed: u64,
    pub profile: Profile,
    pub length: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Minutes(u64),
    /// Minimum size in bytes.
    Bytes(u64),
}

/// Writes a sealed recording in constant memory.
///
/// # Errors
/// Any error of [`Writer::write`].
pub fn synth<W: Write>(output: W, options: &SynthOptions) -> Result<W, Error> {
    let mut writer = Writer::new(output, &header(options))?;
    let act_ms = match options.length {
        Length::Minutes(minutes) => minutes.clamp(1, MINUTES_MAX) * 60_000,
        Length::Bytes(_) => ACT_MINUTES * 60_000,
    };
    let mut show = Show::new(Random(SplitMix(options.seed)), options.profile, act_ms);
    let mut room = RoomState::new(act_ms);
    let mut from_ms = 0;
    loop {
        let to_ms = from_ms + options.profile.frame_every_ms();
        let is_over = to_ms >= OFFSET_MS_MAX
            || match options.length {
                Length::Minutes(_) => to_ms > act_ms,
                Length::Bytes(bytes) => writer.bytes_written() >= bytes,
            };
        let messages = if is_over { vec![show.end(from_ms)] } else { show.tick(from_ms, to_ms) };
        for item in room.send(messages, to_ms, &mut show) {
            writer.write(&item)?;
        }
        if is_over {
            for item in room.close(to_ms) {
                writer.write(&item)?;
            }
            return writer.finish();
        }
        from_ms = to_ms;
    }
}

fn header(options: &SynthOptions) -> Header {
    let length = match options.length {
        Length::Minutes(minutes) => ("minutes", minutes),
        Length::Bytes(bytes) => ("size", bytes),
    };
    Header {
        tool: "livetape".into(),
        source: "synthetic".into(),
        wall_anchor_ns: Some(START_UNIX_MS * 1_000_000),
        timing: header::Timing::Original.into(),
        privacy: header::Privacy::Synthetic.into(),
        tags: [
            ("seed".into(), options.seed.to_string()),
            ("profile".into(), options.profile.name().into()),
            (length.0.into(), length.1.to_string()),
            (USER_TAG.into(), USER.into()),
        ]
        .into(),
        ..Default::default()
    }
}

/// Converts an offset to wall time, in Unix milliseconds.
fn unix_ms(offset_ms: u64) -> i64 {
    START_UNIX_MS.saturating_add(i64::try_from(offset_ms).unwrap_or(i64::MAX))
}

fn millis(offset_ms: u64) -> Duration {
    Duration::from_millis(offset_ms)
}
