//! Changes of the shipped recordings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use livetape_core::{
    event::{Data, Event, Gift, User},
    recording::{
        Flags, Frame, Opcode, Reader, What, Writer,
        records::{Header, Http, http::Role},
    },
    truth::Truth,
    wire::{BATCH_MESSAGES_MAX, Schema, read_push},
};

use super::{batches::Batches, decode, node::Node, *};
use crate::table::{Case, FEED, Suite};

const DEMO: &[u8] = include_bytes!("../../../../recordings/demo.bin");
const BUSY: &[u8] = include_bytes!("../../../../recordings/busy.bin");
const LIKES_TOTAL: fn(&Event) -> Option<i64> =
    |event| if let Data::Like(like) = &event.data { Some(like.total_like_count) } else { None };

fn read(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::open(bytes).unwrap();
    std::iter::from_fn(|| reader.next().unwrap().map(|record| record.item)).collect()
}

/// Returns the cases with changes. Of those that both suites have, the feed's.
fn all() -> impl Iterator<Item = &'static Case> {
    let is_of_feed = |name: &str| FEED.iter().any(|case| case.name == name);
    let others = Suite::Room.cases().filter(move |case| !is_of_feed(case.name));
    FEED.iter().chain(others).filter(|case| !case.changes.is_empty())
}

/// Runs `check` with the events of each recording before and after changes.
fn compare(changes: &[Change], check: impl Fn(Vec<Event>, Vec<Event>)) {
    for bytes in [DEMO, BUSY] {
        check(events_of(read(bytes)), events_of(change(changes, read(bytes))));
    }
}

fn gift(event: &Event) -> Option<&Gift> {
    if let Data::Gift(gift) = &event.data { Some(gift) } else { None }
}

fn unique_id(event: &Event) -> String {
    event.user.as_ref().map(|user| user.unique_id.clone()).unwrap_or_default()
}

/// Returns the times of the finals that were sent and belong to streaks with earlier messages, by streak.
fn finals(events: &[Event]) -> BTreeMap<String, i64> {
    let (mut streaks, mut finals) = (BTreeSet::new(), BTreeMap::new());
    for (event, gift) in events.iter().filter(|event| event.id.is_some()).filter_map(|e| Some((e, gift(e)?)))
    {
        let goes_on = !streaks.insert(gift.streak_id.clone());
        if gift.repeat_end && goes_on {
            finals.insert(gift.streak_id.clone(), event.ts.0);
        }
    }
    finals
}

/// Returns events, chats, gifts, streaks, diamonds, likes, follows, shares, joins, viewers and gifters.
fn numbers(truth: &Truth) -> [i64; 11] {
    let signed = |number: u64| i64::try_from(number).unwrap();
    let Truth { events, chats, streaks, follows, shares, joins, gifters, .. } = *truth;
    let [events, chats, streaks, follows, shares, joins, gifters] =
        [events, chats, streaks, follows, shares, joins, gifters].map(signed);
    let Truth { gifts, diamonds, likes, viewers, .. } = *truth;
    [events, chats, gifts, streaks, diamonds, likes, follows, shares, joins, viewers, gifters]
}

/// A snapshot. `users` are the recorded ones who have other diamonds than before.
#[test]
fn changes_add_exactly_what_they_say() {
    let mut lines = String::new();
    for (case, (show, bytes)) in all().flat_map(|case| [("demo", DEMO), ("busy", BUSY)].map(|it| (case, it)))
    {
        let [before, after] = [truth_of(read(bytes)), truth_of(change(case.changes, read(bytes)))];
        let users = before.users.iter().filter(|(name, diamonds)| after.users.get(*name) != Some(diamonds));
        let users = users.count();
        let totals = before.totals().into_iter().zip(after.totals());
        let differing = totals.filter_map(|((name, before), (_, after))| {
            let number = |text: &str| text.parse::<i64>().ok();
            match (name, number(&before).zip(number(&after))) {
                ("texts", _) => None,
                (_, Some((before, after))) => {
                    (before != after).then(|| format!(" {name} {:+}", after - before))
                }
                _ => (name == "top_gifter" && before != after).then(|| format!(" {name} {after}")),
            }
        });
        let differing: String = differing.chain((users > 0).then(|| format!(" users {users}"))).collect();
        lines += &format!("{} {show}:{differing}\n", case.name);
    }
    insta::assert_snapshot!("changes", lines);
}

