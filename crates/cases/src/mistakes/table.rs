//! The table of mistakes, and how each changes what events add. A function returns how many times the event counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use livetape_core::truth::{Added, Given, What, begins};
use smol_str::{SmolStr, format_smolstr};

use super::{Details, Gift, Sender, Show, SlimEvent};
use crate::{
    expect::{TOP_GIFTER, TOP_GIFTER_NAME},
    report::PLAIN,
};

pub(super) struct Mistake {
    /// Its code. Variants of a mistake have the same code.
    pub(super) name: &'static str,
    /// The numbers that become wrong; empty for all. `diamonds` includes those of users.
    pub(super) totals: &'static [&'static str],
    /// What the client does: the subject of a sentence.
    pub(super) doing: &'static str,
    /// Which streaks or events it counts wrong.
    pub(super) which: &'static str,
    pub(super) count: Count,
    /// The total that the client prints instead, if that is the mistake.
    pub(super) prints: Option<&'static str>,
    /// Name of the case that every client with it fails; empty for those that depend on the kind of break.
    pub(super) shown_by: &'static str,
}

/// Changes what an event adds into what it adds for a client with the mistake, and returns how many times it
/// counts. Arguments: what the client remembers, the show, the event's index and the event.
type Count = fn(&mut Memory, &Show<'_>, usize, &mut Counted<'_>) -> usize;

impl Mistake {
    /// Whether the mistake can make this number wrong.
    pub(super) fn is_about(&self, what: &str) -> bool {
        let total = what.split_once('.').map_or(what, |(total, _)| total);
        self.totals.is_empty() || self.totals.contains(&total)
    }

    /// Whether nearly every show reveals it. Of mistakes that give the same number, those that need a certain
    /// change or break are likelier.
    pub(super) fn is_obvious(&self) -> bool {
        self.shown_by == PLAIN
    }

    const fn prints(self, total: &'static str) -> Self {
        Self { prints: Some(total), ..self }
    }

    const fn shown_by(self, case: &'static str) -> Self {
        Self { shown_by: case, ..self }
    }
}

const GIFTS: &[&str] = &["diamonds", "gifts", "top_gifter"];
const DIAMONDS: &[&str] = &["diamonds", "top_gifter"];
/// Numbers that are sums over events.
const SUMS: &[&str] = &[
    "events",
    "chats",
    "empty_texts",
    "texts",
    "gifts",
    "streaks",
    "diamonds",
    "likes",
    "follows",
    "shares",
    "joins",
    "subscribes",
];
const TEXTS: &[&str] = &["last_chat", "empty_texts", "texts"];
/// Every number.
const ALL: &[&str] = &[];

const fn mistake(
    name: &'static str,
    totals: &'static [&'static str],
    doing: &'static str,
    which: &'static str,
    count: Count,
) -> Mistake {
    Mistake { name, totals, doing, which, count, prints: None, shown_by: "" }
}

/// A mistake that the plain show already reveals.
const fn obvious(
    name: &'static str,
    totals: &'static [&'static str],
    doing: &'static str,
    which: &'static str,
    count: Count,
) -> Mistake {
    mistake(name, totals, doing, which, count).shown_by(PLAIN)
}

const SKIPPED: &str = "skipping messages whose `id` is the same as another one after `Number(id)`";

fn skip_rounded(memory: &mut Memory, _: &Show<'_>, _: usize, counted: &mut Counted<'_>) -> usize {
    usize::from(counted.event.id.is_none_or(|id| memory.messages.insert(rounded(id))))
}

