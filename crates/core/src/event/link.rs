//! Guests and co-hosts.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Person,
    common::{person, url, user},
};
use crate::wire::{
    Message,
    used::{self as webcast, link, link_layer as layer},
};

/// Data of a `link` event: the guests or co-hosts.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Id of the channel that links them.
    pub channel_id: Id,
    /// TikTok's code for the change.
    pub message_type: i32,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Users on the screen; empty if unknown.
    pub users: Vec<Person>,
    /// Users waiting to join.
    pub waiting: Vec<Person>,
    /// Id of the user who left; 0 if none did.
    pub left_user_id: Id,
}

/// Data of a `link_layer` event: the guests or co-hosts as sent by TikTok's newer system, mostly with user ids
/// only.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkLayer {
    /// Id of the channel that links them.
    pub channel_id: Id,
    /// 1 created, 2 invited, 3 applied, 6 kicked out, 9 left, 10 finished, 11 the list changed, 18 a group of
    /// channels changed, …
    pub message_type: i32,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// User id of the channel's owner; 0 if unknown.
    pub owner_user_id: Id,
    /// Ids of the users on the screen; empty if unknown.
    pub linked_user_ids: Vec<Id>,
    /// Ids of the users who asked to join.
    pub applied_user_ids: Vec<Id>,
    /// Ids of the invited users.
    pub invited_user_ids: Vec<Id>,
    /// Id of the user who left or was removed; 0 if none did.
    pub left_user_id: Id,
    /// TikTok's code for the reason; 0 if unknown.
    pub reason: i64,
    /// The co-hosts of a group; absent if there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cohosts: Vec<Person>,
}

/// Data of a `link_mic_method` event: the guests or co-hosts as sent by TikTok's oldest system, or the gifts
/// that guests received.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicMethod {
    /// TikTok's code for the change; 8 means that a guest received a gift.
    pub link_type: i32,
    /// Id of the channel that links them; 0 if unknown.
    pub channel_id: Id,
    /// Id of the guest who received a gift; 0 if none did.
    pub user_id: Id,
    /// Total received by this guest, in coins.
    pub coins: i64,
    /// Total received by all guests, in coins.
    pub total_coins: i64,
    /// Id of the invited user; 0 if none was.
    pub invited_user_id: Id,
    /// Id of the addressed user; 0 if there is none.
    pub to_user_id: Id,
    /// User id of the other host; 0 if unknown.
    pub rival_user_id: Id,
}

/// Data of a `link_mic_fan_ticket_method` event: the gifts that guests received.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicFanTicket {
    /// Totals for each guest.
    pub users: Vec<FanTickets>,
    /// Total received by all guests, in coins.
    pub total_coins: i64,
    /// Id of the match; 0 outside a match.
    pub match_id: Id,
}

/// Gifts that a guest received.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FanTickets {
    /// User id of the guest.
    pub user_id: Id,
    /// Total received by the guest, in coins.
    pub coins: i64,
    /// Score of the guest in a match.
    pub match_score: i64,
    /// Rank of the guest in a match; 0 outside a match.
    pub match_rank: i32,
}

/// Data of a `link_screen_change` event: a guest is enlarged on the screen, or returns to normal size.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkScreenChange {
    /// 1 cancelled, 2 a new state, 3 a new position.
    pub message_type: i32,
    /// Whether the guest is enlarged.
    pub is_enlarged: bool,
    /// Id of the guest, as in the list of guests. TikTok sends it as a string.
    pub link_mic_id: String,
}

/// Data of a `link_mic_anchor_guide` event: a hint for the host about `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicAnchorGuide {
    /// TikTok's code for the kind of hint.
    pub guide_type: i32,
    /// Displayed text; may be empty.
    pub content: String,
    /// Text of the button; may be empty.
    pub button_text: String,
}

/// Data of a `link_state` event: the guests or co-hosts as sent by TikTok's newest system.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkState {
    /// Id of the channel that links them.
    pub channel_id: Id,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Version number of the state.
    pub version: i64,
    /// Ids of the users on the screen.
    pub user_ids: Vec<Id>,
}

/// Data of a `link_mic_layout_state` event: the arrangement of guests on the screen.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicLayoutState {
    /// Id of the channel that links them; 0 if unknown.
    pub channel_id: Id,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Version number of the arrangement; 0 if unknown.
    pub version: i64,
    /// The places on the screen.
    pub spots: Vec<LayoutSpot>,
}

