//! Rankings.

use super::{
    Kind, Parts,
    common::url,
    notices::notify,
    text::{named_user, text},
    user::user,
    webcast,
};
use crate::sans_io::{
    event::{self, Data, Id},
    wire::Message,
};

impl<'a> Kind<'a> for webcast::RankUpdate<'a> {
    fn parts(self, _: &Message) -> Parts {
        let ranks = self.ranks.into_iter().map(|rank| event::RankEntry {
            rank_type: rank.rank_type,
            own_rank: rank.own_rank,
            text: text(rank.text),
            countdown_seconds: rank.countdown_s,
        });
        let data = Data::Rank(event::Rank { group_type: self.group_type, ranks: ranks.collect() });
        Parts { common: self.common, user: None, data }
    }
}

impl<'a> Kind<'a> for webcast::RankText<'a> {
    fn parts(self, _: &Message) -> Parts {
        let named = named_user(self.other_text.as_ref()).map(user);
        let data = Data::RankText(event::RankText {
            scene: self.scene,
            before: self.before,
            after: self.after,
            text: text(self.other_text),
            self_text: text(self.self_text),
            user_id: Id(self.user_id),
        });
        Parts { common: self.common, user: named, data }
    }
}

impl<'a> Kind<'a> for webcast::HourlyRank<'a> {
    fn parts(self, _: &Message) -> Parts {
        let ranking = self.container.and_then(|container| container.ranking).unwrap_or_default();
        let (rank_type, label) = (ranking.key.into(), ranking.default_pattern.into());
        Parts {
            common: self.common,
            user: None,
            data: Data::HourlyRank(event::HourlyRank { rank_type, label }),
        }
    }
}

impl<'a> Kind<'a> for webcast::HourlyRankReward<'a> {
    fn parts(self, _: &Message) -> Parts {
        let winners = self.winners.into_iter().map(|winner| event::RankWinner {
            user_id: Id(winner.user_id),
            asset_id: winner.asset_id,
            notice: winner.notify.map(|line| notify(&line)),
        });
        let data = Data::HourlyRankReward(event::HourlyRankReward { winners: winners.collect() });
        Parts { common: self.common, user: None, data }
    }
}

impl<'a> Kind<'a> for webcast::WeeklyRankReward<'a> {
    fn parts(self, _: &Message) -> Parts {
        let border = self.border.unwrap_or_default();
        let data = Data::WeeklyRankReward(event::WeeklyRankReward {
            user_id: Id(self.user_id),
            source: border.source.into(),
            icon_url: url(border.icon),
            notice: self.notify.as_ref().map(notify),
        });
        Parts { common: self.common, user: None, data }
    }
}

impl<'a> Kind<'a> for webcast::GameRankNotify<'a> {
    fn parts(self, _: &Message) -> Parts {
        let data =
            Data::GameRankNotify(event::GameRankNotify { msg_type: self.msg_type, text: text(self.text) });
        Parts { common: self.common, user: None, data }
    }
}
