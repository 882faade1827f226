//! Subscriptions beyond `subscribe`.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// `sub_pin_event`: the goal for subscriptions is kept on the screen.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubPinEvent {
    /// 1 pinned, 2 removed.
    pub action: i32,
    /// The card's id.
    pub card_id: Id,
    /// The goal's id.
    pub goal_id: Id,
    /// What the host wrote.
    pub description: SmolStr,
    /// How many subscriptions there are.
    pub progress: i64,
    /// How many are wanted.
    pub target: i64,
    /// Who pinned it.
    pub operator_user_id: Id,
}

/// `sub_wave`: subscriptions that follow each other quickly.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubWave {
    /// TikTok's number for what happens.
    pub message_type: i32,
    /// Who subscribed; `null` if nobody did.
    pub newcomer: Option<Person>,
    /// The subscriptions of the wave.
    pub wave_count: i64,
    /// How many it takes.
    pub target_count: i64,
    /// All of the host's subscribers.
    pub total_count: i64,
    /// TikTok's number for how far it is.
    pub status: i32,
    /// When it began; `null` if the message does not tell.
    pub started_at: Option<Millis>,
    /// When it ends; `null` if the message does not tell.
    pub ends_at: Option<Millis>,
    /// Who took part.
    pub thanked: Vec<Person>,
}

/// `sub_timer_sticker`: a clock to which subscriptions add time.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubTimerSticker {
    /// The clock's id.
    pub timer_id: Id,
    /// TikTok's number for what was changed.
    pub change_type: i32,
    /// TikTok's number for what was done to the clock.
    pub operation: i32,
    /// TikTok's number for what the clock does.
    pub status: i32,
    /// What viewers read.
    pub title: SmolStr,
    /// All of its time; the unit is not known.
    pub total_time: i64,
    /// What is left; the unit is not known.
    pub remaining_time: i64,
}
