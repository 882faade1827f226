//! What many payloads share: users, texts that clients assemble from a pattern and pieces, pictures, times, and numbers
//! with a special form in JSON.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{keys, millis};
use crate::wire::used::{self as webcast, user::FollowInfo};

/// Text on the badge of a top gifter, before the rank: `No. 1` (data).
const RANK_PREFIX: &str = "No. ";
/// Maximum length of an assembled text, in bytes. A small message could otherwise repeat a long piece a
/// thousand times.
const TEXT_BYTES_MAX: usize = 4096;
/// Keys of the texts of badges (data).
const MODERATOR_KEY: &str = "pm_mt_moderator_im";
const NEW_GIFTER_KEY: &str = "pm_mt_live_ng_im";

/// Kinds of badges.
mod scene {
    pub(super) const MODERATOR: i32 = 1;
    /// Its text is `New gifter` (data).
    pub(super) const NEW_GIFTER: i32 = 2;
    pub(super) const FRIENDS: i32 = 3;
    pub(super) const SUBSCRIBER: i32 = 4;
    pub(super) const TOP_GIFTER: i32 = 6;
    pub(super) const NEW_SUBSCRIBER: i32 = 7;
    pub(super) const GIFTER_LEVEL: i32 = 8;
    pub(super) const TEAM_LEVEL: i32 = 10;
    pub(super) const HOST: i32 = 12;
    pub(super) const GUARDIAN: i32 = 16;
}

/// What the badges say about a user.
#[derive(Default)]
struct Marks {
    is_moderator: bool,
    is_subscriber: bool,
    is_new_gifter: bool,
    is_host: bool,
    is_guardian: bool,
    top_gifter_rank: Option<i64>,
    gifter_level: Option<i64>,
    team_level: Option<i64>,
    team_name: String,
}

impl Marks {
    /// Reads the badges in reverse order: the first of a kind counts, and overwrites the others.
    fn of(badges: &[Badge]) -> Self {
        let mut marks = Self::default();
        for badge in badges.iter().rev() {
            match badge.scene_type {
                scene::MODERATOR => marks.is_moderator = true,
                scene::SUBSCRIBER | scene::NEW_SUBSCRIBER => marks.is_subscriber = true,
                scene::NEW_GIFTER => marks.is_new_gifter = true,
                scene::HOST => marks.is_host = true,
                scene::GUARDIAN => marks.is_guardian = true,
                scene::TOP_GIFTER => {
                    let rank = badge.text.strip_prefix(RANK_PREFIX).and_then(number);
                    marks.top_gifter_rank = rank.or(marks.top_gifter_rank);
                }
                scene::GIFTER_LEVEL => marks.gifter_level = badge.level,
                scene::TEAM_LEVEL => {
                    marks.team_level = badge.level;
                    marks.team_name = team_name(&badge.text);
                }
                _ => {}
            }
        }
        marks
    }
}

/// Returns the team's name: the text of its badge, unless that is the level, `Ⅲ`, as until 2023 (data).
fn team_name(text: &str) -> String {
    if text.chars().all(char::is_numeric) { String::new() } else { text.to_owned() }
}

/// Converts a user.
pub(super) fn user(user: webcast::User) -> User {
    let badges: Arc<[Badge]> = match user.badges {
        // Unlike an empty list, this needs no allocation.
        none if none.is_empty() => Arc::default(),
        some => some.into_iter().map(badge).collect(),
    };
    let marks = Marks::of(&badges);
    let attributes = user.attributes.unwrap_or_default();
    let subscribed = user.subscribe_info.is_some_and(|info| info.is_subscribed_to_host);
    let club = user.fans_club.and_then(|club| club.data).unwrap_or_default();
    let team = user.team.unwrap_or_default();
    let names = [club.club_name, team.club_name];
    let levels = [i64::from(club.level), team.level];
    let follow = |get: fn(&FollowInfo) -> i64| user.follow_info.as_ref().map(get);
    User {
        user_id: Id(user.id),
        unique_id: user.unique_id,
        nickname: user.nickname,
        avatar: url(user.avatar),
        avatar_medium: url(user.avatar_medium),
        avatar_large: url(user.avatar_large),
        sec_uid: user.sec_uid,
        bio: user.bio,
        is_masked: user.mask.is_some_and(|mask| mask.is_on),
        verified: user.verified,
        is_moderator: attributes.is_admin || attributes.is_super_admin || marks.is_moderator,
        is_subscriber: subscribed || marks.is_subscriber,
        is_host: marks.is_host,
        is_guardian: marks.is_guardian,
        is_gift_giver: false,
        is_follower: false,
        follower_count: follow(|info| info.follower_count),
        following_count: follow(|info| info.following_count),
        follow_status: follow(|info| info.follow_status),
        top_gifter_rank: marks.top_gifter_rank,
        is_new_gifter: marks.is_new_gifter,
        gifter_level: marks.gifter_level,
        team_level: levels.into_iter().find(|level| *level > 0).or(marks.team_level),
        team_name: names.into_iter().find(|name| !name.is_empty()).unwrap_or(marks.team_name),
        badges,
    }
}

