//! Goals, polls, rankings and subscriptions.

use smol_str::SmolStr;

use super::{
    super::Message,
    Kind, Known,
    common::{named_user, text, time, url, user},
    notices::notify,
    webcast::{self, goal_update as goal},
};
use crate::event::{self, Data, Id, Person, PollState};

impl Kind for webcast::GoalUpdate {
    fn parts(self, _: &Message) -> Known {
        let goal = self.goal.unwrap_or_default();
        let contributor = Person {
            user_id: Id(self.contributor_id),
            unique_id: self.contributor_unique_id.into(),
            nickname: SmolStr::default(),
            avatar: url(self.contributor_avatar),
        };
        let data = Data::Goal(event::Goal {
            goal_id: Id(goal.id),
            goal_type: goal.r#type,
            status: goal.status,
            indicator: self.indicator.unwrap_or_default().key.into(),
            description: goal.description.into(),
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
        let data = Data::Poll(event::Poll {
            poll_id: Id(self.poll_id),
            poll_kind: self.poll_kind,
            state,
            title: start.title.into(),
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
        let ranks = self.ranks.into_iter().map(|rank| event::RankEntry {
            rank_type: rank.rank_type,
            own_rank: rank.own_rank,
            text: text(rank.text),
            countdown_seconds: rank.countdown_s,
        });
        let data = Data::Rank(event::Rank { group_type: self.group_type, ranks: ranks.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RankText {
    fn parts(self, _: &Message) -> Known {
        let named = named_user(self.other_text.as_ref()).map(user);
        let data = Data::RankText(event::RankText {
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
        let (rank_type, label) = (ranking.key.into(), ranking.default_pattern.into());
        Known {
            common: self.common,
            user: None,
            data: Data::HourlyRank(event::HourlyRank { rank_type, label }),
        }
    }
}

impl Kind for webcast::HourlyRankReward {
    fn parts(self, _: &Message) -> Known {
        let winners = self.winners.into_iter().map(|winner| event::RankWinner {
            user_id: Id(winner.user_id),
            asset_id: winner.asset_id,
            notice: winner.notify.map(|line| notify(*line)),
        });
        let data = Data::HourlyRankReward(event::HourlyRankReward { winners: winners.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::WeeklyRankReward {
    fn parts(self, _: &Message) -> Known {
        let border = self.border.unwrap_or_default();
        let data = Data::WeeklyRankReward(event::WeeklyRankReward {
            user_id: Id(self.user_id),
            source: border.source.into(),
            icon_url: url(border.icon),
            notice: self.notify.map(notify),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GameRankNotify {
    fn parts(self, _: &Message) -> Known {
        let data =
            Data::GameRankNotify(event::GameRankNotify { msg_type: self.msg_type, text: text(self.text) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::SubWave {
    fn parts(self, _: &Message) -> Known {
        let wave = self.wave.unwrap_or_default();
        let state = wave.state.unwrap_or_default();
        let data = Data::SubWave(event::SubWave {
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
        let data = Data::SubPinEvent(event::SubPinEvent {
            action: self.action,
            card_id: Id(card.id),
            goal_id: Id(goal.goal_id),
            description: goal.description.unwrap_or_default().content.into(),
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
        let data = Data::SubTimerSticker(event::SubTimerSticker {
            timer_id: Id(sticker.timer_id),
            change_type: sticker.change_type,
            operation: sticker.operation,
            status: sticker.status,
            title: sticker.title.into(),
            total_time: sticker.total_time,
            remaining_time: sticker.remaining_time,
        });
        Known { common: self.common, user: None, data }
    }
}

fn sub_goal(goal: goal::SubGoal) -> event::SubGoal {
    let gift = goal.gift.unwrap_or_default();
    event::SubGoal {
        goal_type: goal.r#type,
        gift_id: goal.id,
        gift_name: gift.name.into(),
        diamond_count: gift.diamond_count,
        progress: goal.progress,
        target: goal.target,
    }
}

fn contributor_of(contributor: goal::Contributor) -> event::GoalContributor {
    let person = Person {
        user_id: Id(contributor.user_id),
        unique_id: contributor.unique_id.into(),
        nickname: SmolStr::default(),
        avatar: url(contributor.avatar),
    };
    event::GoalContributor { person, score: contributor.score }
}

/// Derives the change from the fields in the message, because the meaning of its number is unknown.
fn poll_state(poll: &webcast::Poll) -> Option<PollState> {
    let end = poll.end.as_ref().map(|_| PollState::Ended);
    let update = poll.update.as_ref().map(|_| PollState::Updated);
    end.or(update).or(poll.start.as_ref().map(|_| PollState::Started))
}

fn option(option: webcast::poll::Option) -> event::PollOption {
    event::PollOption { index: option.index, text: option.text.into(), votes: option.votes }
}

fn subscriber(subscriber: webcast::sub_wave::Subscriber) -> Person {
    Person {
        user_id: Id(subscriber.user_id),
        unique_id: subscriber.unique_id.into(),
        nickname: SmolStr::default(),
        avatar: url(subscriber.avatar),
    }
}
