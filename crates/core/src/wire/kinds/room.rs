//! The state of the room, and moderation by TikTok.

use super::{
    super::Message,
    Kind, Known,
    common::{id, text, time, user},
    webcast,
};
use crate::event::{self, Data, Id, RoomState};

impl Kind for webcast::Control {
    fn parts(self, _: &Message) -> Known {
        let (action, state) = (self.action, RoomState::of_action(self.action));
        let data = Data::Control(event::Control { action, state, tips: self.tips.into() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LiveIntro {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LiveIntro(event::LiveIntro {
            intro_id: Id(self.id),
            description: self.content.into(),
            language: self.language.into(),
            audit_status: self.audit_status,
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::InRoomBanner {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Banner(event::Banner { data: self.json.into() });
        Known { common: self.common, user: None, data }
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

fn punishment(punishment: webcast::Punishment) -> event::Punishment {
    event::Punishment {
        punish_id: id(&punishment.id),
        punish_type: punishment.r#type.into(),
        punish_reason: punishment.reason.into(),
        user_id: Id(punishment.user_id),
    }
}
