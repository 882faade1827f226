//! What clients display by themselves: texts, hints, banners, and decoration of the host.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Millis, Text,
    common::{display_text, id, named_user, stamp, text, time, url, user},
    keys,
};
use crate::wire::{Message, used as webcast};

/// Data of a `room` event: TikTok's app displays text in the chat. The text mentions `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomText {
    /// Displayed text; `null` if `content` holds it.
    pub text: Option<Text>,
    /// Additional text; usually empty.
    pub content: String,
    /// Topic, e.g. `user_join_fans`; may be empty.
    pub scene: String,
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
    pub message: String,
}

/// Data of a `room_notify` event: text over the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomNotify {
    /// Displayed text; `null` if `content` holds it.
    pub text: Option<Text>,
    /// Additional text; usually empty.
    pub content: String,
    /// TikTok's code for the kind of text.
    pub notify_type: i64,
    /// Topic, e.g. `weekly_rank`; may be empty.
    pub source: String,
    /// Id of the user who caused it; 0 if unknown.
    pub from_user_id: Id,
    /// Display time, in seconds.
    pub duration_seconds: i64,
    /// Target of the link, in TikTok's app; may be empty.
    pub link: String,
}

/// Data of a `marquee_announcement` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarqueeAnnouncement {
    /// Topic, e.g. `start_room_event`.
    pub scene: String,
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
    /// What it is about, e.g. `guardian_entrance`, `fans_entrance`, `fans_upgrade`; absent if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scene: String,
    /// The same in more detail, e.g. `BecomingSuperFanLv10`; absent if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sub_type: String,
    /// URL of its picture; may be empty.
    pub icon_url: String,
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
    /// Returns the event that follows from a barrage, if it is about a super fan.
    pub(crate) fn of(barrage: &Barrage) -> Option<Data> {
        let text = barrage.text.as_ref().filter(|text| keys::has(&text.key, keys::SUPER_FAN))?;
        let is_join = keys::has(&text.key, keys::SUPER_FAN_JOINED);
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
    pub nickname: String,
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
    pub from_region: String,
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
    pub link: String,
    /// TikTok's code for the kind of hint.
    pub capsule_type: i32,
    /// Topic, e.g. `notice_viewer_new_goal`.
    pub scene: String,
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
    pub link: String,
    /// Topic, e.g. `notice_viewer_new_goal`.
    pub scene: String,
}

/// Data of a `guide` event: a hint.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guide {
    /// TikTok's code for the kind of hint.
    pub guide_type: i64,
    /// Displayed text.
    pub description: String,
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
    pub title: String,
    /// URL of its picture.
    pub image_url: String,
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
    pub name: String,
    /// URL of the picture.
    pub image_url: String,
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
    pub organization_id: String,
    /// Name of the organisation.
    pub name: String,
    /// Description of the organisation.
    pub description: String,
    /// URL of further information.
    pub detail_url: String,
    /// URL for donations.
    pub donate_url: String,
    /// URL of its picture.
    pub icon_url: String,
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
    pub name: String,
    /// TikTok's code for the change.
    pub modification_type: i32,
    /// TikTok's code for the start or end of the effect.
    pub msg_type: i32,
    /// Tab in which it was selected, e.g. `trending`.
    pub tab: String,
    /// Time at which it was switched on; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Time at which it was switched off; `null` if unknown.
    pub ended_at: Option<Millis>,
    /// Time that it was on, in seconds.
    pub duration_seconds: i64,
}

impl Kind for webcast::Room {
    fn parts(self, _: &Message) -> Known {
        let display = self.common.as_ref().and_then(|common| common.display_text.as_ref());
        let named = named_user(display).map(user);
        let common = stamp(self.common.as_ref());
        let data = Data::Room(RoomText {
            text: display_text(self.common),
            content: self.content,
            scene: self.scene,
            source: self.source,
            is_welcome: self.is_welcome,
        });
        Known { common, user: named, data }
    }
}

