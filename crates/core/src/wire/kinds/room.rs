//! The state of the room.

use super::{Kind, Known, user::user, webcast};
use crate::{
    event::{self, Data, Id, RoomState},
    wire::Message,
};

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
