//! TikFinity's format: `{"event", "data"}`, where the fields of the user are next to those of the event.
//!
//! Overlays for TikFinity expect these names, types and this order; `fixtures/webcast-2026` has those of real events. What
//! livetape does not know has the value that TikFinity sends if it does not either.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Error, value::RawValue};

use crate::{
    event::{Data, Event, Layout, SocialAction},
    json,
};

/// TikFinity's layout.
pub struct Tikfinity;

/// Stands for the id of a TikFinity account. Clients read it from every event, so it must be present.
const ACCOUNT_ID: u32 = 1;
/// The display type of badges with a picture and a text.
const COMBINED: i32 = 4;

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
struct Outer<'a, H, T> {
    event: &'static str,
    data: Inner<'a, H, T>,
}

/// TikFinity's own fields stand at the end, those of the message at the beginning or, as `tail`, after those of all
/// messages.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inner<'a, H, T> {
    #[serde(flatten)]
    head: H,
    #[serde(flatten)]
    common: Option<Common<'a>>,
    #[serde(flatten)]
    tail: T,
    tikfinity_user_id: u32,
    tikfinity_username: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Common<'a> {
    #[serde(flatten)]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_id: Option<Cow<'a, str>>,
    create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Cow<'a, str>>,
}

/// No fields.
#[derive(Serialize)]
struct Nothing {}

/// The relation of a user to the host: only what is so.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_gift_giver_of_anchor: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_follower_of_anchor: bool,
}

#[derive(Deserialize)]
struct NativeChat<'a> {
    #[serde(borrow)]
    emotes: Vec<Emote<'a>>,
    #[serde(borrow)]
    comment: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chat<'a> {
    emotes: Vec<Emote<'a>>,
    comment: Cow<'a, str>,
    user_identity: Identity,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeGift<'a> {
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
    #[serde(default)]
    inferred: bool,
    is_final: bool,
    repeat_delta: i32,
    #[serde(borrow)]
    streak_id: Cow<'a, str>,
    #[serde(borrow)]
    receiver: Option<Receiver<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receiver<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gift<'a> {
    gift_id: i64,
    repeat_count: i32,
    /// Here if TikTok sends it, otherwise at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    user_identity: Identity,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GiftTail<'a> {
    repeat_end: bool,
    gift: GiftAgain,
    describe: &'a str,
    gift_type: i32,
    diamond_count: i32,
    gift_name: &'a str,
    gift_picture_url: &'a str,
    timestamp: i64,
    receiver_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    /// TikFinity looks up the English ones. Those of the message may be in the language of the account.
    original_name: &'a str,
    original_describe: &'a str,
}

/// The same numbers once more, under TikTok's own names.
#[derive(Serialize)]
struct GiftAgain {
    gift_id: i64,
    repeat_count: i32,
    repeat_end: u8,
    gift_type: i32,
}