pub(super) const TABLE: &[Mistake] = &[
    obvious(
        "sum_of_repeat_count",
        GIFTS,
        "adding up `repeatCount` of all messages of a streak",
        "with several messages",
        |_, _, _, counted| gift(counted, |gift| gift.repeat_count),
    ),
    obvious(
        "repeated_total",
        GIFTS,
        "taking a message that repeats the total of its streak, such as `repeatEnd`, for a new streak",
        "with such a message",
        |_, _, _, counted| {
            gift(counted, |gift| if gift.repeat_delta > 0 { gift.repeat_delta } else { gift.repeat_count })
        },
    ),
    mistake(
        "only_repeat_end",
        &["diamonds", "gifts", "streaks", "gifters", "top_gifter"],
        "counting only gifts with `repeatEnd`",
        "without a last message",
        |_, _, _, counted| gift(counted, |gift| if is_end(gift) { gift.repeat_count } else { 0 }),
    )
    .shown_by("no-final"),
    mistake(
        "only_repeat_end",
        &["diamonds", "gifts", "streaks", "gifters", "top_gifter"],
        "counting only gifts with `repeatEnd` (gifts outside of streaks never have it)",
        "without a last message",
        |_, _, _, counted| gift(counted, |gift| if gift.repeat_end { gift.repeat_count } else { 0 }),
    )
    .shown_by("no-final"),
    obvious(
        "only_last_increment",
        GIFTS,
        "counting `repeatDelta` or `diamonds` only of gifts with `repeatEnd`",
        "that rose before the last message",
        |_, _, _, counted| gift(counted, |gift| if is_end(gift) { gift.repeat_delta } else { 0 }),
    ),
    obvious(
        "only_last_increment",
        GIFTS,
        "counting `repeatDelta` or `diamonds` only of gifts with `isFinal`",
        "that rose before the last message",
        |_, _, _, counted| gift(counted, |gift| if gift.is_final { gift.repeat_delta } else { 0 }),
    ),
    mistake(
        "every_final",
        GIFTS,
        "counting `repeatCount` of every `isFinal`",
        "with several finals",
        |_, _, _, counted| gift(counted, |gift| if gift.is_final { gift.repeat_count } else { 0 }),
    )
    .shown_by("late-final"),
    obvious(
        "only_first_message",
        GIFTS,
        "counting only the first message of each streak",
        "with later ones",
        |_, _, _, counted| gift(counted, |gift| if is_first(gift) { gift.repeat_count } else { 0 }),
    ),
    obvious(
        "without_count",
        DIAMONDS,
        "adding `diamondCount` for each message, without `repeatCount`",
        "with another number of messages than gifts",
        |_, _, _, counted| price(counted, |_| true),
    ),
    obvious(
        "without_count",
        DIAMONDS,
        "adding `diamondCount` for each `repeatEnd`, without `repeatCount`",
        "without a last message or with several gifts",
        |_, _, _, counted| price(counted, is_end),
    ),
    obvious(
        "without_count",
        DIAMONDS,
        "adding `diamondCount` once for each streak, without `repeatCount`",
        "with several gifts",
        |_, _, _, counted| price(counted, is_first),
    ),
    obvious(
        "gifts_as_diamonds",
        &["diamonds"],
        "counting gifts without `diamondCount`",
        "with gifts of another price than 1",
        |_, _, _, counted| gift_and_diamonds(counted, |gift| (gift.repeat_delta, gift.repeat_delta.into())),
    ),
    obvious(
        "messages_as_gifts",
        &["gifts"],
        "counting messages instead of gifts",
        "with another number of messages than gifts",
        |_, _, _, counted| gift(counted, |_| 1),
    ),
    obvious(
        "streaks_as_gifts",
        &["gifts"],
        "counting each streak as one gift",
        "with several gifts",
        |_, _, _, counted| gift(counted, |gift| i32::from(is_first(gift))),
    ),
    obvious(
        "streaks_as_gifts",
        &["gifts"],
        "counting each `repeatEnd` as one gift",
        "without a last message or with several gifts",
        |_, _, _, counted| gift(counted, |gift| i32::from(is_end(gift))),
    ),
    obvious(
        "messages_as_streaks",
        &["streaks"],
        "counting messages instead of streaks",
        "with several messages",
        |_, _, _, counted| streak(counted),
    ),
    mistake(
        "same_user_same_gift",
        GIFTS,
        "taking all streaks of a user with the same gift for one",
        "taken for an earlier one",
        |memory, _, _, counted| rise(memory, counted, |user, gift| (user, gift), true),
    )
    .shown_by("again"),
    mistake(
        "same_user_same_gift",
        GIFTS,
        "taking a streak for the last one of the same user with the same gift",
        "taken for an earlier one",
        |memory, _, _, counted| rise(memory, counted, |user, gift| (user, gift), false),
    )
    .shown_by("again"),
    obvious(
        "same_user",
        GIFTS,
        "taking all streaks of a user for one",
        "taken for another of the user",
        |memory, _, _, counted| rise(memory, counted, |user, _| (user, 0), true),
    ),
    obvious(
        "same_user",
        GIFTS,
        "taking a streak for the last one of the same user",
        "taken for another of the user",
        |memory, _, _, counted| rise(memory, counted, |user, _| (user, 0), false),
    ),
    obvious(
        "same_gift",
        GIFTS,
        "taking all streaks with the same gift for one",
        "taken for another with the gift",
        |memory, _, _, counted| rise(memory, counted, |_, gift| (0, gift), true),
    ),
    obvious(
        "same_gift",
        GIFTS,
        "taking a streak for the last one with the same gift",
        "taken for another with the gift",
        |memory, _, _, counted| rise(memory, counted, |_, gift| (0, gift), false),
    ),
    mistake(
        "one_streak",
        GIFTS,
        "taking all gifts without a `streakId` for one streak",
        "taken for others without a streak",
        |memory, _, _, counted| match &counted.event.details {
            Details::Gift(gift) if gift.streak_id.is_empty() => rise(memory, counted, |_, _| (0, 0), true),
            _ => 1,
        },
    )
    .shown_by("burst"),
    mistake(
        "forgotten_streak",
        GIFTS,
        "forgetting a streak after a minute without a message of it, and counting all of it again",
        "with a late message",
        |memory, _, _, counted| forgotten(memory, counted),
    )
    .shown_by("late-final"),
    mistake(
        "counted_again",
        SUMS,
        "counting all earlier events again after each break",
        "before a break",
        |_, show, index, _| 1 + show.breaks.iter().filter(|at| index < **at).count(),
    ),
    mistake(
        "counted_again",
        SUMS,
        "counting the events before a break once more after it",
        "before a break",
        |_, show, index, _| 1 + usize::from(show.breaks.iter().any(|at| index < *at)),
    ),
    mistake(
        "never_starts_over",
        SUMS,
        "keeping the totals when the show starts over",
        "before it started over",
        |_, show, index, _| 1 + show.starts.iter().filter(|at| index < **at).count(),
    ),
    mistake(
        "two_connections",
        SUMS,
        "counting each event once for each connection since the start",
        "after a break",
        |_, show, index, _| 1 + show.breaks.iter().filter(|at| index >= **at).count(),
    ),
    mistake(
        "missed_after_break",
        ALL,
        "counting nothing after the first break",
        "after the break",
        |_, show, index, _| usize::from(show.breaks.first().is_none_or(|at| index < *at)),
    ),
    mistake(
        "reset_at_break",
        ALL,
        "starting over after each break",
        "before the last break",
        |_, show, index, _| usize::from(show.breaks.last().is_none_or(|at| index >= *at)),
    ),
    mistake(
        "reset_at_room",
        ALL,
        "starting over with each `connection_created`",
        "before the last room",
        |_, show, index, _| usize::from(index >= show.last_room),
    )
    .shown_by("new-room"),
    mistake(
        "missed_after_end",
        ALL,
        "counting nothing after a LIVE has ended",
        "after the end",
        |_, show, index, _| usize::from(index < show.first_end),
    )
    .shown_by("new-room"),
    mistake("without_user", SUMS, "skipping events without a user", "without a user", |_, _, _, counted| {
        usize::from(!counted.event.is_anonymous)
    })
    .shown_by("missing"),
    mistake(
        "nobody_as_gifter",
        &["gifters"],
        "counting gifts without a user as those of one more user",
        "without a user",
        |_, _, _, counted| {
            if let What::Gift(given) = &mut counted.added.what
                && given.sender.is_empty()
            {
                given.sender = "undefined".into();
            }
            1
        },
    )
    .shown_by("missing"),
    obvious(
        "without_history",
        &["chats", "events"],
        "skipping comments with `isHistory`",
        "with `isHistory`",
        |_, _, _, counted| usize::from(!matches!(counted.event.details, Details::History)),
    ),
    obvious(
        "like_total",
        &["likes"],
        "taking the last `totalLikeCount`",
        "with another rise of the total",
        |memory, _, _, counted| likes(counted, |_, total| growth(memory, total, 0)),
    ),
    obvious(
        "like_total",
        &["likes"],
        "taking the highest `totalLikeCount`",
        "with another rise of the total",
        |memory, _, _, counted| {
            likes(counted, |_, total| growth(memory, total.max(memory.total.unwrap_or(0)), 0))
        },
    ),
    obvious(
        "like_total",
        &["likes"],
        "taking the rise of `totalLikeCount` since the first message",
        "with another rise of the total",
        |memory, _, _, counted| likes(counted, |_, total| growth(memory, total, total)),
    ),
    obvious(
        "like_total",
        &["likes"],
        "taking the rise of `totalLikeCount` since before the first message",
        "with another rise of the total",
        |memory, _, _, counted| likes(counted, |own, total| growth(memory, total, total.saturating_sub(own))),
    ),
    obvious(
        "like_total",
        &["likes"],
        "adding up the rises of `totalLikeCount`",
        "with another rise of the total",
        |memory, _, _, counted| likes(counted, |_, total| growth(memory, total, total).max(0)),
    ),
    obvious(
        "sum_of_like_totals",
        &["likes"],
        "adding up `totalLikeCount`",
        "of likes",
        |_, _, _, counted| likes(counted, |_, total| total),
    ),
    obvious(
        "messages_as_likes",
        &["likes"],
        "counting messages instead of likes",
        "with several likes",
        |_, _, _, counted| likes(counted, |_, _| 1),
    ),
    obvious(
        "sum_of_likes",
        &["likes_total"],
        "adding up `likeCount` instead of taking the last `totalLikeCount`",
        "with another rise of the total",
        |memory, _, _, counted| {
            if let What::Likes { likes, total } = &mut counted.added.what {
                *total = memory.total.unwrap_or_default().saturating_add((*likes).into());
                memory.total = Some(*total);
            }
            1
        },
    ),
    obvious(
        "empty_text",
        TEXTS,
        "reading texts from a field that is empty",
        "with a text",
        |_, _, _, counted| chat(counted, |unique_id, _, _| (unique_id, "".into())),
    ),
    obvious(
        "empty_text",
        TEXTS,
        "reading texts from a field that is not there (`undefined`)",
        "with a text",
        |_, _, _, counted| chat(counted, |unique_id, _, _| (unique_id, "undefined".into())),
    ),
    obvious(
        "empty_text",
        TEXTS,
        "reading texts from a field that is not there (`None`)",
        "with a text",
        |_, _, _, counted| chat(counted, |unique_id, _, _| (unique_id, "None".into())),
    ),
    obvious(
        "nickname_for_id",
        &["texts"],
        "taking `nickname` for `uniqueId`",
        "of users with another nickname",
        |_, _, _, counted| chat(counted, |_, nickname, text| (nickname, text)),
    ),
    mistake(
        "nickname_for_id",
        &[TOP_GIFTER],
        "printing `nickname` instead of `uniqueId`",
        "",
        |_, _, _, _| 1,
    )
    .prints(TOP_GIFTER_NAME),
    mistake(
        "id_for_nickname",
        &[TOP_GIFTER_NAME],
        "printing `uniqueId` instead of `nickname`",
        "",
        |_, _, _, _| 1,
    )
    .prints(TOP_GIFTER),
    obvious(
        "every_member",
        &["joins"],
        "counting every `member` event as a join",
        "with another `actionId` than 1",
        |_, _, _, counted| {
            if let Details::Member = counted.event.details {
                counted.added.what = What::Join;
            }
            1
        },
    ),
    obvious(
        "every_social",
        &["follows"],
        "counting every `social` event as a follow",
        "with another `action`",
        |_, _, _, counted| social(counted, What::Follow),
    ),
    obvious(
        "every_social",
        &["shares"],
        "counting every `social` event as a share",
        "with another `action`",
        |_, _, _, counted| social(counted, What::Share),
    ),
    obvious(
        "total_viewers",
        &["viewers"],
        "taking `totalUserCount`, which only rises,",
        "with another `viewerCount`",
        |_, _, _, counted| viewers(counted, |_, total| total),
    ),
    obvious(
        "peak_viewers",
        &["viewers"],
        "taking the highest `viewerCount`",
        "with a lower one",
        |memory, _, _, counted| {
            viewers(counted, |now, _| {
                let peak = memory.total.map_or(now, |peak| peak.max(now));
                *memory.total.insert(peak)
            })
        },
    ),
    mistake(
        "by_nickname",
        &["top_gifter"],
        "telling users apart by `nickname` instead of `uniqueId`",
        "of users with another nickname",
        |_, _, _, counted| sent_by(counted, |user| user.nickname.clone()),
    )
    .shown_by("names"),
    mistake(
        "by_nickname",
        &["gifters"],
        "telling users apart by `nickname` instead of `uniqueId`",
        "of users with another nickname",
        |_, _, _, counted| sent_by(counted, |user| short(&user.nickname)),
    )
    .shown_by("names"),
    // An empty nickname is a user, too.
    mistake(
        "by_nickname",
        &["gifters"],
        "telling users apart by `nickname` instead of `uniqueId`",
        "of users with another nickname",
        |_, _, _, counted| sent_by(counted, |user| short(&format!("of {}", user.nickname))),
    )
    .shown_by("names"),
    mistake("ids_rounded", &["events", "gifts", "diamonds"], SKIPPED, "with such an id", skip_rounded)
        .shown_by("big"),
    mistake(
        "ids_rounded",
        &["chats", "empty_texts", "texts", "streaks", "likes", "follows", "shares", "joins", "subscribes"],
        SKIPPED,
        "with such an id",
        skip_rounded,
    ),
    mistake(
        "ids_rounded",
        &["gifters", "top_gifter"],
        "telling users apart by `Number(userId)`, which rounds,",
        "of users whose id is rounded to another one",
        |memory, _, _, counted| {
            sent_by(counted, |user| {
                let first = memory.users.entry(rounded(user.user_id));
                first.or_insert_with(|| user.unique_id.clone()).clone()
            })
        },
    ),
];

