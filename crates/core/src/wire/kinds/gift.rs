//! Gifts and treasure boxes.

use super::{
    Kind, Known,
    common::{id, labelled, stamp, time, url},
    text::named_user,
    user::{person, user, user_with},
    webcast,
};
use crate::{
    event::{self, Data, Id, Person},
    wire::Message,
};

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

/// Returns the recipient of a gift, from the most detailed of three sources.
fn receiver(user: Option<webcast::Person>, guest: (i64, String), monitored: i64) -> Option<Person> {
    if let Some(user) = user.filter(|user| user.id != 0) {
        return Some(person(user));
    }
    let (user_id, nickname) = if guest.0 == 0 { (monitored, String::new()) } else { guest };
    (user_id != 0).then(|| Person { user_id: Id(user_id), nickname: nickname.into(), ..Default::default() })
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
        });
        Known { common: stamp(self.common.as_ref()), user: sender, data }
    }
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
