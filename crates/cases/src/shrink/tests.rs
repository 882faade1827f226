//! Searches with simulated commands.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use livetape_core::{
    event::{Data, Event, User},
    recording::{Reader, What},
};

use super::*;
use crate::change::{change, events_of, gifts, truth_of};

const DEMO: &[u8] = include_bytes!("../../../../recordings/demo.bin");
const BUSY: &[u8] = include_bytes!("../../../../recordings/busy.bin");

fn read(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::open(bytes).unwrap();
    std::iter::from_fn(|| reader.next().unwrap().map(|record| record.item)).collect()
}

type Fails<'a> = dyn Fn(&[Item]) -> bool + 'a;

/// What a search found.
struct Reached {
    smallest: Vec<Item>,
    messages: usize,
    runs: usize,
}

/// Searches with a number of candidates under way. The latest answers first, every third time.
fn search(items: Vec<Item>, jobs: usize, fails: impl Fn(&[Item]) -> bool) -> Reached {
    run(Shrink::new(items, false), jobs, fails)
}

fn run(mut shrink: Shrink, jobs: usize, fails: impl Fn(&[Item]) -> bool) -> Reached {
    let mut runs = 0;
    let (mut under_way, mut tried) = (VecDeque::new(), Vec::new());
    while !shrink.is_done() {
        while under_way.len() < jobs
            && let Some(candidate) = shrink.propose()
        {
            let items = shrink.items(&candidate);
            assert!(!tried.contains(&items), "{candidate:?} was tried");
            under_way.push_back((candidate, fails(&items)));
            tried.push(items);
            runs += 1;
        }
        let next = if runs % 3 == 0 { under_way.pop_back() } else { under_way.pop_front() };
        let (candidate, still_fails) = next.expect("a search that is not done has a candidate");
        shrink.answer(&candidate, still_fails);
    }
    assert_eq!(shrink.propose(), None);
    let smallest = shrink.smallest();
    assert!(smallest.is_sorted_by_key(|item| item.offset));
    Reached { smallest, messages: shrink.messages(), runs }
}

/// Whether a bot that counts only the ends of streaks gets another number than the right one.
fn counts_only_ends(items: &[Item]) -> bool {
    let items = change(&[gifts::no_final], items.to_vec());
    let ends = |event: &Event| match &event.data {
        Data::Gift(gift) if gift.repeat_end && !gift.inferred => {
            i64::from(gift.repeat_count) * i64::from(gift.diamond_count)
        }
        _ => 0,
    };
    let printed: i64 = events_of(&items).iter().map(ends).sum();
    printed != truth_of(&items).diamonds
}

#[test]
fn a_bug_of_streaks_leaves_one_message() {
    for jobs in [1, 4] {
        let found = search(read(DEMO), jobs, counts_only_ends);
        assert!(found.messages == 1 && found.runs <= [20, 50][jobs / 4], "{} runs", found.runs);
        let events = events_of(change(&[gifts::no_final], found.smallest));
        assert!(events.len() <= 5, "{events:#?}");
    }
}

#[test]
fn a_bug_at_one_user_leaves_one_message() {
    let events = events_of(read(BUSY));
    let users: BTreeSet<_> =
        events.iter().filter_map(|event| Some(&event.user.as_ref()?.unique_id)).collect();
    for user in users.iter().step_by(users.len() / 3) {
        let is_by = |event: &Event| event.user.as_ref().is_some_and(|it| it.unique_id == **user);
        let found = search(read(BUSY), 1, |items| events_of(items).iter().any(is_by));
        assert!(found.messages == 1 && found.runs <= 25, "{} runs", found.runs);
    }
}

/// Returns the first items of a recording.
fn start_of(bytes: &[u8], items: usize) -> Vec<Item> {
    read(bytes).into_iter().take(items).collect()
}

fn chats(items: &[Item]) -> Vec<(String, User)> {
    let chat = |event: Event| match event.data {
        Data::Chat(chat) => Some((chat.comment, event.user?)),
        _ => None,
    };
    events_of(items).into_iter().filter_map(chat).collect()
}

