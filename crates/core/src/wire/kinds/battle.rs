//! Battles between hosts.

use smol_str::SmolStr;

use super::{
    Kind, Known,
    common::{time, url},
    webcast::{self, battle_army::Giver, link_mic_battle as battle},
};
use crate::{
    event::{self, BattleGiver, BattleTeam, BattleUser, Data, Id, Person},
    wire::Message,
};

impl Kind for webcast::LinkMicBattle {
    fn parts(mut self, _: &Message) -> Known {
        let settings = self.settings.unwrap_or_default();
        let results: Vec<battle::Result> =
            self.results.into_iter().filter_map(|entry| entry.result).collect();
        let users = self.users.into_iter().map(|entry| {
            let result = results.iter().find(|result| result.user_id == entry.user_id);
            // Each army is used once: many users with the same id would multiply its givers.
            let army = self.armies.iter_mut().find(|army| army.user_id == entry.user_id);
            BattleUser {
                points: result.map(|result| result.score),
                result: result.map(|result| result.result),
                givers: givers(army.and_then(|army| army.army.take()).unwrap_or_default().givers),
                person: Person {
                    user_id: Id(entry.user_id),
                    ..host(entry.info.and_then(|info| info.user).unwrap_or_default())
                },
            }
        });
        let data = Data::Battle(event::Battle {
            battle_id: Id(self.battle_id),
            action: self.action,
            status: settings.status,
            started_at: time(settings.start_time_ms),
            duration_seconds: settings.duration_s,
            users: users.collect(),
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

impl Kind for webcast::LinkMicArmies {
    fn parts(self, _: &Message) -> Known {
        let settings = self.settings.unwrap_or_default();
        let teams = self.armies.into_iter().map(|entry| {
            let army = entry.army.unwrap_or_default();
            let (points, users) = (army.score, givers(army.givers));
            BattleTeam { host_user_id: Id(entry.host_user_id), points, users }
        });
        let data = Data::BattleScore(event::BattleScore {
            battle_id: Id(self.battle_id),
            trigger_reason: self.trigger_reason,
            teams: teams.collect(),
            from_user_id: Id(self.from_user_id),
            gift_id: self.gift_id,
            started_at: time(settings.start_time_ms),
            duration_seconds: settings.duration_s,
        });
        Known { common: self.common, user: None, data }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
