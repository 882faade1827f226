//! Advertised games.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Id;

/// `partnership_download_count`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipDownloadCount {
    /// The game that the host advertises.
    pub game_id: Id,
    /// How many downloaded it.
    pub downloaded_count: i64,
}

/// `partnership_drops_update`: rewards in a game for those who watch.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipDropsUpdate {
    /// 0 shown, 1 updated, 2 closed.
    pub change_mode: i32,
    /// The rewards' id.
    pub drops_id: Id,
    /// The task's id; 0 if there is none.
    pub task_id: Id,
    /// The event's id; 0 if there is none.
    pub event_id: Id,
    /// The host; 0 if the message does not tell.
    pub host_user_id: Id,
}

/// `partnership_card_change`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipCardChange {
    /// TikTok's number for what was changed.
    pub change_mode: i32,
    /// Counts the changes.
    pub sequence_id: i32,
    /// The task's id.
    pub task_id: Id,
}

/// `partnership_game_offline`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipGameOffline {
    /// The games that are no longer advertised.
    pub games: Vec<OfflineGame>,
}

/// A game that is no longer advertised.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineGame {
    /// The task's id.
    pub task_id: Id,
    /// What is shown.
    pub text: SmolStr,
    /// TikTok's number for why.
    pub offline_type: i32,
}

/// `boost_card`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoostCard {
    /// The cards.
    pub cards: Vec<BoostCardEntry>,
}

/// A card.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoostCardEntry {
    /// The card's id.
    pub card_id: Id,
    /// The task that it was given for.
    pub task_id: Id,
    /// TikTok's number for where that task comes from.
    pub task_source: i32,
}
