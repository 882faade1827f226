//! Synthetic messages: turns a JSON request into the frame that TikTok would have sent.
//!
//! The same decoder handles the frame like any other. Ids come from a reserved range far above TikTok's own.
//! The name of the stream selects a block of the range, so that injected messages in a recording and newly
//! injected ones do not collide.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::{
    error::{Code, Problem},
    event::{
        Id, Person,
        compose::{self, Battle, Side, Stamp},
    },
    nearest::{self, choices},
    recording::{Flags, Frame, Item, Opcode, What},
    wire::{Batch, BatchInfo, Message, Push, write_batch, write_push},
};

/// First reserved message id. TikTok's ids contain the time of their creation, and reach this one in November
/// 2037.
pub const RESERVED_IDS: i64 = 9_200_000_000_000_000_000;
/// Size of one stream's block of ids, as a power of two.
const IDS_BITS: u32 = 20;
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
/// Number of answers in a poll.
const OPTIONS_MIN: usize = 2;
const OPTIONS_MAX: usize = 10;
/// Base64 with padding.
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
/// First reserved user id.
const RESERVED_USERS: i64 = 9_100_000_000_000_000_000;
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
/// Length of a battle, in seconds.
const BATTLE_SECS: i64 = 300;

/// An event to inject.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum InjectRequest {
    /// A viewer writes a comment.
    Chat {
        /// The viewer.
        user: InjectUser,
        /// Text of the comment.
        comment: String,
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
    },
    /// A viewer joins.
    #[serde(alias = "join")]
    Member {
        /// The viewer.
        user: InjectUser,
        /// Number of viewers afterwards.
        #[serde(default)]
        member_count: i32,
    },
    /// A viewer follows the host.
    Follow {
        /// The viewer.
        user: InjectUser,
        /// Number of followers afterwards.
        #[serde(default)]
        follow_count: i64,
    },
    /// A viewer shares the room.
    Share {
        /// The viewer.
        user: InjectUser,
        /// Number of shares afterwards.
        #[serde(default)]
        share_count: i32,
    },
    /// A viewer subscribes.
    Subscribe {
        /// The viewer.
        user: InjectUser,
        /// Number of months subscribed.
        #[serde(default = "one_month")]
        #[schemars(range(min = 1, max = MONTHS_MAX))]
        months: i64,
    },
    /// A viewer asks the host a question.
    Question {
        /// The viewer.
        user: InjectUser,
        /// Text of the question.
        question: String,
    },
    /// A viewer sends an emote.
    Emote {
        /// The viewer.
        user: InjectUser,
        /// Emote id.
        emote_id: String,
        /// URL of its picture.
        #[serde(default)]
        picture_url: String,
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
    },
    /// The host starts a poll.
    Poll {
        /// The host.
        user: InjectUser,
        /// Text of the question.
        question: String,
        /// Answers to choose from.
        #[schemars(length(min = OPTIONS_MIN, max = OPTIONS_MAX))]
        options: Vec<String>,
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
    },
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

/// Creates frames from requests. Its ids never repeat.
#[derive(Clone, Debug, Default)]
pub struct Injector {
    /// Number of the ownership of a channel that several processes share; 0 in others.
    term: u64,
    made: i64,
    likes: i64,
}