/// Commands that fail at two users, at one event unless there is only one of two others, at a long show, and at
/// several events.
#[test]
fn the_order_of_answers_changes_nothing_and_nothing_more_can_go() {
    let all: Vec<_> = events_of(start_of(DEMO, 30)).into_iter().filter_map(|event| event.id).collect();
    let two_users = |items: &[Item]| {
        chats(items).iter().map(|(_, user)| user.user_id.0).collect::<BTreeSet<_>>().len() > 1
    };
    let pair = |items: &[Item]| {
        let ids: Vec<_> = events_of(items).into_iter().filter_map(|event| event.id).collect();
        let has = |at: usize| ids.contains(&all[at]);
        has(20) && has(5) == has(6)
    };
    let far = |items: &[Item]| {
        let at: Vec<_> = events_of(items).iter().filter(|e| e.id.is_some()).map(|event| event.ts.0).collect();
        at.last().zip(at.first()).is_some_and(|(last, first)| last - first > 5_000)
    };
    let several = |items: &[Item]| {
        let ids: Vec<_> =
            events_of(items).iter().filter_map(|event| event.id.clone()?.parse::<i64>().ok()).collect();
        ids.iter().filter(|id| **id % 5 == 0).count() > 3
    };
    let commands: [(&str, &Fails<'_>, usize); 4] =
        [("two users", &two_users, 2), ("pair", &pair, 1), ("far", &far, 2), ("several", &several, 4)];
    for (name, fails, messages) in commands {
        let found = [1, 2, 3, 8].map(|jobs| search(start_of(DEMO, 30), jobs, fails));
        assert!(found.iter().all(|other| other.smallest == found[0].smallest), "{name}");
        assert_eq!(found[0].messages, messages, "{name}");
        let again = search(found[0].smallest.clone(), 1, fails);
        assert_eq!(again.smallest, found[0].smallest, "{name}");
    }
}

#[test]
fn what_is_not_needed_becomes_simple() {
    let found = search(start_of(DEMO, 60), 2, |items| chats(items).len() > 2);
    let left = chats(&found.smallest);
    assert_eq!((found.messages, left.len()), (3, 3));
    assert!(
        left.iter().all(|(comment, user)| comment.chars().count() <= "hello 12345".len()
            && user.user_id == left[0].1.user_id),
        "{left:?}"
    );
    let gaps = found.smallest.windows(2).map(|pair| pair[1].offset - pair[0].offset);
    assert!(gaps.max().is_some_and(|gap| gap.as_secs() <= 1));
    // One comment, one name, and a second user.
    let before = chats(&start_of(DEMO, 60));
    let (comment, user) = before.iter().find(|(comment, _)| comment.len() > 20).unwrap();
    let found = search(start_of(DEMO, 60), 2, |items| {
        let chats = chats(items);
        let is_other = |other: &User| other.user_id != user.user_id;
        chats.iter().any(|(text, _)| text == comment)
            && chats.iter().any(|(_, by)| by.nickname == user.nickname)
            && chats.iter().any(|(_, by)| is_other(by))
    });
    assert_eq!(found.messages, 2, "{:?}", chats(&found.smallest));
}

#[test]
fn gaps_that_take_time_are_closed_first() {
    let length = |items: &[Item]| items.last().map_or(0, |item| item.offset.as_secs());
    let mut items = start_of(DEMO, 60);
    items.last_mut().unwrap().offset = Duration::from_secs(600);
    let mut shrink = Shrink::new(items.clone(), true);
    let first = shrink.propose().unwrap();
    assert!(length(&shrink.items(&first)) < 60);
    assert_eq!(events_of(shrink.items(&first)).len(), events_of(items.clone()).len());
    let needs_chats = run(Shrink::new(items.clone(), true), 2, |items| chats(items).len() > 2);
    assert_eq!((needs_chats.messages, length(&needs_chats.smallest) < 4), (3, true));
    // The gap has to stay.
    let needs_time = run(Shrink::new(items, true), 2, |items| length(items) > 300);
    assert_eq!(needs_time.messages, 1);
}

#[test]
fn pieces_are_the_same_show() {
    for bytes in [DEMO, BUSY] {
        let items = read(bytes);
        let pieces = Show::new(items.clone()).items(&Gone::new());
        assert!(pieces.len() > items.len());
        assert_eq!(events_of(&pieces), events_of(&items));
    }
}

#[test]
fn messages_of_a_connection_that_is_left_out_are_on_the_first() {
    let opened = |items: &[Item]| items.iter().filter(|item| matches!(item.what, What::ConnOpen(_))).count();
    assert_eq!(opened(&read(BUSY)), 2);
    let second =
        |items: &[Item]| events_of(items).iter().rev().find(|event| event.id.is_some()).map(|e| e.id.clone());
    let last = second(&read(BUSY));
    let found = search(read(BUSY), 1, |items| second(items) == last);
    assert_eq!((opened(&found.smallest), found.messages), (1, 1));
    let conns: BTreeSet<_> = found.smallest.iter().map(|item| item.conn).filter(|conn| *conn != 0).collect();
    assert_eq!(conns.len(), 1);
}

#[test]
fn a_command_that_never_fails_leaves_the_recording() {
    let found = search(start_of(DEMO, 4), 2, |_| false);
    assert_eq!(found.smallest, start_of(DEMO, 4));
    let found = search(Vec::new(), 2, |_| true);
    assert_eq!((found.smallest, found.runs), (Vec::new(), 0));
}

#[test]
fn a_command_that_always_fails_leaves_what_a_replay_needs() {
    let found = search(read(BUSY), 4, |_| true);
    assert_eq!((found.smallest.len(), found.messages), (2, 0), "{:?}", found.smallest);
}