/// A place on the screen.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayoutSpot {
    /// Number of the place.
    pub spot: i32,
    /// What its id is of: 0 of nobody, 1 a user's connection, 2 a stream, 3 a user.
    pub id_type: i32,
    /// Id of the guest, as in the list of guests; empty if nobody is there. TikTok sends it as a string.
    pub link_mic_id: String,
}

impl Kind for webcast::Link {
    fn parts(self, _: &Message) -> Known {
        let change = self.list_change.unwrap_or_default();
        let cohosts = self.cohost_change.unwrap_or_default().users.into_iter().map(cohost);
        let mut users = guests(self.enter.unwrap_or_default().users);
        users.extend(guests(change.online));
        users.extend(cohosts);
        let data = Data::Link(Link {
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

impl Kind for webcast::LinkLayer {
    fn parts(self, _: &Message) -> Known {
        let lists = self.list_change.and_then(|change| change.users).unwrap_or_default();
        let left = self.leave.or(self.kicked_out).unwrap_or_default();
        let finish = self.finish.unwrap_or_default();
        let group = self.group_change.and_then(|change| change.group).unwrap_or_default();
        let grouped = group.users.into_iter().flat_map(|user| user.users.unwrap_or_default().linked);
        let linked = [lists.linked, grouped.collect()].concat();
        let cohosts = self.business.and_then(|business| business.cohosts?.change).unwrap_or_default().users;
        let owner = self.create.and_then(|create| create.owner).or(finish.owner);
        let data = Data::LinkLayer(LinkLayer {
            channel_id: Id(self.channel_id),
            message_type: self.message_type,
            scene: self.scene,
            owner_user_id: player(owner),
            linked_user_ids: user_ids(&linked),
            applied_user_ids: user_ids(&lists.applied),
            invited_user_ids: user_ids(&lists.invited),
            left_user_id: player(left.player),
            reason: if left.reason == 0 { finish.reason } else { left.reason },
            cohosts: cohosts.into_iter().map(grouped_host).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicMethod {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicMethod(LinkMicMethod {
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
        let users = notice.users.into_iter().map(|user| FanTickets {
            user_id: Id(user.user_id),
            coins: user.fan_ticket,
            match_score: user.match_total_score,
            match_rank: user.match_rank,
        });
        let data = Data::LinkMicFanTicket(LinkMicFanTicket {
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
        let data = Data::LinkScreenChange(LinkScreenChange {
            message_type: self.message_type,
            is_enlarged: state.is_enlarged != 0,
            link_mic_id: state.target_link_mic_id,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicAnchorGuide {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicAnchorGuide(LinkMicAnchorGuide {
            guide_type: self.guide_type,
            content: self.content,
            button_text: self.button,
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::LinkState {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkState(LinkState {
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
        let data = Data::LinkMicLayoutState(LinkMicLayoutState {
            channel_id: Id(self.channel_id),
            scene: self.scene,
            version: self.version,
            spots: self.spots.into_iter().map(spot).collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

fn spot(spot: webcast::link_mic_layout_state::Spot) -> LayoutSpot {
    let occupant = spot.occupant.unwrap_or_default();
    LayoutSpot { spot: spot.spot, id_type: occupant.r#type, link_mic_id: occupant.link_mic_id }
}

fn guests(guests: Vec<link::Guest>) -> Vec<Person> {
    guests.into_iter().filter_map(|guest| guest.user).map(person).collect()
}

fn cohost(cohost: link::Cohost) -> Person {
    Person {
        user_id: Id(cohost.user_id),
        unique_id: cohost.unique_id,
        nickname: cohost.nickname,
        avatar: url(cohost.avatar),
    }
}

fn grouped_host(entry: layer::CohostEntry) -> Person {
    let user = entry.user.unwrap_or_default();
    Person {
        user_id: Id(entry.user_id),
        unique_id: user.unique_id,
        nickname: user.nickname,
        avatar: url(user.avatar),
    }
}

fn player(player: Option<layer::Player>) -> Id {
    Id(player.map_or(0, |player| player.user_id))
}

fn user_ids(users: &[layer::ListUser]) -> Vec<Id> {
    users.iter().map(|user| player(user.player)).collect()
}
