//! Gifts, treasure boxes, and notices about them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Data, Id, Kind, Known, Millis, Person, RoomNotify,
    common::{id, labelled, named_user, person, stamp, time, url, user, user_with},
    notices::notify,
};
use crate::wire::{Message, used as webcast};

/// Data of a `gift` event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Gift {
    /// Id of the gift.
    pub gift_id: i64,
    /// Name of the gift, in English or the language of the account that is logged in.
    pub gift_name: String,
    /// 1 if the gift can be sent in streaks.
    pub gift_type: i32,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i32,
    /// Running total of the streak.
    pub repeat_count: i32,
    /// Whether TikTok marks this message as the last of the streak.
    pub repeat_end: bool,
    /// Id of the streak among those of the sender; 0 for gifts outside a streak.
    pub group_id: Id,
    /// URL of the gift's picture.
    pub gift_picture_url: String,
    /// The recipient: the host, or a guest in the host's room; `null` if unknown.
    pub receiver: Option<Person>,
    /// What the sender did, in English, e.g. `Sent Rose`.
    pub describe: String,
    /// Text key of the display.
    pub display_type: String,
    /// Pattern of the displayed text, e.g. `{0:user} sent {1:gift} {2:string}`.
    pub label: String,
    /// Running total of the streak, as TikTok's clients display it. In all known messages, it equals
    /// `repeatCount`. Absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub combo_count: i32,
    /// Number of gifts that are sent at once. In all known messages, it is 1. Absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub group_count: i32,
    /// Whether it is the sender's first gift; absent if TikTok does not say so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_first: bool,
    /// Factor by which a card multiplies the points of the gift in a battle; absent if none does.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub multiplier: i64,
    /// The card: 1 boosting glove, 2 and 3 booster of the second and third, 4 vault glove; absent if there is
    /// none.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub multiplier_type: i32,
    /// Opaque id of the streak; empty outside a streak.
    pub streak_id: String,
    /// Number of gifts since the streak's previous event.
    pub repeat_delta: i32,
    /// Whether this event ends the streak.
    pub is_final: bool,
    /// Value of this event in diamonds: `diamondCount` × `repeatDelta`.
    pub diamonds: i64,
    /// Number of gifts since the streak's previous final. In a final, it replaces `repeatDelta` for
    /// subscribers that do not count increments.
    #[serde(skip)]
    pub delta_since_final: i32,
    /// Whether livetape inferred this final because TikTok did not send one in time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// Data of an `envelope` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Id of the box.
    pub envelope_id: Id,
    /// Kind of box: 1 a user's diamonds, 19 a super-fan box, …
    pub business_type: i32,
    /// Number of diamonds in the box; 0 if the event only hides it.
    pub diamond_count: i32,
    /// Maximum number of people who get a share.
    pub people_count: i32,
    /// Nickname or unique id of the sender, as sent.
    pub sender_name: String,
    /// Numeric id of the sender; 0 if unknown.
    pub sender_id: Id,
    /// 1 the box appears, 2 it disappears.
    pub display: i32,
    /// Time at which it can be opened; `null` if unknown.
    pub opens_at: Option<Millis>,
    /// Number of super fans that a super-fan box names; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub super_fan_count: i32,
}

/// Data of a `gift_gallery` event: `user` sponsors a gift in the gallery of the host.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftGallery {
    /// 1 lit up, 2 all gifts are sponsored, 3 another sponsor, 4 recalled after a long time.
    pub message_type: i32,
    /// Id of the gift.
    pub gift_id: i64,
    /// Name of the gift; empty if unknown.
    pub gift_name: String,
    /// Price of a single gift, in diamonds; 0 if unknown.
    pub diamond_count: i32,
    /// URL of the gift's picture; empty if unknown.
    pub gift_picture_url: String,
    /// Whether TikTok counts the gift as valuable.
    pub high_value: bool,
    /// Whether all gifts of the gallery are now sponsored.
    pub all_sponsored: bool,
    /// The host of the gallery; `null` if unknown.
    pub receiver: Option<Person>,
}

/// Data of a `gift_progress` event: viewers make progress in a challenge.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftProgress {
    /// TikTok's word for the kind of progress, e.g. `gift_challenge`.
    pub progress_type: String,
    /// The parts of the challenge.
    pub progress: Vec<GiftProgressPart>,
}

/// A part of a challenge.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftProgressPart {
    /// Id of the part.
    pub progress_id: Id,
    /// Value reached.
    pub value: i64,
    /// TikTok's code for its state.
    pub status: i32,
}

/// Data of a `gift_broadcast` event: news of an expensive gift, from this or another room.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftBroadcast {
    /// User id of the sender.
    pub from_user_id: Id,
    /// Displayed notice; `null` if there is none.
    pub notice: Option<RoomNotify>,
}

