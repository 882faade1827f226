//! Questions to the host.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

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
