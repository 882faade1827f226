//! Goals, polls, rankings and subscriptions.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person, RoomNotify, Text};

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

/// Data of a `sub_pin_event` event: the subscription goal is pinned to the screen.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubPinEvent {
    /// 1 pinned, 2 removed.
    pub action: i32,
    /// Id of the card.
    pub card_id: Id,
    /// Id of the goal.
    pub goal_id: Id,
    /// Description written by the host.
    pub description: SmolStr,
    /// Current number of subscriptions.
    pub progress: i64,
    /// Target number of subscriptions.
    pub target: i64,
    /// Id of the user who pinned it.
    pub operator_user_id: Id,
}

/// Data of a `sub_wave` event: several subscriptions follow each other quickly.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubWave {
    /// TikTok's code for the change.
    pub message_type: i32,
    /// The new subscriber; `null` if there is none.
    pub newcomer: Option<Person>,
    /// Number of subscriptions in the wave.
    pub wave_count: i64,
    /// Target number of subscriptions in the wave.
    pub target_count: i64,
    /// Total number of the host's subscribers.
    pub total_count: i64,
    /// TikTok's code for the stage.
    pub status: i32,
    /// Start time; `null` if unknown.
    pub started_at: Option<Millis>,
    /// End time; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// The participants.
    pub thanked: Vec<Person>,
}

/// Data of a `sub_timer_sticker` event: subscriptions add time to a timer.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubTimerSticker {
    /// Id of the timer.
    pub timer_id: Id,
    /// TikTok's code for the kind of change.
    pub change_type: i32,
    /// TikTok's code for the operation on the timer.
    pub operation: i32,
    /// TikTok's code for the state of the timer.
    pub status: i32,
    /// Displayed title.
    pub title: SmolStr,
    /// Total time, in an unknown unit.
    pub total_time: i64,
    /// Remaining time, in an unknown unit.
    pub remaining_time: i64,
}
