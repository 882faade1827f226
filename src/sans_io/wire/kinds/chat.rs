//! What people write.

use super::{
    Kind, Parts,
    common::{time, url},
    user::{person, user, user_with},
    webcast,
};
use crate::sans_io::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::Chat {
    fn parts(self, message: &Message) -> Parts {
        let emotes = self
            .emotes
            .into_iter()
            .map(|at| event::EmoteAt { index: at.index, emote: at.emote.map(emote).unwrap_or_default() });
        let data = Data::Chat(event::Chat {
            comment: self.content,
            emotes: emotes.collect(),
            language: self.language,
            is_history: message.is_history,
            mentioned: self.mentioned_user.map(person),
        });
        Parts { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::EmoteChat {
    fn parts(self, _: &Message) -> Parts {
        let emotes = self.emotes.into_iter().map(emote).collect();
        let data = Data::EmoteChat(event::EmoteChat { emotes });
        Parts { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::QuestionNew {
    fn parts(self, _: &Message) -> Parts {
        let question = self.question.unwrap_or_default();
        let data = Data::Question(event::Question {
            question_id: Id(question.question_id),
            question_text: question.text,
            asked_at: time(question.create_time),
        });
        Parts { common: self.common, user: question.user.map(user), data }
    }
}

fn emote(emote: webcast::Emote) -> event::Emote {
    event::Emote { emote_id: emote.emote_id, image_url: url(emote.image) }
}
