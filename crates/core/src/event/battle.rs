//! Battles between hosts.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Id, Millis, Person};

/// Data of a `battle` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Battle {
    /// Id of the battle.
    pub battle_id: Id,
    /// 1 invited, 2 rejected, 3 cancelled, 4 opened, 5 finished, 6 cut short, 7 accepted.
    pub action: i32,
    /// TikTok's code for the stage.
    pub status: i32,
    /// Start time; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
    /// The hosts.
    pub users: Vec<BattleUser>,
}

/// A host in a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleUser {
    /// The host.
    #[serde(flatten)]
    pub person: Person,
    /// Score; `null` if unknown.
    pub points: Option<i64>,
    /// TikTok's code for the outcome; `null` if unknown.
    pub result: Option<i32>,
    /// The viewers who contributed to the score.
    pub givers: Vec<BattleGiver>,
}

/// A viewer who gave gifts to one side of a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleGiver {
    /// The viewer.
    #[serde(flatten)]
    pub person: Person,
    /// Points contributed by the viewer.
    pub points: i64,
}

/// Data of a `battle_score` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleScore {
    /// Id of the battle.
    pub battle_id: Id,
    /// Reason for the event: 1 the score changed, 2 the battle ended, …
    pub trigger_reason: i32,
    /// The sides, in the order sent.
    pub teams: Vec<BattleTeam>,
    /// Id of the user who changed the score; 0 if unknown.
    pub from_user_id: Id,
    /// Id of the gift that changed the score; 0 if none did.
    pub gift_id: i64,
    /// Start time of the battle; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
}

/// One side of a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleTeam {
    /// User id of the side's host.
    pub host_user_id: Id,
    /// Score of the side.
    pub points: i64,
    /// The viewers who contributed to the score.
    pub users: Vec<BattleGiver>,
}
