//! The acting user in TikFinity's format.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The user as other subscribers receive it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Native<'a> {
    user_id: &'a str,
    #[serde(borrow)]
    unique_id: Cow<'a, str>,
    #[serde(borrow)]
    nickname: Cow<'a, str>,
    #[serde(borrow)]
    avatar: Cow<'a, str>,
    #[serde(borrow)]
    avatar_medium: Option<Cow<'a, str>>,
    #[serde(borrow)]
    avatar_large: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sec_uid: Cow<'a, str>,
    #[serde(borrow)]
    bio: Cow<'a, str>,
    is_moderator: bool,
    is_subscriber: bool,
    follower_count: Option<i64>,
    following_count: Option<i64>,
    follow_status: Option<i64>,
    top_gifter_rank: Option<i64>,
    is_new_gifter: bool,
    gifter_level: Option<i64>,
    team_level: Option<i64>,
    #[serde(borrow)]
    badges: Vec<NativeBadge<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeBadge<'a> {
    scene_type: i32,
    display_type: i32,
    level: Option<i64>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    image_url: Cow<'a, str>,
    #[serde(borrow)]
    privilege_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User<'a> {
    user_id: &'a str,
    sec_uid: Cow<'a, str>,
    unique_id: Cow<'a, str>,
    nickname: Cow<'a, str>,
    profile_picture_url: Cow<'a, str>,
    /// 0 none, 1 follows the host, 2 both follow each other.
    follow_role: i64,
    user_badges: Vec<Badge<'a>>,
    user_scene_types: Vec<i32>,
    user_details: Details<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_info: Option<FollowInfo>,
    is_moderator: bool,
    is_new_gifter: bool,
    is_subscriber: bool,
    /// `null` for most users, as in TikFinity.
    top_gifter_rank: Option<i64>,
    gifter_level: i64,
    team_member_level: i64,
}

/// `type` is `image`, `privilege`, or the key of a text.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Badge<'a> {
    r#type: Cow<'a, str>,
    badge_scene_type: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_type: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privilege_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    bio_description: Cow<'a, str>,
    profile_picture_urls: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FollowInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    following_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follower_count: Option<i64>,
    follow_status: i64,
}

impl<'a> From<Native<'a>> for User<'a> {
    fn from(native: Native<'a>) -> Self {
        let Native { follower_count, following_count, .. } = native;
        let small = Some(native.avatar.clone()).filter(|url| !url.is_empty());
        let pictures = [small, native.avatar_medium, native.avatar_large];
        Self {
            user_id: native.user_id,
            sec_uid: native.sec_uid,
            unique_id: native.unique_id,
            nickname: native.nickname,
            profile_picture_url: native.avatar,
            follow_role: native.follow_status.unwrap_or_default(),
            user_scene_types: native.badges.iter().map(|badge| badge.scene_type).collect(),
            user_badges: native.badges.into_iter().flat_map(badges).collect(),
            user_details: Details {
                bio_description: native.bio,
                profile_picture_urls: pictures.into_iter().flatten().collect(),
            },
            follow_info: native.follow_status.map(|follow_status| FollowInfo {
                following_count,
                follower_count,
                follow_status,
            }),
            is_moderator: native.is_moderator,
            is_new_gifter: native.is_new_gifter,
            is_subscriber: native.is_subscriber,
            top_gifter_rank: native.top_gifter_rank,
            gifter_level: native.gifter_level.unwrap_or_default(),
            team_member_level: native.team_level.unwrap_or_default(),
        }
    }
}

/// Returns an entry for each part of a badge: its picture or text, and its level.
fn badges(native: NativeBadge<'_>) -> impl Iterator<Item = Badge<'_>> {
    let NativeBadge { scene_type: badge_scene_type, display_type, level, text, key, image_url, privilege_id } =
        native;
    let display_type = Some(display_type).filter(|&code| code != 0);
    let shown = if image_url.is_empty() {
        let r#type = key.unwrap_or(Cow::Borrowed("text"));
        let name = Some(text).filter(|name| !name.is_empty());
        name.map(|name| Badge { r#type, badge_scene_type, name: Some(name), ..Badge::default() })
    } else {
        let (r#type, url) = ("image".into(), Some(image_url));
        Some(Badge { r#type, badge_scene_type, display_type, url, ..Badge::default() })
    };
    let privilege = level.filter(|&level| level > 0).map(|level| Badge {
        r#type: "privilege".into(),
        badge_scene_type,
        privilege_id,
        level: Some(level),
        ..Badge::default()
    });
    shown.into_iter().chain(privilege)
}
