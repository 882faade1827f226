//! Goals and polls.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// Data of a `goal` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Goal {
    /// Id of the goal.
    pub goal_id: Id,
    /// 1 gifts, 2 subscriptions.
    pub goal_type: i32,
    /// TikTok's code for the stage.
    pub status: i32,
    /// Text key of the display, e.g. `live_goal_indicator_sub_goal`.
    pub indicator: SmolStr,
    /// Description written by the host.
    pub description: SmolStr,
    /// Start time; `null` if unknown.
    pub started_at: Option<Millis>,
    /// End time; `null` if unknown.
    pub expires_at: Option<Millis>,
    /// Parts of the goal.
    pub sub_goals: Vec<SubGoal>,
    /// The contributor of this event; `null` if there is none.
    pub contributor: Option<Person>,
    /// Number of gifts or subscriptions contributed.
    pub contribute_count: i64,
    /// Value contributed.
    pub contribute_score: i64,
    /// Running total of the gift's streak.
    pub repeat_count: i64,
    /// Number of contributors.
    pub contributor_count: i32,
    /// The top contributors.
    pub contributors: Vec<GoalContributor>,
}

/// A part of a goal.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubGoal {
    /// 1 gifts, 2 subscriptions.
    pub goal_type: i32,
    /// Id of the gift; 0 if the goal is not about gifts.
    pub gift_id: i64,
    /// Name of the gift; may be empty.
    pub gift_name: SmolStr,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i64,
    /// Current amount.
    pub progress: i64,
    /// Target amount.
    pub target: i64,
}

/// A contributor to a goal.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoalContributor {
    /// The contributor.
    #[serde(flatten)]
    pub person: Person,
    /// Value contributed. For subscriptions, TikTok sends a number that looks like a time in milliseconds
    /// instead.
    pub score: i64,
}

/// Data of a `poll` event. `user` started the poll.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// Id of the poll.
    pub poll_id: Id,
    /// 0 plain, 1 by gifts, 2 the host's own, 3 the host's own by gifts, 4 quick by gifts, 5 by emotes.
    pub poll_kind: i32,
    /// Kind of change; `null` if unknown.
    pub state: Option<PollState>,
    /// The question. Only sent at the start, and not always.
    pub title: SmolStr,
    /// Start time; `null` if unknown.
    pub started_at: Option<Millis>,
    /// End time; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// Cause of the end: 0 time, 1 the host, 2 others, 3 TikTok; `null` if it has not ended.
    pub end_type: Option<i32>,
    /// The answers.
    pub options: Vec<PollOption>,
}

/// An answer in a poll.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PollOption {
    /// Position, from 0.
    pub index: i32,
    /// Text of the answer.
    pub text: SmolStr,
    /// Number of votes.
    pub votes: i64,
}

/// Kind of change to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PollState {
    /// The poll started.
    Started,
    /// A viewer voted.
    Updated,
    /// The poll ended.
    Ended,
}