/// Target of an injected frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InjectTarget {
    /// Number of the connection; 0 if there is none.
    pub conn: u32,
    /// Id of the room; 0 if unknown.
    pub room_id: i64,
    /// Time of injection, as an offset.
    pub offset: Duration,
    /// Time of injection, in Unix milliseconds.
    pub now_ms: i64,
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
            | Self::Subscribe { user, .. }
            | Self::Question { user, .. }
            | Self::Emote { user, .. }
            | Self::Envelope { user, .. }
            | Self::Battle { user, .. }
            | Self::Poll { user, .. } => Some(user),
        }
    }

    /// Validates the request, such as number ranges and names.
    ///
    /// # Errors
    /// `bad_request`.
    pub fn check(&self) -> Result<(), Problem> {
        let within = |name: &str, value: i64, min: i64, max: i64| {
            let wrong =
                || wrong(format!("`{name}` is {value}"), format!("choose a number from {min} to {max}"));
            (min..=max).contains(&value).then_some(()).ok_or_else(wrong)
        };
        match self {
            Self::Gift { count, diamonds, .. } => {
                within("count", i64::from(*count), 1, i64::from(GIFTS_MAX))?;
                within("diamonds", i64::from(diamonds.unwrap_or(0)), 0, i64::from(i32::MAX))?;
            }
            Self::Like { count, total, .. } => {
                within("count", i64::from(*count), 1, i64::from(LIKES_MAX))?;
                within("total", total.unwrap_or(0), 0, i64::MAX)?;
            }
            Self::Subscribe { months, .. } => within("months", *months, 1, MONTHS_MAX)?,
            Self::RoomUser { viewer_count } => within("viewerCount", *viewer_count, 0, i64::MAX)?,
            other => check_others(other)?,
        }
        match self.who() {
            Some(who) if who.unique_id().trim().is_empty() => {
                Err(wrong("`user` has no name", "name a user, for example `ann`"))
            }
            _ => Ok(()),
        }
    }
}

impl Injector {
    /// Starts an ownership of a stream that several processes share: its ids differ from those of all others,
    /// also if these were lost.
    pub fn begin_term(&mut self, term: u64) {
        self.term = term;
    }

    /// Creates the frame for a request, flagged as injected. Also returns the ids of its messages.
    pub fn make(&mut self, request: &InjectRequest, stream: &str, target: InjectTarget) -> (Item, Vec<Id>) {
        let mut name = crc32fast::Hasher::new();
        name.update(stream.as_bytes());
        if self.term > 0 {
            name.update(&self.term.to_le_bytes());
        }
        let block = RESERVED_IDS + (i64::from(name.finalize()) << IDS_BITS);
        let mut stamps = Stamps { injector: self, block, target };
        let messages = stamps.messages(request);
        let ids = messages.iter().map(|message| Id(message.msg_id)).collect();
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: frame(messages, target.now_ms) });
        (Item { offset: target.offset, conn: target.conn, flags: Flags(Flags::INJECTED), what }, ids)
    }
}

/// Assigns the ids of messages.
struct Stamps<'a> {
    injector: &'a mut Injector,
    block: i64,
    target: InjectTarget,
}

