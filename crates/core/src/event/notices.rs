//! What clients show by themselves: lines, hints, banners.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Text};

/// `room`: the client shows a line in the chat; `user` is whom it names.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomText {
    /// What is shown; `null` if it is `content`.
    pub text: Option<Text>,
    /// A text beside that; mostly empty.
    pub content: SmolStr,
    /// What it is about, e.g. `user_join_fans`; may be empty.
    pub scene: SmolStr,
    /// TikTok's number for where it comes from.
    pub source: i32,
    /// Whether it is a welcome.
    pub is_welcome: bool,
}

/// `system`: the welcome text of TikTok.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// What is shown.
    pub message: SmolStr,
}

/// `room_notify`: a line over the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomNotify {
    /// What is shown; `null` if it is `content`.
    pub text: Option<Text>,
    /// A text beside that; mostly empty.
    pub content: SmolStr,
    /// TikTok's number for what it is.
    pub notify_type: i64,
    /// What it is about, e.g. `weekly_rank`; may be empty.
    pub source: SmolStr,
    /// Who made it happen; 0 if the message does not tell.
    pub from_user_id: Id,
    /// For how long it is shown.
    pub duration_seconds: i64,
    /// Where it leads, in TikTok's app; may be empty.
    pub link: SmolStr,
}

/// `marquee_announcement`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarqueeAnnouncement {
    /// What it is about, e.g. `start_room_event`.
    pub scene: SmolStr,
    /// The lines.
    pub notices: Vec<RoomNotify>,
}

/// `barrage`: a line runs over the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Barrage {
    /// 4 subscribed, 8 level up, 9 a high-level gifter enters, 10 and 11 the same for team members, 100 other.
    pub msg_type: i32,
    /// What it says beside the name; `null` if nothing.
    pub text: Option<Text>,
    /// The level that it is about; `null` if it is about none.
    pub level: Option<i32>,
    /// Address of its picture; may be empty.
    pub icon_url: SmolStr,
    /// For how long it is shown.
    pub duration_ms: i64,
}

/// `unauthorized_member`: a viewer without an account enters.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnauthorizedMember {
    /// 1 entered.
    pub action: i32,
    /// The name that is shown, e.g. `Viewer158848`.
    pub nickname: SmolStr,
    /// What is shown.
    pub text: Option<Text>,
}

/// `msg_detect`: TikTok measures delays.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MsgDetect {
    /// TikTok's number for what is measured.
    pub detect_type: i32,
    /// TikTok's number for what set it off.
    pub trigger_by: i32,
    /// The country of the viewer who took part.
    pub from_region: SmolStr,
    /// When the client began; `null` if the message does not tell.
    pub client_started_at: Option<Millis>,
    /// When TikTok received it; `null` if the message does not tell.
    pub api_received_at: Option<Millis>,
    /// When TikTok sent it on; `null` if the message does not tell.
    pub api_sent_at: Option<Millis>,
}
