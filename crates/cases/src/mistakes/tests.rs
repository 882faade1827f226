//! Mistakes in the shipped recordings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use livetape_core::{
    event::{Data, Event, Gift},
    recording::{Item, Reader},
    truth::Truth,
};

use super::*;
use crate::{
    change::{change, counted, counted_with_repeats, events_of, gifts, people, room, truth_of},
    report::REMEDIES,
    table::FEED,
};

fn items(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::open(bytes).unwrap();
    let mut items = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    items
}

static ITEMS: LazyLock<Vec<Item>> =
    LazyLock::new(|| items(include_bytes!("../../../../recordings/demo.bin")));
static DEMO: LazyLock<Vec<Event>> = LazyLock::new(|| events_of(&*ITEMS));
static CUT_STREAKS: LazyLock<Vec<Event>> =
    LazyLock::new(|| events_of(items(include_bytes!("../../../../recordings/cut-streaks.bin"))));

/// The gifts of a show, each with its user and its index.
fn gifts(events: &[Event]) -> impl Iterator<Item = (usize, &str, &Gift)> {
    events.iter().enumerate().filter_map(|(index, event)| match &event.data {
        Data::Gift(gift) => Some((index, event.user.as_ref().map_or("", |user| &user.unique_id), gift)),
        _ => None,
    })
}

fn diagnose(
    events: &[Event],
    breaks: &[usize],
    starts: &[usize],
    what: &str,
    got: &str,
) -> Option<Diagnosis> {
    explain(&slim(events), breaks, starts, &[], what, got).found
}

fn slim(events: &[Event]) -> Vec<SlimEvent> {
    events.iter().map(SlimEvent::of).collect()
}

fn name_of(events: &[Event], breaks: &[usize], what: &str, got: i64) -> Option<&'static str> {
    diagnose(events, breaks, &[], what, &got.to_string()).map(|diagnosis| diagnosis.name)
}

/// Bots with a mistake, written as people write them: code of the mistake and what it prints for `diamonds`.
#[test]
fn bots_with_one_mistake_are_recognised() {
    type Bot = fn(&[Event]) -> i64;
    let bots: [(&str, Bot); 7] = [
        ("sum_of_repeat_count", |events| {
            gifts(events).map(|(.., gift)| i64::from(gift.repeat_count * gift.diamond_count)).sum()
        }),
        ("repeated_total", |events| {
            let mut last = BTreeMap::new();
            let added = gifts(events).map(|(.., gift)| {
                let in_streak = !gift.streak_id.is_empty();
                let before =
                    last.insert(&gift.streak_id, gift.repeat_count).filter(|_| in_streak).unwrap_or(0);
                let more = gift.repeat_count - before;
                i64::from(if more > 0 { more } else { gift.repeat_count } * gift.diamond_count)
            });
            added.sum()
        }),
        ("only_repeat_end", |events| {
            let ended = gifts(events).filter(|(.., gift)| gift.gift_type != 1 || gift.repeat_end);
            ended.map(|(.., gift)| i64::from(gift.repeat_count * gift.diamond_count)).sum()
        }),
        ("only_first_message", |events| {
            let mut seen = BTreeSet::new();
            let first =
                gifts(events).filter(|(.., gift)| gift.streak_id.is_empty() || seen.insert(&gift.streak_id));
            first.map(|(.., gift)| gift.diamonds).sum()
        }),
        ("without_count", |events| gifts(events).map(|(.., gift)| i64::from(gift.diamond_count)).sum()),
        ("gifts_as_diamonds", |events| gifts(events).map(|(.., gift)| i64::from(gift.repeat_delta)).sum()),
        ("same_user_same_gift", |events| {
            let mut highest = BTreeMap::new();
            for (_, user, gift) in gifts(events) {
                let entry = highest.entry((user, gift.gift_id)).or_insert((0, gift.diamond_count));
                entry.0 = gift.repeat_count.max(entry.0);
            }
            highest.values().map(|(count, price)| i64::from(count * price)).sum()
        }),
    ];
    for (name, bot) in bots {
        let got = bot(&CUT_STREAKS);
        assert_eq!(name_of(&CUT_STREAKS, &[], "diamonds", got), Some(name), "{got}");
    }
}

