//! Rankings.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, RoomNotify, Text};

/// Data of a `rank` event: the host's positions in rankings.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rank {
    /// TikTok's code for the group of rankings.
    pub group_type: i64,
    /// The positions.
    pub ranks: Vec<RankEntry>,
}

/// A position in a ranking.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankEntry {
    /// TikTok's code for the ranking: 1 weekly, 8 daily.
    pub rank_type: i64,
    /// Position of the host; 0 outside the ranking.
    pub own_rank: i64,
    /// Displayed text.
    pub text: Option<Text>,
    /// Remaining time of the ranking, in seconds.
    pub countdown_seconds: i64,
}

/// Data of a `rank_text` event: `user` rose in the ranking of top gifters.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankText {
    /// TikTok's code for the place of the display.
    pub scene: i32,
    /// Previous position; 0 if there was none.
    pub before: i64,
    /// New position.
    pub after: i64,
    /// Text displayed to the other viewers.
    pub text: Option<Text>,
    /// Text displayed to the viewer who rose.
    pub self_text: Option<Text>,
    /// Id of the viewer who rose.
    pub user_id: Id,
}

/// Data of an `hourly_rank` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HourlyRank {
    /// Text key of the ranking, e.g. `pm_mt_Live_WR`.
    pub rank_type: SmolStr,
    /// Displayed English text.
    pub label: SmolStr,
}

/// Data of an `hourly_rank_reward` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HourlyRankReward {
    /// The winners.
    pub winners: Vec<RankWinner>,
}

/// A winner of a ranking.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankWinner {
    /// User id of the winner.
    pub user_id: Id,
    /// Id of the reward.
    pub asset_id: i64,
    /// Displayed notice; `null` if there is none.
    pub notice: Option<RoomNotify>,
}

/// Data of a `weekly_rank_reward` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WeeklyRankReward {
    /// User id of the winner.
    pub user_id: Id,
    /// The ranking, e.g. `daily_rank`.
    pub source: SmolStr,
    /// URL of the reward's picture.
    pub icon_url: SmolStr,
    /// Displayed notice; `null` if there is none.
    pub notice: Option<RoomNotify>,
}

/// Data of a `game_rank_notify` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GameRankNotify {
    /// 0 entered or left the ranking, 1 changed position, 2 encouragement.
    pub msg_type: i32,
    /// Displayed text.
    pub text: Option<Text>,
}
