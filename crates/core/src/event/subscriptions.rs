//! Subscription events other than `subscribe`.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person};

/// Data of a `sub_pin_event` event: the subscription goal is pinned to the screen.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubPinEvent {
    /// 1 pinned, 2 removed.
    pub action: i32,
    /// Id of the card.
    pub card_id: Id,
    /// Id of the goal.
    pub goal_id: Id,
    /// Description written by the host.
    pub description: SmolStr,
    /// Current number of subscriptions.
    pub progress: i64,
    /// Target number of subscriptions.
    pub target: i64,
    /// Id of the user who pinned it.
    pub operator_user_id: Id,
}

/// Data of a `sub_wave` event: several subscriptions follow each other quickly.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubWave {
    /// TikTok's code for the change.
    pub message_type: i32,
    /// The new subscriber; `null` if there is none.
    pub newcomer: Option<Person>,
    /// Number of subscriptions in the wave.
    pub wave_count: i64,
    /// Target number of subscriptions in the wave.
    pub target_count: i64,
    /// Total number of the host's subscribers.
    pub total_count: i64,
    /// TikTok's code for the stage.
    pub status: i32,
    /// Start time; `null` if unknown.
    pub started_at: Option<Millis>,
    /// End time; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// The participants.
    pub thanked: Vec<Person>,
}

/// Data of a `sub_timer_sticker` event: subscriptions add time to a timer.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubTimerSticker {
    /// Id of the timer.
    pub timer_id: Id,
    /// TikTok's code for the kind of change.
    pub change_type: i32,
    /// TikTok's code for the operation on the timer.
    pub operation: i32,
    /// TikTok's code for the state of the timer.
    pub status: i32,
    /// Displayed title.
    pub title: SmolStr,
    /// Total time, in an unknown unit.
    pub total_time: i64,
    /// Remaining time, in an unknown unit.
    pub remaining_time: i64,
}