/// A case that passed excludes the mistakes that it shows. The demo has neither subscriptions, nor comments without text,
/// nor other actions of members than joins.
#[test]
fn a_mistake_is_shown_by_its_case() {
    const NONE_IN_DEMO: [&str; 3] = ["subscribes", "joins", "empty_texts"];
    for mistake in TABLE.iter().filter(|mistake| !mistake.shown_by.is_empty()) {
        let case = FEED.iter().find(|case| case.name == mistake.shown_by).unwrap();
        let events = events_of(change(case.changes, ITEMS.clone()));
        let events = slim(&events);
        let show = Show::new(&events, &[], &[]);
        let truth = show.truth();
        let is_sure = |total: &&&str| !BY_CHANCE.contains(total) && !NONE_IN_DEMO.contains(total);
        let all = truth.totals().map(|(name, _)| name);
        let totals = if mistake.totals.is_empty() { &all[..] } else { mistake.totals };
        for total in totals.iter().filter(is_sure) {
            let name = Name::parse(total).unwrap();
            assert_ne!(show.value(mistake, &name), name.value(&truth), "{}: {total}", mistake.name);
        }
    }
}

#[test]
fn remedies_are_of_mistakes() {
    let codes = || TABLE.iter().map(|mistake| mistake.name).chain([REPEATED]);
    for start in REMEDIES.iter().flat_map(|(of, _)| *of) {
        assert!(codes().any(|code| code.starts_with(start)), "{start}");
    }
}

/// The burst also has messages with ids that `Number` rounds to the same.
#[test]
fn gifts_outside_of_streaks_are_taken_for_one() {
    let events = events_of(change(&[room::burst::<5_000>], ITEMS.clone()));
    let mut highest = BTreeMap::new();
    for (.., gift) in gifts(&events) {
        let count = highest.entry(&gift.streak_id).or_insert(0);
        *count = gift.repeat_count.max(*count);
    }
    let got = highest.values().sum::<i32>().to_string();
    let Explanation { candidates, found, several, .. } =
        explain(&slim(&events), &[], &[], &[], "gifts", &got);
    assert_eq!(Vec::from_iter(candidates.keys()), [&"ids_rounded", &"one_streak"]);
    assert_eq!(found, None);
    assert!(
        several.starts_with(&format!("{got} is what one of 2 mistakes gives: skipping messages")),
        "{several}"
    );
}

#[test]
fn a_diagnosis_says_what_differs_and_where_first() {
    let got = diagnose(&CUT_STREAKS, &[], &[], "diamonds", "31");
    let message = "31 is what counting only gifts with `repeatEnd` gives: 8 streaks without a last message, 83 diamonds too few\nfirst at 1:46.7: Rose x10 of umbra_kettle8965";
    assert_eq!(got, Some(Diagnosis { name: "only_repeat_end", message: message.to_owned() }));
    let got = diagnose(&CUT_STREAKS, &[], &[], "diamonds.umbra_kettle8965", "65").unwrap().message;
    let message = "65 is what adding up `repeatCount` of all messages of a streak gives: 1 streak with several messages, 55 diamonds too many\nfirst at 1:37.4: Rose x2 of umbra_kettle8965";
    assert_eq!(got, message);
}

/// Without any last message, only gifts that are sent once are counted: those who count them in other ways get the
/// same number, but not only here.
#[test]
fn mistakes_that_the_plain_show_reveals_give_way() {
    let events = events_of(change(&[gifts::no_final], ITEMS.clone()));
    let ended = gifts(&events).filter(|(.., gift)| gift.gift_type != 1 || gift.repeat_end);
    let (got, prices): (Vec<_>, Vec<_>) =
        ended.map(|(.., gift)| (gift.diamonds, i64::from(gift.diamond_count))).unzip();
    assert_eq!((got.iter().sum::<i64>(), prices.iter().sum::<i64>()), (9, 9));
    assert_eq!(name_of(&events, &[], "diamonds", 9), Some("only_repeat_end"));
    assert_eq!(name_of(&DEMO, &[], "diamonds", 9), Some("only_last_increment"));
}

