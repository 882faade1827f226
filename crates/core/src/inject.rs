//! Synthetic messages: turns a JSON request into the frame that TikTok would have sent.
//!
//! The same decoder handles the frame like any other. Ids come from a reserved range far above TikTok's own.
//! The name of the stream selects a block of the range, so that injected messages in a recording and newly
//! injected ones do not collide.
//!
//! Here are the types of requests and their bounds. `read` reads JSON and names what is wrong with it, `make` composes the
//! messages.

mod make;
mod read;
#[cfg(test)]
mod tests;
mod user;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Code, Problem},
    event::{Id, Millis, PollState},
    nearest::choices,
};

pub use make::{InjectTarget, Injector, RESERVED_IDS};
pub use read::{KINDS, fields, is_text, of_event, parse, schema};
pub use user::{InjectBadge, InjectUser, InjectUserDetails};

/// Maximum number of messages per request. Longer streaks increase in larger steps.
const MESSAGES_MAX: i32 = 100;
/// Maximum number of likes per message, as in TikTok's own clients.
const LIKES_A_MESSAGE: i32 = 15;
/// Maximum number of likes per request.
pub const LIKES_MAX: i32 = LIKES_A_MESSAGE * MESSAGES_MAX;
/// Maximum number of gifts per request.
pub const GIFTS_MAX: i32 = 1_000_000;
/// Maximum number of months of a subscription.
const MONTHS_MAX: i64 = 10_000;
/// Maximum number of badges of a user.
const BADGES_MAX: usize = 100;
/// Maximum number of emotes, mentioned users, top viewers or givers.
const LISTED_MAX: usize = 100;
/// Number of answers in a poll.
const OPTIONS_MIN: usize = 2;
const OPTIONS_MAX: usize = 10;
/// Base64 with padding.
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
/// Type of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;
/// Gifts known by name: id, name and diamonds. Requests can give the price of others.
const GIFTS: [(i64, &str, i32); 7] = [
    (5269, "TikTok", 1),
    (5479, "Coffee", 1),
    (5487, "Finger Heart", 5),
    (5655, "Rose", 1),
    (5658, "Perfume", 20),
    (5827, "Ice Cream Cone", 1),
    (5879, "Doughnut", 30),
];

