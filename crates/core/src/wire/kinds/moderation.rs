//! TikTok's moderation of hosts and viewers.

use super::{
    Kind, Known,
    common::{id, time},
    text::text,
    webcast,
};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

fn punishment(punishment: webcast::Punishment) -> event::Punishment {
    event::Punishment {
        punish_id: id(&punishment.id),
        punish_type: punishment.r#type.into(),
        punish_reason: punishment.reason.into(),
        user_id: Id(punishment.user_id),
    }
}

impl Kind for webcast::Bottom {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Bottom(event::Bottom {
            content: self.content.into(),
            biz_type: self.biz_type,
            duration_seconds: self.duration_s,
            user_id: Id(self.violation_user_id),
            detail_url: self.detail_url.into(),
            punishment: self.punishment.map(punishment),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Perception {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Perception(event::Perception {
            text: text(self.toast),
            ends_at: time(self.end_time),
            punishment: self.punishment.map(punishment),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AccessRecall {
    fn parts(self, _: &Message) -> Known {
        let data = Data::AccessRecall(event::AccessRecall {
            scene: self.scene.into(),
            status: self.status,
            ends_at: time(self.end_time),
            notice: text(self.notice),
            content: text(self.content),
            punishment: self.punishment.map(punishment),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AccessControl {
    fn parts(self, _: &Message) -> Known {
        let captcha = self.captcha.unwrap_or_default();
        let data = Data::AccessControl(event::AccessControl {
            record_id: Id(captcha.record_id),
            verify_seconds: captcha.verify_seconds,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Notice {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Notice(event::Notice {
            notice_type: self.notice_type,
            content: self.content.into(),
            title: text(self.title),
            violation_reason: text(self.violation_reason),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipPunish {
    fn parts(self, _: &Message) -> Known {
        let data =
            Data::PartnershipPunish(event::PartnershipPunish { punishment: self.punishment.map(punishment) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RoomVerify {
    fn parts(self, _: &Message) -> Known {
        let data = Data::RoomVerify(event::RoomVerify {
            action: self.action,
            content: self.content.into(),
            notice_type: self.notice_type,
            close_room: self.close_room,
        });
        Known { common: self.common, user: None, data }
    }
}
