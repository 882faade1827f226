//! The rare events of a show with everything, and their state.

use livetape_core::{
    event::Person,
    wire::{
        Message,
        compose::{self, Goal, PollStage, Stamp},
    },
};

use super::{people, random::Random, words::phrase};

/// A rare event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Special {
    GoalAdvances,
    Subscribes,
    SuperFan,
    SuperFanJoins,
    SuperFanBox,
    Emote,
    Asks,
    QuestionShown,
    QuestionHidden,
    PollOpens,
    Votes,
    PollEnds,
}

use Special::{
    Asks, Emote, GoalAdvances, PollEnds, PollOpens, QuestionHidden, QuestionShown, Subscribes, SuperFan,
    SuperFanBox, SuperFanJoins, Votes,
};

/// The events of an act, each at this permille of it.
pub(super) const PROGRAM: [(u64, Special); 26] = [
    (30, GoalAdvances),
    (60, Subscribes),
    (65, GoalAdvances),
    (90, Asks),
    (110, SuperFanJoins),
    (140, PollOpens),
    (165, Votes),
    (190, Votes),
    (205, Asks),
    (225, Votes),
    (240, PollEnds),
    (300, Subscribes),
    (305, GoalAdvances),
    (340, Emote),
    (380, SuperFan),
    (420, SuperFanBox),
    (500, Subscribes),
    (505, GoalAdvances),
    (640, Asks),
    (660, QuestionShown),
    (720, QuestionHidden),
    (750, Emote),
    (800, SuperFanJoins),
    (850, Subscribes),
    (855, GoalAdvances),
    (900, SuperFan),
];

const SUBSCRIPTIONS_TARGET: i64 = 4;
/// Number of the emote, which also decides its picture.
const EMOTE_ID: u64 = 7_000_000_000_000_000_001;

#[derive(Default)]
pub(super) struct Specials {
    subscriptions: i64,
    subscriber: Option<Person>,
    goal: Option<(i64, String)>,
    poll_id: i64,
    options: Vec<(String, i64)>,
    /// The last question, and who asked it.
    question: Option<(Stamp, Person, String)>,
}

impl Specials {
    /// Returns the message of an event, which `viewer` causes unless the host does.
    pub(super) fn perform(
        &mut self,
        special: Special,
        stamp: Stamp,
        viewer: Person,
        random: &mut Random,
    ) -> Option<Message> {
        let host = people::host();
        let mut text = || phrase(random, &host.unique_id).1;
        Some(match special {
            GoalAdvances => {
                let (id, description) = self.goal.get_or_insert_with(|| (stamp.msg_id, text()));
                let (progress, target) = (self.subscriptions, SUBSCRIPTIONS_TARGET);
                let goal = Goal { id: *id, description, progress, target };
                compose::subscription_goal(stamp, &goal, self.subscriber.take().as_ref())
            }
            Subscribes => {
                self.subscriptions += 1;
                let months = self.subscriptions;
                let message = compose::subscribe(stamp, &viewer, months);
                self.subscriber = Some(viewer);
                message
            }
            SuperFan => compose::super_fan(stamp, &viewer, false),
            SuperFanJoins => compose::super_fan(stamp, &viewer, true),
            SuperFanBox => compose::super_fan_box(stamp, &viewer, 100, 10),
            Emote => compose::emote(stamp, &viewer, &EMOTE_ID.to_string(), &people::picture(EMOTE_ID)),
            Asks => {
                let text = text();
                let message = compose::question(stamp, &viewer, &text);
                self.question = Some((stamp, viewer, text));
                message
            }
            QuestionShown => {
                let (asked, asker, text) = self.question.as_ref()?;
                compose::question_selected(stamp, *asked, asker, text)
            }
            QuestionHidden => compose::question_hidden(stamp, self.question.take()?.0.msg_id),
            PollOpens => {
                self.poll_id = stamp.msg_id;
                self.options = vec![(text(), 0), (text(), 0)];
                let options: Vec<_> = self.options.iter().map(|(text, _)| text.clone()).collect();
                compose::poll(stamp, &host, &text(), &options)
            }
            Votes => {
                for (_, votes) in &mut self.options {
                    *votes += 1 + i64::try_from(random.below(9)).unwrap_or(0);
                }
                compose::poll_stage(stamp, self.poll_id, PollStage::Votes, &self.options)
            }
            PollEnds => compose::poll_stage(stamp, self.poll_id, PollStage::End, &self.options),
        })
    }
}
