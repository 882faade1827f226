//! Goals and polls.

use smol_str::SmolStr;

use super::{
    Kind, Known,
    common::{time, url},
    user::user,
    webcast::{self, goal_update as goal},
};
use crate::{
    event::{self, Data, Id, Person, PollState},
    wire::Message,
};

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

/// Derives the change from the fields in the message, because the meaning of its number is unknown.
fn poll_state(poll: &webcast::Poll) -> Option<PollState> {
    let end = poll.end.as_ref().map(|_| PollState::Ended);
    let update = poll.update.as_ref().map(|_| PollState::Updated);
    end.or(update).or(poll.start.as_ref().map(|_| PollState::Started))
}

fn option(option: webcast::poll::Option) -> event::PollOption {
    event::PollOption { index: option.index, text: option.text.into(), votes: option.votes }
}
