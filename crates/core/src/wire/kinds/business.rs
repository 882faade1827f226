//! Drawing games and shops.

use super::{Kind, Known, common::time, webcast};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

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
