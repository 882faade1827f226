//! Battles between hosts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Millis, Person, Text,
    common::{named_user, text, time, url, user},
};
use crate::wire::{
    Message,
    used::{
        self as webcast, battle_army::Giver, link_mic_battle as battle, link_mic_battle_item_card as cards,
    },
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
    /// 2 boosting glove, 3 mist, 4 got a card, 5 extra time, 6 special effect, 7 potion, 8 wave, 9 an effect,
    /// 10 and 11 booster of the second and third, 12 vault glove, …
    pub msg_type: i32,
    /// Displayed text.
    pub text: Option<Text>,
    /// Text key of the card's name; may be empty.
    pub card_name: String,
    /// URL of the card's picture; may be empty.
    pub card_image_url: String,
    /// User id of the host who benefits; 0 if unknown.
    pub host_user_id: Id,
    /// The user of the card; `null` if unknown.
    pub sender: Option<Person>,
    /// Time of use; `null` if unknown.
    pub sent_at: Option<Millis>,
    /// Duration of the effect, in seconds.
    pub effect_seconds: i64,
    /// Start of the effect; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect_starts_at: Option<Millis>,
    /// Factor by which the card multiplies points; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub multiplier: i64,
    /// TikTok's second factor of a vault glove; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub other_multiplier: i64,
    /// Lower bound of the chance of a multiplied gift, in percent; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub rate_low: i64,
    /// Upper bound of this chance, in percent; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub rate_high: i64,
    /// Text key of the name of the gift that the card is for; absent if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gift_name_key: String,
    /// The viewers who got a card; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awarded_users: Vec<Person>,
    /// Points of an effect; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub points: i64,
    /// Id of the user who caused an effect; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub from_user_id: Id,
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
    /// What is to be reached; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<BattleTarget>,
    /// What follows a success; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<BattleReward>,
    /// How the reward ended; absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewarded: Option<BattleRewarded>,
}

/// The goal of a task within a battle.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleTarget {
    /// Progress to reach.
    pub progress: i64,
    /// TikTok's code for what counts.
    pub target_type: i32,
    /// Start time; `null` if unknown.
    pub starts_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
}

/// A time in which points count more.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleReward {
    /// Factor by which points are multiplied.
    pub multiplier: i32,
    /// Start time; `null` if unknown.
    pub starts_at: Option<Millis>,
    /// Duration, in seconds.
    pub duration_seconds: i64,
}

/// The end of such a time.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BattleRewarded {
    /// 0 succeeded, 1 failed.
    pub status: i32,
    /// Text key of what is displayed; may be empty.
    pub key: String,
    /// The values in this text by their names, e.g. `sum`.
    pub values: BTreeMap<String, String>,
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
        let plain = [self.mist, self.extra_time, self.special_effect, self.potion, self.wave];
        let packed = [self.second_booster, self.third_booster, self.vault_glove];
        let used = self.glove.map(UsedCard::from);
        let used = used.or_else(|| packed.into_iter().flatten().next().map(UsedCard::from));
        let used =
            used.or_else(|| plain.into_iter().flatten().next().map(UsedCard::from)).unwrap_or_default();
        let (award, effect) = (self.award.unwrap_or_default(), self.effect_notice.unwrap_or_default());
        let shown = used.text.or(award.text);
        let named = named_user(shown.as_ref()).map(user);
        let data = Data::BattleItemCard(BattleItemCard {
            battle_id: Id(self.battle_id),
            msg_type: self.msg_type,
            text: text(shown),
            card_name: used.card.name_key,
            card_image_url: url(used.card.image),
            host_user_id: Id(if used.host_user_id == 0 { effect.host_user_id } else { used.host_user_id }),
            sender: used.card.sender.and_then(|sender| sender.user).map(host),
            sent_at: time(used.card.sent_at_s),
            effect_seconds: used.card.effect_seconds,
            effect_starts_at: time(used.card.starts_at_s),
            multiplier: used.multiplier,
            other_multiplier: used.other_multiplier,
            rate_low: used.rate_low,
            rate_high: used.rate_high,
            gift_name_key: used.gift_name_key,
            awarded_users: award.users.into_iter().filter_map(|info| info.user).map(host).collect(),
            points: effect.score,
            from_user_id: Id(effect.from_user_id),
        });
        Known { common: self.common, user: named, data }
    }
}

/// A card that is used, of whichever kind.
#[derive(Default)]
struct UsedCard {
    card: cards::CardInfo,
    host_user_id: i64,
    text: Option<webcast::Text>,
    gift_name_key: String,
    multiplier: i64,
    other_multiplier: i64,
    rate_low: i64,
    rate_high: i64,
}

impl From<cards::Use> for UsedCard {
    fn from(used: cards::Use) -> Self {
        let cards::Use { card, host_user_id, text } = used;
        Self { card: card.unwrap_or_default(), host_user_id, text, ..Self::default() }
    }
}

impl From<cards::Glove> for UsedCard {
    fn from(used: cards::Glove) -> Self {
        let glove = used.card.unwrap_or_default();
        Self {
            card: cards::CardInfo {
                name_key: glove.name_key,
                image: glove.image,
                sent_at_s: glove.sent_at_s,
                sender: glove.sender,
                effect_seconds: glove.effect_seconds,
                starts_at_s: glove.starts_at_s,
            },
            host_user_id: if used.host_user_id == 0 {
                glove.receiver_host_user_id
            } else {
                used.host_user_id
            },
            text: used.text,
            gift_name_key: glove.gift_name_key,
            multiplier: glove.multiplier,
            other_multiplier: 0,
            rate_low: glove.rate_low,
            rate_high: glove.rate_high,
        }
    }
}

impl From<cards::PackedUse> for UsedCard {
    fn from(used: cards::PackedUse) -> Self {
        let packed = used.card.unwrap_or_default();
        Self {
            card: packed.info.unwrap_or_default(),
            host_user_id: used.host_user_id,
            text: used.text,
            gift_name_key: packed.gift_name_key,
            multiplier: packed.multiplier,
            other_multiplier: packed.other_multiplier,
            rate_low: packed.rate_low,
            rate_high: packed.rate_high,
        }
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
        let config = self.start.and_then(|start| start.config).unwrap_or_default();
        let rewarded = self.reward.map(|reward| {
            let prompt = reward.prompt.unwrap_or_default();
            let values = prompt.values.into_iter().map(|value| (value.key, value.value));
            BattleRewarded { status: reward.status, key: prompt.key, values: values.collect() }
        });
        let data = Data::BattleTask(BattleTask {
            battle_id: Id(self.battle_id),
            message_type: self.message_type,
            progress: self.update.as_ref().map(|update| update.progress),
            from_user_id: Id(self.update.map_or(0, |update| update.from_user_id)),
            result: self.settle.map(|settle| settle.result),
            target: config.target.map(|target| BattleTarget {
                progress: target.progress_target,
                target_type: target.target_type,
                starts_at: time(target.starts_at_s),
                duration_seconds: target.duration_s,
            }),
            reward: config.reward.map(|reward| BattleReward {
                multiplier: reward.multiplier,
                starts_at: time(reward.starts_at_s),
                duration_seconds: reward.duration_s,
            }),
            rewarded,
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

/// Converts a host in a battle.
pub(super) fn host(user: battle::BaseUser) -> Person {
    Person {
        user_id: Id(user.user_id),
        unique_id: user.unique_id,
        nickname: user.nickname,
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
            unique_id: String::new(),
            nickname: giver.nickname,
            avatar: url(giver.avatar),
        },
    };
    givers.into_iter().map(giver).collect()
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
