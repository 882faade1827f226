//! What a client should have counted after the events of a replay.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use super::event::{Data, Event, KINDS, SocialAction};

/// Maximum number of users whose diamonds are counted apart.
const USERS_MAX: usize = 100_000;
/// Maximum length of a `uniqueId` whose diamonds are counted apart, in bytes. TikTok's have up to 24 letters.
const NAME_BYTES_MAX: usize = 64;
/// Maximum length of a gifter's nickname that is kept, in bytes; a longer one counts as empty.
const NICKNAME_BYTES_MAX: usize = 4096;

/// Types that are not messages of the room. They are not counted: they also depend on the client.
const OF_CONNECTIONS: [&str; 5] =
    ["unknown", "connection_created", "connection_closed", "disconnected", "error"];

/// Types that are derived from other events, which alone count as messages.
const DERIVED: [&str; 2] = ["super_fan", "super_fan_join"];

/// Returns the types of events that are counted.
pub fn counted_kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().copied().filter(|kind| !OF_CONNECTIONS.contains(kind))
}

/// Totals that are names or texts.
pub const STRINGS: [&str; 3] = ["top_gifter", "top_gifter_name", "last_chat"];

/// Totals of the current generation of a replay: each lap, seek and load begins another one. They are the same
/// whatever a client filters, and however often it reconnects.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Truth {
    /// Messages of the room that a client without filters receives.
    pub events: u64,
    /// Comments.
    pub chats: u64,
    /// Gifts: the sum of `repeatDelta`.
    pub gifts: i64,
    /// Gift streaks that began.
    pub streaks: u64,
    /// Value of all gifts: the sum of `diamonds`.
    pub diamonds: i64,
    /// Likes: the sum of `likeCount`.
    pub likes: i64,
    /// Last `totalLikeCount`; 0 if there was none yet. It also counts likes that were not sent.
    pub likes_total: i64,
    /// Follows.
    pub follows: u64,
    /// Shares.
    pub shares: u64,
    /// Viewers who joined: `member` events whose `actionId` is 1.
    pub joins: u64,
    /// Subscriptions.
    pub subscribes: u64,
    /// Last number of viewers; 0 if there was none yet.
    pub viewers: i64,
    /// Number of users who sent gifts.
    pub gifters: u64,
    /// `uniqueId` of a user with the most diamonds; empty if nobody sent a gift. Of several with equally many, the first to
    /// send a gift: each of them is right.
    pub top_gifter: SmolStr,
    /// Nickname of `top_gifter` with the last gift.
    pub top_gifter_name: SmolStr,
    /// Text of the last comment; empty if there was none yet.
    pub last_chat: SmolStr,
    /// Comments without text.
    pub empty_texts: u64,
    /// Sum of the CRC-32 of `uniqueId comment` of all comments, modulo 2^32.
    pub texts: u32,
    /// Number of events of each type that occurred.
    pub count: BTreeMap<&'static str, u64>,
    /// Diamonds of each user, by `uniqueId`: the first 100,000 users.
    pub users: BTreeMap<SmolStr, i64>,
    /// Diamonds that each guest of the host received, by `userId`: the first 100,000 guests. Gifts to the host name nobody.
    pub guests: BTreeMap<SmolStr, i64>,
}

impl Truth {
    /// Returns `top_gifter`, and all users with as many diamonds.
    pub fn top_gifters(&self) -> impl Iterator<Item = &SmolStr> {
        let most = self.users.get(&self.top_gifter);
        let others = self.users.iter().filter(move |(_, diamonds)| Some(*diamonds) == most);
        std::iter::once(&self.top_gifter).chain(others.map(|(name, _)| name))
    }