/// An event to inject. Fields without a default are optional. They are those of the event's `data`, some with a shorter name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum InjectRequest {
    /// A viewer writes a comment.
    Chat {
        /// The viewer.
        user: InjectUser,
        /// Text of the comment.
        comment: String,
        /// Emotes within the comment.
        #[serde(default)]
        #[schemars(length(max = LISTED_MAX))]
        emotes: Vec<InjectEmoteAt>,
        /// Language code.
        #[serde(default = "english")]
        language: String,
        /// Whether the comment was sent before the connection opened.
        #[serde(default)]
        is_history: bool,
        /// The mentioned user.
        mentioned: Option<InjectUser>,
        /// All mentioned users, as newer messages list them.
        #[serde(default)]
        #[schemars(length(max = LISTED_MAX))]
        mentioned_users: Vec<InjectUser>,
    },
    /// A viewer sends a gift.
    Gift {
        /// The viewer.
        user: InjectUser,
        /// Name of the gift.
        gift: String,
        /// Number of gifts.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = GIFTS_MAX))]
        count: i32,
        /// Whether to send a streak that rises to `count` and ends with a final, rather than only the final.
        #[serde(default)]
        combo: bool,
        /// Price of a single gift in diamonds. Defaults to the known price; required for gifts that are not
        /// known by name.
        #[schemars(range(min = 0))]
        diamonds: Option<i32>,
        /// URL of the gift's picture.
        #[serde(default)]
        picture_url: String,
        /// Id of the gift; defaults to the known one.
        gift_id: Option<i64>,
        /// 1 if the gift can be sent in streaks, the default.
        gift_type: Option<i32>,
        /// Whether a final ends the streak; `true` unless the gift cannot be sent in streaks.
        repeat_end: Option<bool>,
        /// Id of the streak. Requests with the same id, user and gift continue it; defaults to a new one.
        group_id: Option<Id>,
        /// The recipient, if it is a guest.
        receiver: Option<InjectUser>,
        /// What the sender did, in English; defaults to `Sent` and the name of the gift.
        describe: Option<String>,
        /// Running total of the streak, as TikTok's clients display it.
        #[serde(default)]
        combo_count: i32,
        /// Number of gifts that are sent at once.
        #[serde(default)]
        group_count: i32,
        /// Whether it is the sender's first gift.
        #[serde(default)]
        is_first: bool,
        /// Factor by which a card multiplies the points of the gift in a battle.
        #[serde(default)]
        multiplier: i64,
        /// The card: 1 boosting glove, 2 and 3 booster of the second and third, 4 vault glove.
        #[serde(default)]
        multiplier_type: i32,
        /// Text key of the display; defaults to the usual one.
        display_type: Option<String>,
        /// Pattern of the displayed text; defaults to the usual one.
        label: Option<String>,
    },
    /// A viewer taps the screen.
    Like {
        /// The viewer.
        user: InjectUser,
        /// Number of likes; a large number becomes several messages.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = LIKES_MAX))]
        count: i32,
        /// Total likes of the room afterwards; defaults to the number injected so far.
        #[schemars(range(min = 0))]
        total: Option<i64>,
        /// Text key of the display; defaults to the usual one.
        display_type: Option<String>,
        /// Pattern of the displayed text; defaults to the usual one.
        label: Option<String>,
    },
    /// A viewer joins, or a moderator acts on them.
    #[serde(alias = "join")]
    Member {
        /// The viewer.
        user: InjectUser,
        /// Number of viewers afterwards.
        #[serde(default)]
        member_count: i32,
        /// 1 joined; other codes are actions of moderators.
        #[serde(default = "one")]
        action_id: i32,
        /// The moderator who acts on the viewer.
        operator: Option<InjectUser>,
        /// How the viewer found the room, in TikTok's terms.
        #[serde(default)]
        enter_source: String,
        /// Text key of the display; defaults to the usual one.
        display_type: Option<String>,
        /// Pattern of the displayed text; defaults to the usual one.
        label: Option<String>,
    },
    /// A viewer follows the host.
    Follow {
        /// The viewer.
        user: InjectUser,
        /// Number of followers afterwards.
        #[serde(default)]
        follow_count: i64,
        /// Id of the user whom it is about.
        target_user_id: Option<Id>,
        /// Text key of the display; defaults to the usual one.
        display_type: Option<String>,
        /// Pattern of the displayed text; defaults to the usual one.
        label: Option<String>,
    },
    /// A viewer shares the room.
    Share {
        /// The viewer.
        user: InjectUser,
        /// Number of shares afterwards.
        #[serde(default)]
        share_count: i32,
        /// Id of the user whom it is about.
        target_user_id: Option<Id>,
        /// Text key of the display; defaults to the usual one.
        display_type: Option<String>,
        /// Pattern of the displayed text; defaults to the usual one.
        label: Option<String>,
    },
    /// A viewer reposts the room.
    Repost {
        /// The viewer.
        user: InjectUser,
        /// Id of the user whom it is about.
        target_user_id: Option<Id>,
        /// Text key of the display; defaults to the usual one.
        display_type: Option<String>,
        /// Pattern of the displayed text; defaults to the usual one.
        label: Option<String>,
    },
    /// A viewer subscribes.
    Subscribe {
        /// The viewer.
        user: InjectUser,
        /// Number of months subscribed.
        #[serde(default = "one_month")]
        #[schemars(range(min = 1, max = MONTHS_MAX))]
        months: i64,
        /// 0 one-time, 1 renewed automatically.
        #[serde(default = "one")]
        subscribe_type: i32,
        /// Previous status: 0 not subscribed, 1 resubscribed, …
        #[serde(default)]
        old_subscribe_status: i32,
        /// TikTok's code for the current status.
        #[serde(default = "one")]
        subscribing_status: i32,
        /// TikTok's code for the display.
        #[serde(default)]
        exhibition_type: i32,
        /// Kind of message: 0 a subscription; others are notices.
        #[serde(default)]
        message_type: i32,
    },
    /// A viewer asks the host a question.
    Question {
        /// The viewer.
        user: InjectUser,
        /// Text of the question.
        question: String,
        /// Id of the question; defaults to that of the message.
        question_id: Option<Id>,
        /// Time of asking, in whole seconds; defaults to now.
        asked_at: Option<Millis>,
    },
    /// A viewer sends emotes.
    Emote {
        /// The viewer.
        user: InjectUser,
        /// Emote id.
        emote_id: String,
        /// URL of its picture.
        #[serde(default)]
        picture_url: String,
        /// Further emotes.
        #[serde(default)]
        #[schemars(length(max = LISTED_MAX))]
        emotes: Vec<InjectEmote>,
    },
    /// A viewer sends an envelope of diamonds for others to open.
    Envelope {
        /// The viewer.
        user: InjectUser,
        /// Number of diamonds.
        #[schemars(range(min = 1))]
        diamonds: i32,
        /// Number of viewers who can open it.
        #[serde(default = "one")]
        #[schemars(range(min = 1))]
        people: i32,
        /// Id of the box; defaults to that of the message.
        envelope_id: Option<Id>,
        /// Kind of box: 1 a user's diamonds, the default, 19 a super-fan box, …
        business_type: Option<i32>,
        /// Name of the sender; defaults to the nickname of `user`.
        sender_name: Option<String>,
        /// Numeric id of the sender; defaults to that of `user`.
        sender_id: Option<Id>,
        /// 1 the box appears, the default, 2 it disappears.
        display: Option<i32>,
        /// Time at which it can be opened, in whole seconds; defaults to a minute from now.
        opens_at: Option<Millis>,
        /// Number of super fans that a super-fan box names.
        #[serde(default)]
        super_fan_count: i32,
    },
    /// A battle with another host starts or ends.
    Battle {
        /// The host.
        user: InjectUser,
        /// The other host.
        opponent: InjectUser,
        /// Points of the host.
        #[serde(default)]
        #[schemars(range(min = 0))]
        points: i64,
        /// Points of the other host.
        #[serde(default)]
        #[schemars(range(min = 0))]
        opponent_points: i64,
        /// Whether the battle ends.
        #[serde(default)]
        over: bool,
        /// Id of the battle; defaults to one that is derived from the hosts.
        battle_id: Option<Id>,
        /// Start time; defaults to now.
        started_at: Option<Millis>,
        /// Duration, in seconds; defaults to five minutes.
        duration_seconds: Option<i64>,
        /// The viewers who contributed to the host's points, in order of rank.
        #[serde(default)]
        #[schemars(length(max = LISTED_MAX))]
        givers: Vec<InjectGiver>,
        /// The viewers who contributed to the other host's points, in order of rank.
        #[serde(default)]
        #[schemars(length(max = LISTED_MAX))]
        opponent_givers: Vec<InjectGiver>,
    },
    /// The host starts a poll.
    Poll {
        /// The host.
        user: InjectUser,
        /// Text of the question.
        question: String,
        /// Answers to choose from.
        #[schemars(length(min = OPTIONS_MIN, max = OPTIONS_MAX))]
        options: Vec<InjectOption>,
        /// Id of the poll; defaults to that of the message.
        poll_id: Option<Id>,
        /// 0 plain, 1 by gifts, 2 the host's own, 3 the host's own by gifts, 4 quick by gifts, 5 by emotes.
        #[serde(default)]
        poll_kind: i32,
        /// Kind of change; `started` by default. Only this one has the question and times.
        state: Option<PollState>,
        /// Start time; defaults to now.
        started_at: Option<Millis>,
        /// End time; defaults to a minute from now.
        ends_at: Option<Millis>,
        /// Cause of the end: 0 time, 1 the host, 2 others, 3 TikTok.
        end_type: Option<i32>,
    },
    /// The LIVE ends.
    End {},
    /// A message with a custom payload.
    Raw {
        /// Method of the message, e.g. `WebcastChatMessage`.
        #[schemars(length(min = 1))]
        method: String,
        /// Protobuf of the message, in base64.
        #[schemars(regex(pattern = BASE64))]
        payload: String,
    },
    /// The number of viewers changes.
    #[serde(alias = "viewers")]
    RoomUser {
        /// Number of viewers.
        #[schemars(range(min = 0))]
        viewer_count: i64,
        /// Total number of viewers since the start of the LIVE; defaults to `viewerCount`.
        total_user_count: Option<i64>,
        /// Number of anonymous viewers.
        #[serde(default)]
        anonymous_count: i64,
        /// Top gifters, in order of rank.
        #[serde(default)]
        #[schemars(length(max = LISTED_MAX))]
        top_viewers: Vec<InjectTopViewer>,
        /// TikTok's measure of popularity.
        #[serde(default)]
        popularity: i64,
    },
}