impl Stamps<'_> {
    fn next(&mut self) -> Stamp {
        self.injector.made += 1;
        // The ids start over after a million messages.
        let msg_id = self.block + (self.injector.made & ((1 << IDS_BITS) - 1));
        Stamp { msg_id, room_id: self.target.room_id, create_time: self.target.now_ms }
    }

    fn messages(&mut self, request: &InjectRequest) -> Vec<Message> {
        let person = request.who().map(InjectUser::person).unwrap_or_default();
        match request {
            InjectRequest::Chat { comment, .. } => vec![compose::chat(self.next(), &person, comment)],
            InjectRequest::Gift { gift, count, combo, diamonds, picture_url, .. } => {
                let gift = known_gift(gift, *diamonds, picture_url);
                self.streak(&person, &gift, *count, *combo)
            }
            InjectRequest::Like { count, total, .. } => self.burst(&person, *count, *total),
            InjectRequest::Member { member_count, .. } => {
                vec![compose::member(self.next(), &person, *member_count)]
            }
            InjectRequest::Follow { follow_count, .. } => {
                vec![compose::follow(self.next(), &person, *follow_count)]
            }
            InjectRequest::Share { share_count, .. } => {
                vec![compose::share(self.next(), &person, *share_count)]
            }
            InjectRequest::Subscribe { months, .. } => {
                vec![compose::subscribe(self.next(), &person, *months)]
            }
            InjectRequest::Question { question, .. } => {
                vec![compose::question(self.next(), &person, question)]
            }
            InjectRequest::RoomUser { viewer_count } => {
                vec![compose::room_user(self.next(), *viewer_count, *viewer_count, &[])]
            }
            other => rare_messages(self, &person, other),
        }
    }

    /// Creates a separate streak: an increasing running total, then the final that repeats it.
    fn streak(&mut self, person: &Person, gift: &compose::Gift, count: i32, combo: bool) -> Vec<Message> {
        let steps = if combo { count.min(MESSAGES_MAX - 1) } else { 0 };
        let mut group_id = 0;
        let mut message = |repeat_count: i32, repeat_end: bool| {
            let stamp = self.next();
            if group_id == 0 {
                group_id = stamp.msg_id;
            }
            compose::gift(
                stamp,
                person,
                &compose::Gift { repeat_count, repeat_end, group_id, ..gift.clone() },
            )
        };
        let rising = |step: i32| i64::from(count) * i64::from(step) / i64::from(steps);
        let mut messages: Vec<Message> =
            (1..=steps).map(|step| message(i32::try_from(rising(step)).unwrap_or(count), false)).collect();
        messages.push(message(count, true));
        messages
    }

    /// Splits likes into messages as TikTok's clients do. The last message has the remainder.
    fn burst(&mut self, person: &Person, count: i32, total: Option<i64>) -> Vec<Message> {
        self.injector.likes += i64::from(count);
        let total = total.unwrap_or(self.injector.likes);
        let (mut left, mut messages) = (count, Vec::new());
        while left > 0 {
            let taps = left.min(LIKES_A_MESSAGE);
            left -= taps;
            messages.push(compose::like(
                self.next(),
                person,
                taps,
                total.saturating_sub(i64::from(left)).max(0),
            ));
        }
        messages
    }
}

/// A user: a name, or several fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum InjectUser {
    /// Unique id, also used as the displayed name.
    Name(#[schemars(regex(pattern = r"\S"))] String),
    /// Several fields.
    Person(#[serde(deserialize_with = "object")] InjectUserDetails),
}

/// A user with several fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectUserDetails {
    /// Name in the profile's URL.
    #[schemars(regex(pattern = r"\S"))]
    unique_id: String,
    /// Displayed name; defaults to the unique id.
    nickname: Option<String>,
    /// URL of the profile picture.
    #[serde(default)]
    avatar: String,
}

impl InjectUser {
    fn unique_id(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Person(detail) => &detail.unique_id,
        }
    }

    /// Builds the user. The same name always has the same id.
    fn person(&self) -> Person {
        let unique_id = SmolStr::new(self.unique_id());
        let user_id = Id(RESERVED_USERS + i64::from(crc32fast::hash(unique_id.as_bytes())));
        let (nickname, avatar) = match self {
            Self::Name(_) => (None, ""),
            Self::Person(detail) => (detail.nickname.as_deref(), detail.avatar.as_str()),
        };
        let nickname = nickname.map_or_else(|| unique_id.clone(), SmolStr::new);
        Person { user_id, nickname, unique_id, avatar: avatar.into() }
    }
}

/// Not compressed: setting up a compressor takes longer than everything else.
fn frame(messages: Vec<Message>, now_ms: i64) -> Bytes {
    let info = BatchInfo { now_ms, ..BatchInfo::default() };
    write_push(&Push {
        payload_type: "msg".into(),
        payload_encoding: "pb".into(),
        compress_type: "none".into(),
        payload: write_batch(&Batch { messages, info }),
        ..Push::default()
    })
}

fn one() -> i32 {
    1
}

fn one_month() -> i64 {
    1
}

/// Reads an object. Serde would also read a list, as the fields in their order.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InjectUserDetails, D::Error> {
    let fields = Map::<String, Value>::deserialize(deserializer)?;
    InjectUserDetails::deserialize(Value::Object(fields)).map_err(D::Error::custom)
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

