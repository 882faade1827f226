//! Users in composed messages.

use super::image;
use crate::{
    event::{self, Badge, Person},
    wire::webcast::{self, User, UserIdentity, badge, user as of_user},
};

/// [`follow_status`](event::User::follow_status): both follow each other.
const MUTUAL: i64 = 2;

/// Somebody who acts in messages.
pub trait Author {
    /// Returns the user as in a message.
    #[doc(hidden)]
    fn user(&self) -> User;

    /// Returns the relation to the host, as comments, gifts and emotes contain it.
    #[doc(hidden)]
    fn identity(&self) -> Option<UserIdentity> {
        None
    }

    /// Returns the numeric id.
    fn id(&self) -> i64;

    /// Returns the displayed name.
    fn nickname(&self) -> &str;
}

impl Author for Person {
    fn user(&self) -> User {
        User {
            id: self.user_id.0,
            nickname: self.nickname.clone(),
            avatar: image(&self.avatar),
            unique_id: self.unique_id.clone(),
            ..Default::default()
        }
    }

    fn id(&self) -> i64 {
        self.user_id.0
    }

    fn nickname(&self) -> &str {
        &self.nickname
    }
}

/// Everything that an event says about a user. Marks that only badges have, such as levels, need the badges: see
/// [`with_badges`](event::User::with_badges).
impl Author for event::User {
    fn user(&self) -> User {
        let numbers = [self.following_count, self.follower_count, self.follow_status];
        let [following_count, follower_count, follow_status] = numbers.map(Option::unwrap_or_default);
        let follow_info = of_user::FollowInfo { following_count, follower_count, follow_status };
        // A name of digits on a badge would be read as the level.
        let is_number = !self.team_name.is_empty() && self.team_name.chars().all(char::is_numeric);
        let team = of_user::Team { level: 0, club_name: self.team_name.clone() };
        User {
            id: self.user_id.0,
            nickname: self.nickname.clone(),
            bio: self.bio.clone(),
            avatar: image(&self.avatar),
            avatar_medium: image(&self.avatar_medium),
            avatar_large: image(&self.avatar_large),
            verified: self.verified,
            follow_info: numbers.iter().any(Option::is_some).then_some(follow_info),
            attributes: self
                .is_moderator
                .then_some(of_user::Attributes { is_admin: true, ..Default::default() }),
            unique_id: self.unique_id.clone(),
            sec_uid: self.sec_uid.clone(),
            badges: self.badges.iter().map(badge).collect(),
            team: is_number.then_some(team),
            mask: self.is_masked.then_some(of_user::Mask { is_on: true }),
            ..Default::default()
        }
    }

    fn identity(&self) -> Option<UserIdentity> {
        let identity = UserIdentity {
            is_gift_giver: self.is_gift_giver,
            is_subscriber: self.is_subscriber,
            is_mutual_follow: self.follow_status == Some(MUTUAL),
            is_follower: self.is_follower,
            is_moderator: self.is_moderator,
            is_host: self.is_host,
        };
        (identity != UserIdentity::default()).then_some(identity)
    }

    fn id(&self) -> i64 {
        self.user_id.0
    }

    fn nickname(&self) -> &str {
        &self.nickname
    }
}

/// Composes a badge: its display type decides where text and picture are.
fn badge(given: &Badge) -> webcast::Badge {
    let Badge { scene_type, display_type, level, text, key, image_url, privilege_id } = given;
    let (id, level) = (privilege_id.clone(), level.map(|level| level.to_string()).unwrap_or_default());
    let image = image(image_url);
    let privilege = (!id.is_empty() || !level.is_empty()).then_some(badge::Privilege { id, level });
    let of_text = badge::TextBadge { key: key.clone(), default_pattern: text.clone() };
    let mut badge = webcast::Badge {
        display_type: *display_type,
        scene_type: *scene_type,
        privilege,
        text: (*display_type == 2 || !key.is_empty()).then_some(of_text),
        ..Default::default()
    };
    if *display_type == 4 {
        badge.combined =
            Some(badge::CombinedBadge { icon: image, string: text.clone(), ..Default::default() });
        return badge;
    }
    badge.image = image.map(|image| badge::ImageBadge { image: Some(image) });
    if badge.text.is_none() && !text.is_empty() {
        badge.string = Some(badge::StringBadge { text: text.clone() });
    }
    badge
}
