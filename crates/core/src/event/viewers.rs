//! Viewers: their actions and their number.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Person,
    common::{labelled, person, url, user},
    keys,
};
use crate::wire::{Message, used as webcast};

/// Data of a `like` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Like {
    /// Number of likes in this message; TikTok combines up to 15.
    pub like_count: i32,
    /// Total likes of the room, as sent. It can decrease.
    pub total_like_count: i64,
    /// Text key of the display.
    pub display_type: String,
    /// Pattern of the displayed text, e.g. `{0:user} liked the LIVE`.
    pub label: String,
}

/// Data of a `member` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// 1 joined; other codes are actions of moderators.
    pub action_id: i32,
    /// Number of viewers in the room; 0 if unknown.
    pub member_count: i32,
    /// The moderator who acted on the viewer; absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Person>,
    /// How the viewer found the room, in TikTok's terms, e.g. `homepage_hot-live_cell`.
    pub enter_source: String,
    /// Text key of the display.
    pub display_type: String,
    /// Pattern of the displayed text, e.g. `{0:user} joined`.
    pub label: String,
}

/// Data of a `social` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Social {
    /// The action.
    pub action: SocialAction,
    /// Text key of the display.
    pub display_type: String,
    /// Number of the host's followers after a follow; otherwise 0.
    pub follow_count: i64,
    /// Number of shares of the room after a share; otherwise 0.
    pub share_count: i32,
    /// Id of the user whom it is about; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub target_user_id: Id,
    /// Pattern of the displayed text, e.g. `{0:user} shared the LIVE`.
    pub label: String,
}

/// Action in a `social` event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SocialAction {
    /// The user followed the host.
    Follow,
    /// The user shared the room.
    Share,
    /// The user reposted the room.
    Repost,
    /// Another action.
    #[default]
    Other,
}

/// Data of a `room_user` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomUser {
    /// Current number of viewers.
    pub viewer_count: i64,
    /// Total number of viewers since the start of the LIVE.
    pub total_user_count: i64,
    /// Number of anonymous viewers.
    pub anonymous_count: i64,
    /// Top gifters, in order of rank.
    pub top_viewers: Vec<TopViewer>,
    /// TikTok's measure of popularity; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub popularity: i64,
}

/// A position in the list of top gifters.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopViewer {
    /// Name in the profile's URL; empty for most viewers without gifts.
    pub unique_id: String,
    /// Value of the gifts, in coins.
    pub coin_count: Id,
    /// Numeric id.
    pub user_id: Id,
    /// Displayed name.
    pub nickname: String,
    /// URL of the profile picture.
    pub avatar: String,
    /// Position in the list, from 1.
    pub rank: i64,
    /// TikTok's number for the change; absent if unknown.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub delta: i64,
}

/// Data of a `viewer_picks_update` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewerPicksUpdate {
    /// TikTok's code for the change.
    pub update_type: i32,
}

/// Data of a `fans_event` event: news of the host's fan club.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FansEvent {
    /// 1 new fans, 2 points changed, 3 a task is complete, 4 and 8 a level was reached, 5 points can be claimed, 6
    /// the team's rank changed, 7 a hint, 1001 the list of tasks changed.
    pub event_type: i32,
    /// Level of `user` in the fan club, the new one after a rise; `null` if unknown.
    pub level: Option<i64>,
    /// Points of `user` in the fan club; `null` if unknown.
    pub score: Option<i64>,
    /// Number of fans; `null` if unknown.
    pub fans_count: Option<i64>,
    /// Rank of the fan club; `null` if unknown.
    pub team_rank: Option<i64>,
    /// Points of the fan club; `null` if unknown.
    pub team_score: Option<i64>,
}

/// Data of a `subscribe` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// Number of months subscribed.
    pub sub_month: i64,
    /// 0 one-time, 1 renewed automatically.
    pub subscribe_type: i32,
    /// Previous status: 0 not subscribed, 1 resubscribed, …
    pub old_subscribe_status: i32,
    /// TikTok's code for the current status.
    pub subscribing_status: i32,
    /// TikTok's code for the display.
    pub exhibition_type: i32,
    /// Kind of message: 0 a subscription; others are notices.
    pub message_type: i32,
}

impl Kind for webcast::Like {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let (like_count, total_like_count) = (self.count, self.total);
        let data = Data::Like(Like { like_count, total_like_count, display_type, label });
        Known { common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::Member {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let data = Data::Member(Member {
            action_id: self.action,
            member_count: self.member_count,
            operator: self.operator.map(person),
            enter_source: self.enter_source,
            display_type,
            label,
        });
        Known { common, user: self.user.map(user), data }
    }
}

impl Kind for webcast::Social {
    fn parts(self, _: &Message) -> Known {
        let (common, display_type, label) = labelled(self.common);
        let data = Data::Social(Social {
            action: social_action(&display_type, self.action),
            display_type,
            follow_count: self.follow_count,
            share_count: self.share_count,
            target_user_id: Id(self.target_user_id),
            label,
        });
        Known { common, user: self.user.map(user), data }
    }
}

/// Derives the action from the text key, or from the number if the key is inconclusive.
fn social_action(key: &str, action: i64) -> SocialAction {
    match action {
        _ if keys::has(key, keys::FOLLOW) => SocialAction::Follow,
        _ if keys::has(key, keys::SHARE) => SocialAction::Share,
        1 => SocialAction::Follow,
        4 => SocialAction::Repost,
        2..=5 => SocialAction::Share,
        _ => SocialAction::Other,
    }
}

impl Kind for webcast::RoomUserSeq {
    fn parts(self, _: &Message) -> Known {
        let data = Data::RoomUser(RoomUser {
            viewer_count: self.viewer_count,
            total_user_count: self.total_user_count,
            anonymous_count: self.anonymous_count,
            top_viewers: self.viewers.into_iter().map(top_viewer).collect(),
            popularity: self.popularity,
        });
        Known { common: self.common, user: None, data }
    }
}

fn top_viewer(viewer: webcast::room_user_seq::Viewer) -> TopViewer {
    let user = viewer.user.unwrap_or_default();
    TopViewer {
        unique_id: user.unique_id,
        coin_count: Id(viewer.coin_count),
        user_id: Id(user.id),
        nickname: user.nickname,
        avatar: url(user.avatar),
        rank: viewer.rank,
        delta: viewer.delta,
    }
}

impl Kind for webcast::ViewerPicksUpdate {
    fn parts(self, _: &Message) -> Known {
        let data = Data::ViewerPicksUpdate(ViewerPicksUpdate { update_type: self.update_type });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::FansEvent {
    fn parts(self, _: &Message) -> Known {
        let details = self.details.unwrap_or_default();
        let reached = self.upgrade.map(|upgrade| upgrade.level).filter(|level| *level > 0);
        let data = Data::FansEvent(FansEvent {
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
        let data = Data::Subscribe(Subscribe {
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
        assert_eq!(social_action("pm_mt_new_wording", 3), SocialAction::Share);
        assert_eq!(social_action("pm_mt_new_wording", 4), SocialAction::Repost);
        assert_eq!(social_action("", 0), SocialAction::Other);
        assert_eq!(social_action("", 6), SocialAction::Other);
    }
}