/// An emote and its position in a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectEmoteAt {
    /// Position in the comment: the index of the following character.
    #[serde(default)]
    #[schemars(range(min = 0))]
    index: i32,
    /// Id of the emote.
    emote_id: String,
    /// URL of the picture.
    #[serde(default)]
    image_url: String,
}

/// An emote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectEmote {
    /// Id of the emote.
    emote_id: String,
    /// URL of the picture.
    #[serde(default)]
    image_url: String,
}

/// A viewer who contributed to the points of a battle.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectGiver {
    /// The viewer.
    user: InjectUser,
    /// Points of this viewer.
    points: i64,
}

/// A position in the list of top gifters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectTopViewer {
    /// Name in the profile's URL.
    #[serde(default)]
    unique_id: String,
    /// Value of the gifts, in coins.
    coin_count: Id,
    /// Numeric id; defaults to one that is derived from the unique id.
    user_id: Option<Id>,
    /// Displayed name; defaults to the unique id.
    nickname: Option<String>,
    /// URL of the profile picture.
    #[serde(default)]
    avatar: String,
    /// Position in the list; defaults to its place, from 1.
    rank: Option<i64>,
    /// TikTok's number for the change.
    #[serde(default)]
    delta: i64,
}

/// An answer in a poll: a text, or also its votes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum InjectOption {
    /// The text.
    Text(String),
    /// The text and its votes.
    Votes(InjectVotes),
}