impl NativeGift<'_> {
    /// Changes the counts to those that clients expect, which ignore a streak until it ends.
    fn count_ends(&mut self) {
        // An inferred end must count, too.
        self.repeat_end |= self.inferred;
        // They add the count of each end, so it must not include what an earlier end has counted.
        if self.is_final {
            self.repeat_count = self.repeat_delta;
        }
    }

    fn parts(&self, user_identity: Identity, timestamp: i64) -> (Gift<'_>, GiftTail<'_>) {
        let Self { gift_id, gift_type, repeat_count, repeat_end, group_id, .. } = *self;
        let is_sent = group_id != "0";
        let head = Gift { gift_id, repeat_count, group_id: is_sent.then_some(group_id), user_identity };
        let tail = GiftTail {
            repeat_end,
            gift: GiftAgain { gift_id, repeat_count, repeat_end: repeat_end.into(), gift_type },
            describe: &self.describe,
            gift_type,
            diamond_count: self.diamond_count,
            gift_name: &self.gift_name,
            gift_picture_url: &self.gift_picture_url,
            timestamp,
            receiver_user_id: self.receiver.as_ref().map(|receiver| receiver.user_id),
            group_id: (!is_sent).then_some(group_id),
            original_name: &self.gift_name,
            original_describe: &self.describe,
        };
        (head, tail)
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeFollow {
    follow_count: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Follow {
    follower_count: i64,
}

#[derive(Serialize)]
struct FollowTail<'a> {
    profile: &'a str,
    name: &'a str,
    username: &'a str,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Subscribe {
    sub_month: i64,
    old_subscribe_status: i32,
    subscribing_status: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeRoomUser<'a> {
    viewer_count: i64,
    #[serde(borrow)]
    top_viewers: Vec<NativeViewer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomUser<'a> {
    top_viewers: Vec<TopViewer<'a>>,
    viewer_count: i64,
    top_gifter_rank: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TopViewer<'a> {
    user: User<'a>,
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

impl<'a> From<NativeViewer<'a>> for TopViewer<'a> {
    fn from(native: NativeViewer<'a>) -> Self {
        let NativeViewer { unique_id, coin_count, user_id, nickname, avatar } = native;
        let user = NativeUser { unique_id, user_id, nickname, avatar, ..NativeUser::default() };
        let user = User { follow_role: None, follow_info: None, top_gifter_rank: None, ..User::from(user) };
        Self { user, coin_count: coin_count.parse().unwrap_or_default() }
    }
}

/// The user as other subscribers receive it.
#[derive(Default, Deserialize)]
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
    #[serde(default)]
    is_gift_giver: bool,
    #[serde(default)]
    is_follower: bool,
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
    /// 0 none, 1 follows the host, 2 both follow each other. Top viewers have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_role: Option<i64>,
    user_badges: Vec<Badge<'a>>,
    user_scene_types: Vec<i32>,
    user_details: Details<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_info: Option<FollowInfo>,
    is_moderator: bool,
    is_new_gifter: bool,
    is_subscriber: bool,
    /// 0 for users without a rank, and `null` for top viewers.
    top_gifter_rank: Option<i64>,
    gifter_level: i64,
    team_member_level: i64,
}

