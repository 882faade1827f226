//! Messages made to order: from a request in JSON to the frame that TikTok would have sent.
//!
//! The frame goes through the same decoder as any other. Its ids are reserved: of a range that TikTok's own are far
//! from, and of a part of it that the name of the stream decides, so that a recording of injected messages and new
//! ones do not meet.

mod gifts;
mod kinds;
mod more;
mod who;

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::gifts::known_gift;
pub use self::{
    kinds::{KINDS, parse},
    who::{Detail, Who},
};
use super::{
    event::{Id, Person},
    recording::{Flags, Frame, Item, Opcode, What},
    wire::{
        Batch, BatchInfo, Message, Push,
        compose::{self, Stamp},
        write_batch, write_push, zip,
    },
};

/// The first of the reserved ids; TikTok's are at 7.5 · 10^18 now, and come here in some 25 years.
pub const RESERVED_IDS: i64 = 9_200_000_000_000_000_000;
/// Ids of one stream, as a power of two.
const IDS_BITS: u32 = 20;
/// The most messages of one request; a longer streak rises in greater steps.
const MESSAGES_MAX: i32 = 100;
/// The most likes of one message, as TikTok's own clients send them.
const LIKES_A_MESSAGE: i32 = 15;
/// The most likes of one request.
pub const LIKES_MAX: i32 = LIKES_A_MESSAGE * MESSAGES_MAX;
/// The most gifts of one request.
pub const GIFTS_MAX: i32 = 1_000_000;
/// What shall happen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Wish")]
pub enum InjectRequest {
    /// Somebody writes something.
    Chat {
        /// Who.
        user: Who,
        /// What.
        comment: String,
    },
    /// Somebody sends a gift.
    Gift {
        /// Who.
        user: Who,
        /// The name of the gift.
        gift: String,
        /// How many.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = GIFTS_MAX))]
        count: i32,
        /// As a streak that rises to `count` and ends with a final; else the final alone.
        #[serde(default)]
        combo: bool,
        /// The price of one; known for some gifts, else 1.
        #[schemars(range(min = 0))]
        diamonds: Option<i32>,
        /// The address of its picture.
        #[serde(default)]
        picture_url: String,
    },
    /// Somebody taps the screen.
    Like {
        /// Who.
        user: Who,
        /// How often; many come as a burst.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = LIKES_MAX))]
        count: i32,
        /// The sum of the room afterwards; else what was injected so far.
        #[schemars(range(min = 0))]
        total: Option<i64>,
    },
    /// Somebody enters.
    #[serde(alias = "join")]
    Member {
        /// Who.
        user: Who,
        /// How many are there then.
        #[serde(default)]
        member_count: i32,
    },
    /// Somebody follows the host.
    Follow {
        /// Who.
        user: Who,
        /// How many do then.
        #[serde(default)]
        follow_count: i64,
    },
    /// Somebody shares the room.
    Share {
        /// Who.
        user: Who,
        /// How often that was done then.
        #[serde(default)]
        share_count: i32,
    },
    /// Somebody subscribes.
    Subscribe {
        /// Who.
        user: Who,
        /// For the how manieth month.
        #[serde(default = "one_month")]
        #[schemars(range(min = 1))]
        months: i64,
    },
    /// Somebody asks the host.
    Question {
        /// Who.
        user: Who,
        /// What.
        question: String,
    },
    /// A viewer sends an emote.
    Emote {
        /// The viewer.
        user: Who,
        /// Id of the emote.
        emote_id: String,
        /// Address of its picture.
        #[serde(default)]
        picture_url: String,
    },
    /// A viewer sends an envelope of diamonds, which others may open.
    Envelope {
        /// The viewer.
        user: Who,
        /// Number of diamonds in it.
        #[schemars(range(min = 1))]
        diamonds: i32,
        /// Number of viewers who may open it.
        #[serde(default = "one")]
        #[schemars(range(min = 1))]
        people: i32,
    },
    /// A battle with another host begins, or ends.
    Battle {
        /// The host.
        user: Who,
        /// The other host.
        opponent: Who,
        /// Points of the host.
        #[serde(default)]
        #[schemars(range(min = 0))]
        points: i64,
        /// Points of the other host.
        #[serde(default)]
        #[schemars(range(min = 0))]
        opponent_points: i64,
        /// Whether it ends.
        #[serde(default)]
        over: bool,
    },
    /// The host starts a poll.
    Poll {
        /// The host.
        user: Who,
        /// Its question.
        question: String,
        /// Its answers.
        options: Vec<String>,
    },
    /// The LIVE ends.
    End {},
    /// A message with a payload of its own.
    Raw {
        /// Method of the message, e.g. `WebcastChatMessage`.
        method: String,
        /// Protobuf of the message, in base64.
        payload: String,
    },
    /// So many watch.
    #[serde(alias = "viewers")]
    RoomUser {
        /// How many.
        #[schemars(range(min = 0))]
        viewer_count: i64,
    },
}