/// An answer with its votes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectVotes {
    /// Position; defaults to its place, from 0.
    index: Option<i32>,
    /// Text of the answer.
    text: String,
    /// Number of votes.
    #[serde(default)]
    votes: i64,
}

/// Result of an injection: the answer of `POST /inject`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Injected {
    /// Offset of the messages, in milliseconds.
    pub offset_ms: u64,
    /// Ids of the messages.
    pub ids: Vec<Id>,
    /// Sequence numbers of the resulting events.
    pub seqs: Vec<u64>,
    /// Number of clients subscribed at the time of the broadcast whose filter matches at least one of the
    /// events, not counting observers.
    pub delivered: usize,
}

impl InjectRequest {
    fn who(&self) -> Option<&InjectUser> {
        match self {
            Self::RoomUser { .. } | Self::End {} | Self::Raw { .. } => None,
            Self::Chat { user, .. }
            | Self::Gift { user, .. }
            | Self::Like { user, .. }
            | Self::Member { user, .. }
            | Self::Follow { user, .. }
            | Self::Share { user, .. }
            | Self::Repost { user, .. }
            | Self::Subscribe { user, .. }
            | Self::Question { user, .. }
            | Self::Emote { user, .. }
            | Self::Envelope { user, .. }
            | Self::Battle { user, .. }
            | Self::Poll { user, .. } => Some(user),
        }
    }

    /// Whether messages of this kind say what the relation of the user to the host is.
    fn has_identity(&self) -> bool {
        matches!(self, Self::Chat { .. } | Self::Gift { .. } | Self::Emote { .. })
    }

    /// Validates the request, such as number ranges and names.
    ///
    /// # Errors
    /// `bad_request`.
    pub fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Chat { comment, emotes, mentioned_users, .. } => {
                listed("emotes", emotes.len(), LISTED_MAX)?;
                listed("mentionedUsers", mentioned_users.len(), LISTED_MAX)?;
                emotes.iter().enumerate().try_for_each(|(at, emote)| emote.check(at, comment))?;
            }
            Self::Gift { count, diamonds, combo, gift_type, .. } => {
                within("count", i64::from(*count), 1, i64::from(GIFTS_MAX))?;
                within("diamonds", i64::from(diamonds.unwrap_or(0)), 0, i64::from(i32::MAX))?;
                if *combo && gift_type.is_some_and(|of| of != STREAKABLE) {
                    let message = "a gift whose `giftType` is not 1 has no streaks";
                    return Err(wrong(message, "leave out `combo`, or set `giftType` to 1"));
                }
            }
            Self::Like { count, total, .. } => {
                within("count", i64::from(*count), 1, i64::from(LIKES_MAX))?;
                within("total", total.unwrap_or(0), 0, i64::MAX)?;
            }
            Self::Subscribe { months, .. } => within("months", *months, 1, MONTHS_MAX)?,
            Self::RoomUser { viewer_count, top_viewers, .. } => {
                within("viewerCount", *viewer_count, 0, i64::MAX)?;
                listed("topViewers", top_viewers.len(), LISTED_MAX)?;
            }
            Self::Emote { emotes, .. } => listed("emotes", emotes.len(), LISTED_MAX)?,
            other => check_others(other)?,
        }
        let Some(who) = self.who() else { return Ok(()) };
        if who.unique_id().trim().is_empty() {
            return Err(wrong("`user` has no name", "name a user, for example `ann`"));
        }
        let Some(details) = who.details() else { return Ok(()) };
        listed("user.badges", details.badges.len(), BADGES_MAX)?;
        let identity = [("isGiftGiver", details.is_gift_giver), ("isFollower", details.is_follower)];
        match identity.into_iter().find(|(_, is_set)| *is_set && !self.has_identity()) {
            Some((name, _)) => {
                let message = format!("`user.{name}` is only in comments, gifts and emotes");
                Err(wrong(message, "leave it out, or set `user.followStatus`"))
            }
            None => Ok(()),
        }
    }
}

