//! What people write.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// `chat`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// What was written.
    pub comment: SmolStr,
    /// The pictures in the comment.
    pub emotes: Vec<EmoteAt>,
    /// The language that TikTok guessed.
    pub language: SmolStr,
    /// Whether it was sent before this connection was made.
    pub is_history: bool,
    /// Who is spoken to; `null` if nobody in particular.
    pub mentioned: Option<Person>,
}

/// An emote and its place in a comment.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmoteAt {
    /// Before which character it stands.
    pub index: i32,
    /// The emote.
    #[serde(flatten)]
    pub emote: Emote,
}

/// A picture that stands in a text.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Emote {
    /// Its id; TikTok has it as a text.
    pub emote_id: SmolStr,
    /// Its address.
    pub image_url: SmolStr,
}

/// `emote`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmoteChat {
    /// The pictures that were sent.
    pub emotes: Vec<Emote>,
}

/// `comment_tray`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentTray {
    /// The tray's id.
    pub tray_id: Id,
    /// What it says.
    pub content: SmolStr,
    /// TikTok's number for what that is.
    pub content_type: i64,
    /// How many comments stand behind it.
    pub count: i64,
    /// When it was written; `null` if the message does not tell.
    pub written_at: Option<Millis>,
}
