//! What people write and say: comments, emotes, captions, questions, pinned and deleted messages.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Millis, Person, User,
    common::{id, person, time, url, user, user_with},
};
use crate::wire::{Message, used as webcast};

/// Data of a `chat` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// Text of the comment.
    pub comment: String,
    /// Emotes within the comment.
    pub emotes: Vec<EmoteAt>,
    /// Language as detected by TikTok.
    pub language: String,
    /// Whether the comment was sent before this connection opened.
    pub is_history: bool,
    /// The mentioned user; `null` if there is none.
    pub mentioned: Option<Person>,
    /// All mentioned users, as newer messages list them; absent if there are none. Some have only an id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentioned_users: Vec<Person>,
}

/// Data of a `star_comment` event: a paid comment is displayed.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StarCommentPush {
    /// The comment; `null` if none is displayed any longer.
    pub current: Option<Box<StarComment>>,
    /// The comment that follows it; `null` if there is none.
    pub next: Option<Box<StarComment>>,
}

/// Data of a `star_comment_notification` event. `user` acted on the comment.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StarCommentNotification {
    /// 1 deleted, 2 polling.
    pub action: i32,
    /// Id of the comment's message; 0 if unknown.
    pub message_id: Id,
    /// The comment; `null` if it is not included.
    pub star_comment: Option<Box<StarComment>>,
}

/// A paid comment.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StarComment {
    /// Id of the comment.
    pub star_comment_id: Id,
    /// Author of the comment.
    pub user: Option<User>,
    /// Text of the comment.
    pub comment: String,
    /// Language of the comment.
    pub language: String,
    /// TikTok's number for the duration, whose unit is unknown.
    pub duration: i64,
    /// Start of the display; `null` if unknown.
    pub started_at: Option<Millis>,
    /// 10 basic, 20 elevated.
    pub option: i32,
}

/// An emote and its position in a comment.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmoteAt {
    /// Position in the comment: the index of the following character.
    pub index: i32,
    /// The emote.
    #[serde(flatten)]
    pub emote: Emote,
}

/// A picture within a text.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Emote {
    /// Id of the emote, which TikTok sends as a string.
    pub emote_id: String,
    /// URL of the picture.
    pub image_url: String,
}

/// Data of an `emote` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmoteChat {
    /// The sent emotes.
    pub emotes: Vec<Emote>,
}

/// Data of a `comment_tray` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentTray {
    /// Id of the tray.
    pub tray_id: Id,
    /// Displayed text.
    pub content: String,
    /// TikTok's code for the type of content.
    pub content_type: i64,
    /// Number of comments that the tray represents.
    pub count: i64,
    /// Time of writing; `null` if unknown.
    pub written_at: Option<Millis>,
}

/// Data of a `caption` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caption {
    /// Id of the sentence. A newer caption of the same sentence replaces the older one.
    pub sentence_id: Id,
    /// Version of the sentence.
    pub sequence_id: Id,
    /// Whether the sentence is final.
    pub definite: bool,
    /// Start time of the speech; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Duration of the speech, in milliseconds.
    pub duration_ms: i64,
    /// The sentence in each language.
    pub texts: Vec<CaptionText>,
}

/// A caption in one language.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptionText {
    /// Language code.
    pub language: String,
    /// Spoken text.
    pub text: String,
}

/// Data of a `question` or `question_selected` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Id of the question.
    pub question_id: Id,
    /// Text of the question.
    pub question_text: String,
    /// Time of asking; `null` if unknown.
    pub asked_at: Option<Millis>,
}

/// Data of a `question_slide_down` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionSlideDown {
    /// Id of the hidden question.
    pub question_id: Id,
}

/// Data of a `question_delete` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionDelete {
    /// Id of the deleted question.
    pub question_id: Id,
    /// Id of the user who asked the question or of the one who deleted it; it is not known which.
    pub user_id: Id,
}