/// `giftType` of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;

/// Time without a message after which clients that forget streaks have forgotten one, in milliseconds: longer than between
/// messages of a streak in an unchanged show, and shorter than in `late-final`.
const FORGOTTEN_MS: i64 = 60_000;

/// What a client remembers of earlier events.
#[derive(Default)]
pub(super) struct Memory {
    /// Highest or last count, by user and gift.
    pub(super) counts: BTreeMap<(i64, i64), i32>,
    /// Messages, by rounded id.
    pub(super) messages: BTreeSet<u64>,
    /// First user with each rounded id.
    pub(super) users: BTreeMap<u64, SmolStr>,
    /// Last or highest total.
    pub(super) total: Option<i64>,
    /// Time of the last message of each streak, in Unix milliseconds.
    pub(super) streaks: BTreeMap<SmolStr, i64>,
}

/// Whether clients that wait for the end of a streak count the gift.
pub(super) fn is_end(gift: &Gift) -> bool {
    gift.gift_type != STREAKABLE || gift.repeat_end
}

/// Whether this is the first message of a streak, or a gift outside of streaks.
pub(super) fn is_first(gift: &Gift) -> bool {
    gift.repeat_delta > 0 && gift.repeat_delta == gift.repeat_count
}

/// An event as a client counts it.
pub(super) struct Counted<'a> {
    pub(super) event: &'a SlimEvent,
    /// What it adds for the client.
    pub(super) added: Added,
}