/// What was done: the answer of `POST /inject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Injected {
    /// The offset at which it happened, in milliseconds.
    pub offset_ms: u64,
    /// The ids of its messages.
    pub ids: Vec<Id>,
    /// The numbers of the events that came of them.
    pub seqs: Vec<u64>,
    /// The clients that were subscribed when these events were broadcast, and had asked for one of them at least;
    /// observers aside.
    pub delivered: usize,
}

/// Makes frames of wishes. Its ids never repeat.
#[derive(Clone, Debug, Default)]
pub struct Injector {
    made: i64,
    likes: i64,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The connection that it comes over; 0 if there is none.
    pub conn: u32,
    /// The room; 0 if nobody knows.
    pub room_id: i64,
    /// When, as an offset.
    pub offset: Duration,
    /// When, in Unix milliseconds.
    pub now_ms: i64,
}

impl InjectRequest {
    /// Says what cannot be: a number out of its range, a person without a name.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: i64, min: i64, max: i64| {
            let fits = (min..=max).contains(&value);
            if fits { Ok(()) } else { Err(format!("`{name}` is a number from {min} to {max}")) }
        };
        match self {
            Self::Gift { count, diamonds, .. } => {
                within("count", i64::from(*count), 1, i64::from(GIFTS_MAX))?;
                within("diamonds", i64::from(diamonds.unwrap_or(0)), 0, i64::from(i32::MAX))?;
            }
            Self::Like { count, total, .. } => {
                within("count", i64::from(*count), 1, i64::from(LIKES_MAX))?;
                within("total", total.unwrap_or(0), 0, i64::MAX)?;
            }
            Self::Subscribe { months, .. } => within("months", *months, 1, 10_000)?,
            Self::RoomUser { viewer_count } => within("viewerCount", *viewer_count, 0, i64::MAX)?,
            other => more::check(other)?,
        }
        match self.who() {
            Some(who) if who.unique_id().trim().is_empty() => Err("`user` has no name".to_owned()),
            _ => Ok(()),
        }
    }

    fn who(&self) -> Option<&Who> {
        match self {
            Self::RoomUser { .. } | Self::End {} | Self::Raw { .. } => None,
            Self::Chat { user, .. }
            | Self::Gift { user, .. }
            | Self::Like { user, .. }
            | Self::Member { user, .. }
            | Self::Follow { user, .. }
            | Self::Share { user, .. }
            | Self::Subscribe { user, .. }
            | Self::Question { user, .. }
            | Self::Emote { user, .. }
            | Self::Envelope { user, .. }
            | Self::Battle { user, .. }
            | Self::Poll { user, .. } => Some(user),
        }
    }
}

impl Injector {
    /// The frame that says it, flagged as injected, and the ids of its messages.
    pub fn make(&mut self, request: &InjectRequest, stream: &str, place: Place) -> (Item, Vec<Id>) {
        let block = RESERVED_IDS + (i64::from(crc32fast::hash(stream.as_bytes())) << IDS_BITS);
        let mut stamps = Stamps { injector: self, block, place };
        let messages = stamps.messages(request);
        let ids = messages.iter().map(|message| Id(message.msg_id)).collect();
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: frame(messages, place.now_ms) });
        (Item { offset: place.offset, conn: place.conn, flags: Flags(Flags::INJECTED), what }, ids)
    }
}