/// Data of a `question_switch` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionSwitch {
    /// Whether viewers can ask questions.
    pub on: bool,
}

/// Data of a `pin` event. `user` pinned the message.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Id of the pin.
    pub pin_id: Id,
    /// 1 pinned, 2 removed.
    pub action: i32,
    /// Method of the pinned message.
    pub method: String,
    /// Time of pinning; `null` if unknown.
    pub pinned_at: Option<Millis>,
    /// Display time in seconds; 0 for unlimited.
    pub display_seconds: i64,
    /// The pinned message; `null` if it is not included.
    pub pinned: Option<Pinned>,
}

/// A pinned message.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pinned {
    /// The `type` of the message's own event.
    pub r#type: &'static str,
    /// Author of the message.
    pub user: Option<User>,
    /// The `data` of the message's own event.
    pub data: Box<Data>,
}

/// Data of a `delete` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delete {
    /// Ids of the deleted messages.
    pub message_ids: Vec<Id>,
    /// Ids of the users whose messages are all deleted.
    pub user_ids: Vec<Id>,
}

impl Kind for webcast::Chat {
    fn parts(self, message: &Message) -> Known {
        let emotes = self
            .emotes
            .into_iter()
            .map(|at| EmoteAt { index: at.index, emote: at.emote.map(emote).unwrap_or_default() });
        let data = Data::Chat(Chat {
            comment: self.content,
            emotes: emotes.collect(),
            language: self.language,
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
        let data = Data::EmoteChat(EmoteChat { emotes });
        Known { common: self.common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::Caption {
    fn parts(self, _: &Message) -> Known {
        let texts = self.contents.into_iter();
        let data = Data::Caption(Caption {
            sentence_id: Id(self.sentence_id),
            sequence_id: Id(self.sequence_id),
            definite: self.definite,
            started_at: time(self.timestamp_ms),
            duration_ms: self.duration_ms,
            texts: texts.map(|text| CaptionText { language: text.language, text: text.text }).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::CommentTray {
    fn parts(self, _: &Message) -> Known {
        let data = Data::CommentTray(CommentTray {
            tray_id: Id(self.tray_id),
            content: self.content,
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
        let data = Data::QuestionSlideDown(QuestionSlideDown { question_id: Id(self.question_id) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::QuestionDelete {
    fn parts(self, _: &Message) -> Known {
        let data = Data::QuestionDelete(QuestionDelete {
            question_id: Id(self.question_id),
            user_id: Id(self.user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::QuestionSwitch {
    fn parts(self, _: &Message) -> Known {
        let data = Data::QuestionSwitch(QuestionSwitch { on: self.on });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::StarCommentPush {
    fn parts(self, _: &Message) -> Known {
        let (current, next) = (self.current.map(star_comment), self.next.map(star_comment));
        let data = Data::StarCommentPush(StarCommentPush { current, next });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::StarCommentNotification {
    fn parts(self, _: &Message) -> Known {
        let data = Data::StarCommentNotification(StarCommentNotification {
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
        let data = Data::Pin(Pin {
            pin_id: Id(self.pin_id),
            action: self.action,
            method: self.method,
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
        let data = Data::Delete(Delete { message_ids: ids(self.msg_ids), user_ids: ids(self.user_ids) });
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

fn star_comment(comment: webcast::StarComment) -> Box<StarComment> {
    Box::new(StarComment {
        star_comment_id: id(&comment.star_comment_id),
        user: comment.user.map(user),
        comment: comment.content,
        language: comment.language,
        duration: comment.duration,
        started_at: time(comment.start_time_ms),
        option: comment.option,
    })
}

fn emote(emote: webcast::Emote) -> Emote {
    Emote { emote_id: emote.emote_id, image_url: url(emote.image) }
}

fn question(question: Option<webcast::Question>) -> (Option<User>, Question) {
    let question = question.unwrap_or_default();
    let data = Question {
        question_id: Id(question.question_id),
        question_text: question.text,
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
