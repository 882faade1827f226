//! Comments and emotes.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

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