#[test]
fn all_changes_give_valid_recordings_and_the_same_each_time() {
    let write = |items: &[Item]| {
        let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
        items.iter().for_each(|item| writer.write(item).unwrap());
        assert_eq!(writer.counts().clamped, 0);
        writer.finish().unwrap()
    };
    for (bytes, Case { name, changes, .. }) in
        [DEMO, BUSY].into_iter().flat_map(|bytes| all().map(move |case| (bytes, case)))
    {
        let (plain, changed) = (read(bytes), change(changes, read(bytes)));
        assert_eq!(write(&changed), write(&change(changes, read(bytes))), "{name}");
        let edited = changed.iter().filter(|item| item.flags.0 & Flags::EDITED != 0).count();
        assert!(edited > 0 && changed.iter().filter(|item| plain.contains(item)).count() > 0, "{name}");
        let (mut opened, mut open) = (BTreeSet::new(), BTreeSet::new());
        for item in &changed {
            match &item.what {
                What::ConnOpen(_) => {
                    assert!(opened.insert(item.conn), "{name}: numbers of connections are not reused");
                    open.insert(item.conn);
                }
                What::ConnClose(_) => _ = open.remove(&item.conn),
                What::Frame(_) => assert!(open.contains(&item.conn), "{name}: the connection is open"),
                _ => {}
            }
        }
        let (before, after) = (decode(&plain, |_| ()), decode(&changed, |_| ()));
        let (before, after) = (before.counts(), after.counts());
        assert_eq!(
            (&after.faults, &after.unknown_methods),
            (&before.faults, &before.unknown_methods),
            "{name}"
        );
        let dropped = |counts: &BTreeMap<_, u64>| counts.values().sum::<u64>();
        assert!(dropped(&after.duplicates) <= dropped(&before.duplicates), "{name}");
    }
}

#[test]
fn unique_ids_stay() {
    for Case { name, changes, .. } in all() {
        compare(changes, |plain, changed| {
            let known: BTreeSet<_> = plain.iter().map(unique_id).collect();
            let is_added = |id: &String| id.is_empty() || id.starts_with("livetape_viewer_");
            let ids: BTreeSet<_> = changed.iter().map(unique_id).filter(|id| !is_added(id)).collect();
            assert!(ids.is_subset(&known), "{name}");
            if ["names", "retrying"].contains(name) {
                let ids = |events: &[Event]| -> Vec<_> {
                    events.iter().filter(|event| event.id.is_some()).map(unique_id).collect()
                };
                assert_eq!(ids(&changed), ids(&plain), "{name}");
            }
        });
    }
}

#[test]
fn streaks_alternate() {
    compare(&[gifts::interleaved], |_, changed| {
        let added =
            changed.iter().filter(|event| event.id.is_some() && unique_id(event).starts_with("livetape"));
        let streaks: Vec<_> = added.map(|event| gift(event).unwrap().streak_id.clone()).collect();
        let turns = streaks.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!((streaks.len(), turns), (14, 13));
    });
}

#[test]
fn likes_are_missing_and_their_total_moves_on() {
    compare(&[room::thinned], |plain, changed| {
        let likes = |events: &[Event]| {
            let likes = events.iter().filter_map(|event| match &event.data {
                Data::Like(like) => Some((like.like_count, like.total_like_count)),
                _ => None,
            });
            Vec::from_iter(likes)
        };
        let (plain, changed) = (likes(&plain), likes(&changed));
        assert_eq!(changed.len(), plain.len().div_ceil(10));
        assert!(changed.iter().all(|like| plain.contains(like)));
        let rise = |likes: &[(i32, i64)]| likes[likes.len() - 1].1 - likes[0].1;
        let sum = changed.iter().map(|(count, _)| i64::from(*count)).sum::<i64>();
        assert!(rise(&changed) > 3 * sum, "{} {sum}", rise(&changed));
    });
}