    /// Returns the totals by name, without the users.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, String); 18] {
        [
            ("events", self.events.to_string()),
            ("chats", self.chats.to_string()),
            ("gifts", self.gifts.to_string()),
            ("streaks", self.streaks.to_string()),
            ("diamonds", self.diamonds.to_string()),
            ("likes", self.likes.to_string()),
            ("likes_total", self.likes_total.to_string()),
            ("follows", self.follows.to_string()),
            ("shares", self.shares.to_string()),
            ("joins", self.joins.to_string()),
            ("subscribes", self.subscribes.to_string()),
            ("viewers", self.viewers.to_string()),
            ("gifters", self.gifters.to_string()),
            ("top_gifter", self.top_gifter.to_string()),
            ("top_gifter_name", self.top_gifter_name.to_string()),
            ("last_chat", self.last_chat.to_string()),
            ("empty_texts", self.empty_texts.to_string()),
            ("texts", self.texts.to_string()),
        ]
    }
}

/// Counts events.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    truth: Truth,
    /// Generation of the last event that says it.
    generation: u32,
    /// The rank of each user by the time of the first gift, and the nickname with the last one.
    gifters: BTreeMap<SmolStr, (usize, SmolStr)>,
}

/// What an event adds to the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Generation of the replay, from 1; 0 if the event does not say it.
    generation: u32,
    /// The type of the event.
    kind: &'static str,
    /// The totals that it changes.
    pub what: What,
}

/// Gifts, and what is counted of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `uniqueId` of the user.
    pub sender: SmolStr,
    /// Nickname of the user.
    pub nickname: SmolStr,
    /// Number of gifts.
    pub gifts: i32,
    /// Value of these gifts.
    pub diamonds: i64,
    /// `userId` of the guest who receives them; 0 for the host.
    pub guest: i64,
    /// Whether a streak begins with them.
    pub begins: bool,
}

/// The totals that an event changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// None.
    #[default]
    Nothing,
    /// No other than the number of events.
    Event,
    /// A comment.
    Chat {
        /// Its text.
        text: SmolStr,
        /// What it adds to `texts`.
        checksum: u32,
    },
    /// Gifts. Boxed, because every event in memory is as large as this.
    Gift(Box<Given>),
    /// Likes.
    Likes {
        /// How many.
        likes: i32,
        /// All of the room, with those that were not sent.
        total: i64,
    },
    /// A follow.
    Follow,
    /// A share.
    Share,
    /// A viewer who joined.
    Join,
    /// A subscription.
    Subscribe,
    /// The present number of viewers.
    Viewers(i64),
}

impl Added {
    /// Returns what an event adds: nothing unless it comes from a recording.
    #[must_use]
    pub fn by(event: &Event) -> Self {
        if !event.replay {
            return Self::default();
        }
        let streak = match &event.data {
            Data::Gift(gift) => gift.streak_id.as_str(),
            _ => "",
        };
        // An inferred final has no message, and so no id of its own.
        let id = event.id.as_deref().unwrap_or(streak);
        let generation = match id.rsplit_once('~') {
            _ if id.is_empty() => 0,
            Some((_, suffix)) => suffix.parse().unwrap_or(1),
            None => 1,
        };
        let what = if event.id.is_some() { What::of(event) } else { What::Nothing };
        Self { generation, kind: event.kind(), what }
    }
}

impl What {
    fn of(event: &Event) -> Self {
        match &event.data {
            Data::Unknown(_) => Self::Nothing,
            Data::Chat(chat) => {
                Self::chat(event.user.as_ref().map_or("", |user| &user.unique_id), &chat.comment)
            }
            Data::Gift(gift) => Self::Gift(Box::new(Given {
                sender: event.user.as_ref().map(|user| user.unique_id.as_str().into()).unwrap_or_default(),
                nickname: event.user.as_ref().map(|user| user.nickname.as_str().into()).unwrap_or_default(),
                gifts: gift.repeat_delta,
                diamonds: gift.diamonds,
                guest: gift.receiver.as_ref().map_or(0, |receiver| receiver.user_id.0),
                begins: begins(&gift.streak_id, gift.repeat_delta, gift.repeat_count),
            })),
            Data::Like(like) => Self::Likes { likes: like.like_count, total: like.total_like_count },
            Data::Social(social) => match social.action {
                SocialAction::Follow => Self::Follow,
                SocialAction::Share => Self::Share,
                SocialAction::Repost | SocialAction::Other => Self::Event,
            },
            Data::Member(member) if member.action_id == 1 => Self::Join,
            Data::Subscribe(_) => Self::Subscribe,
            Data::RoomUser(room) => Self::Viewers(room.viewer_count),
            _ => Self::Event,
        }
    }

