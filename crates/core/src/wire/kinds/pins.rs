//! Pinned and deleted messages.

use super::{Kind, Known, common::time, user::user, webcast};
use crate::{
    event::{self, Data, Id, Pinned},
    wire::Message,
};

impl Kind for webcast::RoomPin {
    fn parts(self, message: &Message) -> Known {
        let pinned = self.chat.map(|chat| chat.parts(message));
        let pinned = pinned.or_else(|| self.gift.map(|gift| gift.parts(message)));
        let pinned = pinned.or_else(|| self.social.map(|social| social.parts(message)));
        let pinned = pinned.or_else(|| self.member.map(|member| member.parts(message)));
        let pinned = pinned.or_else(|| self.like.map(|like| like.parts(message)));
        let data = Data::Pin(event::Pin {
            pin_id: Id(self.pin_id),
            action: self.action,
            method: self.method.into(),
            pinned_at: time(self.pin_time),
            display_seconds: self.display_duration_s,
            pinned: pinned.map(|parts| Pinned {
                r#type: parts.data.kind(),
                user: parts.user,
                data: Box::new(parts.data),
            }),
        });
        Known { common: self.common, user: self.operator.map(user), data }
    }
}

impl Kind for webcast::ImDelete {
    fn parts(self, _: &Message) -> Known {
        let ids = |ids: Vec<i64>| ids.into_iter().map(Id).collect();
        let data =
            Data::Delete(event::Delete { message_ids: ids(self.msg_ids), user_ids: ids(self.user_ids) });
        Known { common: self.common, user: None, data }
    }
}
