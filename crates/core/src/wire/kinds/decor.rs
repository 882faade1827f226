//! Decoration that the host puts on the screen.

use super::{
    Kind, Known,
    common::{id, time, url},
    webcast,
};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::Hashtag {
    fn parts(self, _: &Message) -> Known {
        let tag = self.tag.unwrap_or_default();
        let data = Data::Hashtag(event::Hashtag {
            hashtag_id: Id(tag.id),
            title: tag.title.into(),
            image_url: url(tag.image),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RoomSticker {
    fn parts(self, _: &Message) -> Known {
        let stickers = self.stickers.into_iter().map(|sticker| event::Sticker {
            name: sticker.name.into(),
            image_url: url(sticker.image),
            review_status: sticker.review_status,
        });
        let data = Data::RoomSticker(event::RoomSticker { stickers: stickers.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::DonationStickerModify {
    fn parts(self, _: &Message) -> Known {
        let stickers = self.stickers.into_iter().map(donation).collect();
        let data = Data::DonationSticker(event::DonationSticker { stickers });
        Known { common: self.common, user: None, data }
    }
}

fn donation(sticker: webcast::donation_sticker_modify::Sticker) -> event::Donation {
    let organization = sticker.organization.unwrap_or_default();
    event::Donation {
        sticker_id: Id(sticker.id),
        organization_id: organization.id.into(),
        name: organization.name.into(),
        description: organization.description.into(),
        detail_url: organization.detail_url.into(),
        donate_url: organization.donate_url.into(),
        icon_url: url(organization.icon),
    }
}

impl Kind for webcast::InRoomBannerRefresh {
    fn parts(self, _: &Message) -> Known {
        let data = Data::InRoomBannerRefresh(event::InRoomBannerRefresh {
            delay_seconds: self.delay_seconds,
            only_host: self.only_host,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AnchorToolModification {
    fn parts(self, _: &Message) -> Known {
        let tool = self.modification.unwrap_or_default();
        let data = Data::AnchorToolModification(event::AnchorToolModification {
            user_id: Id(tool.user_id),
            effect_id: Id(tool.effect_id),
            resource_id: id(&tool.resource_id),
            name: tool.name.into(),
            modification_type: tool.modification_type,
            msg_type: tool.msg_type,
            tab: tool.tab.into(),
            started_at: time(tool.start_time),
            ended_at: time(tool.end_time),
            duration_seconds: tool.duration_s,
        });
        Known { common: self.common, user: None, data }
    }
}
