//! Goals, polls, rankings and subscriptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Data, Id, Kind, Known, Millis, Person, RoomNotify, Text,
    common::{named_user, text, time, url, user},
    notices::notify,
};
use crate::wire::{
    Message,
    used::{self as webcast, goal_update as goal},
};

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
    pub indicator: String,
    /// Description written by the host.
    pub description: String,
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
    pub gift_name: String,
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
    pub title: String,
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
    pub text: String,
    /// Number of votes.
    pub votes: i64,
}

/// Kind of change to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
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
    pub rank_type: String,
    /// Displayed English text.
    pub label: String,
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
    pub source: String,
    /// URL of the reward's picture.
    pub icon_url: String,
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
    pub description: String,
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
    pub title: String,
    /// Total time, in an unknown unit.
    pub total_time: i64,
    /// Remaining time, in an unknown unit.
    pub remaining_time: i64,
}

impl Kind for webcast::GoalUpdate {
    fn parts(self, _: &Message) -> Known {
        let goal = self.goal.unwrap_or_default();
        let contributor = Person {
            user_id: Id(self.contributor_id),
            unique_id: self.contributor_unique_id,
            nickname: String::new(),
            avatar: url(self.contributor_avatar),
        };
        let data = Data::Goal(Goal {
            goal_id: Id(goal.id),
            goal_type: goal.r#type,
            status: goal.status,
            indicator: self.indicator.unwrap_or_default().key,
            description: goal.description,
            started_at: time(goal.start_time),
            expires_at: time(goal.expire_time),
            sub_goals: goal.sub_goals.into_iter().map(sub_goal).collect(),
            contributor: (self.contributor_id != 0).then_some(contributor),
            contribute_count: self.contribute_count,
            contribute_score: self.contribute_score,
            repeat_count: self.gift_repeat_count,
            contributor_count: goal.contributor_count,
            contributors: goal.contributors.into_iter().map(contributor_of).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Poll {
    fn parts(self, _: &Message) -> Known {
        let state = poll_state(&self);
        let start = self.start.unwrap_or_default();
        let (end_type, end) = self.end.map(|end| (end.end_type, end.options)).unzip();
        let update = self.update.map(|update| update.options);
        let options = end.or(update).unwrap_or(start.options);
        let data = Data::Poll(Poll {
            poll_id: Id(self.poll_id),
            poll_kind: self.poll_kind,
            state,
            title: start.title,
            started_at: time(start.start_time),
            ends_at: time(start.end_time),
            end_type,
            options: options.into_iter().map(option).collect(),
        });
        Known { common: self.common, user: start.operator.map(user), data }
    }
}

impl Kind for webcast::RankUpdate {
    fn parts(self, _: &Message) -> Known {
        let ranks = self.ranks.into_iter().map(|rank| RankEntry {
            rank_type: rank.rank_type,
            own_rank: rank.own_rank,
            text: text(rank.text),
            countdown_seconds: rank.countdown_s,
        });
        let data = Data::Rank(Rank { group_type: self.group_type, ranks: ranks.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RankText {
    fn parts(self, _: &Message) -> Known {
        let named = named_user(self.other_text.as_ref()).map(user);
        let data = Data::RankText(RankText {
            scene: self.scene,
            before: self.before,
            after: self.after,
            text: text(self.other_text),
            self_text: text(self.self_text),
            user_id: Id(self.user_id),
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::HourlyRank {
    fn parts(self, _: &Message) -> Known {
        let ranking = self.container.and_then(|container| container.ranking).unwrap_or_default();
        let (rank_type, label) = (ranking.key, ranking.default_pattern);
        Known { common: self.common, user: None, data: Data::HourlyRank(HourlyRank { rank_type, label }) }
    }
}

impl Kind for webcast::HourlyRankReward {
    fn parts(self, _: &Message) -> Known {
        let winners = self.winners.into_iter().map(|winner| RankWinner {
            user_id: Id(winner.user_id),
            asset_id: winner.asset_id,
            notice: winner.notify.map(|line| notify(*line)),
        });
        let data = Data::HourlyRankReward(HourlyRankReward { winners: winners.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::WeeklyRankReward {
    fn parts(self, _: &Message) -> Known {
        let border = self.border.unwrap_or_default();
        let data = Data::WeeklyRankReward(WeeklyRankReward {
            user_id: Id(self.user_id),
            source: border.source,
            icon_url: url(border.icon),
            notice: self.notify.map(notify),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GameRankNotify {
    fn parts(self, _: &Message) -> Known {
        let data = Data::GameRankNotify(GameRankNotify { msg_type: self.msg_type, text: text(self.text) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::SubWave {
    fn parts(self, _: &Message) -> Known {
        let wave = self.wave.unwrap_or_default();
        let state = wave.state.unwrap_or_default();
        let data = Data::SubWave(SubWave {
            message_type: wave.message_type,
            newcomer: wave.newcomer.map(subscriber),
            wave_count: state.wave_count,
            target_count: state.target_count,
            total_count: state.total_count,
            status: state.status,
            started_at: time(state.start_time),
            ends_at: time(state.end_time),
            thanked: state.thanked.into_iter().map(subscriber).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::SubPinEvent {
    fn parts(self, _: &Message) -> Known {
        let card = self.card.unwrap_or_default();
        let goal = card.goal.unwrap_or_default();
        let data = Data::SubPinEvent(SubPinEvent {
            action: self.action,
            card_id: Id(card.id),
            goal_id: Id(goal.goal_id),
            description: goal.description.unwrap_or_default().content,
            progress: goal.progress,
            target: goal.target,
            operator_user_id: Id(self.operator_user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::SubTimerSticker {
    fn parts(self, _: &Message) -> Known {
        let sticker = self.sticker.unwrap_or_default();
        let data = Data::SubTimerSticker(SubTimerSticker {
            timer_id: Id(sticker.timer_id),
            change_type: sticker.change_type,
            operation: sticker.operation,
            status: sticker.status,
            title: sticker.title,
            total_time: sticker.total_time,
            remaining_time: sticker.remaining_time,
        });
        Known { common: self.common, user: None, data }
    }
}

fn sub_goal(goal: goal::SubGoal) -> SubGoal {
    let gift = goal.gift.unwrap_or_default();
    SubGoal {
        goal_type: goal.r#type,
        gift_id: goal.id,
        gift_name: gift.name,
        diamond_count: gift.diamond_count,
        progress: goal.progress,
        target: goal.target,
    }
}

fn contributor_of(contributor: goal::Contributor) -> GoalContributor {
    let person = Person {
        user_id: Id(contributor.user_id),
        unique_id: contributor.unique_id,
        nickname: String::new(),
        avatar: url(contributor.avatar),
    };
    GoalContributor { person, score: contributor.score }
}

/// Derives the change from the fields in the message, because the meaning of its number is unknown.
fn poll_state(poll: &webcast::Poll) -> Option<PollState> {
    let end = poll.end.as_ref().map(|_| PollState::Ended);
    let update = poll.update.as_ref().map(|_| PollState::Updated);
    end.or(update).or(poll.start.as_ref().map(|_| PollState::Started))
}

fn option(option: webcast::poll::Option) -> PollOption {
    PollOption { index: option.index, text: option.text, votes: option.votes }
}

fn subscriber(subscriber: webcast::sub_wave::Subscriber) -> Person {
    Person {
        user_id: Id(subscriber.user_id),
        unique_id: subscriber.unique_id,
        nickname: String::new(),
        avatar: url(subscriber.avatar),
    }
}
