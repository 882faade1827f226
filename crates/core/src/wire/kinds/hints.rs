//! Hints with and without a button.

use super::{
    Kind, Known,
    common::stamp,
    text::{display_text, named_user, text},
    user::user,
    webcast,
};
use crate::{
    event::{self, Data},
    wire::Message,
};

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