/// Counts another number of gifts.
pub(super) fn gift(counted: &mut Counted<'_>, count: impl FnOnce(&Gift) -> i32) -> usize {
    gift_and_diamonds(counted, |gift| {
        let gifts = count(gift);
        (gifts, i64::from(gifts) * i64::from(gift.diamond_count))
    })
}

/// Counts the price of a single gift for each event that `is_counted`.
pub(super) fn price(counted: &mut Counted<'_>, is_counted: impl FnOnce(&Gift) -> bool) -> usize {
    gift(counted, |gift| i32::from(is_counted(gift)))
}

/// Counts another number of gifts, with this value.
pub(super) fn gift_and_diamonds(counted: &mut Counted<'_>, count: impl FnOnce(&Gift) -> (i32, i64)) -> usize {
    let Details::Gift(gift) = &counted.event.details else { return 1 };
    let (gifts, diamonds) = count(gift);
    // The truth leaves out inferred finals; these clients do not, unless they add nothing either.
    if (gifts, diamonds) != (gift.repeat_delta, gift.diamonds) {
        let begins = begins(&gift.streak_id, gifts, gift.repeat_count);
        let (sender, nickname) = sender(counted.event);
        let guest = gift.guest;
        counted.added.what = What::Gift(Box::new(Given { sender, nickname, gifts, diamonds, guest, begins }));
    }
    usize::from(gifts > 0)
}

