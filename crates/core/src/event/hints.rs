//! Hints with and without a button.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Text;

/// Data of a `capsule` event: a hint with a button. The text mentions `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capsule {
    /// Displayed text.
    pub text: Option<Text>,
    /// Text of the button.
    pub button_text: Option<Text>,
    /// Target of the button, in TikTok's app.
    pub link: SmolStr,
    /// TikTok's code for the kind of hint.
    pub capsule_type: i32,
    /// Topic, e.g. `notice_viewer_new_goal`.
    pub scene: SmolStr,
}

/// Data of a `subscription_guide` event: a hint with a button. The text mentions `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionGuide {
    /// Displayed text.
    pub text: Option<Text>,
    /// Text of the button.
    pub button_text: Option<Text>,
    /// Target of the button, in TikTok's app.
    pub link: SmolStr,
    /// Topic, e.g. `notice_viewer_new_goal`.
    pub scene: SmolStr,
}

/// Data of a `guide` event: a hint.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guide {
    /// TikTok's code for the kind of hint.
    pub guide_type: i64,
    /// Displayed text.
    pub description: SmolStr,
    /// Id of the gift that the hint is about; 0 if there is none.
    pub gift_id: i64,
    /// Display time, in an unknown unit.
    pub duration: i64,
}

/// Data of a `toast` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Toast {
    /// Displayed text; `null` if there is none.
    pub text: Option<Text>,
    /// Display time, in an unknown unit.
    pub display_duration: i64,
    /// Delay before it appears, in an unknown unit.
    pub delay_duration: i64,
}

/// Data of a `live_game_intro` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveGameIntro {
    /// Displayed text.
    pub text: Option<Text>,
    /// Whether the game has a ranking.
    pub has_rank_info: bool,
}

/// Data of a `speaker` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speaker {
    /// Displayed text; `null` if there is none.
    pub text: Option<Text>,
}
