//! Drawing games, shops and advertised games.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Millis,
    common::{id, time},
};
use crate::wire::{Message, used as webcast};

/// Data of a `pictionary_start` event: viewers guess what the host draws.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryStart {
    /// Id of the round.
    pub round_id: Id,
    /// Id of the game.
    pub session_id: Id,
    /// The word; empty except for the host.
    pub word: String,
    /// Start time of the round; `null` if unknown.
    pub started_at: Option<Millis>,
    /// End time of the round; `null` if unknown.
    pub ends_at: Option<Millis>,
}

/// Data of a `pictionary_update` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryUpdate {
    /// Id of the round.
    pub round_id: Id,
    /// Number of viewers who guessed the word.
    pub correct_count: i64,
}

/// Data of a `pictionary_end` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryEnd {
    /// Id of the round.
    pub round_id: Id,
    /// The word.
    pub word: String,
    /// TikTok's code for how the round ended.
    pub end_type: i32,
}

/// Data of a `pictionary_exit` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryExit {
    /// Id of the ended game.
    pub session_id: Id,
    /// Whether the result is displayed.
    pub show_stats: bool,
}

/// Data of an `oec_live_shopping` event: a product is displayed or removed.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveShopping {
    /// 1 displayed, 4 removed; 0 if unknown.
    pub action: i32,
    /// Id of the product; 0 if unknown.
    pub product_id: Id,
    /// TikTok's number for the product in the LIVE; 0 if unknown.
    pub number: i32,
    /// Time of the action; `null` if unknown.
    pub operated_at: Option<Millis>,
    /// Name of the product; may be empty.
    pub title: String,
    /// Displayed price.
    pub price: String,
    /// Name of the shop.
    pub shop_name: String,
    /// URL of the product's picture.
    pub image_url: String,
    /// URL of the product page.
    pub link: String,
}

/// Data of a `paid_content_live_shopping` event: a paid video series is displayed.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidContentLiveShopping {
    /// TikTok's code for the action.
    pub action_type: i32,
    /// Number of the series.
    pub series_number: i32,
    /// Id of the series; 0 if unknown.
    pub collection_id: Id,
    /// Time of the action; `null` if unknown.
    pub operated_at: Option<Millis>,
}

/// Data of a `ba_lead_gen` event: a business displays a link.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaLeadGen {
    /// TikTok's code for the action.
    pub operation: i32,
    /// Id of the page.
    pub page_id: Id,
    /// Title of the page; may be empty.
    pub title: String,
    /// Text key of the button.
    pub button_text: String,
    /// Target of the link, in TikTok's app.
    pub link: String,
    /// Time of the action; `null` if unknown.
    pub operated_at: Option<Millis>,
}

/// Data of a `partnership_download_count` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipDownloadCount {
    /// Id of the advertised game.
    pub game_id: Id,
    /// Number of downloads.
    pub downloaded_count: i64,
}

/// Data of a `partnership_drops_update` event: in-game rewards for viewers.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipDropsUpdate {
    /// 0 shown, 1 updated, 2 closed.
    pub change_mode: i32,
    /// Id of the rewards.
    pub drops_id: Id,
    /// Id of the task; 0 if there is none.
    pub task_id: Id,
    /// Id of the event; 0 if there is none.
    pub event_id: Id,
    /// User id of the host; 0 if unknown.
    pub host_user_id: Id,
}

/// Data of a `partnership_card_change` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipCardChange {
    /// TikTok's code for the change.
    pub change_mode: i32,
    /// Number of the change.
    pub sequence_id: i32,
    /// Id of the task.
    pub task_id: Id,
}

/// Data of a `partnership_game_offline` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipGameOffline {
    /// Games that are no longer advertised.
    pub games: Vec<OfflineGame>,
}

/// A game that is no longer advertised.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineGame {
    /// Id of the task.
    pub task_id: Id,
    /// Displayed text.
    pub text: String,
    /// TikTok's code for the reason.
    pub offline_type: i32,
}

/// Data of a `boost_card` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoostCard {
    /// The promotion cards.
    pub cards: Vec<BoostCardEntry>,
}

/// A promotion card.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoostCardEntry {
    /// Id of the card.
    pub card_id: Id,
    /// Id of the task that earned the card.
    pub task_id: Id,
    /// TikTok's code for the source of the task.
    pub task_source: i32,
}

impl Kind for webcast::PictionaryStart {
    fn parts(self, _: &Message) -> Known {
        let round = self.round.unwrap_or_default();
        let data = Data::PictionaryStart(PictionaryStart {
            round_id: Id(round.id),
            session_id: Id(round.session_id),
            word: round.word,
            started_at: time(round.start_time),
            ends_at: time(round.end_time),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PictionaryUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PictionaryUpdate(PictionaryUpdate {
            round_id: Id(self.round_id),
            correct_count: self.correct_count,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PictionaryEnd {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PictionaryEnd(PictionaryEnd {
            round_id: Id(self.round_id),
            word: self.word,
            end_type: self.end_type,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PictionaryExit {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PictionaryExit(PictionaryExit {
            session_id: Id(self.session_id),
            show_stats: self.show_stats,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::OecLiveShopping {
    fn parts(self, _: &Message) -> Known {
        let product = self.product.unwrap_or_default();
        let times = self.times.unwrap_or_default();
        let data = Data::LiveShopping(LiveShopping {
            action: self.action,
            product_id: Id(product.product_id),
            number: self.number,
            operated_at: time(times.operated_ms).or_else(|| time(times.sent_ms)),
            title: product.title,
            price: product.price,
            shop_name: product.shop_name,
            image_url: product.image_url,
            link: product.url,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PaidContentLiveShopping {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PaidContentLiveShopping(PaidContentLiveShopping {
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
        let data = Data::BaLeadGen(BaLeadGen {
            operation: self.operation,
            page_id: Id(self.page_id),
            title: self.title,
            button_text: self.button_text,
            link: self.link,
            operated_at: time(self.operation_time),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipDownloadCount {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PartnershipDownloadCount(PartnershipDownloadCount {
            game_id: id(&self.game_id),
            downloaded_count: self.downloaded_count,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipDropsUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PartnershipDropsUpdate(PartnershipDropsUpdate {
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
        let data = Data::PartnershipCardChange(PartnershipCardChange {
            change_mode: self.change_mode,
            sequence_id: self.sequence_id,
            task_id: id(&self.task_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipGameOffline {
    fn parts(self, _: &Message) -> Known {
        let games = self.games.into_iter().map(|game| OfflineGame {
            task_id: id(&game.task_id),
            text: game.text,
            offline_type: game.offline_type,
        });
        let data = Data::PartnershipGameOffline(PartnershipGameOffline { games: games.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::BoostCard {
    fn parts(self, _: &Message) -> Known {
        let cards = self.cards.into_iter().map(|card| BoostCardEntry {
            card_id: Id(card.card_id),
            task_id: Id(card.task_id),
            task_source: card.task_source,
        });
        let data = Data::BoostCard(BoostCard { cards: cards.collect() });
        Known { common: self.common, user: None, data }
    }
}
