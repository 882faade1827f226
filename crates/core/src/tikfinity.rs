//! TikFinity's format: `{"event", "data"}`, where the fields of the user are next to those of the event.
//!
//! Overlays for TikFinity expect these names and types. Fields that livetape does not know are absent.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Error, value::RawValue};

use crate::event::{Data, Event, Layout, SocialAction};

/// TikFinity's layout.
pub struct Tikfinity;

/// Stands for the id of a TikFinity account. Clients read it from every event, so it must be present.
const ACCOUNT_ID: u32 = 1;

/// An event as other subscribers receive it.
#[derive(Deserialize)]
struct Native<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

/// The fields of `data` that several types of event share.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Base<'a> {
    timestamp: &'a str,
    #[serde(borrow)]
    user: Option<NativeUser<'a>>,
    action: Option<&'a str>,
    #[serde(borrow)]
    display_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    label: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Outer<'a, D> {
    event: &'static str,
    data: Inner<'a, D>,
}

#[derive(Serialize)]
struct Inner<'a, D> {
    #[serde(flatten)]
    data: &'a D,
    #[serde(flatten)]
    common: Common<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Common<'a> {
    #[serde(flatten)]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_id: Option<Cow<'a, str>>,
    create_time: String,
    tikfinity_user_id: u32,
    tikfinity_username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
struct Chat<'a> {
    #[serde(borrow)]
    comment: Cow<'a, str>,
    #[serde(borrow)]
    emotes: Vec<Emote<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Emote<'a> {
    #[serde(borrow)]
    emote_id: Cow<'a, str>,
    #[serde(borrow, rename(deserialize = "imageUrl"))]
    emote_image_url: Cow<'a, str>,
    #[serde(rename(deserialize = "index"))]
    place_in_comment: i32,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gift<'a> {
    gift_id: i64,
    #[serde(borrow)]
    gift_name: Cow<'a, str>,
    gift_type: i32,
    diamond_count: i32,
    #[serde(borrow)]
    gift_picture_url: Cow<'a, str>,
    repeat_count: i32,
    repeat_end: bool,
    group_id: &'a str,
    #[serde(borrow)]
    describe: Cow<'a, str>,
    #[serde(default, skip_serializing)]
    inferred: bool,
    #[serde(skip_serializing)]
    is_final: bool,
    #[serde(skip_serializing)]
    repeat_delta: i32,
    #[serde(borrow, skip_serializing)]
    streak_id: Cow<'a, str>,
    #[serde(borrow, skip_serializing)]
    receiver: Option<Receiver<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receiver<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GiftTwice<'a> {
    #[serde(flatten)]
    named: Gift<'a>,
    gift: GiftAgain,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver_user_id: Option<&'a str>,
}

/// The same numbers once more, under TikTok's own names.
#[derive(Serialize)]
struct GiftAgain {
    gift_id: i64,
    repeat_count: i32,
    repeat_end: u8,
    gift_type: i32,
}

impl<'a> From<Gift<'a>> for GiftTwice<'a> {
    fn from(mut named: Gift<'a>) -> Self {
        // Clients ignore a streak until it ends, so an inferred end must count, too.
        named.repeat_end |= named.inferred;
        // They add the count of each end, so it must not include what an earlier end has counted.
        if named.is_final {
            named.repeat_count = named.repeat_delta;
        }
        let Gift { gift_id, gift_type, repeat_count, repeat_end, .. } = named;
        let gift = GiftAgain { gift_id, repeat_count, repeat_end: repeat_end.into(), gift_type };
        let receiver_user_id = named.receiver.take().map(|receiver| receiver.user_id);
        Self { named, gift, receiver_user_id }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Like {
    like_count: i32,
    total_like_count: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    action_id: i32,
}

#[derive(Deserialize, Serialize)]
struct Social {}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Subscribe {
    sub_month: i64,
    old_subscribe_status: i32,
    subscribing_status: i32,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomUser<'a> {
    viewer_count: i64,
    #[serde(borrow)]
    top_viewers: Vec<TopViewer<'a>>,
}

#[derive(Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'a"), from = "NativeViewer<'a>", rename_all = "camelCase")]
struct TopViewer<'a> {
    user: Viewer<'a>,
    coin_count: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeViewer<'a> {
    #[serde(borrow)]
    unique_id: Cow<'a, str>,
    coin_count: &'a str,
    user_id: &'a str,
    #[serde(borrow)]
    nickname: Cow<'a, str>,
    #[serde(borrow)]
    avatar: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Viewer<'a> {
    user_id: &'a str,
    unique_id: Cow<'a, str>,
    nickname: Cow<'a, str>,
    profile_picture_url: Cow<'a, str>,
}

