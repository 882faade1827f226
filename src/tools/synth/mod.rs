//! A made-up show of any length: to try things out, and to measure with.

mod fields;
mod random;

use std::{io::Write, time::Duration};

use bytes::Bytes;
use fields::Fields;
use random::Random;

use crate::sans_io::{
    recording::{
        Error, Flags, Frame, Item, Opcode, What, Writer,
        records::{ConnOpen, Header, header},
    },
    wire::{Batch, BatchInfo, Message, Push, write_batch, write_push, zip},
};

/// The user of the show.
pub const USER: &str = "synthetic_host";
/// The room of the show.
pub const ROOM_ID: i64 = 7_300_000_000_000_000_001;

/// The time between frames: 20 frames a second.
const FRAME_EVERY_MS: u64 = 50;
/// The time of offset 0, Unix milliseconds: 2026-01-01.
const START_UNIX_MS: i64 = 1_767_225_600_000;
/// How many people watch.
const VIEWERS: u64 = 500;
/// Most messages in a batch.
const BATCH_MESSAGES_MAX: u64 = 8;
/// Most frames, so that a show ends whatever size is asked for; more than fifty years.
const FRAMES_MAX: u64 = 1 << 35;
/// Gift id, name, diamonds.
const GIFTS: [(u64, &str, u64); 3] = [(5655, "Rose", 1), (5269, "TikTok", 1), (5487, "Finger Heart", 5)];
const WORDS: [&str; 16] = [
    "hello", "from", "the", "show", "what", "a", "song", "love", "it", "again", "please", "wow", "good",
    "night", "everyone", "🎉",
];

/// Writes a sealed recording of at least `size` bytes: the same seed and size give the same bytes, in constant memory.
///
/// # Errors
/// As [`Writer::write`].
pub fn synth<W: Write>(output: W, seed: u64, size: u64) -> Result<W, Error> {
    let mut writer = Writer::new(output, &header(seed, size))?;
    let open = ConnOpen { room_id: ROOM_ID, unique_id: USER.into(), ..Default::default() };
    writer.write(&item(Duration::ZERO, What::ConnOpen(open)))?;
    let mut show = Show { random: Random(seed), frames: 0, messages: 0, likes: 0 };
    while writer.bytes_written() < size && show.frames < FRAMES_MAX {
        writer.write(&show.next())?;
    }
    writer.finish()
}

fn header(seed: u64, size: u64) -> Header {
    Header {
        tool: "livetape".into(),
        source: "synthetic".into(),
        wall_anchor_ns: Some(START_UNIX_MS * 1_000_000),
        timing: header::Timing::Original.into(),
        privacy: header::Privacy::Synthetic.into(),
        tags: [("seed".into(), seed.to_string()), ("size".into(), size.to_string())].into(),
        ..Default::default()
    }
}

fn item(offset: Duration, what: What) -> Item {
    Item { offset, conn: 1, flags: Flags::default(), what }
}

/// Where the show stands.
struct Show {
    random: Random,
    frames: u64,
    messages: u64,
    likes: u64,
}

impl Show {
    fn next(&mut self) -> Item {
        // Up to half the distance late: the order stays, the regularity does not.
        let offset_ms = self.frames * FRAME_EVERY_MS + self.random.below(FRAME_EVERY_MS / 2);
        self.frames += 1;
        let now_ms = START_UNIX_MS + i64::try_from(offset_ms).unwrap_or(0);
        let messages = (0..=self.random.below(BATCH_MESSAGES_MAX)).map(|_| self.message(now_ms)).collect();
        let info = BatchInfo { now_ms, is_first: self.frames == 1, ..Default::default() };
        let push = Push {
            seq_id: self.frames,
            log_id: self.random.next(),
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: "gzip".into(),
            payload: zip(&write_batch(&Batch { messages, info })),
        };
        let frame = Frame { opcode: Opcode::BINARY, bytes: write_push(&push) };
        item(Duration::from_millis(offset_ms), What::Frame(frame))
    }

    /// Half of it is chat, as in a lively room.
    fn message(&mut self, now_ms: i64) -> Message {
        self.messages += 1;
        let msg_id = ROOM_ID + i64::try_from(self.messages).unwrap_or(0);
        let (method, rest) = match self.random.below(10) {
            0..5 => ("WebcastChatMessage", self.chat()),
            5 => ("WebcastGiftMessage", self.gift()),
            6..8 => ("WebcastLikeMessage", self.like()),
            _ => ("WebcastMemberMessage", self.member()),
        };
        let common = Fields::default()
            .text(1, method)
            .number(2, msg_id.unsigned_abs())
            .number(3, ROOM_ID.unsigned_abs())
            .number(4, now_ms.unsigned_abs());
        let mut payload = Fields::default().fields(1, &common).0;
        payload.extend_from_slice(&rest.0);
        Message { method: method.into(), payload: Bytes::from(payload), msg_id, is_history: false }
    }

    fn chat(&mut self) -> Fields {
        let words = Vec::from_iter((0..=self.random.below(12)).map(|_| *self.random.pick(&WORDS)));
        Fields::default().fields(2, &self.viewer()).text(3, &words.join(" ")).text(14, "en")
    }

    /// A streak of one message, and its end with it.
    fn gift(&mut self) -> Fields {
        let (id, name, diamonds) = *self.random.pick(&GIFTS);
        let gift = Fields::default().number(5, id).number(11, 1).number(12, diamonds).text(16, name);
        Fields::default()
            .number(2, id)
            .number(5, 1 + self.random.below(20))
            .fields(7, &self.viewer())
            .number(9, 1)
            .number(11, self.messages)
            .fields(15, &gift)
    }

    fn like(&mut self) -> Fields {
        let count = 1 + self.random.below(15);
        self.likes += count;
        Fields::default().number(2, count).number(3, self.likes).fields(5, &self.viewer())
    }

    fn member(&mut self) -> Fields {
        let present = VIEWERS / 2 + self.random.below(VIEWERS / 2);
        Fields::default().fields(2, &self.viewer()).number(3, present).number(10, 1)
    }

    fn viewer(&mut self) -> Fields {
        let viewer = self.random.below(VIEWERS);
        Fields::default()
            .number(1, 6_800_000_000_000_000_000 + viewer)
            .text(3, &format!("Viewer {viewer}"))
            .text(38, &format!("viewer_{viewer:03}"))
    }
}
