//! Texts that TikTok's clients assemble.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

/// A text that TikTok's clients assemble in the viewer's language.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// Key of the text, e.g. `pm_mt_guidance_share`; the same in all languages.
    pub key: SmolStr,
    /// The text in the message's own language, usually English, with names and numbers filled in. At most 4
    /// KB.
    pub text: String,
}
