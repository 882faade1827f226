//! Gifts, treasure boxes, and notices about them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Id, Millis, Person, RoomNotify};

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
    /// Number of super fans that a super-fan box names; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub super_fan_count: i32,
}

/// Data of a `gift_gallery` event: `user` sponsors a gift in the gallery of the host.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftGallery {
    /// 1 lit up, 2 all gifts are sponsored, 3 another sponsor, 4 recalled after a long time.
    pub message_type: i32,
    /// Id of the gift.
    pub gift_id: i64,
    /// Name of the gift; empty if unknown.
    pub gift_name: SmolStr,
    /// Price of a single gift, in diamonds; 0 if unknown.
    pub diamond_count: i32,
    /// URL of the gift's picture; empty if unknown.
    pub gift_picture_url: SmolStr,
    /// Whether TikTok counts the gift as valuable.
    pub high_value: bool,
    /// Whether all gifts of the gallery are now sponsored.
    pub all_sponsored: bool,
    /// The host of the gallery; `null` if unknown.
    pub receiver: Option<Person>,
}

/// Data of a `gift_progress` event: viewers make progress in a challenge.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftProgress {
    /// TikTok's word for the kind of progress, e.g. `gift_challenge`.
    pub progress_type: SmolStr,
    /// The parts of the challenge.
    pub progress: Vec<GiftProgressPart>,
}

/// A part of a challenge.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftProgressPart {
    /// Id of the part.
    pub progress_id: Id,
    /// Value reached.
    pub value: i64,
    /// TikTok's code for its state.
    pub status: i32,
}

/// Data of a `gift_broadcast` event: news of an expensive gift, from this or another room.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftBroadcast {
    /// User id of the sender.
    pub from_user_id: Id,
    /// Displayed notice; `null` if there is none.
    pub notice: Option<RoomNotify>,
}

/// Data of a `gift_collection_update` event: viewers complete a collection together.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftCollectionUpdate {
    /// Number of the round.
    pub round: i64,
    /// Id of the gift.
    pub gift_id: i64,
    /// Name of the gift.
    pub gift_name: SmolStr,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i32,
    /// URL of the gift's picture.
    pub gift_picture_url: SmolStr,
    /// Number of pieces collected so far.
    pub collected_count: i32,
    /// Number of pieces in the collection.
    pub target_count: i32,
    /// TikTok's code for the change.
    pub message_type: i32,
}

/// Data of a `gift_panel_update` event: the list of gifts changed.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPanelUpdate {
    /// Id of the room.
    pub room_id: Id,
    /// Time of the change; `null` if unknown.
    pub updated_at: Option<Millis>,
}

/// Data of a `gift_prompt` event: TikTok asks a viewer about their spending.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPrompt {
    /// Title of the prompt.
    pub title: SmolStr,
    /// Text of the prompt.
    pub body: SmolStr,
    /// Number of days for which gifts are blocked.
    pub block_days: i32,
}

/// Data of an `envelope_portal` event: a treasure box that takes viewers to the room of `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvelopePortal {
    /// Id of the portal.
    pub portal_id: Id,
    /// User id of the sender.
    pub sender_id: Id,
    /// Unique id of the sender; may be empty.
    pub sender_name: SmolStr,
    /// Number of diamonds in the box.
    pub envelope_diamonds: i32,
    /// Price of the portal, in diamonds.
    pub portal_diamonds: i32,
    /// Number of viewers who followed it.
    pub taken_count: i32,
    /// Time at which it opens; `null` if unknown.
    pub sends_at: Option<Millis>,
    /// TikTok's code for its audience.
    pub view: i32,
    /// TikTok's code for its display.
    pub display: i32,
}

/// Data of a `goody_bag` event: a lottery for viewers.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodyBag {
    /// Id of the lottery.
    pub goody_bag_id: Id,
    /// 1 ended, 2 a viewer joined, 3 the winners.
    pub message_type: i32,
    /// Total prize, in coins.
    pub total_coins: i32,
    /// Number of winners.
    pub winner_count: i32,
    /// Number of participants.
    pub joined_count: i32,
    /// TikTok's code for the way to participate.
    pub participate_method: i32,
    /// Comment that a viewer has to write to participate.
    pub participate_text: SmolStr,
    /// Time of the draw; `null` if unknown.
    pub opens_at: Option<Millis>,
    /// Time to participate, in minutes.
    pub countdown_minutes: i32,
    /// The winners.
    pub winners: Vec<GoodyBagWinner>,
}

/// A winner of a lottery.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodyBagWinner {
    /// The winner.
    #[serde(flatten)]
    pub person: Person,
    /// The prize, in coins.
    pub coins: i32,
}

/// Data of a `gift_dynamic_restriction` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftDynamicRestriction {
    /// Ids of the gifts that cannot be sent at present.
    pub gift_ids: Vec<i64>,
    /// Ids of the gifts that cannot be sent in battles.
    pub battle_gift_ids: Vec<i64>,
    /// Ids of the gifts that cannot be sent while there are co-hosts.
    pub cohost_gift_ids: Vec<i64>,
    /// Ids of the gifts that cannot be sent while there are guests.
    pub guest_gift_ids: Vec<i64>,
    /// Further restrictions for single recipients.
    pub receivers: Vec<RestrictedReceiver>,
}

/// A user who cannot receive some of the gifts.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestrictedReceiver {
    /// Id of the user.
    pub user_id: Id,
    /// Ids of the restricted gifts.
    pub gift_ids: Vec<i64>,
}