#[test]
fn gifts_to_guests_name_their_receivers() {
    compare(&[gifts::guests], |_, changed| {
        let added = changed.iter().filter(|event| unique_id(event).starts_with("livetape"));
        let mut gifts = BTreeMap::new();
        for gift in added.filter_map(gift) {
            let receiver = gift.receiver.as_ref().map_or(0, |receiver| receiver.user_id.0);
            *gifts.entry(receiver).or_insert(0) += gift.repeat_delta;
        }
        assert_eq!(Vec::from_iter(gifts.values()), [&4, &3, &2]);
        let mut tally = Tally::default();
        changed.iter().for_each(|event| tally.add(&Added::by(event)));
        let truth = tally.truth();
        assert_eq!(Vec::from_iter(truth.guests.values().rev().take(2)), [&2, &3]);
    });
}

#[test]
fn a_second_streak_is_shorter() {
    compare(&[gifts::again], |_, changed| {
        let added =
            changed.iter().filter(|event| event.id.is_some() && unique_id(event).starts_with("livetape"));
        let gifts: Vec<_> = added.map(|event| gift(event).unwrap()).collect();
        // Told apart by user and gift, the second would add nothing.
        let highest = gifts.iter().map(|gift| gift.repeat_count).max().unwrap();
        assert_eq!((highest, gifts.iter().map(|gift| gift.repeat_delta).sum::<i32>()), (7, 10));
        assert!(gifts.iter().all(|one| one.gift_id == gifts[0].gift_id));
    });
}

#[test]
fn the_second_room_starts_over() {
    compare(&[room::new_room], |plain, changed| {
        let room = |event: &Event| {
            if let Data::ConnectionCreated(it) = &event.data { Some(it.room_id.0) } else { None }
        };
        let rooms = |events: &[Event]| events.iter().filter_map(room).collect::<Vec<_>>();
        let (before, after) = (rooms(&plain), rooms(&changed));
        assert_eq!((after.len(), after[0]), (before.len() + 1, before[0]));
        assert!(after[1..].iter().all(|room| *room == before[0] + (1 << 40)));
        let second = changed.iter().rposition(|event| room(event) == Some(after[1])).unwrap();
        let first_of_second = changed.iter().position(|event| room(event) == Some(after[1])).unwrap();
        assert!(
            changed[..first_of_second].iter().any(|event| matches!(event.data, Data::ConnectionClosed(_)))
        );
        let max = |events: &[Event]| events.iter().filter_map(LIKES_TOTAL).max().unwrap();
        assert!(max(&changed[second..]) < max(&plain) && max(&changed[..first_of_second]) < max(&plain));
        let streaks = |events: &[Event]| -> BTreeSet<_> {
            events
                .iter()
                .filter(|event| event.id.is_some())
                .filter_map(gift)
                .map(|gift| gift.streak_id.clone())
                .collect()
        };
        let (one, mut two) = (streaks(&changed[..first_of_second]), streaks(&changed[first_of_second..]));
        two.remove("");
        assert!(one.is_disjoint(&two), "no streak goes on in the second room");
    });
}

/// Frames that arrive again, and comments that arrive again as history under other ids.
#[test]
fn repeated_messages_do_not_count_in_the_second_room() {
    for bytes in [DEMO, BUSY] {
        let mut items = read(bytes);
        let (offset, mut batches) = (items.last().unwrap().offset, Batches::default());
        let is_frame = |item: &&Item| matches!(item.what, What::Frame(_));
        let repeated: Vec<_> = items.iter().filter(is_frame).cloned().collect();
        let mut history = repeated[..repeated.len() / 3].to_vec();
        for item in &mut history {
            batches.extract(item, |message| message.method != "WebcastChatMessage");
        }
        batches.edit_each(&mut history, |message| {
            (message.msg_id, message.is_history) = (message.msg_id + (1 << 50), true);
            true
        });
        items.extend(repeated.into_iter().chain(history).map(|item| Item { offset, ..item }));
        let plain = truth_of(&items);
        assert_eq!(plain.chats, truth_of(read(bytes)).chats);
        let truth = truth_of(change(&[room::new_room], items));
        assert_eq!((truth.events, truth.chats), (plain.events + 1, plain.chats));
    }
}

/// All messages of a show without times are in order, and what is added is in the middle.
#[test]
fn shows_without_times_have_a_middle() {
    let untimed =
        || read(BUSY).into_iter().map(|item| Item { offset: Duration::ZERO, ..item }).collect::<Vec<_>>();
    let items = change(&[gifts::again], untimed());
    let at = items.iter().position(|item| item.flags.0 & Flags::EDITED != 0).unwrap();
    assert!((items.len() / 3..items.len() * 2 / 3).contains(&at));
    for Case { name, changes, .. } in all().filter(|case| case.name != "missing") {
        // Where the middle is, the total starts over.
        let truths =
            [untimed(), read(BUSY)].map(|items| Truth { likes_total: 0, ..truth_of(change(changes, items)) });
        assert_eq!(truths[0], truths[1], "{name}");
    }
}

