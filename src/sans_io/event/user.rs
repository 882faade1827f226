//! The person behind an event.

use serde::Serialize;

use super::Id;

/// A user, as TikTok describes it in a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The numeric id.
    pub user_id: Id,
    /// The name in the profile's address, without `@`.
    pub unique_id: String,
    /// The name that is shown.
    pub nickname: String,
    /// Address of the picture; empty if there is none.
    pub avatar: String,
    /// Whether a moderator of this room.
    pub is_moderator: bool,
    /// Whether subscribed to this room's host.
    pub is_subscriber: bool,
    /// What stands beside the name.
    pub badges: Vec<Badge>,
}

/// A badge beside a user's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Badge {
    /// What it is for: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club level, …
    pub scene_type: i32,
}
