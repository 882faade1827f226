//! Questions to the host.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

/// `question` and `question_selected`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// The question's id.
    pub question_id: Id,
    /// What was asked.
    pub question_text: SmolStr,
    /// When it was asked; `null` if the message does not tell.
    pub asked_at: Option<Millis>,
}

/// `question_slide_down`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionSlideDown {
    /// The question that is no longer shown.
    pub question_id: Id,
}

/// `question_delete`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionDelete {
    /// The question that was deleted.
    pub question_id: Id,
    /// Who had asked it, or who deleted it: nobody knows which.
    pub user_id: Id,
}

/// `question_switch`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuestionSwitch {
    /// Whether questions may be asked.
    pub on: bool,
}
