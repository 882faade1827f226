//! Goals and polls.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// `goal`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// The goal's id.
    pub goal_id: Id,
    /// 1 gifts, 2 subscriptions.
    pub goal_type: i32,
    /// TikTok's number for how far it is.
    pub status: i32,
    /// What the client shows, e.g. `live_goal_indicator_sub_goal`.
    pub indicator: SmolStr,
    /// What the host wrote.
    pub description: SmolStr,
    /// When it was set; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// When it ends; `null` if the message does not tell.
    pub expires_at: Option<Millis>,
    /// What it consists of.
    pub sub_goals: Vec<SubGoal>,
    /// Who brought it forward; `null` if nobody did.
    pub contributor: Option<Person>,
    /// By how many gifts or subscriptions.
    pub contribute_count: i64,
    /// By how much.
    pub contribute_score: i64,
    /// The running total of the gift's streak.
    pub repeat_count: i64,
    /// How many have contributed.
    pub contributor_count: i32,
    /// Who contributed most.
    pub contributors: Vec<GoalContributor>,
}

/// A part of a goal.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubGoal {
    /// 1 gifts, 2 subscriptions.
    pub goal_type: i32,
    /// The gift to be sent; 0 if it is none.
    pub gift_id: i64,
    /// The gift's name; may be empty.
    pub gift_name: SmolStr,
    /// The price of one.
    pub diamond_count: i64,
    /// How many there are.
    pub progress: i64,
    /// How many are wanted.
    pub target: i64,
}

/// Somebody who contributed to a goal.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalContributor {
    /// Who it is.
    #[serde(flatten)]
    pub person: Person,
    /// How much; for subscriptions TikTok sends what looks like a time in milliseconds.
    pub score: i64,
}

/// `poll`; `user` is who started it.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// The poll's id.
    pub poll_id: Id,
    /// 0 plain, 1 by gifts, 2 the host's own, 3 the host's own by gifts, 4 quick by gifts, 5 by emotes.
    pub poll_kind: i32,
    /// What happens; `null` if the message does not tell.
    pub state: Option<PollState>,
    /// What is asked; only when it starts, and not always.
    pub title: SmolStr,
    /// When it began; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// When it ends; `null` if the message does not tell.
    pub ends_at: Option<Millis>,
    /// How it ended: 0 in time, 1 by the host, 2 by others, 3 by TikTok; `null` if it did not.
    pub end_type: Option<i32>,
    /// The answers.
    pub options: Vec<PollOption>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PollOption {
    /// Its place, from 0.
    pub index: i32,
    /// What it says.
    pub text: SmolStr,
    /// How many chose it.
    pub votes: i64,
}

/// What happens to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PollState {
    /// It begins.
    Started,
    /// Somebody voted.
    Updated,
    /// It is over.
    Ended,
}
