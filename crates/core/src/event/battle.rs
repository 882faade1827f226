//! Battles between hosts.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Id, Millis, Person};

/// `battle`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Battle {
    /// The battle's id.
    pub battle_id: Id,
    /// 1 invited, 2 rejected, 3 cancelled, 4 opened, 5 finished, 6 cut short, 7 accepted.
    pub action: i32,
    /// TikTok's number for how far it is.
    pub status: i32,
    /// When it began; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// How long it takes, in seconds.
    pub duration_seconds: i64,
    /// The hosts.
    pub users: Vec<BattleUser>,
}

/// A host in a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleUser {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// The score; `null` if the message does not tell.
    pub points: Option<i64>,
    /// TikTok's number for the outcome; `null` if the message does not tell.
    pub result: Option<i32>,
    /// The viewers who made the score.
    pub givers: Vec<BattleGiver>,
}

/// A viewer who gave to one side of a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleGiver {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// What the viewer added to the score.
    pub points: i64,
}

/// `battle_score`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleScore {
    /// The battle's id.
    pub battle_id: Id,
    /// Why it was sent: 1 the score changed, 2 the battle ended, …
    pub trigger_reason: i32,
    /// The sides, in the order in which they were sent.
    pub teams: Vec<BattleTeam>,
    /// Who made the score change; 0 if the message does not tell.
    pub from_user_id: Id,
    /// By which gift; 0 if by none.
    pub gift_id: i64,
    /// When the battle began; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// How long it takes, in seconds.
    pub duration_seconds: i64,
}

/// One side of a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleTeam {
    /// The side's host.
    pub host_user_id: Id,
    /// The side's score.
    pub points: i64,
    /// The viewers who made it.
    pub users: Vec<BattleGiver>,
}