#[test]
fn no_streak_has_a_final() {
    compare(&[gifts::no_final], |plain, changed| {
        assert!(!finals(&plain).is_empty() && finals(&changed).is_empty());
    });
}

#[test]
fn finals_arrive_after_the_inferred_ones_and_add_nothing() {
    compare(&[gifts::late_final], |plain, changed| {
        let (before, after) = (finals(&plain), finals(&changed));
        assert!(before.len() >= 20 && before.keys().eq(after.keys()));
        for (streak, at) in &before {
            assert!((90_000..100_000).contains(&(after[streak] - at)), "{streak}: {}", after[streak] - at);
            let ends =
                changed.iter().filter_map(gift).filter(|gift| gift.streak_id == *streak && gift.is_final);
            let ends: Vec<_> = ends.map(|gift| (gift.inferred, gift.repeat_delta)).collect();
            assert_eq!(ends, [(true, 0), (false, 0)]);
        }
    });
    let items = change(&[gifts::late_final], read(BUSY));
    let closed = items.iter().rposition(|item| matches!(item.what, What::ConnClose(_))).unwrap();
    assert!(items[closed + 1..].iter().all(|item| !matches!(item.what, What::Frame(_))));
}

#[test]
fn everybody_has_one_unusual_name() {
    compare(&[people::names], |_, changed| {
        let mut names = HashMap::new();
        for user in changed.iter().filter_map(|event| event.user.as_ref()) {
            assert_eq!(names.entry(user.user_id.0).or_insert(&user.nickname), &&user.nickname);
        }
        let has = |is: fn(&str) -> bool| names.values().any(|name| is(name));
        assert!(has(|name| name.contains("<img")) && has(|name| name.contains('\u{202e}')));
        assert!(has(|name| name.contains('\u{489}')) && has(|name| name.contains('\u{200d}')));
        assert!(has(str::is_empty) && has(|name| name.chars().count() == 1_000));
        assert!(changed.iter().filter_map(|event| event.user.as_ref()).any(|user| user.avatar.is_empty()));
        let texts: Vec<_> = changed
            .iter()
            .filter_map(|event| if let Data::Chat(chat) = &event.data { Some(&chat.comment) } else { None })
            .collect();
        assert!(texts.iter().any(|text| text.chars().count() == 1_000));
        assert!(texts.iter().any(|text| text.ends_with("<img src=x onerror=alert(1)>")));
    });
}

#[test]
fn people_have_roles_with_badges_and_chats_begin_with_emotes() {
    compare(&[people::names], |plain, changed| {
        for (before, after) in plain.iter().zip(&changed) {
            let (Some(before), Some(user)) = (&before.user, &after.user) else { continue };
            assert!(user.is_moderator || !before.is_moderator);
            assert!(user.badges.len() >= before.badges.len());
        }
        let users = || changed.iter().filter_map(|event| event.user.as_ref());
        let is_badge = |user: &User, text| user.badges.iter().any(|badge| badge.text == text);
        assert!(users().any(|user| user.is_moderator && is_badge(user, "Moderator")));
        assert!(users().any(|user| user.is_subscriber && is_badge(user, "Subscriber")));
        let chats = changed
            .iter()
            .filter_map(|event| if let Data::Chat(chat) = &event.data { Some(chat) } else { None });
        assert!(
            chats
                .flat_map(|chat| &chat.emotes)
                .any(|at| at.index == 0 && at.emote.image_url.starts_with("data:"))
        );
    });
}

#[test]
fn rare_events_change_no_other_total() {
    compare(&[room::rare], |plain, changed| {
        let count = |events: &[Event], name| events.iter().filter(|event| event.kind() == name).count();
        for (name, more) in [("envelope", 2), ("emote", 1), ("barrage", 1), ("super_fan_join", 1)] {
            assert_eq!(count(&changed, name), count(&plain, name) + more, "{name}");
        }
        assert_eq!(changed.len(), plain.len() + 5);
    });
}