/// Converts a user with additional flags about their relation to the host.
pub(super) fn user_with(
    user: Option<webcast::User>,
    identity: Option<webcast::UserIdentity>,
) -> Option<User> {
    let (mut user, identity) = (self::user(user?), identity.unwrap_or_default());
    user.is_moderator |= identity.is_moderator;
    user.is_subscriber |= identity.is_subscriber;
    user.is_host |= identity.is_host;
    user.is_gift_giver = identity.is_gift_giver;
    user.is_follower = identity.is_follower;
    Some(user)
}

/// Converts a user with labels, of which one may say that it is the host.
pub(super) fn labelled_user(user: webcast::User, labels: &[webcast::Badge]) -> User {
    let is_host = labels.iter().any(|label| {
        label.scene_type == scene::HOST
            || label.text.as_ref().is_some_and(|text| keys::has(&text.key, keys::HOST))
    });
    let user = self::user(user);
    User { is_host: user.is_host || is_host, ..user }
}

/// Converts the short form of a user.
pub(super) fn person(user: webcast::Person) -> Person {
    Person {
        user_id: Id(user.id),
        unique_id: user.unique_id,
        nickname: user.nickname,
        avatar: url(user.avatar),
    }
}

fn badge(badge: webcast::Badge) -> Badge {
    let level = badge.privilege.as_ref().and_then(|privilege| number(&privilege.level));
    let privilege_id = badge.privilege.map(|privilege| privilege.id).filter(|id| id != "0");
    let text = badge.text.unwrap_or_default();
    let combined = badge.combined.unwrap_or_default();
    let texts = [
        combined.string,
        combined.text.map(|text| text.default_pattern).unwrap_or_default(),
        text.default_pattern,
        badge.string.map(|string| string.text).unwrap_or_default(),
    ];
    let picture = |image: Option<webcast::Image>| image.unwrap_or_default().urls;
    let pictures = [picture(combined.icon), picture(badge.image.and_then(|badge| badge.image))];
    Badge {
        scene_type: badge.scene_type,
        display_type: badge.display_type,
        level,
        text: first(texts),
        key: text.key,
        image_url: first(pictures),
        privilege_id: privilege_id.unwrap_or_default(),
    }
}