#[test]
fn counting_across_breaks_is_recognised() {
    let (events, at) = (&*DEMO, 300);
    let sum = |from: usize, to: usize| {
        gifts(events)
            .filter(|(index, ..)| (from..to).contains(index))
            .map(|(.., gift)| gift.diamonds)
            .sum::<i64>()
    };
    let (before, after) = (sum(0, at), sum(at, events.len()));
    assert_eq!(before + after, 114);
    let table = [
        (before * 2 + after, "counted_again"),
        (before + after * 2, "two_connections"),
        (before, "missed_after_break"),
        (after, "reset_at_break"),
    ];
    for (got, name) in table {
        assert_eq!(name_of(events, &[at], "diamonds", got), Some(name), "{got}");
        assert_eq!(name_of(events, &[], "diamonds", got), None, "without a break, {got} means nothing");
        // In a room, too.
        let events = slim(events);
        let in_room = |is_partial| {
            let sent = InRoom { breaks: &[at], is_partial, ..InRoom::of(&events) };
            explain_in_room(sent, &[], "diamonds", &got.to_string())
        };
        let found = in_room(false);
        assert_eq!(found.found.map(|diagnosis| diagnosis.name), Some(name), "{got}");
        // Where something can be lost, only too many say anything.
        let twice = in_room(true).found.map(|diagnosis| diagnosis.name);
        assert_eq!(twice, Some(name).filter(|name| *name == TWICE), "{got}");
    }
    let thrice = sum(0, 200) * 3 + sum(200, 400) * 2 + sum(400, events.len());
    assert_eq!(name_of(events, &[200, 400], "diamonds", thrice), Some("counted_again"));
}

#[test]
fn other_numbers_have_mistakes_of_their_own() {
    let likes = DEMO.iter().filter_map(|event| match &event.data {
        Data::Like(like) => Some(like.total_like_count),
        _ => None,
    });
    let likes = Vec::from_iter(likes);
    let (first, last) = (likes[0], likes[likes.len() - 1]);
    assert_eq!(name_of(&DEMO, &[], "likes", last), Some("like_total"));
    assert_eq!(name_of(&DEMO, &[], "likes", last - first), Some("like_total"));
    assert_eq!(name_of(&DEMO, &[], "likes", likes.len() as i64), Some("messages_as_likes"));
    let history =
        DEMO.iter().filter(|event| matches!(&event.data, Data::Chat(chat) if chat.is_history)).count();
    assert_eq!((history, name_of(&DEMO, &[], "chats", 63 - history as i64)), (5, Some("without_history")));
    assert_eq!(name_of(&DEMO, &[], "gifts", gifts(&DEMO).count() as i64), Some("messages_as_gifts"));
    let viewers = DEMO.iter().filter_map(|event| match &event.data {
        Data::RoomUser(room) => Some(room.viewer_count),
        _ => None,
    });
    assert_eq!(name_of(&DEMO, &[], "viewers", viewers.max().unwrap()), Some("peak_viewers"));
    let mut renamed = DEMO.clone();
    renamed.iter_mut().filter_map(|event| event.user.as_mut()).for_each(|user| user.nickname = "Ann".into());
    let names = |what, got| explain(&slim(&renamed), &[], &[], &[], what, got).candidates;
    assert_eq!(Vec::from_iter(names("top_gifter", "Ann").into_keys()), ["by_nickname", "nickname_for_id"]);
    let top = truth_of(&*ITEMS).top_gifter;
    assert_eq!(Vec::from_iter(names("top_gifter_name", &top).into_keys()), ["id_for_nickname"]);
    let comments = || DEMO.iter().filter(|event| matches!(event.data, Data::Chat(_)));
    assert_eq!(name_of(&DEMO, &[], "empty_texts", comments().count() as i64), Some("empty_text"));
    for got in ["", "undefined", "None"] {
        assert_eq!(diagnose(&DEMO, &[], &[], "last_chat", got).unwrap().name, "empty_text", "{got}");
    }
    assert_eq!(name_of(&DEMO, &[], "likes_total", 696), Some("sum_of_likes"));
    // An empty nickname is a user to most programs.
    let named = events_of(change(&[people::names], ITEMS.clone()));
    let senders = named.iter().filter(|event| matches!(event.data, Data::Gift(_)));
    let nicknames = BTreeSet::from_iter(senders.filter_map(|event| Some(&event.user.as_ref()?.nickname)));
    assert!(nicknames.iter().any(|nickname| nickname.is_empty()));
    for number in [nicknames.len(), nicknames.len() - 1] {
        assert_eq!(name_of(&named, &[], "gifters", number as i64), Some("by_nickname"));
    }
    let missing = events_of(change(&[people::missing], ITEMS.clone()));
    let mut gifters = BTreeSet::from_iter(gifts(&missing).map(|(_, user, _)| user));
    assert_eq!(name_of(&missing, &[], "gifters", gifters.len() as i64), Some("nobody_as_gifter"));
    gifters.remove("");
    assert_eq!(name_of(&missing, &[], "gifters", gifters.len() as i64), None);
}

