//! Gifts, treasure boxes, and notices about them.

use super::{
    super::Message,
    Kind, Known,
    common::{id, labelled, named_user, person, stamp, time, url, user, user_with},
    notices::notify,
    webcast,
};
use crate::event::{self, Data, Id, Person};

impl Kind for webcast::Gift {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let gift = self.gift.unwrap_or_default();
        let receiver_id = self.monitor.map_or(0, |monitor| monitor.receiver_user_id);
        let guest = (self.receiver_member_id, self.receiver_member_nickname);
        let data = Data::Gift(event::Gift {
            gift_id: if self.gift_id == 0 { gift.id } else { self.gift_id },
            gift_name: gift.name.into(),
            gift_type: gift.r#type,
            diamond_count: gift.diamond_count,
            repeat_count: self.repeat_count,
            repeat_end: self.repeat_end != 0,
            group_id: Id(self.group_id),
            gift_picture_url: url(gift.image),
            receiver: receiver(self.receiver, guest, receiver_id),
            describe: gift.describe.into(),
            display_type,
            label,
            combo_count: self.combo_count,
            group_count: self.group_count,
            ..Default::default()
        });
        Known { common, user: user_with(self.user, self.user_identity), data }
    }
}

impl Kind for webcast::Envelope {
    fn parts(self, _: &Message) -> Known {
        let text = self.common.as_ref().and_then(|common| common.display_text.as_ref());
        let sender = named_user(text).map(user);
        let info = self.info.unwrap_or_default();
        let data = Data::Envelope(event::Envelope {
            envelope_id: id(&info.envelope_id),
            business_type: info.business_type,
            diamond_count: info.diamond_count,
            people_count: info.people_count,
            sender_name: info.sender_name.into(),
            sender_id: id(&info.sender_id),
            display: self.display,
            opens_at: time(info.opens_at),
            super_fan_count: info.super_fan_count,
        });
        Known { common: stamp(self.common.as_ref()), user: sender, data }
    }
}

