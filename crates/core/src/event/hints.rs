//! Hints with and without a button.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Text;

/// `capsule`: a hint with a button; `user` is whom it names.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capsule {
    /// What it says.
    pub text: Option<Text>,
    /// What the button says.
    pub button_text: Option<Text>,
    /// Where the button leads, in TikTok's app.
    pub link: SmolStr,
    /// TikTok's number for what it is.
    pub capsule_type: i32,
    /// What it is about, e.g. `notice_viewer_new_goal`.
    pub scene: SmolStr,
}

/// `subscription_guide`: a hint with a button; `user` is whom it names.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionGuide {
    /// What it says.
    pub text: Option<Text>,
    /// What the button says.
    pub button_text: Option<Text>,
    /// Where the button leads, in TikTok's app.
    pub link: SmolStr,
    /// What it is about, e.g. `notice_viewer_new_goal`.
    pub scene: SmolStr,
}

/// `guide`: a hint.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guide {
    /// TikTok's number for what it is.
    pub guide_type: i64,
    /// What it says.
    pub description: SmolStr,
    /// The gift that it is about; 0 if it is about none.
    pub gift_id: i64,
    /// For how long it is shown; the unit is not known.
    pub duration: i64,
}

/// `toast`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Toast {
    /// What it says; `null` if the message does not tell.
    pub text: Option<Text>,
    /// For how long it is shown; the unit is not known.
    pub display_duration: i64,
    /// After which time it is shown; the unit is not known.
    pub delay_duration: i64,
}

/// `live_game_intro`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveGameIntro {
    /// What it says.
    pub text: Option<Text>,
    /// Whether there is a ranking.
    pub has_rank_info: bool,
}

/// `speaker`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speaker {
    /// What it says; `null` if the message does not tell.
    pub text: Option<Text>,
}
