//! Users in requests, and their badges.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use crate::event::{Badge, Id, Person, User};

/// First reserved user id.
pub(super) const RESERVED_USERS: i64 = 9_100_000_000_000_000_000;

/// A user: a name, or several fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum InjectUser {
    /// Unique id, also used as the displayed name.
    Name(#[schemars(regex(pattern = r"\S"))] String),
    /// Several fields.
    Person(#[serde(deserialize_with = "object")] Box<InjectUserDetails>),
}

/// A user with several fields, as events have them. Fields that only badges have, such as levels, add the usual badges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectUserDetails {
    /// Name in the profile's URL.
    #[schemars(regex(pattern = r"\S"))]
    unique_id: String,
    /// Displayed name; defaults to the unique id.
    nickname: Option<String>,
    /// Numeric id; defaults to one that is derived from the unique id.
    user_id: Option<Id>,
    /// URL of the profile picture.
    #[serde(default)]
    avatar: String,
    /// URL of the profile picture in medium size.
    #[serde(default)]
    avatar_medium: String,
    /// URL of the profile picture in large size.
    #[serde(default)]
    avatar_large: String,
    /// Id of the profile in TikTok's own URLs.
    #[serde(default)]
    sec_uid: String,
    /// Biography.
    #[serde(default)]
    bio: String,
    /// Whether the user hides who they are.
    #[serde(default)]
    is_masked: bool,
    /// Whether TikTok has verified the user.
    #[serde(default)]
    verified: bool,
    /// Whether the user is a moderator of this room.
    #[serde(default)]
    is_moderator: bool,
    /// Whether the user subscribes to the host.
    #[serde(default)]
    is_subscriber: bool,
    /// Whether the user is the host.
    #[serde(default)]
    is_host: bool,
    /// Whether the user has a guardian's badge.
    #[serde(default)]
    is_guardian: bool,
    /// Whether the user has given the host gifts: only in `chat`, `gift` and `emote`.
    #[serde(default)]
    pub(super) is_gift_giver: bool,
    /// Whether the user follows the host: only in `chat`, `gift` and `emote`.
    #[serde(default)]
    pub(super) is_follower: bool,
    /// Number of followers.
    follower_count: Option<i64>,
    /// Number of followed users.
    following_count: Option<i64>,
    /// 0 none, 1 follows the host, 2 both follow each other.
    follow_status: Option<i64>,
    /// Rank among the top gifters of the room.
    top_gifter_rank: Option<i64>,
    /// Whether the user has the badge of a new gifter.
    #[serde(default)]
    is_new_gifter: bool,
    /// Level of the gifter badge.
    gifter_level: Option<i64>,
    /// Level in the host's fan club.
    team_level: Option<i64>,
    /// Name of the fan club.
    #[serde(default)]
    team_name: String,
    /// Badges next to the name, before those that other fields add.
    #[serde(default)]
    #[schemars(length(max = super::BADGES_MAX))]
    pub(super) badges: Vec<InjectBadge>,
}

/// A badge next to a user's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectBadge {
    /// Kind of badge: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club, 16 guardian, …
    scene_type: i32,
    /// 1 a picture, 2 and 3 a text, 4 a picture with a text; defaults to the usual one of this kind.
    display_type: Option<i32>,
    /// Level, or rank of a top gifter.
    level: Option<i64>,
    /// Text on the badge; defaults to the usual one of this kind.
    text: Option<String>,
    /// Key of the text; defaults to the usual one of this kind.
    key: Option<String>,
    /// URL of its picture.
    #[serde(default)]
    image_url: String,
    /// Id of the privilege that the badge stands for.
    #[serde(default)]
    privilege_id: String,
}

impl InjectBadge {
    fn badge(&self) -> Badge {
        let text = self.text.as_deref().unwrap_or_default();
        let usual = Badge::of_scene(self.scene_type, self.level, text);
        Badge {
            display_type: self.display_type.unwrap_or(usual.display_type),
            text: self.text.clone().unwrap_or(usual.text),
            key: self.key.clone().unwrap_or(usual.key),
            image_url: self.image_url.clone(),
            privilege_id: self.privilege_id.clone(),
            ..usual
        }
    }
}

impl InjectUser {
    pub(super) fn unique_id(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Person(details) => &details.unique_id,
        }
    }

    pub(super) fn details(&self) -> Option<&InjectUserDetails> {
        match self {
            Self::Name(_) => None,
            Self::Person(details) => Some(details),
        }
    }

    /// Builds the user. The same name always has the same id.
    pub(super) fn user(&self) -> User {
        let unique_id = self.unique_id().to_owned();
        let user_id = Id(RESERVED_USERS + i64::from(crc32fast::hash(unique_id.as_bytes())));
        let Some(details) = self.details().cloned() else {
            return User { user_id, nickname: unique_id.clone(), unique_id, ..User::default() };
        };
        let user = User {
            user_id: details.user_id.unwrap_or(user_id),
            nickname: details.nickname.unwrap_or_else(|| unique_id.clone()),
            unique_id,
            avatar: details.avatar,
            avatar_medium: details.avatar_medium,
            avatar_large: details.avatar_large,
            sec_uid: details.sec_uid,
            bio: details.bio,
            is_masked: details.is_masked,
            verified: details.verified,
            is_moderator: details.is_moderator,
            is_subscriber: details.is_subscriber,
            is_host: details.is_host,
            is_guardian: details.is_guardian,
            is_gift_giver: details.is_gift_giver,
            is_follower: details.is_follower,
            follower_count: details.follower_count,
            following_count: details.following_count,
            follow_status: details.follow_status,
            top_gifter_rank: details.top_gifter_rank,
            is_new_gifter: details.is_new_gifter,
            gifter_level: details.gifter_level,
            team_level: details.team_level,
            team_name: details.team_name,
            badges: details.badges.iter().map(InjectBadge::badge).collect(),
        };
        user.with_badges()
    }

    /// Builds the short form of the user.
    pub(super) fn person(&self) -> Person {
        let User { user_id, unique_id, nickname, avatar, .. } = self.user();
        Person { user_id, unique_id, nickname, avatar }
    }
}

/// Reads an object. Serde would also read a list, as the fields in their order.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<InjectUserDetails>, D::Error> {
    let fields = Map::<String, Value>::deserialize(deserializer)?;
    InjectUserDetails::deserialize(Value::Object(fields)).map(Box::new).map_err(D::Error::custom)
}
