//! What happens beside a battle's score.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person, Text};

/// `link_mic_battle_item_card`: somebody uses a card, or got one; `user` is who used it.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleItemCard {
    /// The battle's id.
    pub battle_id: Id,
    /// 2 boosting glove, 3 mist, 4 got a card, 5 extra time, 6 special effect, 7 potion, 8 wave, …
    pub msg_type: i32,
    /// What is shown.
    pub text: Option<Text>,
    /// The text key of the card's name; may be empty.
    pub card_name: SmolStr,
    /// Address of the card's picture; may be empty.
    pub card_image_url: SmolStr,
    /// For which host; 0 if the message does not tell.
    pub host_user_id: Id,
    /// Who used it; `null` if the message does not tell.
    pub sender: Option<Person>,
    /// When it was used; `null` if the message does not tell.
    pub sent_at: Option<Millis>,
    /// How long it works.
    pub effect_seconds: i64,
}

/// `link_mic_battle_punish_finish`: the time in which the loser has to do something is over.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattlePunishFinish {
    /// The battle's id.
    pub battle_id: Id,
    /// The channel that joins the hosts.
    pub channel_id: Id,
    /// Who ended it.
    pub operator_user_id: Id,
    /// TikTok's number for why.
    pub reason: i32,
    /// TikTok's number for how far the battle is.
    pub status: i32,
    /// When the battle began; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// How long it takes.
    pub duration_seconds: i64,
}

/// `link_mic_battle_task`: a task within a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleTask {
    /// The battle's id; 0 if the message does not tell.
    pub battle_id: Id,
    /// 0 start, 1 progress, 2 result, 3 reward.
    pub message_type: i32,
    /// How far it is; `null` if the message does not tell.
    pub progress: Option<i64>,
    /// Who brought it forward; 0 if the message does not tell.
    pub from_user_id: Id,
    /// 0 succeeded, 1 failed, 2 both succeeded; `null` while it goes on.
    pub result: Option<i32>,
}

/// `link_mic_battle_notice`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleNotice {
    /// TikTok's number for what it is about.
    pub notice_type: i32,
    /// What is shown.
    pub text: Option<Text>,
}
