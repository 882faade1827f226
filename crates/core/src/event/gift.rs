//! Gifts and boxes of diamonds.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// `gift`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gift {
    /// The number of the gift.
    pub gift_id: i64,
    /// Its English name.
    pub gift_name: SmolStr,
    /// 1: can be sent in streaks.
    pub gift_type: i32,
    /// The price of one, in diamonds.
    pub diamond_count: i32,
    /// The running total of the streak.
    pub repeat_count: i32,
    /// Whether TikTok calls this the last message of the streak.
    pub repeat_end: bool,
    /// The streak's id among the sender's; 0 for gifts outside streaks.
    pub group_id: Id,
    /// The gift's picture.
    pub gift_picture_url: SmolStr,
    /// Who gets it: the host, or a guest in the host's room; `null` if the message does not tell.
    pub receiver: Option<Person>,
    /// Names the streak; opaque. Empty outside streaks.
    pub streak_id: SmolStr,
    /// What this event adds to the streak.
    pub repeat_delta: i32,
    /// Whether the streak ends with this event.
    pub is_final: bool,
    /// What this event adds in diamonds: `diamondCount` × `repeatDelta`.
    pub diamonds: i64,
    /// What this event adds since the streak's last final: `repeatDelta` where only finals are shown.
    #[serde(skip)]
    pub delta_since_final: i32,
    /// Whether TikTok did not send this, but livetape infers it: no final arrived within the time-out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// `envelope`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The box's id.
    pub envelope_id: Id,
    /// What kind of box: 1 a user's diamonds, 19 a super-fan box, …
    pub business_type: i32,
    /// How many diamonds are in it; 0 where the box is only hidden.
    pub diamond_count: i32,
    /// How many people may have a share.
    pub people_count: i32,
    /// The sender's nickname or unique id, as sent.
    pub sender_name: SmolStr,
    /// The sender's numeric id; 0 if the message does not tell.
    pub sender_id: Id,
    /// 1 the box appears, 2 it goes.
    pub display: i32,
    /// When it may be opened; `null` if the message does not tell.
    pub opens_at: Option<Millis>,
}
