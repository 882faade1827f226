//! TikTok's moderation of hosts and viewers.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Text};

/// A sanction by TikTok's moderation.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Punishment {
    /// Id of the sanction.
    pub punish_id: Id,
    /// TikTok's name for the sanction, e.g. `muting_cancel`.
    pub punish_type: SmolStr,
    /// TikTok's name for the reason; usually empty.
    pub punish_reason: SmolStr,
    /// Id of the sanctioned user; 0 if unknown.
    pub user_id: Id,
}

/// Data of a `bottom` event: a warning below the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bottom {
    /// Displayed text; may be empty.
    pub content: SmolStr,
    /// Topic: 3 this room, 4 a co-host's room, 6 moderation, …
    pub biz_type: i32,
    /// Display time, in seconds.
    pub duration_seconds: i64,
    /// Id of the warned user.
    pub user_id: Id,
    /// URL of further information; may be empty.
    pub detail_url: SmolStr,
    /// The sanction; `null` if there is none.
    pub punishment: Option<Punishment>,
}

/// Data of a `perception` event: moderation notifies a user.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Perception {
    /// Displayed text; `null` if there is none.
    pub text: Option<Text>,
    /// End of the sanction; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// The sanction; `null` if there is none.
    pub punishment: Option<Punishment>,
}

/// Data of an `access_recall` event: a permission was withdrawn or restored.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRecall {
    /// The permission, e.g. `GIFT`.
    pub scene: SmolStr,
    /// TikTok's code for the change.
    pub status: i32,
    /// End of the sanction; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// Displayed title; `null` if there is none.
    pub notice: Option<Text>,
    /// Text displayed below the title; `null` if there is none.
    pub content: Option<Text>,
    /// The sanction; `null` if there is none.
    pub punishment: Option<Punishment>,
}

/// Data of an `access_control` event: TikTok demands a captcha.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessControl {
    /// Id of the captcha.
    pub record_id: Id,
    /// Time limit, in seconds.
    pub verify_seconds: i64,
}

/// Data of a `notice` event: TikTok notifies the host.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// TikTok's code for the kind of notice.
    pub notice_type: i32,
    /// Displayed text.
    pub content: SmolStr,
    /// Title; `null` if there is none.
    pub title: Option<Text>,
    /// Reason; `null` if there is none.
    pub violation_reason: Option<Text>,
}

/// Data of a `partnership_punish` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipPunish {
    /// The sanction; `null` if unknown.
    pub punishment: Option<Punishment>,
}

/// Data of a `room_verify` event: the host has to verify their identity.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomVerify {
    /// TikTok's code for the demanded action.
    pub action: i32,
    /// Displayed text; may be empty.
    pub content: SmolStr,
    /// TikTok's code for the display.
    pub notice_type: i64,
    /// Whether the room is closed.
    pub close_room: bool,
}
