//! What clients display by themselves: texts, hints, banners, and decoration of the host.

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

/// Data of a `hashtag` event: the topic of the room.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hashtag {
    /// Id of the hashtag.
    pub hashtag_id: Id,
    /// Text of the hashtag; may be empty.
    pub title: SmolStr,
    /// URL of its picture.
    pub image_url: SmolStr,
}

/// Data of a `room_sticker` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSticker {
    /// Pictures on the video; empty if they were removed.
    pub stickers: Vec<Sticker>,
}

/// A picture on the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sticker {
    /// Name of the picture.
    pub name: SmolStr,
    /// URL of the picture.
    pub image_url: SmolStr,
    /// TikTok's code for the result of moderation.
    pub review_status: i32,
}

/// Data of a `donation_sticker_modify_method` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DonationSticker {
    /// Organisations that the host raises money for; empty if they were removed.
    pub stickers: Vec<Donation>,
}

/// An organisation that the host raises money for.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Donation {
    /// Id of the sticker.
    pub sticker_id: Id,
    /// Id of the organisation, which TikTok sends as a string.
    pub organization_id: SmolStr,
    /// Name of the organisation.
    pub name: SmolStr,
    /// Description of the organisation.
    pub description: SmolStr,
    /// URL of further information.
    pub detail_url: SmolStr,
    /// URL for donations.
    pub donate_url: SmolStr,
    /// URL of its picture.
    pub icon_url: SmolStr,
}

/// Data of an `in_room_banner_refresh` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InRoomBannerRefresh {
    /// Delay before the client fetches the banner again, in seconds.
    pub delay_seconds: i32,
    /// Whether only the host's client fetches it.
    pub only_host: bool,
}

/// Data of an `anchor_tool_modification` event: the host changed the camera effects.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnchorToolModification {
    /// Id of the user whose effect changed: the host or a guest.
    pub user_id: Id,
    /// Id of the effect.
    pub effect_id: Id,
    /// Id of the effect's files.
    pub resource_id: Id,
    /// Name of the effect.
    pub name: SmolStr,
    /// TikTok's code for the change.
    pub modification_type: i32,
    /// TikTok's code for the start or end of the effect.
    pub msg_type: i32,
    /// Tab in which it was selected, e.g. `trending`.
    pub tab: SmolStr,
    /// Time at which it was switched on; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Time at which it was switched off; `null` if unknown.
    pub ended_at: Option<Millis>,
    /// Time that it was on, in seconds.
    pub duration_seconds: i64,
}
