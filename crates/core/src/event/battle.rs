//! Battles between hosts, guests and co-hosts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{
    Data, Id, Kind, Known, Millis, Person, Text,
    common::{named_user, person, text, time, url, user},
};
use crate::wire::{
    Message,
    used::{self as webcast, battle_army::Giver, link, link_layer as layer, link_mic_battle as battle},
};

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

impl Kind for webcast::LinkMicBattle {
    fn parts(mut self, _: &Message) -> Known {
        let settings = self.settings.unwrap_or_default();
        let results: Vec<battle::Result> =
            self.results.into_iter().filter_map(|entry| entry.result).collect();
        let users = self.users.into_iter().map(|entry| {
            let result = results.iter().find(|result| result.user_id == entry.user_id);
            // Each army is used once: many users with the same id would multiply its givers.
            let army = self.armies.iter_mut().find(|army| army.user_id == entry.user_id);
            let streak = self.streaks.iter().find(|streak| streak.user_id == entry.user_id);
            BattleUser {
                streak: streak.and_then(|entry| entry.streak).map_or(0, |streak| streak.count),
                points: result.map(|result| result.score),
                result: result.map(|result| result.result),
                givers: givers(army.and_then(|army| army.army.take()).unwrap_or_default().givers),
                person: Person {
                    user_id: Id(entry.user_id),
                    ..host(entry.info.and_then(|info| info.user).unwrap_or_default())
                },
            }
        });
        let data = Data::Battle(Battle {
            battle_id: Id(self.battle_id),
            action: self.action,
            status: settings.status,
            started_at: time(settings.start_time_ms),
            duration_seconds: settings.duration_s,
            users: users.collect(),
            action_user_id: Id(self.action_user_id),
            host_teams: teams(self.team_users, self.team_results, self.team_armies),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicArmies {
    fn parts(self, _: &Message) -> Known {
        let settings = self.settings.unwrap_or_default();
        let teams = self.armies.into_iter().map(|entry| {
            let army = entry.army.unwrap_or_default();
            let (points, users) = (army.score, givers(army.givers));
            BattleTeam { host_user_id: Id(entry.host_user_id), points, users }
        });
        let data = Data::BattleScore(BattleScore {
            battle_id: Id(self.battle_id),
            trigger_reason: self.trigger_reason,
            teams: teams.collect(),
            from_user_id: Id(self.from_user_id),
            gift_id: self.gift_id,
            started_at: time(settings.start_time_ms),
            duration_seconds: settings.duration_s,
            host_teams: self.team_armies.into_iter().map(team).collect(),
            critical_strike: self.is_critical_strike,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicBattleItemCard {
    fn parts(self, _: &Message) -> Known {
        let used = [self.glove, self.mist, self.extra_time, self.special_effect, self.potion, self.wave];
        let used = used.into_iter().flatten().next().unwrap_or_default();
        let shown = used.text.or(self.award.and_then(|award| award.text));
        let named = named_user(shown.as_ref()).map(user);
        let card = used.card.unwrap_or_default();
        let data = Data::BattleItemCard(BattleItemCard {
            battle_id: Id(self.battle_id),
            msg_type: self.msg_type,
            text: text(shown),
            card_name: card.name_key.into(),
            card_image_url: url(card.image),
            host_user_id: Id(used.host_user_id),
            sender: card.sender.and_then(|sender| sender.user).map(host),
            sent_at: time(card.sent_at_s),
            effect_seconds: card.effect_seconds,
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::LinkMicBattlePunishFinish {
    fn parts(self, _: &Message) -> Known {
        let settings = self.settings.unwrap_or_default();
        let data = Data::BattlePunishFinish(BattlePunishFinish {
            battle_id: Id(self.battle_id),
            channel_id: Id(self.channel_id),
            operator_user_id: Id(self.operator_user_id),
            reason: self.reason,
            status: settings.status,
            started_at: time(settings.start_time_ms),
            duration_seconds: settings.duration_s,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicBattleTask {
    fn parts(self, _: &Message) -> Known {
        let data = Data::BattleTask(BattleTask {
            battle_id: Id(self.battle_id),
            message_type: self.message_type,
            progress: self.update.as_ref().map(|update| update.progress),
            from_user_id: Id(self.update.map_or(0, |update| update.from_user_id)),
            result: self.settle.map(|settle| settle.result),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicBattleNotice {
    fn parts(self, _: &Message) -> Known {
        let data = Data::BattleNotice(BattleNotice {
            notice_type: self.notice_type,
            text: text(self.guide.and_then(|guide| guide.text)),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Link {
    fn parts(self, _: &Message) -> Known {
        let change = self.list_change.unwrap_or_default();
        let cohosts = self.cohost_change.unwrap_or_default().users.into_iter().map(cohost);
        let mut users = guests(self.enter.unwrap_or_default().users);
        users.extend(guests(change.online));
        users.extend(cohosts);
        let data = Data::Link(Link {
            channel_id: Id(self.channel_id),
            message_type: self.message_type,
            scene: self.scene,
            users,
            waiting: guests(change.waiting),
            left_user_id: Id(self.leave.map_or(0, |leave| leave.user_id)),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkLayer {
    fn parts(self, _: &Message) -> Known {
        let lists = self.list_change.and_then(|change| change.users).unwrap_or_default();
        let left = self.leave.or(self.kicked_out).unwrap_or_default();
        let finish = self.finish.unwrap_or_default();
        let owner = self.create.and_then(|create| create.owner).or(finish.owner);
        let data = Data::LinkLayer(LinkLayer {
            channel_id: Id(self.channel_id),
            message_type: self.message_type,
            scene: self.scene,
            owner_user_id: player(owner),
            linked_user_ids: user_ids(&lists.linked),
            applied_user_ids: user_ids(&lists.applied),
            invited_user_ids: user_ids(&lists.invited),
            left_user_id: player(left.player),
            reason: if left.reason == 0 { finish.reason } else { left.reason },
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicMethod {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicMethod(LinkMicMethod {
            link_type: self.r#type,
            channel_id: Id(self.channel_id),
            user_id: Id(self.user_id),
            coins: self.fan_ticket,
            total_coins: self.total_fan_ticket,
            invited_user_id: Id(self.invited_user_id),
            to_user_id: Id(self.to_user_id),
            rival_user_id: Id(self.rival_user_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicFanTicket {
    fn parts(self, _: &Message) -> Known {
        let notice = self.notice.unwrap_or_default();
        let users = notice.users.into_iter().map(|user| FanTickets {
            user_id: Id(user.user_id),
            coins: user.fan_ticket,
            match_score: user.match_total_score,
            match_rank: user.match_rank,
        });
        let data = Data::LinkMicFanTicket(LinkMicFanTicket {
            users: users.collect(),
            total_coins: notice.total,
            match_id: Id(notice.match_id),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkScreenChange {
    fn parts(self, _: &Message) -> Known {
        let state = self.state.unwrap_or_default();
        let data = Data::LinkScreenChange(LinkScreenChange {
            message_type: self.message_type,
            is_enlarged: state.is_enlarged != 0,
            link_mic_id: state.target_link_mic_id.into(),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicAnchorGuide {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicAnchorGuide(LinkMicAnchorGuide {
            guide_type: self.guide_type,
            content: self.content.into(),
            button_text: self.button.into(),
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::LinkState {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkState(LinkState {
            channel_id: Id(self.channel_id),
            scene: self.scene,
            version: self.version,
            user_ids: user_ids(&self.users),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LinkMicLayoutState {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LinkMicLayoutState(LinkMicLayoutState {
            room_id: Id(self.room_id),
            layout_state: self.layout_state,
            layout_key: self.layout_key.into(),
        });
        Known { common: self.common, user: None, data }
    }
}

/// Converts a host in a battle.
pub(super) fn host(user: battle::BaseUser) -> Person {
    Person {
        user_id: Id(user.user_id),
        unique_id: user.unique_id.into(),
        nickname: user.nickname.into(),
        avatar: url(user.avatar),
    }
}

fn team(army: webcast::TeamArmy) -> HostTeam {
    HostTeam {
        team_id: Id(army.team_id),
        points: Some(army.score),
        result: None,
        hosts: hosts(army.users),
        users: givers(army.army.unwrap_or_default().givers),
    }
}

/// Returns the teams of a battle, of which three lists may each have a part.
fn teams(
    users: Vec<battle::TeamUsers>,
    results: Vec<battle::TeamResult>,
    armies: Vec<webcast::TeamArmy>,
) -> Vec<HostTeam> {
    let mut teams = BTreeMap::<i64, HostTeam>::new();
    for entry in users {
        let host = |user_id| HostPoints { user_id: Id(user_id), points: 0 };
        let hosts = entry.user_ids.into_iter().map(host).collect();
        teams.insert(entry.team_id, HostTeam { team_id: Id(entry.team_id), hosts, ..Default::default() });
    }
    for army in armies {
        teams.insert(army.team_id, team(army));
    }
    for result in results {
        let team = teams.entry(result.team_id).or_default();
        team.team_id = Id(result.team_id);
        (team.points, team.result) = (Some(result.score), Some(result.result));
        if !result.users.is_empty() {
            team.hosts = hosts(result.users);
        }
    }
    teams.into_values().collect()
}

fn hosts(users: Vec<webcast::TeamUser>) -> Vec<HostPoints> {
    let host = |user: webcast::TeamUser| HostPoints { user_id: Id(user.user_id), points: user.score };
    users.into_iter().map(host).collect()
}

fn givers(givers: Vec<Giver>) -> Vec<BattleGiver> {
    let giver = |giver: Giver| BattleGiver {
        points: giver.score,
        person: Person {
            user_id: Id(giver.user_id),
            unique_id: SmolStr::default(),
            nickname: giver.nickname.into(),
            avatar: url(giver.avatar),
        },
    };
    givers.into_iter().map(giver).collect()
}

fn guests(guests: Vec<link::Guest>) -> Vec<Person> {
    guests.into_iter().filter_map(|guest| guest.user).map(person).collect()
}

fn cohost(cohost: link::Cohost) -> Person {
    Person {
        user_id: Id(cohost.user_id),
        unique_id: cohost.unique_id.into(),
        nickname: cohost.nickname.into(),
        avatar: url(cohost.avatar),
    }
}

fn player(player: Option<layer::Player>) -> Id {
    Id(player.map_or(0, |player| player.user_id))
}

fn user_ids(users: &[layer::ListUser]) -> Vec<Id> {
    users.iter().map(|user| player(user.player)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_has_what_three_lists_say() {
        let user = |user_id, score| webcast::TeamUser { user_id, score };
        let army = webcast::TeamArmy { team_id: 1, users: vec![user(5, 3)], score: 3, army: None };
        let result = battle::TeamResult { team_id: 2, users: vec![], result: 1, score: 9 };
        let users = |team_id, user_ids| battle::TeamUsers { team_id, user_ids };
        let battle = webcast::LinkMicBattle {
            team_users: vec![users(2, vec![6, 7]), users(1, vec![5])],
            team_results: vec![result],
            team_armies: vec![army],
            ..Default::default()
        };
        let Data::Battle(battle) = battle.parts(&Message::default()).data else { panic!("not a battle") };
        let teams = battle.host_teams.iter().map(|team| {
            let hosts = Vec::from_iter(team.hosts.iter().map(|host| (host.user_id.0, host.points)));
            (team.team_id.0, team.points, team.result, hosts)
        });
        let expected = [(1, Some(3), None, vec![(5, 3)]), (2, Some(9), Some(1), vec![(6, 0), (7, 0)])];
        assert_eq!(Vec::from_iter(teams), expected);
    }

    #[test]
    fn users_with_the_same_id_do_not_multiply_their_givers() {
        let army = webcast::BattleArmy { givers: vec![Giver::default(); 3], ..Default::default() };
        let entry = battle::ArmyEntry { user_id: 7, army: Some(army) };
        let user = battle::UserEntry { user_id: 7, ..Default::default() };
        let battle =
            webcast::LinkMicBattle { users: vec![user; 2], armies: vec![entry], ..Default::default() };
        let Data::Battle(battle) = battle.parts(&Message::default()).data else { panic!("not a battle") };
        assert_eq!(battle.users.iter().map(|user| user.givers.len()).collect::<Vec<_>>(), [3, 0]);
    }
}
