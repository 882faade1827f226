//! What TikTok does against hosts and viewers.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Text};

/// A measure of TikTok's against somebody.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Punishment {
    /// Its id.
    pub punish_id: Id,
    /// TikTok's name for it, e.g. `muting_cancel`.
    pub punish_type: SmolStr,
    /// TikTok's name for the reason; mostly empty.
    pub punish_reason: SmolStr,
    /// Against whom; 0 if the message does not tell.
    pub user_id: Id,
}

/// `bottom`: a warning below the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bottom {
    /// What is shown; may be empty.
    pub content: SmolStr,
    /// What it is about: 3 this room, 4 a co-host's room, 6 moderation, …
    pub biz_type: i32,
    /// For how long it is shown.
    pub duration_seconds: i64,
    /// Against whom.
    pub user_id: Id,
    /// Where to read more; may be empty.
    pub detail_url: SmolStr,
    /// What was done; `null` if nothing was.
    pub punishment: Option<Punishment>,
}

/// `perception`: moderation tells somebody something.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Perception {
    /// What is shown; `null` if nothing is.
    pub text: Option<Text>,
    /// Until when it holds; `null` if the message does not tell.
    pub ends_at: Option<Millis>,
    /// What was done; `null` if nothing was.
    pub punishment: Option<Punishment>,
}

/// `access_recall`: a right is withdrawn, or given back.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRecall {
    /// Which right, e.g. `GIFT`.
    pub scene: SmolStr,
    /// TikTok's number for what happens to it.
    pub status: i32,
    /// Until when it holds; `null` if the message does not tell.
    pub ends_at: Option<Millis>,
    /// What is shown; `null` if nothing is.
    pub notice: Option<Text>,
    /// What is shown below; `null` if nothing is.
    pub content: Option<Text>,
    /// What was done; `null` if nothing was.
    pub punishment: Option<Punishment>,
}

/// `access_control`: TikTok wants a captcha solved.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessControl {
    /// The captcha's id.
    pub record_id: Id,
    /// How long there is time.
    pub verify_seconds: i64,
}

/// `notice`: TikTok tells the host something.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// TikTok's number for what it is about.
    pub notice_type: i32,
    /// What is shown.
    pub content: SmolStr,
    /// The title; `null` without one.
    pub title: Option<Text>,
    /// The reason; `null` without one.
    pub violation_reason: Option<Text>,
}

/// `partnership_punish`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipPunish {
    /// What was done; `null` if the message does not tell.
    pub punishment: Option<Punishment>,
}

/// `room_verify`: the host has to prove something.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomVerify {
    /// TikTok's number for what is asked.
    pub action: i32,
    /// What is shown; may be empty.
    pub content: SmolStr,
    /// TikTok's number for how it is shown.
    pub notice_type: i64,
    /// Whether the room is closed.
    pub close_room: bool,
}
