//! Captions of the speech in a LIVE.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

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
