//! Drawing games, shops and advertised games.

use super::{
    super::Message,
    Kind, Known,
    common::{id, time},
    webcast,
};
use crate::event::{self, Data, Id};

impl Kind for webcast::PictionaryStart {
    fn parts(self, _: &Message) -> Known {
        let round = self.round.unwrap_or_default();
        let data = Data::PictionaryStart(event::PictionaryStart {
            round_id: Id(round.id),
            session_id: Id(round.session_id),
            word: round.word.into(),
            started_at: time(round.start_time),
            ends_at: time(round.end_time),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PictionaryUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PictionaryUpdate(event::PictionaryUpdate {
            round_id: Id(self.round_id),
            correct_count: self.correct_count,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PictionaryEnd {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PictionaryEnd(event::PictionaryEnd {
            round_id: Id(self.round_id),
            word: self.word.into(),
            end_type: self.end_type,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PictionaryExit {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PictionaryExit(event::PictionaryExit {
            session_id: Id(self.session_id),
            show_stats: self.show_stats,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::OecLiveShopping {
    fn parts(self, _: &Message) -> Known {
        let product = self.product.unwrap_or_default();
        let data = Data::LiveShopping(event::LiveShopping {
            title: product.title.into(),
            price: product.price.into(),
            shop_name: product.shop_name.into(),
            image_url: product.image_url.into(),
            link: product.url.into(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PaidContentLiveShopping {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PaidContentLiveShopping(event::PaidContentLiveShopping {
            action_type: self.action_type,
            series_number: self.series_number,
            collection_id: Id(self.series.map_or(0, |series| series.collection_id)),
            operated_at: self.time.and_then(|tag| time(tag.operation_time)),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::BaLeadGen {
    fn parts(self, _: &Message) -> Known {
        let data = Data::BaLeadGen(event::BaLeadGen {
            operation: self.operation,
            page_id: Id(self.page_id),
            title: self.title.into(),
            button_text: self.button_text.into(),
            link: self.link.into(),
            operated_at: time(self.operation_time),
        });
        Known { common: self.common, user: None, data }
    }
}

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
