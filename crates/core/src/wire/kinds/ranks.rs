//! Rankings.

use super::{
    Kind, Known,
    common::url,
    notices::notify,
    text::{named_user, text},
    user::user,
    webcast,
};
use crate::{
    event::{self, Data, Id},
    wire::Message,
};

impl Kind for webcast::RankUpdate {
    fn parts(self, _: &Message) -> Known {
        let ranks = self.ranks.into_iter().map(|rank| event::RankEntry {
            rank_type: rank.rank_type,
            own_rank: rank.own_rank,
            text: text(rank.text),
            countdown_seconds: rank.countdown_s,
        });
        let data = Data::Rank(event::Rank { group_type: self.group_type, ranks: ranks.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RankText {
    fn parts(self, _: &Message) -> Known {
        let named = named_user(self.other_text.as_ref()).map(user);
        let data = Data::RankText(event::RankText {
            scene: self.scene,
            before: self.before,
            after: self.after,
            text: text(self.other_text),
            self_text: text(self.self_text),
            user_id: Id(self.user_id),
        });
        Known { common: self.common, user: named, data }
    }
}

impl Kind for webcast::HourlyRank {
    fn parts(self, _: &Message) -> Known {
        let ranking = self.container.and_then(|container| container.ranking).unwrap_or_default();
        let (rank_type, label) = (ranking.key.into(), ranking.default_pattern.into());
        Known {
            common: self.common,
            user: None,
            data: Data::HourlyRank(event::HourlyRank { rank_type, label }),
        }
    }
}

impl Kind for webcast::HourlyRankReward {
    fn parts(self, _: &Message) -> Known {
        let winners = self.winners.into_iter().map(|winner| event::RankWinner {
            user_id: Id(winner.user_id),
            asset_id: winner.asset_id,
            notice: winner.notify.map(|line| notify(*line)),
        });
        let data = Data::HourlyRankReward(event::HourlyRankReward { winners: winners.collect() });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::WeeklyRankReward {
    fn parts(self, _: &Message) -> Known {
        let border = self.border.unwrap_or_default();
        let data = Data::WeeklyRankReward(event::WeeklyRankReward {
            user_id: Id(self.user_id),
            source: border.source.into(),
            icon_url: url(border.icon),
            notice: self.notify.map(notify),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::GameRankNotify {
    fn parts(self, _: &Message) -> Known {
        let data =
            Data::GameRankNotify(event::GameRankNotify { msg_type: self.msg_type, text: text(self.text) });
        Known { common: self.common, user: None, data }
    }
}
