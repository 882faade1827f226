//! Rankings.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, RoomNotify, Text};

/// `rank`: the host's places.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rank {
    /// TikTok's number for the group of rankings.
    pub group_type: i64,
    /// The places.
    pub ranks: Vec<RankEntry>,
}

/// A place in a ranking.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankEntry {
    /// TikTok's number for the ranking: 1 weekly, 8 daily.
    pub rank_type: i64,
    /// The host's place; 0 outside the ranking.
    pub own_rank: i64,
    /// What the client shows.
    pub text: Option<Text>,
    /// How long the ranking still runs.
    pub countdown_seconds: i64,
}

/// `rank_text`: somebody rose among those who gave most; `user` is who.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankText {
    /// TikTok's number for where it is shown.
    pub scene: i32,
    /// The place before; 0 if there was none.
    pub before: i64,
    /// The place now.
    pub after: i64,
    /// What the others read.
    pub text: Option<Text>,
    /// What the one who rose reads.
    pub self_text: Option<Text>,
    /// Who it is.
    pub user_id: Id,
}

/// `hourly_rank`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HourlyRank {
    /// The text key of the ranking, e.g. `pm_mt_Live_WR`.
    pub rank_type: SmolStr,
    /// What the client shows, in English.
    pub label: SmolStr,
}

/// `hourly_rank_reward`
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
    /// Who it is.
    pub user_id: Id,
    /// The number of the reward.
    pub asset_id: i64,
    /// What is shown; `null` if nothing is.
    pub notice: Option<RoomNotify>,
}

/// `weekly_rank_reward`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WeeklyRankReward {
    /// Who won.
    pub user_id: Id,
    /// Which ranking, e.g. `daily_rank`.
    pub source: SmolStr,
    /// Address of the reward's picture.
    pub icon_url: SmolStr,
    /// What is shown; `null` if nothing is.
    pub notice: Option<RoomNotify>,
}

/// `game_rank_notify`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GameRankNotify {
    /// 0 in or out of the ranking, 1 another place, 2 encouragement.
    pub msg_type: i32,
    /// What is shown.
    pub text: Option<Text>,
}
