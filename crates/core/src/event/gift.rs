//! Gifts and treasure boxes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// Data of a `gift` event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Gift {
    /// Id of the gift.
    pub gift_id: i64,
    /// English name of the gift.
    pub gift_name: SmolStr,
    /// 1 if the gift can be sent in streaks.
    pub gift_type: i32,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i32,
    /// Running total of the streak.
    pub repeat_count: i32,
    /// Whether TikTok marks this message as the last of the streak.
    pub repeat_end: bool,
    /// Id of the streak among those of the sender; 0 for gifts outside a streak.
    pub group_id: Id,
    /// URL of the gift's picture.
    pub gift_picture_url: SmolStr,
    /// The recipient: the host, or a guest in the host's room; `null` if unknown.
    pub receiver: Option<Person>,
    /// What the sender did, in English, e.g. `Sent Rose`.
    pub describe: SmolStr,
    /// Text key of the display.
    pub display_type: SmolStr,
    /// Pattern of the displayed text, e.g. `{0:user} sent {1:gift} {2:string}`.
    pub label: SmolStr,
    /// Running total of the streak, as TikTok's clients display it. In all known messages, it equals
    /// `repeatCount`. Absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub combo_count: i32,
    /// Number of gifts that are sent at once. In all known messages, it is 1. Absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub group_count: i32,
    /// Opaque id of the streak; empty outside a streak.
    pub streak_id: SmolStr,
    /// Number of gifts since the streak's previous event.
    pub repeat_delta: i32,
    /// Whether this event ends the streak.
    pub is_final: bool,
    /// Value of this event in diamonds: `diamondCount` × `repeatDelta`.
    pub diamonds: i64,
    /// Number of gifts since the streak's previous final. In a final, it replaces `repeatDelta` for
    /// subscribers that do not count increments.
    #[serde(skip)]
    pub delta_since_final: i32,
    /// Whether livetape inferred this final because TikTok did not send one in time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// Data of an `envelope` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Id of the box.
    pub envelope_id: Id,
    /// Kind of box: 1 a user's diamonds, 19 a super-fan box, …
    pub business_type: i32,
    /// Number of diamonds in the box; 0 if the event only hides it.
    pub diamond_count: i32,
    /// Maximum number of people who get a share.
    pub people_count: i32,
    /// Nickname or unique id of the sender, as sent.
    pub sender_name: SmolStr,
    /// Numeric id of the sender; 0 if unknown.
    pub sender_id: Id,
    /// 1 the box appears, 2 it disappears.
    pub display: i32,
    /// Time at which it can be opened; `null` if unknown.
    pub opens_at: Option<Millis>,
}
