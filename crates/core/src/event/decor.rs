//! Decoration that the host puts on the screen.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

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