/// Client libraries tell them by the text that is displayed.
#[test]
fn follows_and_shares_are_still_known_without_other_fields() {
    for mut items in [read(DEMO), read(BUSY)].map(people::missing) {
        let (mut all, mut bare) = (0, 0);
        Batches::default().edit_each(&mut items, |message| {
            let Some(node) = Node::of(message).filter(|node| node.schema.name == "Social") else {
                return false;
            };
            let common = node.child("common").unwrap();
            all += 1;
            bare += i32::from(common.number("msg_id") == 0);
            assert!(!common.child("display_text").unwrap().text("key").is_empty());
            false
        });
        assert!(bare > 0 && bare < all, "{bare} of {all}");
    }
}

#[test]
fn users_texts_and_details_are_missing() {
    compare(&[people::missing], |plain, changed| {
        let by_id: HashMap<_, _> =
            plain.iter().filter_map(|event| Some((event.id.clone()?, event))).collect();
        let (mut kinds, mut lost, mut sums) = (BTreeMap::new(), 0, [0; 2]);
        for event in changed.iter().filter(|event| event.id.is_some()) {
            let before = by_id[event.id.as_ref().unwrap()];
            assert_eq!(event.kind(), before.kind());
            let is_apart = gift(event).is_none_or(|gift| gift.group_id.0 != 0);
            assert!(event.user.is_some() || before.user.is_none() || is_apart);
            let (is_text, is_detail) = match (&event.data, &before.data) {
                (Data::Chat(after), Data::Chat(before)) => (after.comment != before.comment, false),
                (Data::Gift(after), Data::Gift(before)) => {
                    sums[0] += after.diamonds;
                    sums[1] += before.diamonds;
                    assert_eq!(after.repeat_delta, before.repeat_delta);
                    let is_missing = after.diamond_count == 0 && before.diamond_count > 0;
                    lost += if is_missing { before.diamonds } else { 0 };
                    (false, is_missing)
                }
                _ => (false, false),
            };
            let missing = [
                ("user", event.user.is_none() && before.user.is_some()),
                ("text", is_text),
                ("details", is_detail),
            ];
            for (name, _) in missing.into_iter().filter(|(_, is)| *is) {
                *kinds.entry(name).or_insert(0) += 1;
            }
        }
        assert!(
            ["user", "text", "details"].iter().all(|kind| kinds.get(kind).is_some_and(|n| *n > 3)),
            "{kinds:?}"
        );
        assert!(sums[0] > 0 && sums[0] + lost == sums[1]);
    });
    for bytes in [DEMO, BUSY] {
        let (before, after) = (truth_of(read(bytes)), truth_of(change(&[people::missing], read(bytes))));
        let [mut before, mut after] = [numbers(&before), numbers(&after)];
        assert!(after[4] < before[4] && after[10] < before[10]);
        // All but diamonds and gifters.
        for at in [4, 10] {
            (before[at], after[at]) = (0, 0);
        }
        assert_eq!(before, after);
    }
}

#[test]
fn all_ids_are_big() {
    let exact = 1..=1 << 53;
    let ids = |events: &[Event]| -> Vec<i64> {
        let users = events.iter().filter_map(|event| event.user.as_ref()).map(|user| user.user_id.0);
        let groups = events.iter().filter_map(gift).map(|gift| gift.group_id.0);
        let messages = events.iter().filter_map(|event| event.id.as_ref()?.parse().ok());
        users.chain(groups).chain(messages).collect()
    };
    let plain = ids(&events_of(read(DEMO)));
    assert!(plain.iter().any(|id| exact.contains(id)));
    let changed = events_of(change(&[gifts::big, people::big_ids], read(DEMO)));
    assert!(!ids(&changed).iter().any(|id| exact.contains(id)));
    let most = changed.iter().filter_map(gift).map(|gift| gift.diamonds).max();
    assert_eq!(most, Some(9_998 * 44_999));
}