/// Returns the error for an invalid field.
fn wrong(message: impl fmt::Display, hint: impl fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, message).hint(hint)
}

fn known_gift(name: &str, diamonds: Option<i32>, picture_url: &str) -> compose::Gift {
    let known = GIFTS.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name));
    // The id of an unknown gift is derived from its name, in a range above TikTok's.
    let made_up = || 1_000_000_000 + i64::from(crc32fast::hash(name.as_bytes()));
    compose::Gift {
        gift_id: known.map_or_else(made_up, |known| known.0),
        name: known.map_or(name, |known| known.1).to_owned(),
        diamond_count: diamonds.or(known.map(|known| known.2)).unwrap_or(1),
        picture_url: picture_url.to_owned(),
        ..compose::Gift::default()
    }
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
    Err(Problem::new(Code::BadRequest, format!("unknown gift `{name}`")).hint(hint))
}

/// Returns the messages of a request; none for the kinds that [`Stamps::messages`] handles.
fn rare_messages(stamps: &mut Stamps<'_>, person: &Person, request: &InjectRequest) -> Vec<Message> {
    match request {
        InjectRequest::Emote { emote_id, picture_url, .. } => {
            vec![compose::emote(stamps.next(), person, emote_id, picture_url)]
        }
        InjectRequest::Envelope { diamonds, people, .. } => {
            vec![compose::envelope(stamps.next(), person, *diamonds, *people)]
        }
        InjectRequest::Poll { question, options, .. } => {
            vec![compose::poll(stamps.next(), person, question, options)]
        }
        InjectRequest::End {} => vec![compose::control(stamps.next(), compose::ENDED)],
        InjectRequest::Raw { method, payload } => {
            let payload = STANDARD.decode(payload).unwrap_or_default().into();
            let msg_id = stamps.next().msg_id;
            vec![Message { method: method.as_str().into(), payload, msg_id, is_history: false }]
        }
        InjectRequest::Battle { opponent, points, opponent_points, over, .. } => {
            let side = |host: &Person, points| Side { host: host.clone(), points, givers: Vec::new() };
            let sides = vec![side(person, *points), side(&opponent.person(), *opponent_points)];
            fight(stamps, person, sides, *over)
        }
        _ => Vec::new(),
    }
}

/// Returns the start or end of a battle, and its points if there are any.
fn fight(stamps: &mut Stamps<'_>, person: &Person, sides: Vec<Side>, over: bool) -> Vec<Message> {
    let stamp = stamps.next();
    // The id is derived from the hosts, so that the end of a battle matches its start.
    let hosts: String = sides.iter().flat_map(|side| [side.host.unique_id.as_str(), "/"]).collect();
    let Id(battle_id) = Id(RESERVED_USERS + i64::from(crc32fast::hash(hosts.as_bytes())));
    let has_points = sides.iter().any(|side| side.points > 0);
    let battle = Battle { battle_id, started_ms: stamp.create_time, duration_s: BATTLE_SECS, sides };
    let mut messages = vec![compose::battle(stamp, &battle, over)];
    if has_points {
        messages.push(compose::armies(stamps.next(), &battle, person, over));
    }
    messages
}

#[cfg(test)]
mod tests;

/// Kinds and their fields, apart from `type`.
pub const KINDS: &[(&str, &[&str])] = &[
    ("chat", &["user", "comment"]),
    ("gift", &["user", "gift", "count", "combo", "diamonds", "pictureUrl"]),
    ("like", &["user", "count", "total"]),
    ("member", &["user", "memberCount"]),
    ("join", &["user", "memberCount"]),
    ("follow", &["user", "followCount"]),
    ("share", &["user", "shareCount"]),
    ("subscribe", &["user", "months"]),
    ("question", &["user", "question"]),
    ("emote", &["user", "emoteId", "pictureUrl"]),
    ("envelope", &["user", "diamonds", "people"]),
    ("battle", &["user", "opponent", "points", "opponentPoints", "over"]),
    ("poll", &["user", "question", "options"]),
    ("end", &[]),
    ("raw", &["method", "payload"]),
    ("room_user", &["viewerCount"]),
    ("viewers", &["viewerCount"]),
];