impl InjectEmoteAt {
    /// Rejects a position outside the comment.
    fn check(&self, at: usize, comment: &str) -> Result<(), Problem> {
        let length = comment.encode_utf16().count();
        if usize::try_from(self.index).is_ok_and(|index| index <= length) {
            return Ok(());
        }
        let message = format!("`emotes[{at}].index` is {}, outside the comment", self.index);
        Err(wrong(message, format!("choose a number from 0 to {length}, the length of `comment`")))
    }
}

/// Validates the fields of rarely injected kinds.
fn check_others(request: &InjectRequest) -> Result<(), Problem> {
    match request {
        InjectRequest::Envelope { diamonds, people, .. } if *diamonds < 1 || *people < 1 => {
            Err(wrong(format!("{diamonds} `diamonds` for {people} `people`"), "set both to 1 or more"))
        }
        InjectRequest::Battle { points, opponent_points, .. } if *points < 0 || *opponent_points < 0 => {
            Err(wrong("`points` or `opponentPoints` is negative", "set both to 0 or more"))
        }
        InjectRequest::Battle { user, opponent, .. } if is_same(user, opponent) => {
            Err(wrong("`opponent` is not another host", "name a host other than `user`"))
        }
        InjectRequest::Battle { givers, opponent_givers, .. } => {
            listed("givers", givers.len(), LISTED_MAX)?;
            listed("opponentGivers", opponent_givers.len(), LISTED_MAX)
        }
        InjectRequest::Poll { options, .. } if !(OPTIONS_MIN..=OPTIONS_MAX).contains(&options.len()) => {
            let hint = format!("send {OPTIONS_MIN} to {OPTIONS_MAX} answers");
            Err(wrong(format!("the length of `options` is {}", options.len()), hint))
        }
        InjectRequest::Raw { method, .. } if method.is_empty() => {
            Err(wrong("`method` is empty", "name a message, for example `WebcastChatMessage`"))
        }
        InjectRequest::Raw { payload, .. } if STANDARD.decode(payload).is_err() => {
            Err(wrong("`payload` is not base64", "encode the protobuf of the message in base64"))
        }
        _ => Ok(()),
    }
}

fn is_same(user: &InjectUser, opponent: &InjectUser) -> bool {
    user.unique_id() == opponent.unique_id() || opponent.unique_id().trim().is_empty()
}

fn within(name: &str, value: i64, min: i64, max: i64) -> Result<(), Problem> {
    let wrong = || wrong(format!("`{name}` is {value}"), format!("choose a number from {min} to {max}"));
    (min..=max).contains(&value).then_some(()).ok_or_else(wrong)
}

fn listed(name: &str, length: usize, max: usize) -> Result<(), Problem> {
    let wrong = || wrong(format!("the length of `{name}` is {length}"), format!("send at most {max}"));
    (length <= max).then_some(()).ok_or_else(wrong)
}

/// Returns the error for an invalid field.
fn wrong(message: impl fmt::Display, hint: impl fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, message).hint(hint)
}

/// Rejects a gift that is not known by name, unless the request gives its price.
///
/// # Errors
/// `bad_request` with the nearest name.
fn check_gift(name: &str, diamonds: Option<i32>) -> Result<(), Problem> {
    if diamonds.is_some() || GIFTS.iter().any(|(_, known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let hint =
        format!("{}; or set `diamonds` for any other gift", choices(name, &GIFTS.map(|(_, name, _)| name)));
    Err(wrong(format!("unknown gift `{name}`"), hint))
}

fn one() -> i32 {
    1
}

fn one_month() -> i64 {
    1
}

fn english() -> String {
    "en".to_owned()
}