/// Ids as TikTok's, above 2^53: those of two messages in a row often become the same.
#[test]
fn rounded_ids_are_recognised() {
    let mut events = CUT_STREAKS.clone();
    for (at, event) in events.iter_mut().enumerate() {
        event.id = event.id.as_ref().map(|_| smol_str::format_smolstr!("{}", 7_309_139_956_772_096_000 + at));
    }
    let mut seen = BTreeSet::new();
    let first = events.iter().enumerate().filter(|(_, event)| {
        let id: Option<f64> = event.id.as_ref().map(|id| id.parse().unwrap());
        id.is_none_or(|id| seen.insert(id as u64))
    });
    let chats = first.filter(|(_, event)| matches!(event.data, Data::Chat(_))).count() as i64;
    assert!(chats < 10);
    assert_eq!(name_of(&events, &[], "chats", chats), Some("ids_rounded"));
}

#[test]
fn what_is_right_or_ambiguous_or_unknown_has_no_diagnosis() {
    for (what, got) in [
        ("diamonds", "114"),
        ("diamonds", "0"),
        ("diamonds", "5000"),
        ("diamonds", "NaN"),
        ("dimonds", "31"),
        ("output", ""),
    ] {
        assert_eq!(diagnose(&CUT_STREAKS, &[], &[], what, got), None, "{what} {got}");
    }
    // A user whose only streak is before the break: everything else than the first connection gives twice as much.
    let name = "diamonds.umbra_kettle8965";
    let last =
        gifts(&CUT_STREAKS).filter(|(_, user, _)| *user == "umbra_kettle8965").map(|(index, ..)| index).max();
    let at = last.unwrap() + 1;
    assert_eq!(name_of(&CUT_STREAKS, &[at], name, 20), Some("counted_again"));
    let first = gifts(&CUT_STREAKS).find(|(_, user, _)| *user == "umbra_kettle8965").unwrap().0;
    assert_eq!(name_of(&CUT_STREAKS, &[first, at], name, 20), None, "also two_connections");
}

/// At a break, all events are counted wrong, so another number that is right contradicts such a mistake.
#[test]
fn a_right_number_contradicts_a_mistake_at_a_break() {
    let name = "diamonds.umbra_kettle8965";
    let last =
        gifts(&CUT_STREAKS).filter(|(_, user, _)| *user == "umbra_kettle8965").map(|(index, ..)| index).max();
    let at = last.unwrap() + 1;
    let is_named = |right: &[&str]| {
        let explained = explain(&slim(&CUT_STREAKS), &[at], &[], right, name, "20");
        explained.candidates.contains_key("counted_again")
    };
    assert!(!is_named(&["diamonds"]));
    // No subscription precedes the break.
    assert!(is_named(&["subscribes"]));
}

/// The codes are part of `--json`.
#[test]
fn codes_and_totals_are_well_formed() {
    let totals = Truth::default().totals().map(|(name, _)| name);
    let totals = Vec::from_iter(totals.into_iter().chain(["received"]));
    for mistake in TABLE {
        assert!(
            mistake.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{}",
            mistake.name
        );
        assert!(totals.iter().any(|total| mistake.is_about(total)), "{}", mistake.name);
    }
}