/// Returns the first nonempty text. A badge has one display type, and only its fields are filled.
fn first<const N: usize>(texts: [String; N]) -> String {
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

/// Assembles a text; returns `None` if there is none.
pub(super) fn text(text: Option<webcast::Text>) -> Option<Text> {
    let text = text.filter(|text| !(text.key.is_empty() && text.default_pattern.is_empty()))?;
    Some(Text { text: fill(&text.default_pattern, &text.pieces), key: text.key })
}

/// Assembles the display text of a message.
pub(super) fn display_text(common: Option<webcast::Common>) -> Option<Text> {
    text(common?.display_text)
}

/// Returns the first user mentioned in a text.
pub(super) fn named_user(text: Option<&webcast::Text>) -> Option<webcast::User> {
    text?.pieces.iter().find_map(|piece| piece.user_value.as_ref()?.user.clone())
}

/// Inserts the pieces into a pattern: `{0:user} sent {1:gift}`. Other braces stay unchanged.
fn fill(pattern: &str, pieces: &[webcast::TextPiece]) -> String {
    let (mut filled, mut rest) = (String::new(), pattern);
    while filled.len() <= TEXT_BYTES_MAX {
        let Some((before, place, after)) = next_place(rest) else {
            filled.push_str(rest);
            break;
        };
        filled.push_str(before);
        filled.push_str(pieces.get(place).map_or("", piece));
        rest = after;
    }
    filled.truncate(filled.floor_char_boundary(TEXT_BYTES_MAX));
    filled
}

/// Splits at the first placeholder, `{number:type}`.
fn next_place(pattern: &str) -> Option<(&str, usize, &str)> {
    let mut from = 0;
    loop {
        let open = from + pattern[from..].find('{')?;
        let close = open + pattern[open..].find('}')?;
        let place = pattern[open + 1..close].split_once(':').and_then(|(number, _)| number.parse().ok());
        match place {
            Some(place) => return Some((&pattern[..open], place, &pattern[close + 1..])),
            None => from = open + 1,
        }
    }
}

/// Returns the text of a piece; empty for pictures.
fn piece(piece: &webcast::TextPiece) -> &str {
    let user = piece.user_value.as_ref().and_then(|value| value.user.as_ref());
    let gift = piece.gift_value.as_ref().and_then(|value| value.name.as_ref());
    let pattern = piece.pattern_value.as_ref().or(gift);
    match (user, pattern) {
        (Some(user), _) => &user.nickname,
        (None, Some(pattern)) => &pattern.default_pattern,
        (None, None) => &piece.string_value,
    }
}

/// Returns the last URL of a picture; empty if there is none. All URLs show the same picture. The first ones
/// are webp on several hosts; the last is a jpeg if there is one. Established client libraries also use the
/// last.
pub(super) fn url(image: Option<webcast::Image>) -> String {
    image.unwrap_or_default().urls
}

/// Returns the fields that all messages share.
pub(super) fn stamp(common: Option<&webcast::Common>) -> Option<webcast::Stamp> {
    common.map(|common| webcast::Stamp { room_id: common.room_id, create_time: common.create_time })
}

/// Converts the fields that all messages share, and the key and pattern of the text with which the client
/// displays a message.
pub(super) fn labelled(common: Option<webcast::Labelled>) -> (Option<webcast::Stamp>, String, String) {
    let Some(webcast::Labelled { room_id, create_time, display_text }) = common else {
        return Default::default();
    };
    let label = display_text.unwrap_or_default();
    let stamp = webcast::Stamp { room_id, create_time };
    (Some(stamp), label.key, label.default_pattern)
}

/// Converts a time in seconds or milliseconds; returns `None` if there is none.
pub(super) fn time(sent: i64) -> Option<Millis> {
    millis(sent).map(Millis)
}

/// Parses a number that is sent as a string.
pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Parses an id that is sent as a string; returns 0 if it is invalid.
pub(super) fn id(text: &str) -> Id {
    Id(number(text).unwrap_or(0))
}

/// A user, as described in a message. Messages differ in detail: unknown fields are empty, 0, `false` or
/// `null`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct User {
    /// Numeric id.
    pub user_id: Id,
    /// Name in the profile's URL, without `@`.
    pub unique_id: String,
    /// Displayed name.
    pub nickname: String,
    /// URL of the profile picture; empty if unknown.
    pub avatar: String,
    /// URL of the profile picture in medium size; absent if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub avatar_medium: String,
    /// URL of the profile picture in large size; absent if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub avatar_large: String,
    /// Id of the profile in TikTok's own URLs.
    pub sec_uid: String,
    /// Biography, written by the user.
    pub bio: String,
    /// Whether the user hides who they are; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_masked: bool,
    /// Whether TikTok has verified the user.
    pub verified: bool,
    /// Whether the user is a moderator of this room.
    pub is_moderator: bool,
    /// Whether the user subscribes to the host.
    pub is_subscriber: bool,
    /// Whether the user is the host. Few messages contain this, so `false` proves nothing.
    pub is_host: bool,
    /// Whether the user has a guardian's badge; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_guardian: bool,
    /// Whether TikTok says that the user has given the host gifts; absent if not. Only comments, gifts and
    /// emotes contain this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_gift_giver: bool,
    /// Whether TikTok says that the user follows the host; absent if not. Only comments, gifts and emotes
    /// contain this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_follower: bool,
    /// Number of followers; `null` if unknown.
    pub follower_count: Option<i64>,
    /// Number of followed users; `null` if unknown.
    pub following_count: Option<i64>,
    /// 0 none, 1 follows the host, 2 both follow each other, 3 occurs but its meaning is unknown; `null` if
    /// unknown.
    pub follow_status: Option<i64>,
    /// Rank among the top gifters of the room, from the badge; `null` if there is none.
    pub top_gifter_rank: Option<i64>,
    /// Whether the user has the badge of a new gifter.
    pub is_new_gifter: bool,
    /// Level of the gifter badge; `null` if there is none.
    pub gifter_level: Option<i64>,
    /// Level in the host's fan club; `null` for nonmembers.
    pub team_level: Option<i64>,
    /// Name of the fan club; empty for nonmembers, and if unknown.
    pub team_name: String,
    /// Badges next to the name.
    pub badges: Arc<[Badge]>,
}

