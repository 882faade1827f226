//! What is spoken.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

/// `caption`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caption {
    /// The sentence; captions of one sentence replace each other.
    pub sentence_id: Id,
    /// Which version of the sentence.
    pub sequence_id: Id,
    /// Whether the sentence stays as it is.
    pub definite: bool,
    /// When it was spoken; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// How long it took.
    pub duration_ms: i64,
    /// The sentence, by language.
    pub texts: Vec<CaptionText>,
}

/// A caption in one language.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptionText {
    /// The language.
    pub language: SmolStr,
    /// What was spoken.
    pub text: SmolStr,
}