/// Parses a request. Rejects unknown types, fields and gifts, and suggests the nearest known one.
///
/// # Errors
/// `bad_request`.
pub fn parse(body: Map<String, Value>) -> Result<InjectRequest, Problem> {
    let names = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let kind = match body.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        _ => {
            let hint = format!("choose one of: {}", names().join(", "));
            return Err(Problem::new(Code::BadRequest, "`type` is missing").hint(hint));
        }
    };
    let Some((_, fields)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        return Err(unknown(format!("events of type `{kind}` cannot be injected"), kind, &names()));
    };
    if let Some(field) = body.keys().find(|key| *key != "type" && !fields.contains(&key.as_str())) {
        return Err(unknown(format!("`{kind}` has no `{field}`"), field, fields));
    }
    let body = Value::Object(body);
    let request = InjectRequest::deserialize(&body).map_err(|error| mistake(fields, &body, &error))?;
    request.check()?;
    if let InjectRequest::Gift { gift, diamonds, .. } = &request {
        check_gift(gift, *diamonds)?;
    }
    Ok(request)
}

/// Describes the field because of which a request does not parse.
fn mistake(fields: &[&str], body: &Value, error: &serde_json::Error) -> Problem {
    let error = error.to_string();
    let missing = error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let misfit = |field: &&&str| body.get(**field).is_some_and(|value| !(form(field).2)(value));
    let (message, field) = match (missing, fields.iter().find(misfit)) {
        (Some(field), _) => (format!("`{field}` is missing"), field),
        (None, Some(field)) => (format!("`{field}` is not {}", form(field).0), *field),
        (None, None) => return Problem::new(Code::BadRequest, format!("cannot inject this: {error}")),
    };
    Problem::new(Code::BadRequest, message).hint(format!(r#"send for example "{field}": {}"#, form(field).1))
}

/// Returns the form of a field's value, an example in JSON, and a test whether a value has this form.
fn form(field: &str) -> (&'static str, &'static str, fn(&Value) -> bool) {
    match field {
        "user" | "opponent" => (
            "a name, or an object with `uniqueId`",
            r#""ann", or {"uniqueId": "ann", "nickname": "Ann"}"#,
            |it| InjectUser::deserialize(it).is_ok(),
        ),
        "options" => ("a list of texts", r#"["yes", "no"]"#, |it| Vec::<String>::deserialize(it).is_ok()),
        "combo" | "over" => ("true or false", "true", Value::is_boolean),
        "gift" => ("a text", r#""Rose""#, Value::is_string),
        "method" => ("a text", r#""WebcastChatMessage""#, Value::is_string),
        "payload" => ("a text", r#""GgJoaQ==""#, Value::is_string),
        "pictureUrl" => ("a text", r#""https://example.com/picture.webp""#, Value::is_string),
        "comment" | "question" | "emoteId" => ("a text", r#""hello""#, Value::is_string),
        "followCount" | "months" | "points" | "opponentPoints" | "viewerCount" => {
            ("a whole number", "5", Value::is_i64)
        }
        "total" => ("a whole number", "500", |it| Option::<i64>::deserialize(it).is_ok()),
        "diamonds" => ("a whole number up to 2147483647", "5", |it| Option::<i32>::deserialize(it).is_ok()),
        _ => ("a whole number up to 2147483647", "5", |it| i32::deserialize(it).is_ok()),
    }
}

fn unknown(message: String, given: &str, known: &[&str]) -> Problem {
    Problem::new(Code::BadRequest, message).hint(nearest::hint(given, known))
}