impl Kind for webcast::GiftGallery {
    fn parts(self, _: &Message) -> Known {
        let info = self.info.unwrap_or_default();
        let gift = info.gift.unwrap_or_default();
        let data = Data::GiftGallery(event::GiftGallery {
            message_type: self.message_type,
            gift_id: if info.gift_id == 0 { gift.id } else { info.gift_id },
            gift_name: gift.name.into(),
            diamond_count: gift.diamond_count,
            gift_picture_url: url(gift.image),
            high_value: info.high_value,
            all_sponsored: self.all_sponsored,
            receiver: self.receiver.map(person),
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::GiftProgress {
    fn parts(self, _: &Message) -> Known {
        let progress = self.progress.into_iter().map(|part| event::GiftProgressPart {
            progress_id: Id(part.id),
            value: part.value,
            status: part.status,
        });
        let data = Data::GiftProgress(event::GiftProgress {
            progress_type: self.r#type.into(),
            progress: progress.collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftBroadcast {
    fn parts(self, _: &Message) -> Known {
        let data = Data::GiftBroadcast(event::GiftBroadcast {
            from_user_id: Id(self.from_user_id),
            notice: self.notify.map(notify),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftCollectionUpdate {
    fn parts(self, _: &Message) -> Known {
        let collection = self.collection.unwrap_or_default();
        let gift = collection.gift.unwrap_or_default();
        let pieces = gift.random_effect.and_then(|effect| effect.banner).unwrap_or_default();
        let data = Data::GiftCollectionUpdate(event::GiftCollectionUpdate {
            round: collection.round,
            gift_id: gift.id,
            gift_name: gift.name.into(),
            diamond_count: gift.diamond_count,
            gift_picture_url: url(gift.image),
            collected_count: pieces.collected_count,
            target_count: pieces.target_count,
            message_type: collection.message_type,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftDynamicRestriction {
    fn parts(self, _: &Message) -> Known {
        let restriction = self.restriction.unwrap_or_default();
        let scenes = restriction.scenes.unwrap_or_default();
        let receivers = restriction.receivers.into_iter().map(|receiver| event::RestrictedReceiver {
            user_id: Id(receiver.user_id),
            gift_ids: receiver.gift_ids,
        });
        let data = Data::GiftDynamicRestriction(event::GiftDynamicRestriction {
            gift_ids: scenes.normal,
            battle_gift_ids: scenes.battle,
            cohost_gift_ids: scenes.cohost,
            guest_gift_ids: scenes.guests,
            receivers: receivers.collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftPanelUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::GiftPanelUpdate(event::GiftPanelUpdate {
            room_id: Id(self.room_id),
            updated_at: time(self.timestamp),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftPrompt {
    fn parts(self, _: &Message) -> Known {
        let data = Data::GiftPrompt(event::GiftPrompt {
            title: self.title.into(),
            body: self.body.into(),
            block_days: self.block_days,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::EnvelopePortal {
    fn parts(self, _: &Message) -> Known {
        let text = self.common.as_ref().and_then(|common| common.display_text.as_ref());
        let named = named_user(text).map(user);
        let info = self.info.unwrap_or_default();
        let data = Data::EnvelopePortal(event::EnvelopePortal {
            portal_id: id(&info.id),
            sender_id: id(&info.sender_id),
            sender_name: info.sender_unique_id.into(),
            envelope_diamonds: info.envelope_diamonds,
            portal_diamonds: info.portal_diamonds,
            taken_count: info.taken_count,
            sends_at: time(info.sends_at),
            view: self.view,
            display: self.display,
        });
        Known { common: stamp(self.common.as_ref()), user: named, data }
    }
}

impl Kind for webcast::GoodyBag {
    fn parts(self, _: &Message) -> Known {
        let info = self.info.unwrap_or_default();
        let detail = info.detail.unwrap_or_default();
        let data = Data::GoodyBag(event::GoodyBag {
            goody_bag_id: id(&info.goody_bag_id),
            message_type: self.message_type,
            total_coins: info.coins.map_or(0, |coins| coins.total),
            winner_count: detail.winner_count,
            joined_count: detail.joined_count,
            participate_method: detail.participate_method,
            participate_text: detail.participate_text.into(),
            opens_at: time(detail.opens_at),
            countdown_minutes: detail.countdown_minutes,
            winners: self.winners.into_iter().map(winner).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

/// Returns the recipient of a gift, from the most detailed of three sources.
fn receiver(user: Option<webcast::Person>, guest: (i64, String), monitored: i64) -> Option<Person> {
    if let Some(user) = user.filter(|user| user.id != 0) {
        return Some(person(user));
    }
    let (user_id, nickname) = if guest.0 == 0 { (monitored, String::new()) } else { guest };
    (user_id != 0).then(|| Person { user_id: Id(user_id), nickname: nickname.into(), ..Default::default() })
}

fn winner(winner: webcast::goody_bag::Winner) -> event::GoodyBagWinner {
    let user = winner.user.unwrap_or_default();
    let person = Person {
        user_id: id(&user.user_id),
        unique_id: user.unique_id.into(),
        nickname: user.nickname.into(),
        avatar: url(user.avatar),
    };
    event::GoodyBagWinner { person, coins: winner.coins }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receiver_has_three_sources() {
        let host = webcast::Person { id: 5, nickname: "Host".into(), ..Default::default() };
        let nobody = || (0, String::new());
        assert_eq!(receiver(Some(host), (6, "Guest".into()), 7).unwrap().nickname, "Host");
        assert_eq!(receiver(None, (6, "Guest".into()), 7).unwrap().nickname, "Guest");
        assert_eq!(receiver(Some(webcast::Person::default()), nobody(), 7).unwrap().user_id, Id(7));
        assert_eq!(receiver(None, nobody(), 0), None);
    }
}
