//! Users.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{
    common::{number, url},
    webcast::{self, user::FollowInfo},
};
use crate::event::{Badge, Id, Person, User};

/// Kinds of badges.
mod scene {
    pub(super) const MODERATOR: i32 = 1;
    /// Its key is `live_ng_im`, its text `New gifter` (data).
    pub(super) const NEW_GIFTER: i32 = 2;
    pub(super) const SUBSCRIBER: i32 = 4;
    pub(super) const TOP_GIFTER: i32 = 6;
    pub(super) const NEW_SUBSCRIBER: i32 = 7;
    pub(super) const GIFTER_LEVEL: i32 = 8;
    pub(super) const TEAM_LEVEL: i32 = 10;
    pub(super) const HOST: i32 = 12;
}

/// Text on the badge of a top gifter, before the rank: `No. 1` (data).
const RANK_PREFIX: &str = "No. ";

/// Converts a user.
pub(super) fn user(user: webcast::User<'_>) -> User {
    let badges: Arc<[Badge]> = match user.badges {
        // Unlike an empty list, this needs no allocation.
        none if none.is_empty() => Arc::default(),
        some => some.into_iter().map(badge).collect(),
    };
    let has = |scene: i32| badges.iter().any(|badge| badge.scene_type == scene);
    let level = |scene: i32| badges.iter().find(|badge| badge.scene_type == scene)?.level;
    let mut top_gifters = badges.iter().filter(|badge| badge.scene_type == scene::TOP_GIFTER);
    let top_gifter_rank = top_gifters.find_map(|badge| number(badge.text.strip_prefix(RANK_PREFIX)?));
    let attributes = user.attributes.unwrap_or_default();
    let subscribed = user.subscribe_info.is_some_and(|info| info.is_subscribed_to_host);
    let club = user.fans_club.and_then(|club| club.data).unwrap_or_default();
    let follow = |get: fn(&FollowInfo) -> i64| user.follow_info.as_ref().map(get);
    User {
        user_id: Id(user.id),
        unique_id: user.unique_id.into(),
        nickname: user.nickname.into(),
        avatar: url(user.avatar),
        sec_uid: user.sec_uid.into(),
        bio: user.bio.into(),
        verified: user.verified,
        is_moderator: attributes.is_admin || attributes.is_super_admin || has(scene::MODERATOR),
        is_subscriber: subscribed || has(scene::SUBSCRIBER) || has(scene::NEW_SUBSCRIBER),
        is_host: has(scene::HOST),
        follower_count: follow(|info| info.follower_count),
        following_count: follow(|info| info.following_count),
        follow_status: follow(|info| info.follow_status),
        top_gifter_rank,
        is_new_gifter: has(scene::NEW_GIFTER),
        gifter_level: level(scene::GIFTER_LEVEL),
        team_level: Some(i64::from(club.level)).filter(|level| *level > 0).or(level(scene::TEAM_LEVEL)),
        team_name: club.club_name.into(),
        badges,
    }
}

/// Converts a user with additional flags about their relation to the host.
pub(super) fn user_with(
    user: Option<webcast::User<'_>>,
    identity: Option<webcast::UserIdentity>,
) -> Option<User> {
    let (mut user, identity) = (self::user(user?), identity.unwrap_or_default());
    user.is_moderator |= identity.is_moderator;
    user.is_subscriber |= identity.is_subscriber;
    user.is_host |= identity.is_host;
    Some(user)
}

/// Converts a user to the short form.
pub(super) fn person(user: webcast::User<'_>) -> Person {
    Person {
        user_id: Id(user.id),
        unique_id: user.unique_id.into(),
        nickname: user.nickname.into(),
        avatar: url(user.avatar),
    }
}

fn badge<'a>(badge: webcast::Badge<'a>) -> Badge {
    let level = badge.privilege.and_then(|privilege| number(privilege.level));
    let combined = badge.combined.unwrap_or_default();
    let texts = [
        combined.string,
        combined.text.map(|text| text.default_pattern).unwrap_or_default(),
        badge.text.map(|text| text.default_pattern).unwrap_or_default(),
        badge.string.map(|string| string.text).unwrap_or_default(),
    ];
    let picture = |image: Option<webcast::Image<'a>>| image.unwrap_or_default().urls;
    let pictures = [picture(combined.icon), picture(badge.image.and_then(|badge| badge.image))];
    Badge { scene_type: badge.scene_type, level, text: first(texts), image_url: first(pictures) }
}

/// Returns the first nonempty text. A badge has one display type, and only its fields are filled.
fn first<const N: usize>(texts: [&str; N]) -> SmolStr {
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::{webcast::badge::Privilege, *};

    fn with_badge(scene_type: i32, level: &str) -> webcast::User<'_> {
        let privilege = Some(Privilege { level });
        let badge = webcast::Badge { scene_type, privilege, ..Default::default() };
        webcast::User { badges: vec![badge], ..Default::default() }
    }

    #[test]
    fn badges_identify_moderators_subscribers_and_levels() {
        assert_eq!(user(webcast::User::default()), User::default());
        assert!(user(with_badge(1, "0")).is_moderator);
        assert!(user(with_badge(4, "0")).is_subscriber);
        assert!(user(with_badge(7, "0")).is_subscriber);
        assert!(user(with_badge(12, "0")).is_host);
        assert_eq!(user(with_badge(8, "23")).gifter_level, Some(23));
        assert_eq!(user(with_badge(10, "4")).team_level, Some(4));
        let other = user(with_badge(2, "0"));
        assert!(!other.is_moderator && !other.is_subscriber && !other.is_host);
        assert_eq!(user(with_badge(8, "many")).gifter_level, None, "a badge without a number has no level");
    }

    #[test]
    fn badges_identify_new_and_top_gifters() {
        assert!(user(with_badge(2, "0")).is_new_gifter && !user(with_badge(1, "0")).is_new_gifter);
        let rank = |scene_type: i32, string: &'static str| {
            let combined = Some(webcast::badge::CombinedBadge { string, ..Default::default() });
            let badge = webcast::Badge { scene_type, combined, ..Default::default() };
            user(webcast::User { badges: vec![badge], ..Default::default() }).top_gifter_rank
        };
        assert_eq!(
            [rank(6, "No. 2"), rank(6, ""), rank(6, "2"), rank(8, "No. 2")],
            [Some(2), None, None, None]
        );
    }

    #[test]
    fn attributes_and_identity_count_as_well() {
        let attributes = webcast::user::Attributes { is_admin: true, ..Default::default() };
        let admin = webcast::User { attributes: Some(attributes), ..Default::default() };
        assert!(user(admin).is_moderator);
        let identity =
            webcast::UserIdentity { is_moderator: true, is_subscriber: true, ..Default::default() };
        let somebody = user_with(Some(webcast::User::default()), Some(identity)).unwrap();
        assert!(somebody.is_moderator && somebody.is_subscriber && !somebody.is_host);
        assert_eq!(user_with(None, Some(identity)), None);
        let info = webcast::user::SubscribeInfo { is_subscribed_to_host: true };
        let subscriber = webcast::User { subscribe_info: Some(info), ..Default::default() };
        assert!(user(subscriber).is_subscriber);
    }

    #[test]
    fn follow_numbers_are_set_or_unknown() {
        let info = FollowInfo { follower_count: 7, following_count: 0, follow_status: 2 };
        let known = user(webcast::User { follow_info: Some(info), ..Default::default() });
        assert_eq!(
            (known.follower_count, known.following_count, known.follow_status),
            (Some(7), Some(0), Some(2))
        );
        assert_eq!(user(webcast::User::default()).follower_count, None);
    }
}
