//! The users in events, and texts that clients assemble.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Id;

/// A user, as described in a message. Messages differ in detail: unknown fields are empty, 0, `false` or
/// `null`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct User {
    /// Numeric id.
    pub user_id: Id,
    /// Name in the profile's URL, without `@`.
    pub unique_id: SmolStr,
    /// Displayed name.
    pub nickname: SmolStr,
    /// URL of the profile picture; empty if unknown.
    pub avatar: SmolStr,
    /// URL of the profile picture in medium size; absent if unknown.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub avatar_medium: SmolStr,
    /// URL of the profile picture in large size; absent if unknown.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub avatar_large: SmolStr,
    /// Id of the profile in TikTok's own URLs.
    pub sec_uid: SmolStr,
    /// Biography, written by the user.
    pub bio: SmolStr,
    /// Whether the user hides who they are; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_masked: bool,
    /// Whether TikTok has verified the user.
    pub verified: bool,
    /// Whether the user is a moderator of this room.
    pub is_moderator: bool,
    /// Whether the user subscribes to the host.
    pub is_subscriber: bool,
    /// Whether the user is the host. Few messages contain this, so `false` proves nothing.
    pub is_host: bool,
    /// Number of followers; `null` if unknown.
    pub follower_count: Option<i64>,
    /// Number of followed users; `null` if unknown.
    pub following_count: Option<i64>,
    /// 0 none, 1 follows the host, 2 both follow each other, 3 occurs but its meaning is unknown; `null` if
    /// unknown.
    pub follow_status: Option<i64>,
    /// Rank among the top gifters of the room, from the badge; `null` if there is none.
    pub top_gifter_rank: Option<i64>,
    /// Whether the user has the badge of a new gifter.
    pub is_new_gifter: bool,
    /// Level of the gifter badge; `null` if there is none.
    pub gifter_level: Option<i64>,
    /// Level in the host's fan club; `null` for nonmembers.
    pub team_level: Option<i64>,
    /// Name of the fan club; empty for nonmembers.
    pub team_name: SmolStr,
    /// Badges next to the name.
    pub badges: Arc<[Badge]>,
}

/// A badge next to a user's name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Badge {
    /// Kind of badge: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club level, …
    pub scene_type: i32,
    /// 1 a picture, 2 and 3 a text, 4 a picture with a text.
    pub display_type: i32,
    /// Level, for badges that have one; may also be 0 for others.
    pub level: Option<i64>,
    /// Text on the badge: a word, a number or a Roman numeral; may be empty.
    pub text: SmolStr,
    /// Key of the text, e.g. `pm_mt_moderator_im`; absent if the badge has none.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub key: SmolStr,
    /// URL of its picture; empty if there is none.
    pub image_url: SmolStr,
    /// Id of the privilege that the badge stands for, which TikTok sends as a string; absent if there is
    /// none.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub privilege_id: SmolStr,
}

/// A user of whom the message contains little more than the name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Person {
    /// Numeric id.
    pub user_id: Id,
    /// Name in the profile's URL; empty if unknown.
    pub unique_id: SmolStr,
    /// Displayed name; empty if unknown.
    pub nickname: SmolStr,
    /// URL of the profile picture; empty if unknown.
    pub avatar: SmolStr,
}

/// A text that TikTok's clients assemble in the viewer's language.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// Key of the text, e.g. `pm_mt_guidance_share`; the same in all languages.
    pub key: SmolStr,
    /// The text in the message's own language, usually English, with names and numbers filled in. At most 4
    /// KB.
    pub text: String,
}
