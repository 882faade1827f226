//! What the host puts on the screen.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

/// `hashtag`: the topic of the room.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hashtag {
    /// Its number.
    pub hashtag_id: Id,
    /// What it says; may be empty.
    pub title: SmolStr,
    /// Address of its picture.
    pub image_url: SmolStr,
}

/// `room_sticker`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSticker {
    /// The pictures on the video; none if they were removed.
    pub stickers: Vec<Sticker>,
}

/// A picture on the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sticker {
    /// Its name.
    pub name: SmolStr,
    /// Address of the picture.
    pub image_url: SmolStr,
    /// TikTok's number for whether moderation let it through.
    pub review_status: i32,
}

/// `donation_sticker_modify_method`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DonationSticker {
    /// The organizations that the host collects for; none if they were removed.
    pub stickers: Vec<Donation>,
}

/// An organization that the host collects for.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Donation {
    /// The sticker's id.
    pub sticker_id: Id,
    /// The organization's id; TikTok has it as a text.
    pub organization_id: SmolStr,
    /// Its name.
    pub name: SmolStr,
    /// What it does.
    pub description: SmolStr,
    /// Where to read more.
    pub detail_url: SmolStr,
    /// Where to donate.
    pub donate_url: SmolStr,
    /// Address of its picture.
    pub icon_url: SmolStr,
}

/// `in_room_banner_refresh`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InRoomBannerRefresh {
    /// After which time the banner shall be fetched again.
    pub delay_seconds: i32,
    /// Whether only the host shall do so.
    pub only_host: bool,
}

/// `anchor_tool_modification`: the host changes the effects of the camera.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnchorToolModification {
    /// Who: the host, or a guest.
    pub user_id: Id,
    /// The effect's number.
    pub effect_id: Id,
    /// The number of its files.
    pub resource_id: Id,
    /// Its name.
    pub name: SmolStr,
    /// TikTok's number for what was changed.
    pub modification_type: i32,
    /// TikTok's number for whether it begins or ends.
    pub msg_type: i32,
    /// Where it was chosen, e.g. `trending`.
    pub tab: SmolStr,
    /// When it was switched on; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// When it was switched off; `null` if the message does not tell.
    pub ended_at: Option<Millis>,
    /// How long it was on.
    pub duration_seconds: i64,
}
