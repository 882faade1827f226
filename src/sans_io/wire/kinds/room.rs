//! The room itself.

use super::{Kind, Parts, user::user, webcast};
use crate::sans_io::{
    event::{self, Data, Id, RoomState},
    wire::Message,
};

impl Kind for webcast::Control {
    fn parts(self, _: &Message) -> Parts {
        let (action, state) = (self.action, RoomState::of_action(self.action));
        let data = Data::Control(event::Control { action, state, tips: self.tips });
        Parts { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LiveIntro {
    fn parts(self, _: &Message) -> Parts {
        let data = Data::LiveIntro(event::LiveIntro {
            intro_id: Id(self.id),
            description: self.content,
            language: self.language,
            audit_status: self.audit_status,
        });
        Parts { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::InRoomBanner {
    fn parts(self, _: &Message) -> Parts {
        let data = Data::Banner(event::Banner { data: self.json });
        Parts { common: self.common, user: None, data }
    }
}
