//! What viewers do, and how many they are.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Id;

/// `like`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Like {
    /// The likes of this message; TikTok sends up to 15 in one.
    pub like_count: i32,
    /// The likes of the room as sent: it may go back.
    pub total_like_count: i64,
}

/// `member`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// 1 entered; the other numbers are what moderators do.
    pub action_id: i32,
    /// How many are in the room; 0 if the message does not tell.
    pub member_count: i32,
    /// Where the viewer came from, in TikTok's words, e.g. `homepage_hot-live_cell`.
    pub enter_source: SmolStr,
}

/// `social`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Social {
    /// What was done.
    pub action: SocialAction,
    /// The text key that TikTok shows it by.
    pub display_type: SmolStr,
    /// The host's followers after a follow; else 0.
    pub follow_count: i64,
    /// How many shared the room, after a share; else 0.
    pub share_count: i32,
}

/// What a `social` event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SocialAction {
    /// Somebody follows the host from now on.
    Follow,
    /// Somebody shared the room.
    Share,
    /// Something else.
    #[default]
    Other,
}

/// `room_user`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomUser {
    /// How many watch now.
    pub viewer_count: i64,
    /// How many have watched since the room was opened.
    pub total_user_count: i64,
    /// How many of those who watch are anonymous.
    pub anonymous_count: i64,
    /// Who gave most, the first first.
    pub top_viewers: Vec<TopViewer>,
}

/// A place in the list of those who gave most.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopViewer {
    /// The name in the profile's address; empty for most viewers who gave nothing.
    pub unique_id: SmolStr,
    /// How much was given.
    pub coin_count: Id,
    /// The numeric id.
    pub user_id: Id,
    /// The name that is shown.
    pub nickname: SmolStr,
    /// Address of the picture.
    pub avatar: SmolStr,
    /// The place in the list, from 1.
    pub rank: i64,
}

/// `subscribe`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// Since how many months.
    pub sub_month: i64,
    /// 0 once, 1 renewed automatically.
    pub subscribe_type: i32,
    /// What the user was before: 0 no subscriber, 1 subscribed again, …
    pub old_subscribe_status: i32,
    /// What the user is now, TikTok's number.
    pub subscribing_status: i32,
    /// How the client shows it, TikTok's number.
    pub exhibition_type: i32,
    /// What it is about: 0 a subscription, further numbers are notices.
    pub message_type: i32,
}
