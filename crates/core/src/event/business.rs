//! Guessing games and shops.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis};

/// `pictionary_start`: viewers guess what the host draws.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryStart {
    /// The round.
    pub round_id: Id,
    /// The game.
    pub session_id: Id,
    /// The word; empty but for the host.
    pub word: SmolStr,
    /// When the round began; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// When it ends; `null` if the message does not tell.
    pub ends_at: Option<Millis>,
}

/// `pictionary_update`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryUpdate {
    /// The round.
    pub round_id: Id,
    /// How many guessed it.
    pub correct_count: i64,
}

/// `pictionary_end`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryEnd {
    /// The round.
    pub round_id: Id,
    /// The word.
    pub word: SmolStr,
    /// TikTok's number for how it ended.
    pub end_type: i32,
}

/// `pictionary_exit`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PictionaryExit {
    /// The game that is over.
    pub session_id: Id,
    /// Whether the result is shown.
    pub show_stats: bool,
}

/// `oec_live_shopping`: a product is shown.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveShopping {
    /// Its name; may be empty.
    pub title: SmolStr,
    /// Its price, as shown.
    pub price: SmolStr,
    /// Who sells it.
    pub shop_name: SmolStr,
    /// Address of its picture.
    pub image_url: SmolStr,
    /// Where to buy it.
    pub link: SmolStr,
}

/// `paid_content_live_shopping`: a paid series of videos is shown.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidContentLiveShopping {
    /// TikTok's number for what happens.
    pub action_type: i32,
    /// How many series there are.
    pub series_number: i32,
    /// The series; 0 if the message does not tell.
    pub collection_id: Id,
    /// When it was shown; `null` if the message does not tell.
    pub operated_at: Option<Millis>,
}

/// `ba_lead_gen`: a business shows a link.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaLeadGen {
    /// TikTok's number for what happens.
    pub operation: i32,
    /// The page's id.
    pub page_id: Id,
    /// Its title; may be empty.
    pub title: SmolStr,
    /// The text key of the button.
    pub button_text: SmolStr,
    /// Where it leads, in TikTok's app.
    pub link: SmolStr,
    /// When it was shown; `null` if the message does not tell.
    pub operated_at: Option<Millis>,
}
