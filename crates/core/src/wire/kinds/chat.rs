//! What people write and say: comments, emotes, captions, questions, pinned and deleted messages.

use std::collections::HashSet;

use super::{
    super::Message,
    Kind, Known,
    common::{id, person, time, url, user, user_with},
    webcast,
};
use crate::event::{self, Data, Id, Person, Pinned};

impl Kind for webcast::Chat {
    fn parts(self, message: &Message) -> Known {
        let emotes = self
            .emotes
            .into_iter()
            .map(|at| event::EmoteAt { index: at.index, emote: at.emote.map(emote).unwrap_or_default() });
        let data = Data::Chat(event::Chat {
            comment: self.content.into(),
            emotes: emotes.collect(),
            language: self.language.into(),
            is_history: message.is_history,
            mentioned: self.mentioned_user.map(person),
            mentioned_users: mentioned(self.mentioned_users, self.mentioned_user_ids),
        });
        Known { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::EmoteChat {
    fn parts(self, _: &Message) -> Known {
        let emotes = self.emotes.into_iter().map(emote).collect();
        let data = Data::EmoteChat(event::EmoteChat { emotes });
        Known { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::Caption {
    fn parts(self, _: &Message) -> Known {
        let texts = self.contents.into_iter();
        let data = Data::Caption(event::Caption {
            sentence_id: Id(self.sentence_id),
            sequence_id: Id(self.sequence_id),
            definite: self.definite,
            started_at: time(self.timestamp_ms),
            duration_ms: self.duration_ms,
            texts: texts
                .map(|text| event::CaptionText { language: text.language.into(), text: text.text.into() })
                .collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::CommentTray {
    fn parts(self, _: &Message) -> Known {
        let data = Data::CommentTray(event::CommentTray {
            tray_id: Id(self.tray_id),
            content: self.content.into(),
            content_type: self.content_type,
            count: self.count,
            written_at: time(self.chat_time),
        });
        Known { common: self.common, user: None, data }
    }
}

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

impl Kind for webcast::StarCommentPush {
    fn parts(self, _: &Message) -> Known {
        let (current, next) = (self.current.map(star_comment), self.next.map(star_comment));
        let data = Data::StarCommentPush(event::StarCommentPush { current, next });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::StarCommentNotification {
    fn parts(self, _: &Message) -> Known {
        let data = Data::StarCommentNotification(event::StarCommentNotification {
            action: self.action,
            message_id: Id(self.msg_id),
            star_comment: self.comment.map(star_comment),
        });
        Known { common: self.common, user: self.operator.map(user), data }
    }
}

impl Kind for webcast::RoomPin {
    fn parts(self, message: &Message) -> Known {
        let pinned = self.chat.map(|chat| chat.parts(message));
        let pinned = pinned.or_else(|| self.gift.map(|gift| gift.parts(message)));
        let pinned = pinned.or_else(|| self.social.map(|social| social.parts(message)));
        let pinned = pinned.or_else(|| self.member.map(|member| member.parts(message)));
        let pinned = pinned.or_else(|| self.like.map(|like| like.parts(message)));
        let data = Data::Pin(event::Pin {
            pin_id: Id(self.pin_id),
            action: self.action,
            method: self.method.into(),
            pinned_at: time(self.pin_time),
            display_seconds: self.display_duration_s,
            pinned: pinned.map(|parts| Pinned {
                r#type: parts.data.kind(),
                user: parts.user,
                data: Box::new(parts.data),
            }),
        });
        Known { common: self.common, user: self.operator.map(user), data }
    }
}

impl Kind for webcast::ImDelete {
    fn parts(self, _: &Message) -> Known {
        let ids = |ids: Vec<i64>| ids.into_iter().map(Id).collect();
        let data =
            Data::Delete(event::Delete { message_ids: ids(self.msg_ids), user_ids: ids(self.user_ids) });
        Known { common: self.common, user: None, data }
    }
}

/// Returns all mentioned users. Those of whom only the id is listed follow.
fn mentioned(users: Vec<webcast::Person>, ids: Vec<i64>) -> Vec<Person> {
    if users.is_empty() && ids.is_empty() {
        return vec![];
    }
    let mut all: Vec<_> = users.into_iter().map(person).collect();
    let known: HashSet<_> = all.iter().map(|user| user.user_id).collect();
    let rest = ids.into_iter().map(Id).filter(|id| !known.contains(id));
    all.extend(rest.map(|user_id| Person { user_id, ..Default::default() }));
    all
}

fn star_comment(comment: webcast::StarComment) -> Box<event::StarComment> {
    Box::new(event::StarComment {
        star_comment_id: id(&comment.star_comment_id),
        user: comment.user.map(user),
        comment: comment.content.into(),
        language: comment.language.into(),
        duration: comment.duration,
        started_at: time(comment.start_time_ms),
        option: comment.option,
    })
}

fn emote(emote: webcast::Emote) -> event::Emote {
    event::Emote { emote_id: emote.emote_id.into(), image_url: url(emote.image) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_are_listed_once_with_or_without_a_user() {
        let user = webcast::Person { id: 5, nickname: "Ann".into(), ..Default::default() };
        let chat = webcast::Chat {
            mentioned_users: vec![user],
            mentioned_user_ids: vec![5, 6],
            user: Some(webcast::User {
                mask: Some(webcast::user::Mask { is_on: true }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let Known { user, data: Data::Chat(chat), .. } = chat.parts(&Message::default()) else {
            panic!("not a chat");
        };
        let mentioned = chat.mentioned_users.iter().map(|user| (user.user_id.0, user.nickname.as_str()));
        assert_eq!(Vec::from_iter(mentioned), [(5, "Ann"), (6, "")]);
        assert!(user.unwrap().is_masked);
    }
}
