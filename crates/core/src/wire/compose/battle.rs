//! Battles between hosts, as observed: the first message has a duration but no results, and the last has
//! both.

use super::{Stamp, common, image, message};
use crate::{
    event::Person,
    wire::{
        Message,
        webcast::{self, BattleArmy, BattleSettings, battle_army::Giver, link_mic_armies, link_mic_battle},
    },
};

const BATTLE: &str = "WebcastLinkMicBattle";
const ARMIES: &str = "WebcastLinkMicArmies";
/// [`webcast::LinkMicBattle::action`]
const OPEN: i32 = 4;
const FINISH: i32 = 5;

/// A battle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Battle {
    /// Id of the battle.
    pub battle_id: i64,
    /// Start time, in Unix milliseconds.
    pub started_ms: i64,
    /// Duration, in seconds.
    pub duration_s: i64,
    /// The hosts.
    pub sides: Vec<Side>,
}

/// A host in a battle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// The host.
    pub host: Person,
    /// Score of the host.
    pub points: i64,
    /// Contributors and their points, in order of rank.
    pub givers: Vec<(Person, i64)>,
}

impl Battle {
    fn settings(&self, is_over: bool) -> Option<BattleSettings> {
        Some(BattleSettings {
            battle_id: self.battle_id,
            start_time_ms: self.started_ms,
            duration_s: self.duration_s,
            status: if is_over { 3 } else { 1 },
            end_time_ms: 0,
        })
    }
}

/// The start of a battle, or its end with results.
#[must_use]
pub fn battle(stamp: Stamp, battle: &Battle, is_over: bool) -> Message {
    let most = battle.sides.iter().map(|side| side.points).max().unwrap_or_default();
    let result = |side: &Side| {
        let user_id = side.host.user_id.0;
        let result = i32::from(side.points < most);
        let result = link_mic_battle::Result { user_id, result, score: side.points };
        link_mic_battle::ResultEntry { user_id, result: Some(result) }
    };
    let army =
        |side: &Side| link_mic_battle::ArmyEntry { user_id: side.host.user_id.0, army: Some(army(side)) };
    let sides = battle.sides.iter().filter(|_| is_over);
    let payload = webcast::LinkMicBattle {
        common: common(stamp, BATTLE, None),
        battle_id: battle.battle_id,
        settings: battle.settings(is_over),
        action: if is_over { FINISH } else { OPEN },
        results: sides.clone().map(result).collect(),
        armies: sides.map(army).collect(),
        users: battle.sides.iter().map(|side| user(&side.host)).collect(),
    };
    message(stamp, BATTLE, &payload)
}

/// The scores of a battle, last changed by `from`.
#[must_use]
pub fn armies(stamp: Stamp, battle: &Battle, from: &Person, is_over: bool) -> Message {
    let entry =
        |side: &Side| link_mic_armies::Entry { host_user_id: side.host.user_id.0, army: Some(army(side)) };
    let payload = webcast::LinkMicArmies {
        common: common(stamp, ARMIES, None),
        battle_id: battle.battle_id,
        armies: battle.sides.iter().map(entry).collect(),
        trigger_reason: if is_over { 2 } else { 1 },
        from_user_id: from.user_id.0,
        settings: battle.settings(is_over),
        ..Default::default()
    };
    message(stamp, ARMIES, &payload)
}

fn army(side: &Side) -> BattleArmy {
    let giver = |(person, score): &(Person, i64)| Giver {
        user_id: person.user_id.0,
        score: *score,
        nickname: person.nickname.to_string(),
        avatar: image(&person.avatar),
    };
    BattleArmy { givers: side.givers.iter().map(giver).collect(), score: side.points }
}

fn user(host: &Person) -> link_mic_battle::UserEntry {
    let user = link_mic_battle::BaseUser {
        user_id: host.user_id.0,
        nickname: host.nickname.to_string(),
        avatar: image(&host.avatar),
        unique_id: host.unique_id.to_string(),
    };
    let info = link_mic_battle::UserInfo { user: Some(user) };
    link_mic_battle::UserEntry { user_id: host.user_id.0, info: Some(info) }
}
