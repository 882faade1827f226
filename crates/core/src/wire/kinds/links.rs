//! Guests and co-hosts.

use super::{
    Kind, Known,
    common::url,
    user::{person, user},
    webcast::{self, link, link_layer as layer},
};
use crate::{
    event::{self, Data, Id, Person},
    wire::Message,
};

impl Kind for webcast::Link {
    fn parts(self, _: &Message) -> Known {
        let change = self.list_change.unwrap_or_default();
        let cohosts = self.cohost_change.unwrap_or_default().users.into_iter().map(cohost);
        let mut users = guests(self.enter.unwrap_or_default().users);
        users.extend(guests(change.online));
        users.extend(cohosts);
        let data = Data::Link(event::Link {
            channel_id: Id(self.channel_id),
            message_type: self.message_type,
            scene: self.scene,
            users,
            waiting: guests(change.waiting),
            left_user_id: Id(self.leave.map_or(0, |leave| leave.user_id)),
        });
        Known { common: self.common, user: None, data }
    }
}

fn guests(guests: Vec<link::Guest>) -> Vec<Person> {
    guests.into_iter().filter_map(|guest| guest.user).map(person).collect()
}

fn cohost(cohost: link::Cohost) -> Person {
    Person {
        user_id: Id(cohost.user_id),
        unique_id: cohost.unique_id.into(),
        nickname: cohost.nickname.into(),
        avatar: url(cohost.avatar),
    }
}

impl Kind for webcast::LinkLayer {
    fn parts(self, _: &Message) -> Known {
        let lists = self.list_change.and_then(|change| change.users).unwrap_or_default();
        let left = self.leave.or(self.kicked_out).unwrap_or_default();
        let finish = self.finish.unwrap_or_default();
        let owner = self.create.and_then(|create| create.owner).or(finish.owner);
        let data = Data::LinkLayer(event::LinkLayer {
            channel_id: Id(self.channel_id),
            message_type: self.message_type,
            scene: self.scene,
            owner_user_id: player(owner),
            linked_user_ids: user_ids(&lists.linked),
            applied_user_ids: user_ids(&lists.applied),
            invited_user_ids: user_ids(&lists.invited),
            left_user_id: player(left.player),
            reason: if left.reason == 0 { finish.reason } else { left.reason },
        });
        Known { common: self.common, user: None, data }
    }
}

fn player(player: Option<layer::Player>) -> Id {
    Id(player.map_or(0, |player| player.user_id))
}

fn user_ids(users: &[layer::ListUser]) -> Vec<Id> {
    users.iter().map(|user| player(user.player)).collect()
}

impl Kind for webcast::LinkMicMethod {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicMethod(event::LinkMicMethod {
            link_type: self.r#type,
            channel_id: Id(self.channel_id),
            user_id: Id(self.user_id),
            coins: self.fan_ticket,
            total_coins: self.total_fan_ticket,
            invited_user_id: Id(self.invited_user_id),
            to_user_id: Id(self.to_user_id),
            rival_user_id: Id(self.rival_user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicFanTicket {
    fn parts(self, _: &Message) -> Known {
        let notice = self.notice.unwrap_or_default();
        let users = notice.users.into_iter().map(|user| event::FanTickets {
            user_id: Id(user.user_id),
            coins: user.fan_ticket,
            match_score: user.match_total_score,
            match_rank: user.match_rank,
        });
        let data = Data::LinkMicFanTicket(event::LinkMicFanTicket {
            users: users.collect(),
            total_coins: notice.total,
            match_id: Id(notice.match_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkScreenChange {
    fn parts(self, _: &Message) -> Known {
        let state = self.state.unwrap_or_default();
        let data = Data::LinkScreenChange(event::LinkScreenChange {
            message_type: self.message_type,
            is_enlarged: state.is_enlarged != 0,
            link_mic_id: state.target_link_mic_id.into(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicAnchorGuide {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicAnchorGuide(event::LinkMicAnchorGuide {
            guide_type: self.guide_type,
            content: self.content.into(),
            button_text: self.button.into(),
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::LinkState {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkState(event::LinkState {
            channel_id: Id(self.channel_id),
            scene: self.scene,
            version: self.version,
            user_ids: user_ids(&self.users),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicLayoutState {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicLayoutState(event::LinkMicLayoutState {
            room_id: Id(self.room_id),
            layout_state: self.layout_state,
            layout_key: self.layout_key.into(),
        });
        Known { common: self.common, user: None, data }
    }
}