/// A badge next to a user's name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Badge {
    /// Kind of badge: 1 moderator, 4 and 7 subscriber, 8 gifter level, 10 fan club, 16 guardian, …
    pub scene_type: i32,
    /// 1 a picture, 2 and 3 a text, 4 a picture with a text.
    pub display_type: i32,
    /// Level, for badges that have one; may also be 0 for others.
    pub level: Option<i64>,
    /// Text on the badge: a word, a name, a number or a Roman numeral; may be empty.
    pub text: String,
    /// Key of the text, e.g. `pm_mt_moderator_im`; absent if the badge has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// URL of its picture; empty if there is none.
    pub image_url: String,
    /// Id of the privilege that the badge stands for, which TikTok sends as a string; absent if there is
    /// none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub privilege_id: String,
}

/// Names of the kinds of badges, and their `sceneType`.
pub const BADGES: [(&str, i32); 10] = [
    ("moderator", scene::MODERATOR),
    ("new-gifter", scene::NEW_GIFTER),
    ("friends", scene::FRIENDS),
    ("subscriber", scene::SUBSCRIBER),
    ("top-gifter", scene::TOP_GIFTER),
    ("new-subscriber", scene::NEW_SUBSCRIBER),
    ("gifter", scene::GIFTER_LEVEL),
    ("fan-club", scene::TEAM_LEVEL),
    ("host", scene::HOST),
    ("guardian", scene::GUARDIAN),
];

impl Badge {
    /// Returns a badge of this kind, with the usual text if `text` is empty. The level of a top gifter is their rank.
    #[must_use]
    pub fn of_scene(scene_type: i32, level: Option<i64>, text: &str) -> Self {
        let usual = match (scene_type, level) {
            (scene::MODERATOR, _) => "Moderator".into(),
            (scene::NEW_GIFTER, _) => "New gifter".into(),
            (scene::TOP_GIFTER, Some(rank)) => format!("{RANK_PREFIX}{rank}"),
            (scene::GIFTER_LEVEL, Some(level)) => format!("{level}"),
            _ => String::new(),
        };
        let text = if text.is_empty() { usual.clone() } else { text.into() };
        let key = match scene_type {
            _ if text != usual => "",
            scene::MODERATOR => MODERATOR_KEY,
            scene::NEW_GIFTER => NEW_GIFTER_KEY,
            _ => "",
        };
        let display_type = match (key, &*text) {
            ("", "") => 1,
            ("", _) => 4,
            _ => 2,
        };
        let level = level.filter(|_| scene_type != scene::TOP_GIFTER).or(Some(0));
        Self { scene_type, display_type, level, text, key: key.into(), ..Self::default() }
    }
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        let Person { user_id, unique_id, nickname, avatar } = person;
        Self { user_id, unique_id, nickname, avatar, ..Self::default() }
    }
}

