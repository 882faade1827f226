//! Questions to the host.

use super::{Kind, Known, common::time, user::user, webcast};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::QuestionNew {
    fn parts(self, _: &Message) -> Known {
        let (asker, question) = question(self.question);
        Known { common: self.common, user: asker, data: Data::Question(question) }
    }
}

impl Kind for webcast::QuestionSelected {
    fn parts(self, _: &Message) -> Known {
        let (asker, question) = question(self.question);
        Known { common: self.common, user: asker, data: Data::QuestionSelected(question) }
    }
}

fn question(question: Option<webcast::Question>) -> (Option<event::User>, event::Question) {
    let question = question.unwrap_or_default();
    let data = event::Question {
        question_id: Id(question.question_id),
        question_text: question.text.into(),
        asked_at: time(question.create_time),
    };
    (question.user.map(user), data)
}

impl Kind for webcast::QuestionSlideDown {
    fn parts(self, _: &Message) -> Known {
        let data = Data::QuestionSlideDown(event::QuestionSlideDown { question_id: Id(self.question_id) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::QuestionDelete {
    fn parts(self, _: &Message) -> Known {
        let data = Data::QuestionDelete(event::QuestionDelete {
            question_id: Id(self.question_id),
            user_id: Id(self.user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::QuestionSwitch {
    fn parts(self, _: &Message) -> Known {
        let data = Data::QuestionSwitch(event::QuestionSwitch { on: self.on });
        Known { common: self.common, user: None, data }
    }
}