/// Returns the `uniqueId` and the nickname of the user.
fn sender(event: &SlimEvent) -> (SmolStr, SmolStr) {
    event.user.as_ref().map(|user| (user.unique_id.clone(), user.nickname.clone())).unwrap_or_default()
}

/// Counts each message as a streak.
pub(super) fn streak(counted: &mut Counted<'_>) -> usize {
    if let Details::Gift(gift) = &counted.event.details {
        let (diamonds, begins) = (gift.diamond_count.into(), !gift.streak_id.is_empty());
        let (sender, nickname) = sender(counted.event);
        let guest = gift.guest;
        counted.added.what =
            What::Gift(Box::new(Given { sender, nickname, gifts: 1, diamonds, guest, begins }));
    }
    1
}

/// Counts by how much a count is above the last one with the same key, which is made of the ids of the user and
/// the gift. `is_highest` means that it must be above all of them.
pub(super) fn rise(
    memory: &mut Memory,
    counted: &mut Counted<'_>,
    key: fn(i64, i64) -> (i64, i64),
    is_highest: bool,
) -> usize {
    let user_id = counted.event.user.as_ref().map_or(0, |user| user.user_id);
    gift(counted, |gift| {
        let last = memory.counts.entry(key(user_id, gift.gift_id)).or_default();
        let count = gift.repeat_count.max(0);
        // A lower count begins another streak.
        let counted = if count < *last && !is_highest { count } else { (count - *last).max(0) };
        *last = if is_highest { count.max(*last) } else { count };
        counted
    })
}