impl User {
    /// Adds the badges that say what the other fields do, except kinds that are there.
    #[must_use]
    pub fn with_badges(mut self) -> Self {
        let team = self.team_level.is_some() || !self.team_name.is_empty();
        let marks = [
            (self.is_host, scene::HOST, None, ""),
            (self.is_moderator, scene::MODERATOR, None, ""),
            (self.is_new_gifter, scene::NEW_GIFTER, None, ""),
            (self.is_subscriber, scene::SUBSCRIBER, None, ""),
            (self.top_gifter_rank.is_some(), scene::TOP_GIFTER, self.top_gifter_rank, ""),
            (self.gifter_level.is_some(), scene::GIFTER_LEVEL, self.gifter_level, ""),
            (team, scene::TEAM_LEVEL, self.team_level, &*self.team_name),
            (self.is_guardian, scene::GUARDIAN, None, ""),
        ];
        let has = |scene_type| self.badges.iter().any(|badge| badge.scene_type == scene_type);
        let missing = marks.into_iter().filter(|(is_set, scene_type, ..)| *is_set && !has(*scene_type));
        let missing = missing.map(|(_, scene_type, level, text)| Badge::of_scene(scene_type, level, text));
        self.badges = self.badges.iter().cloned().chain(missing).collect();
        self
    }
}

/// A user of whom the message contains little more than the name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Person {
    /// Numeric id.
    pub user_id: Id,
    /// Name in the profile's URL; empty if unknown.
    pub unique_id: String,
    /// Displayed name; empty if unknown.
    pub nickname: String,
    /// URL of the profile picture; empty if unknown.
    pub avatar: String,
}

/// A text that TikTok's clients assemble in the viewer's language.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// Key of the text, e.g. `pm_mt_guidance_share`; the same in all languages.
    pub key: String,
    /// The text in the message's own language, usually English, with names and numbers filled in. At most 4
    /// KB.
    pub text: String,
}

/// A 64-bit id. It is a string in JSON, because JavaScript numbers are only exact up to 2^53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub i64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(itoa::Buffer::new().format(self.0))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(time.as_millisecond()))
    }
}

/// Whether a number is unknown, for fields that are absent then.
pub(super) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// A point in time, in Unix milliseconds. It is an ISO 8601 string in JSON: `2025-09-09T18:44:13.511Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl From<Duration> for Millis {
    /// Takes the time since 1970.
    fn from(time: Duration) -> Self {
        Self(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages can contain any number. A time beyond the calendar becomes the epoch.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits() {
            Some(digits) => serializer.serialize_str(str::from_utf8(&digits).unwrap_or_default()),
            None => serializer.collect_str(self),
        }
    }
}

impl Millis {
    /// Returns the text that `Display` writes, for times from 1970 to year 9999. This fast path matters
    /// because every event has two times.
    fn digits(self) -> Option<[u8; 24]> {
        let ms = u64::try_from(self.0).ok().filter(|ms| *ms <= DIGITS_MS_MAX)?;
        let (days, of_day) = (ms / DAY_MS, ms % DAY_MS);
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, number: u64| text[at] = b'0' + (number % 10) as u8;
        let mut put_two = |at, number| {
            put(at, number / 10);
            put(at + 1, number);
        };
        put_two(0, year / 100);
        put_two(2, year);
        put_two(5, month);
        put_two(8, day);
        put_two(11, of_day / 3_600_000);
        put_two(14, of_day / 60_000 % 60);
        put_two(17, of_day / 1000 % 60);
        put_two(20, of_day % 1000 / 10);
        put(22, of_day);
        Some(text)
    }
}

const DAY_MS: u64 = 86_400_000;
/// 9999-12-30, the end of the calendar that `Display` uses.
const DIGITS_MS_MAX: u64 = 253_402_207_200_000;