#[test]
fn a_burst_comes_at_once_in_frames_of_reasonable_size() {
    for bytes in [DEMO, BUSY] {
        let (plain, items) = (read(bytes), change(&[room::burst::<5_000>], read(bytes)));
        let ids: BTreeSet<_> = events_of(&items).into_iter().filter_map(|event| event.id).collect();
        let before = events_of(&plain).into_iter().filter(|event| event.id.is_some()).count();
        assert_eq!(ids.len(), before + 5_000);
        let (mut batches, mut offsets, mut likes) = (Batches::default(), BTreeSet::new(), 0);
        for item in &items {
            let messages = batches.messages(item).unwrap_or_default();
            assert!(messages.len() < BATCH_MESSAGES_MAX / 10);
            if messages.iter().any(|message| message.msg_id >= 9_100_000_000_000_000_000) {
                offsets.insert(item.offset);
            }
        }
        assert_eq!(offsets.len(), 1);
        let end = plain.last().unwrap().offset;
        assert!(offsets.first().is_some_and(|at| (end * 2 / 5..end * 3 / 5).contains(at)));
        // The recorded totals include the added likes.
        if bytes == BUSY {
            for total in events_of(&items).iter().filter_map(LIKES_TOTAL) {
                assert!(total > likes);
                likes = total;
            }
        }
    }
}

#[test]
fn failures_come_before_the_first_connection() {
    compare(&[room::retrying], |_, changed| {
        let attempts = changed.iter().map_while(|event| match &event.data {
            Data::Failure(failure) if failure.retrying => Some(failure.attempt),
            _ => None,
        });
        assert_eq!(attempts.collect::<Vec<_>>(), [1, 2, 3]);
        assert!(matches!(changed[3].data, Data::ConnectionCreated(_)));
    });
}

#[test]
fn batches_over_http_are_changed_too() {
    let is_batch = |item: &Item| {
        let What::Frame(frame) = &item.what else { return None };
        let push = read_push(&frame.bytes, &mut Vec::new());
        (push.holds_batch() && !item.flags.is_sent()).then_some(push.payload)
    };
    let initial = |body| Http { role: Role::InitialBatch.into(), body, ..Http::default() };
    let items = read(DEMO).into_iter().map(|item| match is_batch(&item) {
        Some(body) => Item { what: What::Http(initial(body)), ..item },
        None => item,
    });
    let items: Vec<_> = items.collect();
    assert_eq!(truth_of(&items), truth_of(read(DEMO)));
    let truths = [items, read(DEMO)].map(|items| truth_of(change(&[people::missing], items)));
    assert_eq!(truths[0], truths[1]);
}

#[test]
fn named_fields_exist() {
    let exists = |(schema, field): &(&str, &str)| {
        Schema::named(schema).is_some_and(|schema| schema.fields.iter().any(|it| it.name == *field))
    };
    assert!(stage::TOTALS.iter().chain(&people::CONTENTS).all(exists));
}

/// Frames that are sent, texts, cut off, flipped, and random.
#[test]
fn garbage_passes_unchanged() {
    let frame = |flags: u8, opcode: Opcode, bytes: Bytes| Item {
        offset: Duration::from_secs(bytes.len() as u64 % 7),
        conn: 3,
        flags: Flags(flags),
        what: What::Frame(Frame { opcode, bytes }),
    };
    let mut garbage = Vec::new();
    for (number, item) in read(BUSY).into_iter().enumerate() {
        let What::Frame(Frame { bytes, .. }) = item.what else { continue };
        let noise: Vec<u8> =
            bytes.iter().map(|byte| byte.wrapping_mul(31).wrapping_add(number as u8)).collect();
        garbage.push(frame(Flags::SENT, Opcode::BINARY, bytes.clone()));
        garbage.push(frame(0, Opcode::TEXT, bytes.clone()));
        garbage.push(frame(0, Opcode::BINARY, bytes.slice(..bytes.len() / 2)));
        garbage.push(frame(0, Opcode::BINARY, noise.into()));
    }
    let garbage = in_order(garbage);
    let mut flipped = read(BUSY);
    for (number, item) in flipped.iter_mut().enumerate() {
        let What::Frame(frame) = &mut item.what else { continue };
        let (mut bytes, at) = (frame.bytes.to_vec(), number * 7_919 % frame.bytes.len().max(1));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << (number % 8);
        }
        frame.bytes = bytes.into();
    }
    for Case { name, changes, .. } in all() {
        assert_eq!(change(changes, Vec::new()), [], "{name}");
        let changed = change(changes, garbage.clone());
        let kept = changed.iter().filter(|item| matches!(item.what, What::Frame(_)));
        assert!(kept.eq(&garbage), "{name}");
        let _ = truth_of(change(changes, flipped.clone()));
    }
}
