//! Notices about gifts.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person, RoomNotify};

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
