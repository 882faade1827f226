//! Advertised games.

use super::{Kind, Known, common::id, webcast};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::PartnershipDownloadCount {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PartnershipDownloadCount(event::PartnershipDownloadCount {
            game_id: id(&self.game_id),
            downloaded_count: self.downloaded_count,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipDropsUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PartnershipDropsUpdate(event::PartnershipDropsUpdate {
            change_mode: self.change_mode,
            drops_id: id(&self.drops_id),
            task_id: id(&self.task_id),
            event_id: id(&self.event_id),
            host_user_id: Id(self.host_user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipCardChange {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PartnershipCardChange(event::PartnershipCardChange {
            change_mode: self.change_mode,
            sequence_id: self.sequence_id,
            task_id: id(&self.task_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipGameOffline {
    fn parts(self, _: &Message) -> Known {
        let games = self.games.into_iter().map(|game| event::OfflineGame {
            task_id: id(&game.task_id),
            text: game.text.into(),
            offline_type: game.offline_type,
        });
        let data = Data::PartnershipGameOffline(event::PartnershipGameOffline { games: games.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::BoostCard {
    fn parts(self, _: &Message) -> Known {
        let cards = self.cards.into_iter().map(|card| event::BoostCardEntry {
            card_id: Id(card.card_id),
            task_id: Id(card.task_id),
            task_source: card.task_source,
        });
        let data = Data::BoostCard(event::BoostCard { cards: cards.collect() });
        Known { common: self.common, user: None, data }
    }
}
