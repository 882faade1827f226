//! What a host puts on the screen: goals, questions, and news of super fans.

use super::{Stamp, common, message, text, user, user_piece};
use crate::{
    event::Person,
    wire::{
        Message,
        webcast::{self, goal_update},
    },
};

const GOAL: &str = "WebcastGoalUpdateMessage";
const QUESTION_SELECTED: &str = "WebcastQuestionSelectedMessage";
const QUESTION_SLIDE_DOWN: &str = "WebcastQuestionSlideDownMessage";
const BARRAGE: &str = "WebcastBarrageMessage";
/// A goal of subscriptions, in the fields `type`.
const SUBSCRIPTIONS: i32 = 2;
/// [`webcast::Barrage::msg_type`]: none of the others.
const OTHER: i32 = 100;
/// Time that a barrage is displayed, in milliseconds.
const BARRAGE_MS: i64 = 5_000;

/// A goal of subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// Id of the goal.
    pub id: i64,
    /// Description written by the host.
    pub description: &'a str,
    /// Current number.
    pub progress: i64,
    /// Number that the host aims for.
    pub target: i64,
}

/// The state of a goal, after a subscription of `contributor`.
#[must_use]
pub fn subscription_goal(stamp: Stamp, goal: &Goal<'_>, contributor: Option<&Person>) -> Message {
    let Goal { id, description, progress, target } = *goal;
    let part = goal_update::SubGoal { r#type: SUBSCRIPTIONS, progress, target, ..Default::default() };
    let goal = goal_update::Goal {
        id,
        r#type: SUBSCRIPTIONS,
        status: 2,
        sub_goals: vec![part],
        description: description.to_owned(),
        contributor_count: i32::try_from(progress).unwrap_or(i32::MAX),
        ..Default::default()
    };
    let key = "live_goal_indicator_sub_goal".to_owned();
    let contributed = i64::from(contributor.is_some());
    let payload = webcast::GoalUpdate {
        common: common(stamp, GOAL, None),
        indicator: Some(goal_update::Indicator { key, operation: 3 }),
        goal: Some(goal),
        contributor_id: contributor.map_or(0, |person| person.user_id.0),
        contributor_unique_id: contributor.map(|person| person.unique_id.to_string()).unwrap_or_default(),
        contribute_count: contributed,
        contribute_score: contributed,
        ..Default::default()
    };
    message(stamp, GOAL, &payload)
}

/// The host shows the question that `person` asked at `asked`.
#[must_use]
pub fn question_selected(stamp: Stamp, asked: Stamp, person: &Person, text: &str) -> Message {
    let question = webcast::Question {
        question_id: asked.msg_id,
        text: text.to_owned(),
        create_time: asked.create_time / 1000,
        user: user(person),
        ..Default::default()
    };
    let common = common(stamp, QUESTION_SELECTED, None);
    message(stamp, QUESTION_SELECTED, &webcast::QuestionSelected { common, question: Some(question) })
}

/// The host hides a question.
#[must_use]
pub fn question_hidden(stamp: Stamp, question_id: i64) -> Message {
    let common = common(stamp, QUESTION_SLIDE_DOWN, None);
    message(stamp, QUESTION_SLIDE_DOWN, &webcast::QuestionSlideDown { common, question_id })
}

/// A text about a super fan scrolls across the video. Only its text key is known; the rest is made up.
#[must_use]
pub fn super_fan(stamp: Stamp, person: &Person, has_joined: bool) -> Message {
    let (key, pattern) = if has_joined {
        ("ttlive_superfan_commentnotif_superfanjoined", "{0:user} joined")
    } else {
        ("ttlive_superfan", "{0:user} is a Super Fan")
    };
    let payload = webcast::Barrage {
        common: common(stamp, BARRAGE, None),
        msg_type: OTHER,
        content: Some(text(key, pattern, vec![user_piece(person)])),
        duration_ms: BARRAGE_MS,
        ..Default::default()
    };
    message(stamp, BARRAGE, &payload)
}
