//! Texts, hints and banners that clients display automatically.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Data, Id, Millis, Text};

/// Data of a `room` event: TikTok's app displays text in the chat. The text mentions `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomText {
    /// Displayed text; `null` if `content` holds it.
    pub text: Option<Text>,
    /// Additional text; usually empty.
    pub content: SmolStr,
    /// Topic, e.g. `user_join_fans`; may be empty.
    pub scene: SmolStr,
    /// TikTok's code for the source.
    pub source: i32,
    /// Whether the text is a welcome message.
    pub is_welcome: bool,
}

/// Data of a `system` event: TikTok's welcome message.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// Displayed text.
    pub message: SmolStr,
}

/// Data of a `room_notify` event: text over the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomNotify {
    /// Displayed text; `null` if `content` holds it.
    pub text: Option<Text>,
    /// Additional text; usually empty.
    pub content: SmolStr,
    /// TikTok's code for the kind of text.
    pub notify_type: i64,
    /// Topic, e.g. `weekly_rank`; may be empty.
    pub source: SmolStr,
    /// Id of the user who caused it; 0 if unknown.
    pub from_user_id: Id,
    /// Display time, in seconds.
    pub duration_seconds: i64,
    /// Target of the link, in TikTok's app; may be empty.
    pub link: SmolStr,
}

/// Data of a `marquee_announcement` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarqueeAnnouncement {
    /// Topic, e.g. `start_room_event`.
    pub scene: SmolStr,
    /// Displayed texts.
    pub notices: Vec<RoomNotify>,
}

/// Data of a `barrage` event: text scrolls across the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Barrage {
    /// 4 subscribed, 8 level up, 9 a high-level gifter joined, 10 team level up, 11 a team member joined, 100
    /// other.
    pub msg_type: i32,
    /// Text next to the name; `null` if there is none.
    pub text: Option<Text>,
    /// Level that the text is about; `null` if there is none.
    pub level: Option<i32>,
    /// URL of its picture; may be empty.
    pub icon_url: SmolStr,
    /// Display time, in milliseconds.
    pub duration_ms: i64,
}

/// Data of a `super_fan` or `super_fan_join` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SuperFan {
    /// Text next to the name.
    pub text: Option<Text>,
}

impl SuperFan {
    /// Part of the text keys of barrages about super fans.
    const KEY: &str = "ttlive_superfan";
    /// Text key of a super fan who joins.
    const JOINED: &str = "ttlive_superfan_commentnotif_superfanjoined";

    /// Returns the event that follows from a barrage, if it is about a super fan.
    pub(crate) fn of(barrage: &Barrage) -> Option<Data> {
        let text = barrage.text.as_ref().filter(|text| text.key.contains(Self::KEY))?;
        let is_join = text.key.contains(Self::JOINED);
        let data = Self { text: Some(text.clone()) };
        Some(if is_join { Data::SuperFanJoin(data) } else { Data::SuperFan(data) })
    }
}

/// Data of an `unauthorized_member` event: a viewer without an account joined.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnauthorizedMember {
    /// 1 joined.
    pub action: i32,
    /// Displayed name, e.g. `Viewer158848`.
    pub nickname: SmolStr,
    /// Displayed text.
    pub text: Option<Text>,
}

/// Data of a `msg_detect` event: TikTok measures latency.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MsgDetect {
    /// TikTok's code for the measurement.
    pub detect_type: i32,
    /// TikTok's code for the trigger.
    pub trigger_by: i32,
    /// Country of the measured viewer.
    pub from_region: SmolStr,
    /// Start time on the client; `null` if unknown.
    pub client_started_at: Option<Millis>,
    /// Time of receipt at TikTok; `null` if unknown.
    pub api_received_at: Option<Millis>,
    /// Time at which TikTok forwarded it; `null` if unknown.
    pub api_sent_at: Option<Millis>,
}