    /// Returns what a comment adds.
    #[must_use]
    pub fn chat(unique_id: &str, text: &str) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        for part in [unique_id, " ", text] {
            hasher.update(part.as_bytes());
        }
        Self::Chat { text: text.into(), checksum: hasher.finalize() }
    }
}

/// Whether `gifts` are the first of a streak that has `repeat_count` by then.
#[must_use]
pub fn begins(streak_id: &str, gifts: i32, repeat_count: i32) -> bool {
    !streak_id.is_empty() && gifts > 0 && gifts == repeat_count
}

impl Tally {
    /// Counts an event.
    pub fn add(&mut self, added: &Added) {
        if added.generation != 0 && added.generation != self.generation {
            *self = Self { generation: added.generation, ..Self::default() };
        }
        let truth = &mut self.truth;
        match &added.what {
            What::Nothing => {
                if DERIVED.contains(&added.kind) {
                    *truth.count.entry(added.kind).or_default() += 1;
                }
                return;
            }
            What::Event => {}
            What::Chat { text, checksum } => {
                truth.chats += 1;
                truth.empty_texts += u64::from(text.is_empty());
                truth.texts = truth.texts.wrapping_add(*checksum);
                truth.last_chat = text.clone();
            }
            What::Gift(given) => {
                truth.gifts = truth.gifts.saturating_add(given.gifts.into());
                truth.diamonds = truth.diamonds.saturating_add(given.diamonds);
                truth.streaks += u64::from(given.begins);
                self.add_gifter(&given.sender, &given.nickname, given.diamonds);
                self.add_guest(given.guest, given.diamonds);
            }
            What::Likes { likes, total } => {
                truth.likes = truth.likes.saturating_add((*likes).into());
                truth.likes_total = *total;
            }
            What::Follow => truth.follows += 1,
            What::Share => truth.shares += 1,
            What::Join => truth.joins += 1,
            What::Subscribe => truth.subscribes += 1,
            What::Viewers(viewers) => truth.viewers = *viewers,
        }
        self.truth.events += 1;
        *self.truth.count.entry(added.kind).or_default() += 1;
    }

    fn add_gifter(&mut self, sender: &SmolStr, nickname: &SmolStr, diamonds: i64) {
        let users = &mut self.truth.users;
        let nickname =
            if nickname.len() <= NICKNAME_BYTES_MAX { nickname.clone() } else { SmolStr::default() };
        if let (Some(sum), Some((_, last))) = (users.get_mut(sender), self.gifters.get_mut(sender)) {
            *sum = sum.saturating_add(diamonds);
            *last = nickname;
        } else if users.len() < USERS_MAX && !sender.is_empty() && sender.len() <= NAME_BYTES_MAX {
            self.gifters.insert(sender.clone(), (users.len(), nickname));
            users.insert(sender.clone(), diamonds);
        }
    }

    fn add_guest(&mut self, guest: i64, diamonds: i64) {
        if guest == 0 {
            return;
        }
        let (guests, key) = (&mut self.truth.guests, format_smolstr!("{guest}"));
        if guests.len() < USERS_MAX || guests.contains_key(&key) {
            let sum = guests.entry(key).or_default();
            *sum = sum.saturating_add(diamonds);
        }
    }

    /// Returns the generation of the counted events; 0 without one.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns the totals so far, without `gifters` and the top gifter, which only [`Self::truth`] works out.
    #[must_use]
    pub fn so_far(&self) -> &Truth {
        &self.truth
    }

    /// Returns the totals.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let mut truth = self.truth.clone();
        truth.gifters = truth.users.len() as u64;
        let top = self.gifters.iter().max_by_key(|(name, (rank, _))| (truth.users[*name], Reverse(*rank)));
        if let Some((name, (_, nickname))) = top {
            (truth.top_gifter, truth.top_gifter_name) = (name.clone(), nickname.clone());
        }
        truth
    }
}
