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

impl Kind for webcast::RankUpdate {
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

impl Kind for webcast::RankText {
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

impl Kind for webcast::HourlyRank {
    fn parts(self, _: &Message) -> Parts {
        let ranking = self.container.and_then(|container| container.ranking).unwrap_or_default();
        let (rank_type, label) = (ranking.key, ranking.default_pattern);
        Parts {
            common: self.common,
            user: None,
            data: Data::HourlyRank(event::HourlyRank { rank_type, label }),
        }
    }
}

impl Kind for webcast::HourlyRankReward {
    fn parts(self, _: &Message) -> Parts {
        let winners = self.winners.into_iter().map(|winner| event::RankWinner {
            user_id: Id(winner.user_id),
            asset_id: winner.asset_id,
            notice: winner.notify.map(|line| notify(*line)),
        });
        let data = Data::HourlyRankReward(event::HourlyRankReward { winners: winners.collect() });
        Parts { common: self.common, user: None, data }
    }
}

impl Kind for webcast::WeeklyRankReward {
    fn parts(self, _: &Message) -> Parts {
        let border = self.border.unwrap_or_default();
        let data = Data::WeeklyRankReward(event::WeeklyRankReward {
            user_id: Id(self.user_id),
            source: border.source,
            icon_url: url(border.icon),
            notice: self.notify.map(notify),
        });
        Parts { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GameRankNotify {
    fn parts(self, _: &Message) -> Parts {
        let data =
            Data::GameRankNotify(event::GameRankNotify { msg_type: self.msg_type, text: text(self.text) });
        Parts { common: self.common, user: None, data }
    }
}