impl Kind for webcast::System {
    fn parts(self, _: &Message) -> Known {
        let data = Data::System(System { message: self.message });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RoomNotify {
    fn parts(mut self, _: &Message) -> Known {
        let (common, user) = (stamp(self.common.as_ref()), self.user.take().map(user));
        Known { common, user, data: Data::RoomNotify(notify(self)) }
    }
}

impl Kind for webcast::MarqueeAnnouncement {
    fn parts(self, _: &Message) -> Known {
        let data = Data::MarqueeAnnouncement(MarqueeAnnouncement {
            scene: self.scene,
            notices: self
                .entities
                .into_iter()
                .filter_map(|entity| entity.notify)
                .map(|line| notify(*line))
                .collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Barrage {
    fn parts(self, _: &Message) -> Known {
        let grade = self.user_grade.or(self.team_grade);
        let level = grade.as_ref().map(|grade| grade.level);
        let content = barrage_text(self.content, self.common_content);
        let named = self.user.or(grade.and_then(|grade| grade.user)).or(named_user(content.as_ref()));
        let data = Data::Barrage(Barrage {
            msg_type: self.msg_type,
            text: text(content),
            level,
            scene: self.scene,
            sub_type: self.sub_type,
            icon_url: url(self.icon),
            duration_ms: self.duration_ms,
        });
        Known { common: self.common, user: named.map(user), data }
    }
}

impl Kind for webcast::UnauthorizedMember {
    fn parts(self, _: &Message) -> Known {
        let nickname = nickname(self.nickname_prefix, &self.nickname);
        let data = Data::UnauthorizedMember(UnauthorizedMember {
            action: self.action,
            text: text(self.enter_text.map(|text| named(text, &nickname))),
            nickname,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::MsgDetect {
    fn parts(self, _: &Message) -> Known {
        let times = self.times.unwrap_or_default();
        let data = Data::MsgDetect(MsgDetect {
            detect_type: self.detect_type,
            trigger_by: self.trigger_by,
            from_region: self.from_region,
            client_started_at: time(times.client_start_ms),
            api_received_at: time(times.api_received_ms),
            api_sent_at: time(times.api_sent_ms),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Capsule {
    fn parts(self, _: &Message) -> Known {
        let named = named_user(self.description.as_ref()).map(user);
        let data = Data::Capsule(Capsule {
            text: text(self.description),
            button_text: text(self.button),
            link: self.link,
            capsule_type: self.capsule_type,
            scene: self.scene,
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::SubscriptionGuide {
    fn parts(self, _: &Message) -> Known {
        let named = named_user(self.description.as_ref()).map(user);
        let data = Data::SubscriptionGuide(SubscriptionGuide {
            text: text(self.description),
            button_text: text(self.button),
            link: self.button_url,
            scene: self.scene,
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::Guide {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Guide(Guide {
            guide_type: self.guide_type,
            description: self.description,
            gift_id: self.gift_id,
            duration: self.duration,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Toast {
    fn parts(self, _: &Message) -> Known {
        let common = stamp(self.common.as_ref());
        let data = Data::Toast(Toast {
            text: display_text(self.common),
            display_duration: self.display_duration,
            delay_duration: self.delay_duration,
        });
        Known { common, user: None, data }
    }
}

impl Kind for webcast::LiveGameIntro {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LiveGameIntro(LiveGameIntro {
            text: text(self.content),
            has_rank_info: self.has_rank_info,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Speaker {
    fn parts(self, _: &Message) -> Known {
        let common = stamp(self.common.as_ref());
        let data = Data::Speaker(Speaker { text: display_text(self.common) });
        Known { common, user: None, data }
    }
}

impl Kind for webcast::Hashtag {
    fn parts(self, _: &Message) -> Known {
        let tag = self.tag.unwrap_or_default();
        let data =
            Data::Hashtag(Hashtag { hashtag_id: Id(tag.id), title: tag.title, image_url: url(tag.image) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RoomSticker {
    fn parts(self, _: &Message) -> Known {
        let stickers = self.stickers.into_iter().map(|sticker| Sticker {
            name: sticker.name,
            image_url: url(sticker.image),
            review_status: sticker.review_status,
        });
        let data = Data::RoomSticker(RoomSticker { stickers: stickers.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::DonationStickerModify {
    fn parts(self, _: &Message) -> Known {
        let stickers = self.stickers.into_iter().map(donation).collect();
        let data = Data::DonationSticker(DonationSticker { stickers });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::InRoomBannerRefresh {
    fn parts(self, _: &Message) -> Known {
        let data = Data::InRoomBannerRefresh(InRoomBannerRefresh {
            delay_seconds: self.delay_seconds,
            only_host: self.only_host,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AnchorToolModification {
    fn parts(self, _: &Message) -> Known {
        let tool = self.modification.unwrap_or_default();
        let data = Data::AnchorToolModification(AnchorToolModification {
            user_id: Id(tool.user_id),
            effect_id: Id(tool.effect_id),
            resource_id: id(&tool.resource_id),
            name: tool.name,
            modification_type: tool.modification_type,
            msg_type: tool.msg_type,
            tab: tool.tab,
            started_at: time(tool.start_time),
            ended_at: time(tool.end_time),
            duration_seconds: tool.duration_s,
        });
        Known { common: self.common, user: None, data }
    }
}

/// Returns the text of a barrage: of two, the one about a super fan, or the first.
fn barrage_text(first: Option<webcast::Text>, second: Option<webcast::Text>) -> Option<webcast::Text> {
    let is_said = |text: &webcast::Text| !(text.key.is_empty() && text.default_pattern.is_empty());
    let (first, second) = (first.filter(is_said), second.filter(is_said));
    match (&first, &second) {
        (Some(one), Some(other)) if !is_of_fan(one) && is_of_fan(other) => second,
        _ => first.or(second),
    }
}

fn is_of_fan(text: &webcast::Text) -> bool {
    keys::has(&text.key, keys::SUPER_FAN)
}

/// Converts a text over the video, which can also be part of other messages.
pub(super) fn notify(notify: webcast::RoomNotify) -> RoomNotify {
    RoomNotify {
        text: display_text(notify.common),
        content: notify.content,
        notify_type: notify.notify_type,
        source: notify.source,
        from_user_id: Id(notify.from_user_id),
        duration_seconds: notify.extra.map_or(0, |extra| extra.duration_s),
        link: notify.link,
    }
}

/// Inserts the nickname, because the text has a placeholder for a user but lacks the user.
fn named(mut text: webcast::Text, nickname: &str) -> webcast::Text {
    if text.pieces.is_empty() {
        text.pieces = vec![webcast::TextPiece { string_value: nickname.into(), ..Default::default() }];
    }
    text
}

/// Inserts the nickname into a pattern such as `Viewer%s`.
fn nickname(prefix: Option<webcast::Text>, nickname: &str) -> String {
    match prefix.unwrap_or_default().default_pattern.split_once("%s") {
        Some((before, after)) => format!("{before}{nickname}{after}"),
        None => nickname.into(),
    }
}

fn donation(sticker: webcast::donation_sticker_modify::Sticker) -> Donation {
    let organization = sticker.organization.unwrap_or_default();
    Donation {
        sticker_id: Id(sticker.id),
        organization_id: organization.id,
        name: organization.name,
        description: organization.description,
        detail_url: organization.detail_url,
        donate_url: organization.donate_url,
        icon_url: url(organization.icon),
    }
}
