//! What clients display by themselves: texts, hints, banners, and decoration of the host.

use smol_str::{SmolStr, format_smolstr};

use super::{
    super::Message,
    Kind, Known,
    common::{display_text, id, named_user, stamp, text, time, url, user},
    webcast,
};
use crate::event::{self, Data, Id};

impl Kind for webcast::Room {
    fn parts(self, _: &Message) -> Known {
        let display = self.common.as_ref().and_then(|common| common.display_text.as_ref());
        let named = named_user(display).map(user);
        let common = stamp(self.common.as_ref());
        let data = Data::Room(event::RoomText {
            text: display_text(self.common),
            content: self.content.into(),
            scene: self.scene.into(),
            source: self.source,
            is_welcome: self.is_welcome,
        });
        Known { common, user: named, data }
    }
}

impl Kind for webcast::System {
    fn parts(self, _: &Message) -> Known {
        let data = Data::System(event::System { message: self.message.into() });
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
        let data = Data::MarqueeAnnouncement(event::MarqueeAnnouncement {
            scene: self.scene.into(),
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
        let content = self.content.or(self.common_content);
        let named = self.user.or(grade.and_then(|grade| grade.user)).or(named_user(content.as_ref()));
        let data = Data::Barrage(event::Barrage {
            msg_type: self.msg_type,
            text: text(content),
            level,
            icon_url: url(self.icon),
            duration_ms: self.duration_ms,
        });
        Known { common: self.common, user: named.map(user), data }
    }
}

impl Kind for webcast::UnauthorizedMember {
    fn parts(self, _: &Message) -> Known {
        let nickname = nickname(self.nickname_prefix, &self.nickname);
        let data = Data::UnauthorizedMember(event::UnauthorizedMember {
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
        let data = Data::MsgDetect(event::MsgDetect {
            detect_type: self.detect_type,
            trigger_by: self.trigger_by,
            from_region: self.from_region.into(),
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
        let data = Data::Capsule(event::Capsule {
            text: text(self.description),
            button_text: text(self.button),
            link: self.link.into(),
            capsule_type: self.capsule_type,
            scene: self.scene.into(),
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::SubscriptionGuide {
    fn parts(self, _: &Message) -> Known {
        let named = named_user(self.description.as_ref()).map(user);
        let data = Data::SubscriptionGuide(event::SubscriptionGuide {
            text: text(self.description),
            button_text: text(self.button),
            link: self.button_url.into(),
            scene: self.scene.into(),
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::Guide {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Guide(event::Guide {
            guide_type: self.guide_type,
            description: self.description.into(),
            gift_id: self.gift_id,
            duration: self.duration,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Toast {
    fn parts(self, _: &Message) -> Known {
        let common = stamp(self.common.as_ref());
        let data = Data::Toast(event::Toast {
            text: display_text(self.common),
            display_duration: self.display_duration,
            delay_duration: self.delay_duration,
        });
        Known { common, user: None, data }
    }
}

impl Kind for webcast::LiveGameIntro {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LiveGameIntro(event::LiveGameIntro {
            text: text(self.content),
            has_rank_info: self.has_rank_info,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Speaker {
    fn parts(self, _: &Message) -> Known {
        let common = stamp(self.common.as_ref());
        let data = Data::Speaker(event::Speaker { text: display_text(self.common) });
        Known { common, user: None, data }
    }
}

impl Kind for webcast::Hashtag {
    fn parts(self, _: &Message) -> Known {
        let tag = self.tag.unwrap_or_default();
        let data = Data::Hashtag(event::Hashtag {
            hashtag_id: Id(tag.id),
            title: tag.title.into(),
            image_url: url(tag.image),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RoomSticker {
    fn parts(self, _: &Message) -> Known {
        let stickers = self.stickers.into_iter().map(|sticker| event::Sticker {
            name: sticker.name.into(),
            image_url: url(sticker.image),
            review_status: sticker.review_status,
        });
        let data = Data::RoomSticker(event::RoomSticker { stickers: stickers.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::DonationStickerModify {
    fn parts(self, _: &Message) -> Known {
        let stickers = self.stickers.into_iter().map(donation).collect();
        let data = Data::DonationSticker(event::DonationSticker { stickers });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::InRoomBannerRefresh {
    fn parts(self, _: &Message) -> Known {
        let data = Data::InRoomBannerRefresh(event::InRoomBannerRefresh {
            delay_seconds: self.delay_seconds,
            only_host: self.only_host,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AnchorToolModification {
    fn parts(self, _: &Message) -> Known {
        let tool = self.modification.unwrap_or_default();
        let data = Data::AnchorToolModification(event::AnchorToolModification {
            user_id: Id(tool.user_id),
            effect_id: Id(tool.effect_id),
            resource_id: id(&tool.resource_id),
            name: tool.name.into(),
            modification_type: tool.modification_type,
            msg_type: tool.msg_type,
            tab: tool.tab.into(),
            started_at: time(tool.start_time),
            ended_at: time(tool.end_time),
            duration_seconds: tool.duration_s,
        });
        Known { common: self.common, user: None, data }
    }
}

/// Converts a text over the video, which can also be part of other messages.
pub(super) fn notify(notify: webcast::RoomNotify) -> event::RoomNotify {
    event::RoomNotify {
        text: display_text(notify.common),
        content: notify.content.into(),
        notify_type: notify.notify_type,
        source: notify.source.into(),
        from_user_id: Id(notify.from_user_id),
        duration_seconds: notify.extra.map_or(0, |extra| extra.duration_s),
        link: notify.link.into(),
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
fn nickname(prefix: Option<webcast::Text>, nickname: &str) -> SmolStr {
    match prefix.unwrap_or_default().default_pattern.split_once("%s") {
        Some((before, after)) => format_smolstr!("{before}{nickname}{after}"),
        None => nickname.into(),
    }
}

fn donation(sticker: webcast::donation_sticker_modify::Sticker) -> event::Donation {
    let organization = sticker.organization.unwrap_or_default();
    event::Donation {
        sticker_id: Id(sticker.id),
        organization_id: organization.id.into(),
        name: organization.name.into(),
        description: organization.description.into(),
        detail_url: organization.detail_url.into(),
        donate_url: organization.donate_url.into(),
        icon_url: url(organization.icon),
    }
}
