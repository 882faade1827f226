//! Texts that TikTok's clients put together.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

/// A text that TikTok's clients put together in the viewer's language.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// Names the text, e.g. `pm_mt_guidance_share`; the same in all languages.
    pub key: SmolStr,
    /// The text as the message has it, mostly English, with names and numbers filled in. Never longer than 4 KB.
    pub text: String,
}
