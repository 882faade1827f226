//! Viewers: their actions and their number.

use super::{
    super::Message,
    Kind, Known,
    common::{labelled, url, user},
    webcast,
};
use crate::event::{self, Data, Id, SocialAction};

impl Kind for webcast::Like {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let (like_count, total_like_count) = (self.count, self.total);
        let data = Data::Like(event::Like { like_count, total_like_count, display_type, label });
        Known { common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::Member {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let data = Data::Member(event::Member {
            action_id: self.action,
            member_count: self.member_count,
            enter_source: self.enter_source.into(),
            display_type,
            label,
        });
        Known { common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::Social {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let data = Data::Social(event::Social {
            action: social_action(&display_type, self.action),
            display_type,
            follow_count: self.follow_count,
            share_count: self.share_count,
            label,
        });
        Known { common, user: self.user.map(user), data }
    }
}

/// Derives the action from the text key, or from the number if the key is inconclusive.
fn social_action(key: &str, action: i64) -> SocialAction {
    match action {
        _ if key.contains("follow") => SocialAction::Follow,
        _ if key.contains("share") => SocialAction::Share,
        1 => SocialAction::Follow,
        2..=5 => SocialAction::Share,
        _ => SocialAction::Other,
    }
}

impl Kind for webcast::RoomUserSeq {
    fn parts(self, _: &Message) -> Known {
        let data = Data::RoomUser(event::RoomUser {
            viewer_count: self.viewer_count,
            total_user_count: self.total_user_count,
            anonymous_count: self.anonymous_count,
            top_viewers: self.viewers.into_iter().map(top_viewer).collect(),
            popularity: self.popularity,
        });
        Known { common: self.common, user: None, data }
    }
}

fn top_viewer(viewer: webcast::room_user_seq::Viewer) -> event::TopViewer {
    let user = viewer.user.unwrap_or_default();
    event::TopViewer {
        unique_id: user.unique_id.into(),
        coin_count: Id(viewer.coin_count),
        user_id: Id(user.id),
        nickname: user.nickname.into(),
        avatar: url(user.avatar),
        rank: viewer.rank,
        delta: viewer.delta,
    }
}

impl Kind for webcast::ViewerPicksUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::ViewerPicksUpdate(event::ViewerPicksUpdate { update_type: self.update_type });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::FansEvent {
    fn parts(self, _: &Message) -> Known {
        let details = self.details.unwrap_or_default();
        let reached = self.upgrade.map(|upgrade| upgrade.level).filter(|level| *level > 0);
        let data = Data::FansEvent(event::FansEvent {
            event_type: self.event_type,
            level: reached.or(self.level.map(|level| level.level)),
            score: self.level.map(|level| level.score),
            fans_count: details.new_fans.map(|fans| fans.fans_count),
            team_rank: details.team_rank.map(|team| team.rank),
            team_score: details.team_rank.map(|team| team.score),
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::SubNotify {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Subscribe(event::Subscribe {
            sub_month: self.sub_month,
            subscribe_type: self.subscribe_type,
            old_subscribe_status: self.old_subscribe_status,
            subscribing_status: self.subscribing_status,
            exhibition_type: self.exhibition_type,
            message_type: self.message_type,
        });
        Known { common: self.common, user: self.user.map(user), data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_key_takes_precedence_over_the_number() {
        assert_eq!(social_action("pm_main_follow_message_viewer_2", 0), SocialAction::Follow);
        assert_eq!(social_action("pm_mt_guidance_viewer_5_share", 1), SocialAction::Share);
        assert_eq!(social_action("", 1), SocialAction::Follow);
        assert_eq!(social_action("pm_mt_new_wording", 4), SocialAction::Share);
        assert_eq!(social_action("", 0), SocialAction::Other);
        assert_eq!(social_action("", 6), SocialAction::Other);
    }
}