impl<'a> From<NativeViewer<'a>> for TopViewer<'a> {
    fn from(native: NativeViewer<'a>) -> Self {
        let NativeViewer { unique_id, coin_count, user_id, nickname, avatar } = native;
        let user = Viewer { user_id, unique_id, nickname, profile_picture_url: avatar };
        Self { user, coin_count: coin_count.parse().unwrap_or_default() }
    }
}

/// The user as other subscribers receive it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeUser<'a> {
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
struct User<'a> {
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

impl<'a> From<NativeUser<'a>> for User<'a> {
    fn from(native: NativeUser<'a>) -> Self {
        let NativeUser { follower_count, following_count, .. } = native;
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

impl Layout for Tikfinity {
    fn flag(&self) -> u32 {
        1 << 4
    }

    fn counts_finals(&self) -> bool {
        true
    }

    fn shows(&self, event: &Event) -> bool {
        match &event.data {
            // Clients would count the gifts of an earlier final again.
            Data::Gift(gift) => gift.streak_id.is_empty() || gift.delta_since_final > 0,
            Data::Chat(_) | Data::Like(_) | Data::Member(_) | Data::Subscribe(_) | Data::RoomUser(_) => true,
            Data::Social(social) => social.action != SocialAction::Other,
            _ => false,
        }
    }

    fn convert(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let native: Native<'_> = serde_json::from_slice(json)?;
        let text = native.data.get();
        let Base { timestamp, user, action, display_type, label } = serde_json::from_str(text)?;
        let common = Common {
            user: user.map(User::from),
            msg_id: native.id,
            create_time: millis(timestamp)?,
            tikfinity_user_id: ACCOUNT_ID,
            tikfinity_username: &native.username,
            display_type,
            label,
        };
        match (native.kind, action) {
            ("chat", _) => write::<Chat<'_>>("chat", text, common, out),
            ("gift", _) => {
                let gift: Gift<'_> = serde_json::from_str(text)?;
                // Clients drop ids they have already seen, and expect that there is one.
                let own_id = || format!("{}-{}", gift.streak_id, gift.repeat_count).into();
                let msg_id = common.msg_id.or_else(|| gift.inferred.then(own_id));
                to_writer(out, "gift", &GiftTwice::from(gift), Common { msg_id, ..common })
            }
            ("like", _) => write::<Like>("like", text, common, out),
            ("member", _) => write::<Member>("member", text, common, out),
            ("social", Some("follow")) => write::<Social>("follow", text, common, out),
            ("social", Some("share")) => write::<Social>("share", text, common, out),
            ("subscribe", _) => write::<Subscribe>("subscribe", text, common, out),
            ("room_user", _) => write::<RoomUser<'_>>("roomUser", text, common, out),
            (kind, _) => Err(serde::de::Error::custom(format_args!("TikFinity has no name for `{kind}`"))),
        }
    }
}

/// Returns the milliseconds since 1970, in decimal.
fn millis(timestamp: &str) -> Result<String, Error> {
    let timestamp: jiff::Timestamp = timestamp.parse().map_err(serde::de::Error::custom)?;
    Ok(timestamp.as_millisecond().to_string())
}

/// Writes an event whose fields only need other names.
fn write<'a, D: Deserialize<'a> + Serialize>(
    event: &'static str,
    text: &'a str,
    common: Common<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    to_writer(out, event, &serde_json::from_str::<D>(text)?, common)
}

fn to_writer(
    out: &mut Vec<u8>,
    event: &'static str,
    data: &impl Serialize,
    common: Common<'_>,
) -> Result<(), Error> {
    serde_json::to_writer(out, &Outer { event, data: Inner { data, common } })
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
