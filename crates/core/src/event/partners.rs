//! Advertised games.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Id;

/// Data of a `partnership_download_count` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipDownloadCount {
    /// Id of the advertised game.
    pub game_id: Id,
    /// Number of downloads.
    pub downloaded_count: i64,
}

/// Data of a `partnership_drops_update` event: in-game rewards for viewers.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipDropsUpdate {
    /// 0 shown, 1 updated, 2 closed.
    pub change_mode: i32,
    /// Id of the rewards.
    pub drops_id: Id,
    /// Id of the task; 0 if there is none.
    pub task_id: Id,
    /// Id of the event; 0 if there is none.
    pub event_id: Id,
    /// User id of the host; 0 if unknown.
    pub host_user_id: Id,
}

/// Data of a `partnership_card_change` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipCardChange {
    /// TikTok's code for the change.
    pub change_mode: i32,
    /// Number of the change.
    pub sequence_id: i32,
    /// Id of the task.
    pub task_id: Id,
}

/// Data of a `partnership_game_offline` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipGameOffline {
    /// Games that are no longer advertised.
    pub games: Vec<OfflineGame>,
}

/// A game that is no longer advertised.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineGame {
    /// Id of the task.
    pub task_id: Id,
    /// Displayed text.
    pub text: SmolStr,
    /// TikTok's code for the reason.
    pub offline_type: i32,
}

/// Data of a `boost_card` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoostCard {
    /// The promotion cards.
    pub cards: Vec<BoostCardEntry>,
}

/// A promotion card.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoostCardEntry {
    /// Id of the card.
    pub card_id: Id,
    /// Id of the task that earned the card.
    pub task_id: Id,
    /// TikTok's code for the source of the task.
    pub task_source: i32,
}
