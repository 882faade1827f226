//! Synthesises a show, for trying livetape out, for the shipped recordings, and for benchmarks.
//!
//! `show` generates the actions of viewers; here are the kinds of shows, their activity over time, and the network traffic:
//! connections, batches, acks and heartbeats. All numbers are integers and all randomness comes from one seed, so the same
//! options produce the same bytes everywhere.

mod show;

use std::{io::Write, time::Duration};

use livetape_core::{
    error::{Code, close},
    recording::{
        Error, Flags, Frame, Item, Opcode, USER_TAG, What, Writer,
        records::{ConnClose, ConnOpen, Header, Status, conn_close::Who, header},
    },
    retry::SplitMix,
    wire::{Batch, BatchInfo, Message, Push, client, write_batch, write_push, zip},
};

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

/// Kind of show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A handful of people.
    Quiet,
    /// Constant chats, gifts and likes.
    #[default]
    Busy,
    /// Quiet until many viewers arrive at once.
    Raid,
    /// Busy, with a battle against another host.
    Battle,
    /// A small show with a battle and every rare event: subscriptions, super fans, a poll, a goal, questions, treasure boxes.
    Everything,
    /// A room of 2026: guests who receive gifts, and viewers with roles, badges and emotes.
    Guests,
}

/// Normal rates of activity, per minute.
struct Rates {
    chats: u64,
    like_bursts: u64,
    gifts: u64,
    joins: u64,
    follows: u64,
    shares: u64,
}

/// A curve over an act: values at permilles, interpolated linearly.
type Curve = &'static [(u64, u64)];

impl Profile {
    pub const ALL: [Self; 6] =
        [Self::Quiet, Self::Busy, Self::Raid, Self::Battle, Self::Everything, Self::Guests];

    /// Returns the name in headers and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
            Self::Raid => "raid",
            Self::Battle => "battle",
            Self::Everything => "everything",
            Self::Guests => "guests",
        }
    }

    /// Returns the time between batches.
    fn frame_every_ms(self) -> u64 {
        match self {
            Self::Quiet => 500,
            Self::Busy | Self::Battle => 100,
            Self::Raid | Self::Everything | Self::Guests => 200,
        }
    }

    fn rates(self) -> Rates {
        match self {
            Self::Quiet => Rates { chats: 8, like_bursts: 3, gifts: 1, joins: 7, follows: 1, shares: 1 },
            Self::Busy => {
                Rates { chats: 240, like_bursts: 60, gifts: 40, joins: 180, follows: 12, shares: 6 }
            }
            Self::Raid => Rates { chats: 10, like_bursts: 4, gifts: 1, joins: 8, follows: 1, shares: 1 },
            Self::Battle => Rates { chats: 60, like_bursts: 25, gifts: 30, joins: 40, follows: 4, shares: 3 },
            Self::Everything | Self::Guests => {
                Rates { chats: 30, like_bursts: 8, gifts: 14, joins: 16, follows: 4, shares: 3 }
            }
        }
    }

    fn people(self) -> u64 {
        match self {
            Self::Quiet => 60,
            Self::Busy => 4_000,
            Self::Raid => 1_500,
            Self::Battle => 1_200,
            Self::Everything => 300,
            Self::Guests => 120,
        }
    }

    /// Returns the activity relative to the normal rates, in permille, at this permille of the act.
    fn intensity(self, at: u64) -> u64 {
        const EVEN: Curve = &[(0, 800), (300, 1100), (700, 1000), (1000, 800)];
        const RAID: Curve =
            &[(0, 900), (399, 900), (405, 18_000), (450, 12_000), (600, 4_000), (1000, 1_500)];
        const BATTLE: Curve =
            &[(0, 700), (249, 700), (250, 1_200), (580, 1_500), (600, 2_500), (620, 900), (1000, 600)];
        interpolate(
            match self {
                Self::Quiet | Self::Busy | Self::Guests => EVEN,
                Self::Raid => RAID,
                Self::Battle | Self::Everything => BATTLE,
            },
            at,
        )
    }

    /// Returns the number of current viewers, at this permille of the act.
    fn viewers(self, at: u64) -> u64 {
        const EVEN: Curve = &[(0, 250), (100, 600), (300, 900), (600, 1000), (900, 750), (1000, 500)];
        const RAID: Curve = &[(0, 30), (399, 45), (410, 900), (500, 1000), (700, 600), (1000, 350)];
        let curve = if self == Self::Raid { RAID } else { EVEN };
        self.people() * 6 / 10 * interpolate(curve, at) / 1000
    }

    /// Returns the start and end of the battle, in permille of the act.
    fn battle(self) -> Option<(u64, u64)> {
        matches!(self, Self::Battle | Self::Everything).then_some((250, 600))
    }

    /// Whether viewers have roles, badges and emotes, and there are rare events.
    fn is_rich(self) -> bool {
        matches!(self, Self::Everything | Self::Guests)
    }
}

fn interpolate(curve: Curve, at: u64) -> u64 {
    let behind = curve.iter().position(|(x, _)| *x > at).unwrap_or(curve.len());
    let (Some(&(x0, y0)), to) = (curve.get(behind.saturating_sub(1)), curve.get(behind)) else { return 0 };
    let Some(&(x1, y1)) = to else { return y0 };
    let share = |y: u64, weight: u64| y * weight / (x1 - x0).max(1);
    share(y0, x1 - at) + share(y1, at.saturating_sub(x0))
}