/// Bots whose mistake is about what happens at once, or about numbers and texts.
#[test]
fn a_mistake_of_programs_is_recognised() {
    let big = events_of(change(&[gifts::big], ITEMS.clone()));
    let sum: i64 = gifts(&big).map(|(.., gift)| gift.diamonds).sum();
    assert!(sum > i64::from(i32::MAX), "{sum}");
    for got in [i64::from(sum as i32), i64::from(i32::MAX)] {
        assert_eq!(name_of(&big, &[], "diamonds", got), Some("integer_overflow"), "{got}");
    }
    let mut texts = BTreeSet::new();
    let chats = DEMO.iter().filter_map(|event| match &event.data {
        Data::Chat(chat) => Some(&chat.comment),
        _ => None,
    });
    let (all, different) = (chats.clone().count(), chats.filter(|text| texts.insert(*text)).count());
    assert!(different < all, "the demo has no text twice");
    assert_eq!(name_of(&DEMO, &[], "chats", different as i64), Some("texts_as_ids"));
    // Handlers that overwrite each other's total: of likes at once, the last counts.
    let mut batches = DEMO.clone();
    batches.iter_mut().enumerate().for_each(|(at, event)| event.ts.0 = (at / 20) as i64);
    let likes = batches.iter().filter_map(|event| match &event.data {
        Data::Like(like) => Some((event.ts.0, i64::from(like.like_count))),
        _ => None,
    });
    let last: BTreeMap<i64, i64> = likes.collect();
    let got = last.values().sum();
    assert_eq!(name_of(&batches, &[], "likes", got), Some("lost_update"), "{got}");
    let events = Vec::from_iter(batches.iter().map(SlimEvent::of));
    assert!(
        shown(&events, "likes").contains("lost_update")
            && !shown(&events[..1], "likes").contains("lost_update")
    );
}

#[test]
fn a_filter_that_is_forgotten_after_a_break_is_recognised() {
    let at = CUT_STREAKS.len() / 2;
    let count = |(index, _, gift): (usize, &str, &Gift)| {
        let gifts = if index < at { gift.repeat_delta } else { gift.repeat_count };
        i64::from(gifts * gift.diamond_count)
    };
    let got = gifts(&CUT_STREAKS).map(count).sum();
    assert_eq!(name_of(&CUT_STREAKS, &[at], "diamonds", got), Some("forgotten_filter"), "{got}");
}

#[test]
fn extreme_numbers_do_not_panic() {
    let mut events = CUT_STREAKS.clone();
    for (at, event) in events.iter_mut().enumerate() {
        let (small, big) = ([i32::MIN, i32::MAX, -1][at % 3], [i64::MAX, i64::MIN, 0][at % 3]);
        event.ts.0 = big;
        match &mut event.data {
            Data::Gift(gift) => {
                (gift.repeat_count, gift.repeat_delta, gift.diamond_count) = (small, small, small);
                gift.diamonds = big;
            }
            Data::Like(like) => (like.like_count, like.total_like_count) = (small, big),
            Data::RoomUser(room) => room.viewer_count = big,
            _ => {}
        }
    }
    for (what, _) in Truth::default().totals() {
        for mistake in TABLE.iter().filter(|mistake| mistake.is_about(what)) {
            let (name, breaks) = (Name::parse(what).unwrap(), [usize::MAX, 5, 0]);
            let slim = slim(&events);
            let show = Show::new(&slim, &breaks, &breaks);
            let got = show.value(mistake, &name);
            let _ = (diagnose(&events, &breaks, &breaks, what, &got), parting(&show, mistake, &name));
        }
    }
    assert_eq!(diagnose(&[], &[3], &[], "diamonds", "1"), None);
}

#[test]
fn totals_that_are_kept_when_the_show_starts_over_are_recognised() {
    let got = |starts: &[usize]| {
        let parts = starts.iter().map(|at| &DEMO[..*at]).chain([&DEMO[..]]);
        parts.flat_map(gifts).map(|(.., gift)| gift.diamonds).sum::<i64>().to_string()
    };
    for starts in [&[500][..], &[DEMO.len()], &[300, 600]] {
        let found = diagnose(&DEMO, &[], starts, "diamonds", &got(starts)).unwrap();
        assert_eq!(found.name, "never_starts_over", "{starts:?}");
    }
}

