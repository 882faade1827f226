//! Texts, hints and banners that clients display automatically.

use smol_str::{SmolStr, format_smolstr};

use super::{
    Kind, Known,
    common::{stamp, time, url},
    text::{display_text, named_user, text},
    user::user,
    webcast,
};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

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
