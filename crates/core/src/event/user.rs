//! The person behind an event.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Id;

/// A user, as TikTok describes it in a message. Messages differ in how much they tell: what is missing is empty, 0,
/// `false` or `null`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The numeric id.
    pub user_id: Id,
    /// The name in the profile's address, without `@`.
    pub unique_id: SmolStr,
    /// The name that is shown.
    pub nickname: SmolStr,
    /// Address of the picture; empty if there is none.
    pub avatar: SmolStr,
    /// The id of the profile in TikTok's own addresses.
    pub sec_uid: SmolStr,
    /// What the user wrote about himself or herself.
    pub bio: SmolStr,
    /// Whether TikTok vouches for the name.
    pub verified: bool,
    /// Whether a moderator of this room.
    pub is_moderator: bool,
    /// Whether subscribed to this room's host.
    pub is_subscriber: bool,
    /// Whether the host of the room: told by few messages, so `false` is no proof.
    pub is_host: bool,
    /// How many follow the user; `null` if the message does not tell.
    pub follower_count: Option<i64>,
    /// How many the user follows; `null` if the message does not tell.
    pub following_count: Option<i64>,
    /// 0 none, 1 follows the host, 2 both follow each other, 3 is seen and not known; `null` if the message does not
    /// tell.
    pub follow_status: Option<i64>,
    /// The level of the gifter badge; `null` without one.
    pub gifter_level: Option<i64>,
    /// The level in the host's fan club; `null` if the user is in none.
    pub team_level: Option<i64>,
    /// The name of the fan club; empty without one.
    pub team_name: SmolStr,
    /// What stands beside the name.
    pub badges: Arc<[Badge]>,
}

/// A badge beside a user's name.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Badge {
    /// What it is for: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club level, …
    pub scene_type: i32,
    /// The level, where the badge stands for one; 0 also where it does not.
    pub level: Option<i64>,
    /// What is written on it: a text, a number or a Roman numeral; may be empty.
    pub text: SmolStr,
    /// Address of its picture; empty if there is none.
    pub image_url: SmolStr,
}

/// A user of whom a message tells little more than the name.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The numeric id.
    pub user_id: Id,
    /// The name in the profile's address; empty if the message does not tell.
    pub unique_id: SmolStr,
    /// The name that is shown; empty if the message does not tell.
    pub nickname: SmolStr,
    /// Address of the picture; empty if the message does not tell.
    pub avatar: SmolStr,
}