/// Returns year, month and day of a day since 1970, by Howard Hinnant's `civil_from_days`. Its years start in
/// March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let description = "A 64-bit number in decimal; 0 if absent.";
        json_schema!({ "description": description, "type": "string", "pattern": "^-?[0-9]{1,19}$" })
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let description = "A point in time in UTC, ISO 8601 with milliseconds.";
        json_schema!({ "description": description, "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{webcast::badge::Privilege, *};

    fn with_badge(scene_type: i32, level: &str) -> webcast::User {
        let privilege = Some(Privilege { level: level.into(), ..Default::default() });
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
        let rank = |scene_type: i32, string: &str| {
            let combined =
                Some(webcast::badge::CombinedBadge { string: string.into(), ..Default::default() });
            let badge = webcast::Badge { scene_type, combined, ..Default::default() };
            user(webcast::User { badges: vec![badge], ..Default::default() }).top_gifter_rank
        };
        assert_eq!(
            [rank(6, "No. 2"), rank(6, ""), rank(6, "2"), rank(8, "No. 2")],
            [Some(2), None, None, None]
        );
    }

    #[test]
    fn of_several_badges_the_first_counts() {
        let badges = ["3", "7"].map(|level| webcast::Badge {
            scene_type: scene::GIFTER_LEVEL,
            privilege: Some(Privilege { level: level.into(), ..Default::default() }),
            ..Default::default()
        });
        let levels = user(webcast::User { badges: badges.into(), ..Default::default() }).gifter_level;
        assert_eq!(levels, Some(3));
    }

    #[test]
    fn badges_name_their_kind() {
        let text = webcast::badge::TextBadge {
            key: "pm_mt_moderator_im".into(),
            default_pattern: "Moderator".into(),
        };
        let privilege = |id: &str| Some(Privilege { id: id.into(), level: "0".into() });
        let with = |id: &str| webcast::Badge {
            display_type: 2,
            scene_type: scene::MODERATOR,
            text: Some(text.clone()),
            privilege: privilege(id),
            ..Default::default()
        };
        let known = badge(with("7138381176787506980"));
        assert_eq!((known.display_type, &*known.key, &*known.text), (2, "pm_mt_moderator_im", "Moderator"));
        assert_eq!((&*known.privilege_id, &*badge(with("0")).privilege_id), ("7138381176787506980", ""));
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

    fn string(text: &str) -> webcast::TextPiece {
        webcast::TextPiece { string_value: text.into(), ..Default::default() }
    }

    fn ann() -> webcast::TextPiece {
        let user = webcast::User { nickname: "Ann".into(), ..Default::default() };
        let user_value = Some(Box::new(webcast::text_piece::UserValue { user: Some(user) }));
        webcast::TextPiece { user_value, ..Default::default() }
    }

    #[test]
    fn pieces_replace_their_placeholders() {
        assert_eq!(fill("{0:user} is No. {1:string}!", &[ann(), string("2")]), "Ann is No. 2!");
        assert_eq!(fill("{1:string}{0:user}{7:string}", &[ann(), string("2")]), "2Ann");
        assert_eq!(fill("no place", &[]), "no place");
        assert_eq!(fill("{}, {x:y}, { {0:s}", &[string("a")]), "{}, {x:y}, { a");
        assert_eq!(fill("{0:string", &[string("a")]), "{0:string");
    }

    #[test]
    fn the_length_of_a_text_is_bounded() {
        let long = fill(&"{0:string}".repeat(10_000), &[string(&"\u{e9}".repeat(10_000))]);
        assert!(long.len() <= TEXT_BYTES_MAX && long.len() > TEXT_BYTES_MAX - 2);
    }

    #[test]
    fn an_empty_text_is_none() {
        assert_eq!(text(None), None);
        assert_eq!(text(Some(webcast::Text::default())), None);
    }

    fn same(ms: i64) -> bool {
        serde_json::to_string(&Millis(ms)).unwrap() == format!("\"{}\"", Millis(ms))
    }

    #[test]
    fn the_fast_path_matches_display_at_the_boundaries() {
        let ends = [0, -1, i64::MIN, i64::MAX, 951_782_400_000, 4_107_542_399_999, 253_402_207_200_000];
        for ms in ends {
            assert!((-1..=1).all(|step| same(ms.saturating_add(step))), "{ms}");
        }
        for day in 0..366 * 140 {
            assert!(same(day * 86_400_000), "{day}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_path_matches_display(ms in 0..260_000_000_000_000_i64, any in any::<i64>()) {
            prop_assert!(same(ms) && same(any));
        }
    }
}