impl<'a> InRoom<'a> {
    /// Nothing is sent again, and no connection breaks.
    fn of(events: &'a [SlimEvent]) -> Self {
        Self { once: events, breaks: &[], by_handler: events, all: events, is_partial: false }
    }
}

#[test]
fn a_client_that_counts_repeats_is_recognised() {
    let (once, all) = (counted(&*ITEMS), counted_with_repeats(&*ITEMS));
    let found = |is_partial, what, got: i64| {
        let sent = InRoom { all: &all, is_partial, ..InRoom::of(&once) };
        explain_in_room(sent, &[], what, &got.to_string()).found
    };
    let name = |what, got| found(false, what, got).map(|diagnosis| diagnosis.name);
    assert_eq!((name("chats", 67), name("chats", 63)), (Some("repeated_messages"), None));
    // Where some messages can be lost, so can repeats.
    let names = [62, 63, 64, 66, 67, 68].map(|got| found(true, "chats", got).map(|diagnosis| diagnosis.name));
    let repeated = Some("repeated_messages");
    assert_eq!(names, [None, None, repeated, repeated, repeated, None]);
    let message = "64 can come from counting messages again that were sent again with the same id";
    assert_eq!(found(true, "chats", 64).unwrap().message, message);
    // It may know some of them.
    assert_eq!(found(false, "chats", 64).unwrap().message, message);
    // Another mistake may count them, too.
    let sum = all.iter().filter_map(|event| match &event.details {
        Details::Gift(gift) => Some(i64::from(gift.repeat_count * gift.diamond_count)),
        _ => None,
    });
    let sum = found(false, "diamonds", sum.sum()).unwrap();
    assert_eq!(sum.name, "sum_of_repeat_count");
    assert!(sum.message.contains(REPEATING) && sum.message.contains("together with"), "{}", sum.message);
    // Ends of streaks that were sent again are too many, not too few.
    let ends = found(false, "diamonds", 119).unwrap();
    assert_eq!(ends.name, "repeated_messages", "{}", ends.message);
    assert_eq!(name("diamonds", 113), name_of(&DEMO, &[], "diamonds", 113));
}

/// Handlers that are added at each connection, each with its own memory of ids.
#[test]
fn history_counts_once_for_each_connection_that_gets_it() {
    let once = counted(&*ITEMS);
    let break_at = once.len() / 2;
    let by_handler = Vec::from_iter(once.iter().chain(&once[break_at - 100..]).cloned());
    for is_partial in [false, true] {
        let sent = InRoom { breaks: &[break_at], by_handler: &by_handler, is_partial, ..InRoom::of(&once) };
        let chats = |events: &[SlimEvent]| Show::new(events, &[], &[]).truth().chats;
        let found = |got: u64| explain_in_room(sent, &[], "chats", &got.to_string()).found;
        let doubled = found(chats(&by_handler)).unwrap();
        assert_eq!(doubled.name, TWICE);
        assert!(doubled.message.ends_with("with the history that is sent again"), "{}", doubled.message);
        assert_eq!(found(chats(&by_handler) - 1), None);
        assert_eq!(found(chats(&once) + chats(&once[break_at..])).unwrap().name, TWICE, "without history");
    }
}

#[test]
fn a_client_that_forgets_a_streak_is_recognised() {
    let late = events_of(change(&[gifts::late_final], ITEMS.clone()));
    let (mut last, mut got) = (BTreeMap::new(), 0);
    for (index, _, gift) in gifts(&late) {
        if gift.is_final && gift.gift_type == 1 && !gift.repeat_end {
            continue;
        }
        let at = late[index].ts.0;
        let before = last.insert(&gift.streak_id, at).filter(|_| !gift.streak_id.is_empty());
        let is_known = before.is_none_or(|before| at - before < 80_000);
        got += i64::from(if is_known { gift.repeat_delta } else { gift.repeat_count });
    }
    let late = slim(&late);
    let found = explain_in_room(InRoom::of(&late), &[], "gifts", &got.to_string()).found;
    assert_eq!((got, found.map(|diagnosis| diagnosis.name)), (203, Some("forgotten_streak")));
}