const HEARTBEAT_EVERY_MS: u64 = 10_000;
/// Network latency, in milliseconds.
const DELAY_MS: u64 = 40;
/// Position at which the connection is lost once per act, in permille of the act.
const BREAKS_AT: u64 = 730;
/// Time until it is reconnected, in milliseconds.
const BACK_AFTER_MS: u64 = 2_500;

/// The connection to a room.
#[derive(Default)]
struct RoomState {
    act_ms: u64,
    conn: u32,
    is_open: bool,
    /// Time of the next connection loss.
    breaks_ms: u64,
    heartbeat_ms: u64,
    seq_id: u64,
    last_ms: u64,
    items: Vec<Item>,
}

impl RoomState {
    fn new(act_ms: u64) -> Self {
        Self { act_ms, breaks_ms: act_ms * BREAKS_AT / 1000, ..Self::default() }
    }

    /// Sends the messages up to `now_ms`. Messages during a connection loss are missed, except for the chats
    /// that are still in the history after reconnecting.
    fn send(&mut self, mut messages: Vec<Message>, now_ms: u64, show: &mut Show) -> Vec<Item> {
        if self.is_open && now_ms >= self.breaks_ms {
            self.breaks();
        }
        let is_back = !self.is_open && (self.conn == 0 || now_ms >= self.breaks_ms + BACK_AFTER_MS);
        if is_back {
            self.open(now_ms);
            // Includes the missed messages among the last chats, as history.
            messages = show.history().collect();
        }
        if self.is_open {
            self.heartbeat(now_ms);
            if !messages.is_empty() || is_back {
                let at_ms = now_ms + show.random.below(DELAY_MS);
                self.batch(messages, at_ms, is_back, show.random.next());
            }
        }
        std::mem::take(&mut self.items)
    }

    /// Closes the connection at the end of the show.
    fn close(&mut self, now_ms: u64) -> Vec<Item> {
        if self.is_open {
            let (code, who) = (close::NORMAL.into(), Who::Upstream.into());
            let close = ConnClose { code, reason: "the LIVE has ended".into(), who, will_retry: false };
            self.add(now_ms + 500, false, What::ConnClose(close));
        }
        std::mem::take(&mut self.items)
    }

    fn open(&mut self, now_ms: u64) {
        if self.conn > 0 {
            self.breaks_ms += self.act_ms;
        }
        (self.conn, self.is_open, self.seq_id, self.heartbeat_ms) = (self.conn + 1, true, 0, now_ms);
        let open = ConnOpen {
            room_id: ROOM_ID,
            unique_id: USER.into(),
            attempt: u32::from(self.conn > 1) + 1,
            handshake_status: 101,
            ..ConnOpen::default()
        };
        self.add(now_ms, false, What::ConnOpen(open));
        self.frame(now_ms, true, client::enter_room(ROOM_ID));
    }

    fn breaks(&mut self) {
        self.is_open = false;
        let reason = "the connection was lost".to_owned();
        let who = Who::Network.into();
        let close = ConnClose { code: close::ABNORMAL.into(), reason: reason.clone(), who, will_retry: true };
        self.add(self.breaks_ms, false, What::ConnClose(close));
        let status = Status {
            code: Code::ConnectionLost.name().into(),
            attempt: 1,
            retrying: true,
            retry_after_ms: Some(BACK_AFTER_MS),
            detail: reason,
            hint: String::new(),
        };
        self.add(self.breaks_ms, false, What::Status(status));
    }

    fn heartbeat(&mut self, now_ms: u64) {
        if now_ms < self.heartbeat_ms {
            return;
        }
        self.heartbeat_ms += HEARTBEAT_EVERY_MS;
        self.frame(now_ms, true, client::heartbeat(ROOM_ID, 0));
        let answer = Push { payload_type: "hb".into(), ..Push::default() };
        self.frame(now_ms + DELAY_MS / 2, false, write_push(&answer));
    }

    fn batch(&mut self, messages: Vec<Message>, at_ms: u64, is_first: bool, log_id: u64) {
        let internal_ext = format!("synthetic-{}-{}", self.conn, self.seq_id);
        let info = BatchInfo {
            cursor: format!("{}-{}", unix_ms(at_ms), self.seq_id),
            internal_ext: internal_ext.clone(),
            need_ack: true,
            now_ms: unix_ms(at_ms),
            heartbeat_ms: i64::try_from(HEARTBEAT_EVERY_MS).unwrap_or(0),
            is_first,
            ..BatchInfo::default()
        };
        self.seq_id += 1;
        let push = Push {
            seq_id: self.seq_id,
            log_id,
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: "gzip".into(),
            payload: zip(&write_batch(&Batch { messages, info })),
        };
        self.frame(at_ms, false, write_push(&push));
        self.frame(at_ms, true, client::ack(log_id, &internal_ext));
    }

    fn frame(&mut self, at_ms: u64, is_sent: bool, bytes: bytes::Bytes) {
        self.add(at_ms, is_sent, What::Frame(Frame { opcode: Opcode::BINARY, bytes }));
    }

    /// Adds an item. Delayed items never make the time go back.
    fn add(&mut self, at_ms: u64, is_sent: bool, what: What) {
        self.last_ms = self.last_ms.max(at_ms);
        let flags = Flags(if is_sent { Flags::SENT } else { 0 });
        let offset = Duration::from_millis(self.last_ms);
        self.items.push(Item { offset, conn: self.conn, flags, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_linear_between_their_points() {
        let curve: Curve = &[(0, 100), (500, 200), (1000, 0)];
        assert_eq!(
            [0, 250, 500, 750, 1000, 2000].map(|at| interpolate(curve, at)),
            [100, 150, 200, 100, 0, 0]
        );
    }
}