/// Data of a `gift_collection_update` event: viewers complete a collection together.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftCollectionUpdate {
    /// Number of the round.
    pub round: i64,
    /// Id of the gift.
    pub gift_id: i64,
    /// Name of the gift.
    pub gift_name: String,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i32,
    /// URL of the gift's picture.
    pub gift_picture_url: String,
    /// Number of pieces collected so far.
    pub collected_count: i32,
    /// Number of pieces in the collection.
    pub target_count: i32,
    /// TikTok's code for the change.
    pub message_type: i32,
}

/// Data of a `gift_panel_update` event: the list of gifts changed.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPanelUpdate {
    /// Id of the room.
    pub room_id: Id,
    /// Time of the change; `null` if unknown.
    pub updated_at: Option<Millis>,
    /// Progress of the gifts in the gallery of the host.
    pub gallery: Vec<GalleryProgress>,
    /// TikTok's number for the period of the gallery, e.g. a day, 20260810; 0 if unknown.
    pub gallery_period: i64,
    /// End of the period; `null` if unknown.
    pub gallery_ends_at: Option<Millis>,
    /// Prices of gifts in this room.
    pub prices: Vec<GiftPrice>,
}

/// How far a gift is in the gallery of the host.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GalleryProgress {
    /// Id of the gift.
    pub gift_id: i64,
    /// TikTok's number for its goal.
    pub goal_count: i64,
    /// User id of the sponsor; 0 if there is none.
    pub sponsor_user_id: Id,
}

/// The price of a gift.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPrice {
    /// Id of the gift.
    pub gift_id: i64,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i64,
    /// TikTok's number for the group of gifts that it belongs to.
    pub group: i32,
}

/// Data of a `gift_prompt` event: TikTok asks a viewer about their spending.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftPrompt {
    /// Title of the prompt.
    pub title: String,
    /// Text of the prompt.
    pub body: String,
    /// Number of days for which gifts are blocked.
    pub block_days: i32,
}

/// Data of an `envelope_portal` event: a treasure box that takes viewers to the room of `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvelopePortal {
    /// Id of the portal.
    pub portal_id: Id,
    /// User id of the sender.
    pub sender_id: Id,
    /// Unique id of the sender; may be empty.
    pub sender_name: String,
    /// Number of diamonds in the box.
    pub envelope_diamonds: i32,
    /// Price of the portal, in diamonds.
    pub portal_diamonds: i32,
    /// Number of viewers who followed it.
    pub taken_count: i32,
    /// Time at which it opens; `null` if unknown.
    pub sends_at: Option<Millis>,
    /// TikTok's code for its audience.
    pub view: i32,
    /// TikTok's code for its display.
    pub display: i32,
}

/// Data of a `goody_bag` event: a lottery for viewers.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodyBag {
    /// Id of the lottery.
    pub goody_bag_id: Id,
    /// 1 ended, 2 a viewer joined, 3 the winners.
    pub message_type: i32,
    /// Total prize, in coins.
    pub total_coins: i32,
    /// Number of winners.
    pub winner_count: i32,
    /// Number of participants.
    pub joined_count: i32,
    /// TikTok's code for the way to participate.
    pub participate_method: i32,
    /// Comment that a viewer has to write to participate.
    pub participate_text: String,
    /// Time of the draw; `null` if unknown.
    pub opens_at: Option<Millis>,
    /// Time to participate, in minutes.
    pub countdown_minutes: i32,
    /// The winners.
    pub winners: Vec<GoodyBagWinner>,
}

/// A winner of a lottery.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodyBagWinner {
    /// The winner.
    #[serde(flatten)]
    pub person: Person,
    /// The prize, in coins.
    pub coins: i32,
}

/// Data of a `gift_dynamic_restriction` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GiftDynamicRestriction {
    /// Ids of the gifts that cannot be sent at present.
    pub gift_ids: Vec<i64>,
    /// Ids of the gifts that cannot be sent in battles.
    pub battle_gift_ids: Vec<i64>,
    /// Ids of the gifts that cannot be sent while there are co-hosts.
    pub cohost_gift_ids: Vec<i64>,
    /// Ids of the gifts that cannot be sent while there are guests.
    pub guest_gift_ids: Vec<i64>,
    /// Further restrictions for single recipients.
    pub receivers: Vec<RestrictedReceiver>,
}

/// A user who cannot receive some of the gifts.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestrictedReceiver {
    /// Id of the user.
    pub user_id: Id,
    /// Ids of the restricted gifts.
    pub gift_ids: Vec<i64>,
}

