//! Rankings.

use super::{Kind, Parts, webcast};
use crate::sans_io::{
    event::{self, Data},
    wire::Message,
};

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
