//! What is said about gifts.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person, RoomNotify};

/// `gift_broadcast`: a costly gift in some room is told to others.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftBroadcast {
    /// Who sent the gift.
    pub from_user_id: Id,
    /// What is shown; `null` if nothing is.
    pub notice: Option<RoomNotify>,
}

/// `gift_collection_update`: viewers complete a collection together.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftCollectionUpdate {
    /// How many times it was begun.
    pub round: i64,
    /// The gift's number.
    pub gift_id: i64,
    /// The gift's name.
    pub gift_name: SmolStr,
    /// The price of one.
    pub diamond_count: i32,
    /// The gift's picture.
    pub gift_picture_url: SmolStr,
    /// How many pieces there are.
    pub collected_count: i32,
    /// How many are wanted.
    pub target_count: i32,
    /// TikTok's number for what happens.
    pub message_type: i32,
}

/// `gift_panel_update`: the list of gifts changed.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPanelUpdate {
    /// In which room.
    pub room_id: Id,
    /// When; `null` if the message does not tell.
    pub updated_at: Option<Millis>,
}

/// `gift_prompt`: TikTok asks somebody about spending.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPrompt {
    /// The title.
    pub title: SmolStr,
    /// The text.
    pub body: SmolStr,
    /// For how many days gifts are blocked.
    pub block_days: i32,
}

/// `envelope_portal`: a box that takes viewers to another room; `user` is whom it names.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvelopePortal {
    /// The portal's id.
    pub portal_id: Id,
    /// Who opened it.
    pub sender_id: Id,
    /// The sender's unique id; may be empty.
    pub sender_name: SmolStr,
    /// What is in the box.
    pub envelope_diamonds: i32,
    /// What the portal cost.
    pub portal_diamonds: i32,
    /// How many it took along.
    pub taken_count: i32,
    /// When it opens; `null` if the message does not tell.
    pub sends_at: Option<Millis>,
    /// TikTok's number for who sees it.
    pub view: i32,
    /// TikTok's number for how it is shown.
    pub display: i32,
}

/// `goody_bag`: a lottery for viewers.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodyBag {
    /// The lottery's id.
    pub goody_bag_id: Id,
    /// 1 ended, 2 somebody joined, 3 the winners.
    pub message_type: i32,
    /// What is in it.
    pub total_coins: i32,
    /// How many win.
    pub winner_count: i32,
    /// How many take part.
    pub joined_count: i32,
    /// TikTok's number for how to take part.
    pub participate_method: i32,
    /// What to write in order to take part.
    pub participate_text: SmolStr,
    /// When it is drawn; `null` if the message does not tell.
    pub opens_at: Option<Millis>,
    /// How long there is time.
    pub countdown_minutes: i32,
    /// Who won.
    pub winners: Vec<GoodyBagWinner>,
}

/// A winner.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodyBagWinner {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// How much.
    pub coins: i32,
}

/// `gift_dynamic_restriction`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftDynamicRestriction {
    /// The gifts that nobody gets in the room as it is.
    pub gift_ids: Vec<i64>,
    /// The gifts that nobody gets in battles.
    pub battle_gift_ids: Vec<i64>,
    /// The gifts that nobody gets while there are co-hosts.
    pub cohost_gift_ids: Vec<i64>,
    /// The gifts that nobody gets while there are guests.
    pub guest_gift_ids: Vec<i64>,
    /// The gifts that some people do not get.
    pub receivers: Vec<RestrictedReceiver>,
}

/// Somebody who does not get some gifts.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestrictedReceiver {
    /// Who it is.
    pub user_id: Id,
    /// Which gifts.
    pub gift_ids: Vec<i64>,
}
