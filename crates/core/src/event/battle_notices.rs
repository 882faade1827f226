//! Events of a battle other than its score.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person, Text};

/// Data of a `link_mic_battle_item_card` event: a card was used or received, by `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleItemCard {
    /// Id of the battle.
    pub battle_id: Id,
    /// 2 boosting glove, 3 mist, 4 got a card, 5 extra time, 6 special effect, 7 potion, 8 wave, …
    pub msg_type: i32,
    /// Displayed text.
    pub text: Option<Text>,
    /// Text key of the card's name; may be empty.
    pub card_name: SmolStr,
    /// URL of the card's picture; may be empty.
    pub card_image_url: SmolStr,
    /// User id of the host who benefits; 0 if unknown.
    pub host_user_id: Id,
    /// The user of the card; `null` if unknown.
    pub sender: Option<Person>,
    /// Time of use; `null` if unknown.
    pub sent_at: Option<Millis>,
    /// Duration of the effect, in seconds.
    pub effect_seconds: i64,
}

/// Data of a `link_mic_battle_punish_finish` event: the loser's forfeit is over.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattlePunishFinish {
    /// Id of the battle.
    pub battle_id: Id,
    /// Id of the channel that links the hosts.
    pub channel_id: Id,
    /// Id of the user who ended it.
    pub operator_user_id: Id,
    /// TikTok's code for the reason.
    pub reason: i32,
    /// TikTok's code for the stage of the battle.
    pub status: i32,
    /// Start time of the battle; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
}

/// Data of a `link_mic_battle_task` event: a task within a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleTask {
    /// Id of the battle; 0 if unknown.
    pub battle_id: Id,
    /// 0 start, 1 progress, 2 result, 3 reward.
    pub message_type: i32,
    /// Progress; `null` if unknown.
    pub progress: Option<i64>,
    /// Id of the user who made progress; 0 if unknown.
    pub from_user_id: Id,
    /// 0 succeeded, 1 failed, 2 both succeeded; `null` while the task is active.
    pub result: Option<i32>,
}

/// Data of a `link_mic_battle_notice` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleNotice {
    /// TikTok's code for the kind of notice.
    pub notice_type: i32,
    /// Displayed text.
    pub text: Option<Text>,
}
