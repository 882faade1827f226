//! Battles between hosts, guests and co-hosts.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Id, Millis, Person, Text};

/// Data of a `battle` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Battle {
    /// Id of the battle.
    pub battle_id: Id,
    /// 1 invited, 2 rejected, 3 cancelled, 4 opened, 5 finished, 6 cut short, 7 accepted.
    pub action: i32,
    /// TikTok's code for the stage.
    pub status: i32,
    /// Start time; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
    /// The hosts.
    pub users: Vec<BattleUser>,
    /// Id of the user who acted; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub action_user_id: Id,
    /// The teams of hosts, if they battle in teams; absent otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_teams: Vec<HostTeam>,
}

/// A team of hosts in a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostTeam {
    /// Number of the team.
    pub team_id: Id,
    /// Score of the team; `null` if unknown.
    pub points: Option<i64>,
    /// TikTok's code for the outcome; `null` if unknown.
    pub result: Option<i32>,
    /// The hosts of the team.
    pub hosts: Vec<HostPoints>,
    /// The viewers who contributed to the score.
    pub users: Vec<BattleGiver>,
}

/// A host of a team, and what viewers gave to them.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostPoints {
    /// User id of the host.
    pub user_id: Id,
    /// Score of the host; 0 if unknown.
    pub points: i64,
}

/// A host in a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleUser {
    /// The host.
    #[serde(flatten)]
    pub person: Person,
    /// Score; `null` if unknown.
    pub points: Option<i64>,
    /// TikTok's code for the outcome; `null` if unknown.
    pub result: Option<i32>,
    /// The viewers who contributed to the score.
    pub givers: Vec<BattleGiver>,
    /// Number of the host's battles that TikTok counts as a streak; absent if there is none.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub streak: i64,
}

/// A viewer who gave gifts to one side of a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleGiver {
    /// The viewer.
    #[serde(flatten)]
    pub person: Person,
    /// Points contributed by the viewer.
    pub points: i64,
}

/// Data of a `battle_score` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleScore {
    /// Id of the battle.
    pub battle_id: Id,
    /// Reason for the event: 1 the score changed, 2 the battle ended, …
    pub trigger_reason: i32,
    /// The sides, in the order sent.
    pub teams: Vec<BattleTeam>,
    /// Id of the user who changed the score; 0 if unknown.
    pub from_user_id: Id,
    /// Id of the gift that changed the score; 0 if none did.
    pub gift_id: i64,
    /// Start time of the battle; `null` if unknown.
    pub started_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
    /// The scores of teams of hosts, if they battle in teams; absent otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_teams: Vec<HostTeam>,
    /// Whether the gift hit critically; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub critical_strike: bool,
}

/// One side of a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleTeam {
    /// User id of the side's host.
    pub host_user_id: Id,
    /// Score of the side.
    pub points: i64,
    /// The viewers who contributed to the score.
    pub users: Vec<BattleGiver>,
}

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

/// Data of a `link` event: the guests or co-hosts.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Id of the channel that links them.
    pub channel_id: Id,
    /// TikTok's code for the change.
    pub message_type: i32,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Users on the screen; empty if unknown.
    pub users: Vec<Person>,
    /// Users waiting to join.
    pub waiting: Vec<Person>,
    /// Id of the user who left; 0 if none did.
    pub left_user_id: Id,
}

/// Data of a `link_layer` event: the guests or co-hosts as sent by TikTok's newer system, with user ids only.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkLayer {
    /// Id of the channel that links them.
    pub channel_id: Id,
    /// 1 created, 2 invited, 3 applied, 6 kicked out, 9 left, 10 finished, 11 the list changed, …
    pub message_type: i32,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// User id of the channel's owner; 0 if unknown.
    pub owner_user_id: Id,
    /// Ids of the users on the screen; empty if unknown.
    pub linked_user_ids: Vec<Id>,
    /// Ids of the users who asked to join.
    pub applied_user_ids: Vec<Id>,
    /// Ids of the invited users.
    pub invited_user_ids: Vec<Id>,
    /// Id of the user who left or was removed; 0 if none did.
    pub left_user_id: Id,
    /// TikTok's code for the reason; 0 if unknown.
    pub reason: i64,
}

/// Data of a `link_mic_method` event: the guests or co-hosts as sent by TikTok's oldest system, or the gifts
/// that guests received.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicMethod {
    /// TikTok's code for the change; 8 means that a guest received a gift.
    pub link_type: i32,
    /// Id of the channel that links them; 0 if unknown.
    pub channel_id: Id,
    /// Id of the guest who received a gift; 0 if none did.
    pub user_id: Id,
    /// Total received by this guest, in coins.
    pub coins: i64,
    /// Total received by all guests, in coins.
    pub total_coins: i64,
    /// Id of the invited user; 0 if none was.
    pub invited_user_id: Id,
    /// Id of the addressed user; 0 if there is none.
    pub to_user_id: Id,
    /// User id of the other host; 0 if unknown.
    pub rival_user_id: Id,
}

/// Data of a `link_mic_fan_ticket_method` event: the gifts that guests received.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicFanTicket {
    /// Totals for each guest.
    pub users: Vec<FanTickets>,
    /// Total received by all guests, in coins.
    pub total_coins: i64,
    /// Id of the match; 0 outside a match.
    pub match_id: Id,
}

/// Gifts that a guest received.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FanTickets {
    /// User id of the guest.
    pub user_id: Id,
    /// Total received by the guest, in coins.
    pub coins: i64,
    /// Score of the guest in a match.
    pub match_score: i64,
    /// Rank of the guest in a match; 0 outside a match.
    pub match_rank: i32,
}

/// Data of a `link_screen_change` event: a guest is enlarged on the screen, or returns to normal size.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkScreenChange {
    /// 1 cancelled, 2 a new state, 3 a new position.
    pub message_type: i32,
    /// Whether the guest is enlarged.
    pub is_enlarged: bool,
    /// Id of the guest, as in the list of guests. TikTok sends it as a string.
    pub link_mic_id: SmolStr,
}

/// Data of a `link_mic_anchor_guide` event: a hint for the host about `user`.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicAnchorGuide {
    /// TikTok's code for the kind of hint.
    pub guide_type: i32,
    /// Displayed text; may be empty.
    pub content: SmolStr,
    /// Text of the button; may be empty.
    pub button_text: SmolStr,
}

/// Data of a `link_state` event: the guests or co-hosts as sent by TikTok's newest system.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkState {
    /// Id of the channel that links them.
    pub channel_id: Id,
    /// 2 co-hosts, 4 guests.
    pub scene: i32,
    /// Version number of the state.
    pub version: i64,
    /// Ids of the users on the screen.
    pub user_ids: Vec<Id>,
}

/// Data of a `link_mic_layout_state` event: the arrangement of guests on the screen.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkMicLayoutState {
    /// Id of the room; 0 if unknown.
    pub room_id: Id,
    /// TikTok's code for the arrangement.
    pub layout_state: i32,
    /// Key of the arrangement; may be empty.
    pub layout_key: SmolStr,
}