impl Kind for webcast::Gift {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let gift = self.gift.unwrap_or_default();
        let receiver_id = self.monitor.map_or(0, |monitor| monitor.receiver_user_id);
        let guest = (self.receiver_member_id, self.receiver_member_nickname);
        let card = self.r#match.unwrap_or_default();
        let data = Data::Gift(Gift {
            gift_id: if self.gift_id == 0 { gift.id } else { self.gift_id },
            gift_name: gift.name,
            gift_type: gift.r#type,
            diamond_count: gift.diamond_count,
            repeat_count: self.repeat_count,
            repeat_end: self.repeat_end != 0,
            group_id: Id(self.group_id),
            gift_picture_url: url(gift.image),
            receiver: receiver(self.receiver, guest, receiver_id),
            describe: gift.describe,
            display_type,
            label,
            combo_count: self.combo_count,
            group_count: self.group_count,
            is_first: self.is_first,
            multiplier: card.multiplier,
            multiplier_type: card.multiplier_type,
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
        let data = Data::Envelope(Envelope {
            envelope_id: id(&info.envelope_id),
            business_type: info.business_type,
            diamond_count: info.diamond_count,
            people_count: info.people_count,
            sender_name: info.sender_name,
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
        let data = Data::GiftGallery(GiftGallery {
            message_type: self.message_type,
            gift_id: if info.gift_id == 0 { gift.id } else { info.gift_id },
            gift_name: gift.name,
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
        let progress = self.progress.into_iter().map(|part| GiftProgressPart {
            progress_id: Id(part.id),
            value: part.value,
            status: part.status,
        });
        let data =
            Data::GiftProgress(GiftProgress { progress_type: self.r#type, progress: progress.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftBroadcast {
    fn parts(self, _: &Message) -> Known {
        let data = Data::GiftBroadcast(GiftBroadcast {
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
        let data = Data::GiftCollectionUpdate(GiftCollectionUpdate {
            round: collection.round,
            gift_id: gift.id,
            gift_name: gift.name,
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
        let receivers = restriction.receivers.into_iter().map(|receiver| RestrictedReceiver {
            user_id: Id(receiver.user_id),
            gift_ids: receiver.gift_ids,
        });
        let data = Data::GiftDynamicRestriction(GiftDynamicRestriction {
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
        let gallery = self.gallery.unwrap_or_default();
        let progress = gallery.gifts.into_iter().map(|entry| {
            let gift = entry.gift.unwrap_or_default();
            let sponsor_user_id = Id(gift.sponsor_user_id);
            GalleryProgress { gift_id: entry.gift_id, goal_count: gift.count, sponsor_user_id }
        });
        let prices = self.prices.unwrap_or_default().groups.into_iter().flat_map(|entry| {
            let price = move |gift: webcast::gift_panel_update::PricedGift| GiftPrice {
                gift_id: gift.gift_id,
                diamond_count: gift.diamond_count,
                group: entry.group,
            };
            entry.gifts.unwrap_or_default().gifts.into_iter().map(price)
        });
        let data = Data::GiftPanelUpdate(GiftPanelUpdate {
            room_id: Id(self.room_id),
            updated_at: time(self.timestamp),
            gallery: progress.collect(),
            gallery_period: gallery.period,
            gallery_ends_at: time(gallery.ends_ms),
            prices: prices.collect(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GiftPrompt {
    fn parts(self, _: &Message) -> Known {
        let data =
            Data::GiftPrompt(GiftPrompt { title: self.title, body: self.body, block_days: self.block_days });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::EnvelopePortal {
    fn parts(self, _: &Message) -> Known {
        let text = self.common.as_ref().and_then(|common| common.display_text.as_ref());
        let named = named_user(text).map(user);
        let info = self.info.unwrap_or_default();
        let data = Data::EnvelopePortal(EnvelopePortal {
            portal_id: id(&info.id),
            sender_id: id(&info.sender_id),
            sender_name: info.sender_unique_id,
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
        let data = Data::GoodyBag(GoodyBag {
            goody_bag_id: id(&info.goody_bag_id),
            message_type: self.message_type,
            total_coins: info.coins.map_or(0, |coins| coins.total),
            winner_count: detail.winner_count,
            joined_count: detail.joined_count,
            participate_method: detail.participate_method,
            participate_text: detail.participate_text,
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
    (user_id != 0).then(|| Person { user_id: Id(user_id), nickname, ..Default::default() })
}

fn winner(winner: webcast::goody_bag::Winner) -> GoodyBagWinner {
    let user = winner.user.unwrap_or_default();
    let person = Person {
        user_id: id(&user.user_id),
        unique_id: user.unique_id,
        nickname: user.nickname,
        avatar: url(user.avatar),
    };
    GoodyBagWinner { person, coins: winner.coins }
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