/// `type` is `image`, `privilege`, or the key of a text.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Badge<'a> {
    Image { r#type: &'static str, badge_scene_type: i32, display_type: i32, url: Cow<'a, str> },
    Text { badge_scene_type: i32, r#type: Cow<'a, str>, name: Cow<'a, str> },
    Privilege { r#type: &'static str, privilege_id: Cow<'a, str>, level: i64, badge_scene_type: i32 },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    create_time: &'static str,
    bio_description: Cow<'a, str>,
    profile_picture_urls: Vec<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FollowInfo {
    following_count: i64,
    follower_count: i64,
    follow_status: i64,
    push_status: i64,
}

impl<'a> From<NativeUser<'a>> for User<'a> {
    fn from(native: NativeUser<'a>) -> Self {
        let small = Some(native.avatar.clone()).filter(|url| !url.is_empty());
        let pictures = [small, native.avatar_medium, native.avatar_large];
        let follow_status = native.follow_status.unwrap_or_default();
        Self {
            user_id: native.user_id,
            sec_uid: native.sec_uid,
            unique_id: native.unique_id,
            nickname: native.nickname,
            profile_picture_url: native.avatar,
            follow_role: Some(follow_status),
            user_scene_types: native.badges.iter().map(|badge| badge.scene_type).collect(),
            user_badges: native.badges.into_iter().flat_map(badges).collect(),
            user_details: Details {
                create_time: "0",
                bio_description: native.bio,
                profile_picture_urls: pictures.into_iter().flatten().collect(),
            },
            follow_info: Some(FollowInfo {
                following_count: native.following_count.unwrap_or_default(),
                follower_count: native.follower_count.unwrap_or_default(),
                follow_status,
                push_status: 0,
            }),
            is_moderator: native.is_moderator,
            is_new_gifter: native.is_new_gifter,
            is_subscriber: native.is_subscriber,
            top_gifter_rank: Some(native.top_gifter_rank.unwrap_or_default()),
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
            Data::Social(social) => matches!(social.action, SocialAction::Follow | SocialAction::Share),
            _ => false,
        }
    }

    fn convert(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let native: Native<'_> = serde_json::from_slice(json)?;
        let text = native.data.get();
        let Base { timestamp, user, action, display_type, label } = serde_json::from_str(text)?;
        let identity = user.as_ref().map_or_else(Identity::default, |user| Identity {
            is_gift_giver_of_anchor: user.is_gift_giver,
            is_follower_of_anchor: user.is_follower,
        });
        let created = millis(timestamp)?;
        let user = user.map(User::from);
        let common =
            Common { user, msg_id: native.id, create_time: created.to_string(), display_type, label };
        let account = native.username.as_ref();
        match (native.kind, action) {
            ("chat", _) => {
                let NativeChat { emotes, comment } = serde_json::from_str(text)?;
                let chat = Chat { emotes, comment, user_identity: identity };
                write(out, "chat", chat, Some(common), Nothing {}, account)
            }
            ("gift", _) => {
                let mut gift: NativeGift<'_> = serde_json::from_str(text)?;
                // Clients drop ids they have already seen, and expect that there is one.
                let own_id = || format!("{}-{}", gift.streak_id, gift.repeat_count).into();
                let msg_id = common.msg_id.or_else(|| gift.inferred.then(own_id));
                gift.count_ends();
                let (head, tail) = gift.parts(identity, created);
                write(out, "gift", head, Some(Common { msg_id, ..common }), tail, account)
            }
            ("like", _) => write(out, "like", parsed::<Like>(text)?, Some(common), Nothing {}, account),
            ("member", _) => write(out, "member", parsed::<Member>(text)?, Some(common), Nothing {}, account),
            ("social", Some("follow")) => {
                let NativeFollow { follow_count: follower_count } = serde_json::from_str(text)?;
                let name = common.user.as_ref().map(|user| user.unique_id.clone()).unwrap_or_default();
                let tail = FollowTail { profile: &name, name: &name, username: &name };
                write(out, "follow", Follow { follower_count }, Some(common), tail, account)
            }
            ("social", Some("share")) => write(out, "share", Nothing {}, Some(common), Nothing {}, account),
            ("subscribe", _) => {
                write(out, "subscribe", parsed::<Subscribe>(text)?, Some(common), Nothing {}, account)
            }
            ("room_user", _) => {
                let NativeRoomUser { viewer_count, top_viewers } = serde_json::from_str(text)?;
                let top_viewers = top_viewers.into_iter().map(TopViewer::from).collect();
                let room = RoomUser { top_viewers, viewer_count, top_gifter_rank: 0 };
                write(out, "roomUser", room, None, Nothing {}, account)
            }
            (kind, _) => Err(serde::de::Error::custom(format_args!("TikFinity has no name for `{kind}`"))),
        }
    }
}

/// Returns the milliseconds since 1970.
fn millis(timestamp: &str) -> Result<i64, Error> {
    let timestamp: jiff::Timestamp = timestamp.parse().map_err(serde::de::Error::custom)?;
    Ok(timestamp.as_millisecond())
}

/// Parses an event whose fields need no other names.
fn parsed<'a, D: Deserialize<'a>>(text: &'a str) -> Result<D, Error> {
    serde_json::from_str(text)
}

fn write(
    out: &mut Vec<u8>,
    event: &'static str,
    head: impl Serialize,
    common: Option<Common<'_>>,
    tail: impl Serialize,
    account: &str,
) -> Result<(), Error> {
    let data = Inner { head, common, tail, tikfinity_user_id: ACCOUNT_ID, tikfinity_username: account };
    let start = out.len();
    serde_json::to_writer(&mut *out, &Outer { event, data })?;
    json::escape(out, start);
    Ok(())
}

/// Returns an entry for each part of a badge: its picture or text, and its level. TikFinity shows neither for those
/// that combine both.
fn badges(native: NativeBadge<'_>) -> impl Iterator<Item = Badge<'_>> {
    let NativeBadge { scene_type: badge_scene_type, display_type, level, text, key, image_url, privilege_id } =
        native;
    let shown = match display_type {
        COMBINED => None,
        _ if !image_url.is_empty() => {
            Some(Badge::Image { r#type: "image", badge_scene_type, display_type, url: image_url })
        }
        _ if !text.is_empty() => {
            Some(Badge::Text { badge_scene_type, r#type: key.unwrap_or(Cow::Borrowed("text")), name: text })
        }
        _ => None,
    };
    let privilege = level.filter(|&level| level > 0).map(|level| Badge::Privilege {
        r#type: "privilege",
        privilege_id: privilege_id.unwrap_or_default(),
        level,
        badge_scene_type,
    });
    shown.into_iter().chain(privilege)
}
