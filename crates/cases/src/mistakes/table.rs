//! The table of mistakes. A function returns how many times the event counts.

use livetape_core::truth::What;
use smol_str::SmolStr;

use super::{Details, Show, counting::*};
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
const DIAMONDS_ALONE: &[&str] = &["diamonds"];
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
/// Mistakes that only change numbers if a connection breaks.
pub(super) const OF_BREAKS: [&str; 5] =
    ["counted_again", "two_connections", "missed_after_break", "reset_at_break", "forgotten_filter"];
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

const SIGNED: &str = "adding up in 32 bits, which go on at -2147483648 after 2147483647";
const SATURATED: &str = "adding up in 32 bits, which end at 2147483647";

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
        |memory, _, _, counted| rise(memory, counted, |user, gift| (user, gift.gift_id), true),
    )
    .shown_by("again"),
    mistake(
        "same_user_same_gift",
        GIFTS,
        "taking a streak for the last one of the same user with the same gift",
        "taken for an earlier one",
        |memory, _, _, counted| rise(memory, counted, |user, gift| (user, gift.gift_id), false),
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
        |memory, _, _, counted| rise(memory, counted, |_, gift| (0, gift.gift_id), true),
    ),
    obvious(
        "same_gift",
        GIFTS,
        "taking a streak for the last one with the same gift",
        "taken for another with the gift",
        |memory, _, _, counted| rise(memory, counted, |_, gift| (0, gift.gift_id), false),
    ),
    mistake(
        "same_group",
        GIFTS,
        "taking streaks of several users with the same gift and `groupId` for one",
        "taken for another user's",
        |memory, _, _, counted| same_group(memory, counted, true),
    )
    .shown_by("interleaved"),
    mistake(
        "same_group",
        GIFTS,
        "taking a streak for the last one with the same gift and `groupId`, of any user",
        "taken for another user's",
        |memory, _, _, counted| same_group(memory, counted, false),
    )
    .shown_by("interleaved"),
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
        "forgotten_filter",
        GIFTS,
        "connecting again without `gifts=…`, and then adding up `repeatCount` of all messages",
        "with several messages after a break",
        |_, show, index, counted| {
            let is_after = show.breaks.first().is_some_and(|at| index >= *at);
            gift(counted, |gift| if is_after { gift.repeat_count } else { gift.repeat_delta })
        },
    ),
    mistake(
        "forgotten_filter",
        &["chats"],
        "connecting again without `types=…`, and then counting events of all types",
        "of another type after a break",
        |_, show, index, counted| {
            let is_counted = !matches!(counted.added.what, What::Nothing | What::Chat { .. });
            if is_counted && show.breaks.first().is_some_and(|at| index >= *at) {
                counted.added.what = What::chat("", &SmolStr::default());
            }
            1
        },
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
        "taking the last `totalLikeCount`, which is `{likes_total}`,",
        "with another rise of the total",
        |memory, _, _, counted| likes(counted, |_, total| growth(memory, total, 0)),
    ),
    obvious(
        "like_total",
        &["likes"],
        "taking the highest `totalLikeCount`, which is `{likes_total}`,",
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
        "like_total",
        &["likes_total"],
        "taking the highest `totalLikeCount`, which falls when a room starts over",
        "with a lower one",
        |memory, _, _, counted| {
            if let What::Likes { total, .. } = &mut counted.added.what {
                *total = (*total).max(memory.total.unwrap_or(0));
                memory.total = Some(*total);
            }
            1
        },
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
    mistake(
        "texts_as_ids",
        &["chats", "texts", "empty_texts"],
        "skipping comments with a text that came before",
        "with such a text",
        |memory, _, _, counted| first_text(memory, counted, |_| ""),
    ),
    mistake(
        "texts_as_ids",
        &["chats", "texts", "empty_texts"],
        "skipping comments with a text that came before from the same user",
        "with such a text",
        |memory, _, _, counted| first_text(memory, counted, |user| &user.unique_id),
    ),
    mistake(
        "sender_as_receiver",
        &["received"],
        "counting gifts for the user who sent them, not for `receiver`",
        "sent by another user, or to one",
        |_, _, _, counted| {
            let sender = counted.event.user.as_ref().map_or(0, |user| user.user_id);
            if let What::Gift(given) = &mut counted.added.what {
                given.guest = sender;
            }
            1
        },
    ),
    mistake("integer_overflow", DIAMONDS_ALONE, SIGNED, "after that", |memory, _, _, counted| {
        wrap(memory, counted, |sum| i64::from(sum as i32))
    })
    .shown_by("big"),
    mistake("integer_overflow", DIAMONDS_ALONE, SATURATED, "after that", |memory, _, _, counted| {
        wrap(memory, counted, |sum| sum.min(i32::MAX.into()))
    }),
    mistake(
        "lost_update",
        SUMS,
        "counting only the last of several events at once, as when a total is read, awaited and written back, or kept by time",
        "followed by another one at the same time",
        |_, show, index, counted| {
            let (now, later) = (counted.event, &show.events[index + 1..]);
            let mut at_once = later.iter().take_while(|next| next.ts_ms == now.ts_ms);
            usize::from(!at_once.any(|next| next.kind == now.kind))
        },
    ),
    mistake(
        "tail_of_batch",
        SUMS,
        "handling only the first of several events at once",
        "after another one at the same time",
        |_, show, index, counted| {
            let before = index.checked_sub(1).map(|before| &show.events[before]);
            usize::from(before.is_none_or(|before| before.ts_ms != counted.event.ts_ms))
        },
    ),
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