/// Counts the whole count of a streak's message if none came for long before.
pub(super) fn forgotten(memory: &mut Memory, counted: &mut Counted<'_>) -> usize {
    let ts_ms = counted.event.ts_ms;
    match &counted.event.details {
        // livetape infers this final: TikTok sent no message.
        Details::Gift(inferred) if inferred.is_final && !is_end(inferred) => 1,
        Details::Gift(streak) if !streak.streak_id.is_empty() => {
            let last = memory.streaks.insert(streak.streak_id.clone(), ts_ms).unwrap_or(ts_ms);
            let is_forgotten = ts_ms.saturating_sub(last) >= FORGOTTEN_MS;
            gift(counted, |gift| if is_forgotten { gift.repeat_count } else { gift.repeat_delta })
        }
        _ => 1,
    }
}

/// Counts another number of likes, given their own number and the total.
pub(super) fn likes(counted: &mut Counted<'_>, count: impl FnOnce(i64, i64) -> i64) -> usize {
    let Details::Likes { own, total } = counted.event.details else { return 1 };
    let count = count(own.into(), total);
    let count = i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX });
    counted.added.what = What::Likes { likes: count, total };
    1
}

/// Takes another `uniqueId` and text for a comment.
pub(super) fn chat(
    counted: &mut Counted<'_>,
    other: impl FnOnce(SmolStr, SmolStr, SmolStr) -> (SmolStr, SmolStr),
) -> usize {
    if let What::Chat { text, .. } = &counted.added.what {
        let (unique_id, nickname) = sender(counted.event);
        let (unique_id, text) = other(unique_id, nickname, text.clone());
        counted.added.what = What::chat(&unique_id, &text);
    }
    1
}

/// Returns by how much a total grew since the last one, or since `first`.
pub(super) fn growth(memory: &mut Memory, total: i64, first: i64) -> i64 {
    total.saturating_sub(memory.total.replace(total).unwrap_or(first))
}

/// Counts every `social` event as `action`.
pub(super) fn social(counted: &mut Counted<'_>, action: What) -> usize {
    if let Details::Social = counted.event.details {
        counted.added.what = action;
    }
    1
}

/// Takes another number of viewers, given the current and the total one.
pub(super) fn viewers(counted: &mut Counted<'_>, count: impl FnOnce(i64, i64) -> i64) -> usize {
    let Details::Viewers { now, total } = counted.event.details else { return 1 };
    counted.added.what = What::Viewers(count(now, total));
    1
}

/// Takes another name for the sender of a gift.
pub(super) fn sent_by(counted: &mut Counted<'_>, name: impl FnOnce(&Sender) -> SmolStr) -> usize {
    let SlimEvent { user: Some(user), details: Details::Gift(_), .. } = counted.event else { return 1 };
    let name = name(user);
    if let What::Gift(given) = &mut counted.added.what {
        given.sender = name;
    }
    1
}

/// Returns a text that stands for a name of any length; the truth leaves out long ones. Empty for an empty name.
pub(super) fn short(name: &str) -> SmolStr {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    if name.is_empty() { SmolStr::default() } else { format_smolstr!("{:x}", hasher.finish()) }
}

/// Rounds an id as JavaScript's `Number` does.
pub(super) fn rounded(id: i64) -> u64 {
    (id as f64).to_bits()
}