fn frame(messages: Vec<Message>, now_ms: i64) -> Bytes {
    let info = BatchInfo { now_ms, ..BatchInfo::default() };
    write_push(&Push {
        payload_type: "msg".into(),
        payload_encoding: "pb".into(),
        compress_type: "gzip".into(),
        payload: zip(&write_batch(&Batch { messages, info })),
        ..Push::default()
    })
}

/// Gives each message its id.
struct Stamps<'a> {
    injector: &'a mut Injector,
    block: i64,
    place: Place,
}

impl Stamps<'_> {
    fn next(&mut self) -> Stamp {
        self.injector.made += 1;
        // Whoever injects a million messages begins anew.
        let msg_id = self.block + (self.injector.made & ((1 << IDS_BITS) - 1));
        Stamp { msg_id, room_id: self.place.room_id, create_time: self.place.now_ms }
    }

    fn messages(&mut self, request: &InjectRequest) -> Vec<Message> {
        let person = request.who().map(Who::person).unwrap_or_default();
        match request {
            InjectRequest::Chat { comment, .. } => vec![compose::chat(self.next(), &person, comment)],
            InjectRequest::Gift { gift, count, combo, diamonds, picture_url, .. } => {
                let gift = known_gift(gift, *diamonds, picture_url);
                self.streak(&person, &gift, *count, *combo)
            }
            InjectRequest::Like { count, total, .. } => self.burst(&person, *count, *total),
            InjectRequest::Member { member_count, .. } => {
                vec![compose::member(self.next(), &person, *member_count)]
            }
            InjectRequest::Follow { follow_count, .. } => {
                vec![compose::follow(self.next(), &person, *follow_count)]
            }
            InjectRequest::Share { share_count, .. } => {
                vec![compose::share(self.next(), &person, *share_count)]
            }
            InjectRequest::Subscribe { months, .. } => {
                vec![compose::subscribe(self.next(), &person, *months)]
            }
            InjectRequest::Question { question, .. } => {
                vec![compose::question(self.next(), &person, question)]
            }
            InjectRequest::RoomUser { viewer_count } => {
                vec![compose::room_user(self.next(), *viewer_count, *viewer_count, &[])]
            }
            other => more::messages(self, &person, other),
        }
    }

    /// A streak of its own: a running total that rises, then the final that repeats it.
    fn streak(&mut self, person: &Person, gift: &compose::Gift, count: i32, combo: bool) -> Vec<Message> {
        let steps = if combo { count.min(MESSAGES_MAX - 1) } else { 0 };
        let mut group_id = 0;
        let mut message = |repeat_count: i32, repeat_end: bool| {
            let stamp = self.next();
            if group_id == 0 {
                group_id = stamp.msg_id;
            }
            compose::gift(
                stamp,
                person,
                &compose::Gift { repeat_count, repeat_end, group_id, ..gift.clone() },
            )
        };
        let rising = |step: i32| i64::from(count) * i64::from(step) / i64::from(steps);
        let mut messages: Vec<Message> =
            (1..=steps).map(|step| message(i32::try_from(rising(step)).unwrap_or(count), false)).collect();
        messages.push(message(count, true));
        messages
    }

    /// As many messages as a thumb would have made; the last one has the rest.
    fn burst(&mut self, person: &Person, count: i32, total: Option<i64>) -> Vec<Message> {
        self.injector.likes += i64::from(count);
        let total = total.unwrap_or(self.injector.likes);
        let (mut left, mut messages) = (count, Vec::new());
        while left > 0 {
            let taps = left.min(LIKES_A_MESSAGE);
            left -= taps;
            messages.push(compose::like(
                self.next(),
                person,
                taps,
                total.saturating_sub(i64::from(left)).max(0),
            ));
        }
        messages
    }
}

fn one() -> i32 {
    1
}

fn one_month() -> i64 {
    1
}

#[cfg(test)]
mod tests;
