//! What people write and say: comments, emotes, captions, questions, pinned and deleted messages.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Data, Id, Millis, Person, User};

/// Data of a `chat` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// Text of the comment.
    pub comment: SmolStr,
    /// Emotes within the comment.
    pub emotes: Vec<EmoteAt>,
    /// Language as detected by TikTok.
    pub language: SmolStr,
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
    pub comment: SmolStr,
    /// Language of the comment.
    pub language: SmolStr,
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
    pub emote_id: SmolStr,
    /// URL of the picture.
    pub image_url: SmolStr,
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
    pub content: SmolStr,
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
    pub language: SmolStr,
    /// Spoken text.
    pub text: SmolStr,
}

/// Data of a `question` or `question_selected` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Id of the question.
    pub question_id: Id,
    /// Text of the question.
    pub question_text: SmolStr,
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
    pub method: SmolStr,
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
