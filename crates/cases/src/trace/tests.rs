//! Timelines of shipped recordings.

use livetape_core::{
    event::Event,
    recording::{Item, Reader},
};
use serde_json::json;

use super::*;
use crate::{
    change::{change, counted, events_of, gifts, json_of},
    expect::{Expectation, Output, Stream},
};

fn demo() -> Vec<Item> {
    let mut reader = Reader::open(&include_bytes!("../../../../recordings/demo.bin")[..]).unwrap();
    let mut items = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    items
}

/// What a command printed after these numbers of events.
fn printed(lines: &[(usize, String)]) -> Record {
    let mut output = Output::new(&[Expectation::parse("diamonds: {diamonds}").unwrap()]);
    for (sent, line) in lines {
        let at = Stamp { after_ms: 10, sent: u32::try_from(*sent).unwrap() };
        output.push_at(at, Stream::Stdout, format!("{line}\n").as_bytes());
    }
    output.record()
}

fn totals(course: &[i64], sent: impl Fn(usize) -> usize) -> Vec<(usize, String)> {
    let changes = (1..course.len()).filter(|at| course[*at] != course[at - 1]);
    changes.map(|at| (sent(at), format!("diamonds: {}", course[at]))).collect()
}

fn wrong(got: i64, diagnosis: Option<&'static str>) -> Failure {
    Failure { got: Some(got.to_string()), diagnosis, ..Failure::new("diamonds", "printed another number") }
}

fn trace_of(items: &[Item], breaks: &[usize], lines: &[(usize, String)], failure: Failure) -> Trace {
    let events = counted(items);
    let until = |at: Stamp| at.sent as usize;
    let sent = Sent { events: &events, breaks, starts: &[], until: &until, left: None };
    Trace::of(&sent, &printed(lines), &[failure], &[], |wanted| json_of(items, true, true, wanted))
}

fn name() -> Name {
    Name::parse("diamonds").unwrap()
}

/// At speed `max`, everything may have been sent before the first line is read.
#[test]
fn printed_totals_are_placed_at_the_events_that_they_count_also_if_they_are_read_late() {
    let items = change(&[gifts::no_final], demo());
    let events = counted(&items);
    let (mistaken, _) = mistaken_course((&events, &[], &[]), "only_repeat_end", &name(), "9").unwrap();
    let at_once = trace_of(&items, &[], &totals(&mistaken, |at| at), wrong(9, Some("only_repeat_end")));
    let late = trace_of(&items, &[], &totals(&mistaken, |_| events.len()), wrong(9, Some("only_repeat_end")));
    assert_eq!(at_once, late);
    let course = &late.numbers[0];
    let changes = (1..mistaken.len()).filter(|at| mistaken[*at] != mistaken[at - 1]);
    let expected = changes.map(|at| (events[at - 1].since(events.first()), mistaken[at]));
    assert_eq!(course.got, Vec::from_iter(expected));
    let parting = course.parting.as_ref().unwrap();
    assert_eq!((parting.right, parting.got), (10, 0));
    let event: Value = serde_json::from_str(&parting.events[0].json).unwrap();
    assert_eq!((&event["data"]["repeatCount"], &event["data"]["repeatEnd"]), (&json!(10), &json!(false)));
    assert_eq!((parting.at_ms, &*parting.events[0].text), (12_531, "Rose x10 of umbra_kettle8965"));
}

/// Gifts of the same value cannot be told apart by totals, so that several may be named.
#[test]
fn an_unknown_mistake_is_found_where_the_printed_totals_part_from_the_right_ones() {
    let items = demo();
    let events = events_of(&items);
    let right = course(&counted(&items), &name()).unwrap();
    let changes = Vec::from_iter((1..right.len()).filter(|at| right[*at] != right[at - 1]));
    let added = |at: usize| right[at] - right[at - 1];
    let largest = *changes.iter().max_by_key(|at| added(**at)).unwrap();
    for at in [changes[0], changes[7], largest, changes[changes.len() - 1]] {
        // It leaves out this gift.
        let total = |change: usize| if change < at { right[change] } else { right[change] - added(at) };
        let others = changes.iter().filter(|change| **change != at);
        let lines = others.map(|change| (events.len(), format!("diamonds: {}", total(*change))));
        let trace = trace_of(&items, &[], &Vec::from_iter(lines), wrong(114 - added(at), None));
        let parting = trace.numbers[0].parting.as_ref().unwrap();
        let found = Vec::from_iter(parting.events.iter().map(|event| {
            let json: Value = serde_json::from_str(&event.json).unwrap();
            json["id"].as_str().unwrap().to_owned()
        }));
        let at_ms = u64::try_from(events[at - 1].ts.0 - events[0].ts.0).unwrap();
        assert!(
            parting.from_ms < at_ms && at_ms <= parting.at_ms && parting.mistake.is_none(),
            "{parting:?}"
        );
        assert!(
            at != largest && parting.events.is_empty()
                || found.contains(&events[at - 1].id.as_ref().unwrap().to_string()),
            "{parting:?}"
        );
    }
}

/// Where the next event adds as much as the one that counts twice, the total looks right for longer.
#[test]
fn what_is_wrong_after_a_break_began_there() {
    let items = demo();
    let events = counted(&items);
    let right = course(&events, &name()).unwrap();
    let changes = Vec::from_iter((1..right.len()).filter(|at| right[*at] != right[at - 1]));
    let added = |index: usize| right[changes[index]] - right[changes[index] - 1];
    // The event before the break is sent again.
    let last = (5..changes.len() - 1).find(|index| added(*index) == added(index + 1)).unwrap();
    let before = changes[..=last].iter().map(|at| right[*at]);
    let after = changes[last..].iter().map(|at| right[*at] + added(last));
    let lines = Vec::from_iter(before.chain(after).map(|total| (events.len(), format!("diamonds: {total}"))));
    let at = changes[last] + 1;
    let trace = trace_of(&items, &[at], &lines, wrong(114 + added(last), None));
    let parting = trace.numbers[0].parting.as_ref().unwrap();
    let broken = events[at - 1].since(events.first());
    assert_eq!((parting.break_ms, parting.at_ms), (Some(broken), broken), "{parting:?}");
    assert_eq!((parting.right, parting.got), (right[at], right[at] + added(last)));
    assert_eq!(trace.numbers[0].got.last().unwrap().1, 114 + added(last));
}

/// As in a room, whose events come at their times: what is printed is of the event shortly before.
#[test]
fn what_is_printed_at_once_tells_equal_gifts_apart() {
    let items = demo();
    let events = counted(&items);
    let right = course(&events, &name()).unwrap();
    let changes = Vec::from_iter((1..right.len()).filter(|at| right[*at] != right[at - 1]));
    let of = |totals: Vec<(usize, i64)>| {
        let got = totals.last().unwrap().1;
        let lines = totals.iter().map(|(at, total)| (at + 2, format!("diamonds: {total}")));
        trace_of(&items, &[], &Vec::from_iter(lines), wrong(got, None)).numbers[0].parting.clone().unwrap()
    };
    let since = |at: usize| events[at - 1].since(events.first());
    // Those before it that change nothing may be to blame as well.
    let last = |parting: &Parting| (parting.at_ms, parting.events.last().map(|event| event.at_ms));
    for (index, at) in changes.iter().enumerate().skip(1).take(changes.len() - 2) {
        let added = right[*at] - right[at - 1];
        // It leaves out this gift, or counts it twice.
        let others = changes.iter().filter(|change| *change != at);
        let less = others.map(|change| (*change, right[*change] - if change < at { 0 } else { added }));
        let parting = of(less.collect());
        assert_eq!(last(&parting), (since(*at), Some(since(*at))), "{index}: {parting:?}");
        assert_eq!((parting.right, parting.got), (right[*at], right[at - 1]));
        let more =
            changes.iter().map(|change| (*change, right[*change] + if change < at { 0 } else { added }));
        let parting = of(more.collect());
        assert_eq!(last(&parting), (since(*at), Some(since(*at))), "{index}: {parting:?}");
    }
}

/// Of many that are left out, equal ones cannot be told apart.
#[test]
fn a_counter_that_leaves_out_many_blames_none() {
    let items = demo();
    let events = counted(&items);
    let failure = Failure { got: Some("50".to_owned()), ..Failure::new("chats", "printed another number") };
    let name = Name::parse("chats").unwrap();
    let mut record = Record::new([name.clone()]);
    record.now(Stamp { after_ms: 5, sent: events.len() as u32 });
    for chats in 1..=50 {
        let chats = chats.to_string();
        record.add(&format!("chats: {chats}"), [(&name, &*chats)].into_iter());
    }
    let until = |at: Stamp| at.sent as usize;
    let sent = Sent { events: &events, breaks: &[], starts: &[], until: &until, left: None };
    let trace = Trace::of(&sent, &record, &[failure], &[], |wanted| json_of(&items, true, true, wanted));
    let parting = trace.numbers[0].parting.as_ref().unwrap();
    assert_eq!((parting.from_ms, parting.among, parting.events.len()), (0, 51, 0), "{parting:?}");
}

/// Totals of a timer do not say which event was counted wrong.
#[test]
fn few_printed_totals_part_somewhere_between_two_of_them() {
    let items = demo();
    let events = counted(&items);
    let (half, end) = (events.len() / 2, events.len());
    let right = course(&events, &name()).unwrap();
    let lines = [(half, right[half]), (end, 120)].map(|(at, value)| (at, format!("diamonds: {value}")));
    let trace = trace_of(&items, &[], &lines, wrong(120, None));
    let parting = trace.numbers[0].parting.as_ref().unwrap();
    assert_eq!((parting.right, parting.got, parting.at_ms), (114, 120, trace.length_ms));
    let from = right.iter().position(|value| *value == right[half]).unwrap();
    let gifts = events[from..].iter().filter(|event| event.kind() == "gift").count();
    assert_eq!((parting.among, parting.events.len()), (gifts, 0));
    assert!(parting.from_ms > 0);
}

#[test]
fn a_mistake_of_breaks_begins_with_the_first_one() {
    let items = demo();
    let events = counted(&items);
    let at = events.len() / 2;
    let right = course(&events, &name()).unwrap();
    let got = 114 + right[at];
    let lines = [(at, right[at]), (events.len(), got)].map(|(at, value)| (at, format!("diamonds: {value}")));
    let trace = trace_of(&items, &[at], &lines, wrong(got, Some("counted_again")));
    let parting = trace.numbers[0].parting.as_ref().unwrap();
    assert_eq!((parting.is_break, parting.at_ms), (true, events[at - 1].since(events.first())));
    assert_eq!(parting.events[0].at_ms, 3_266);
    // The remedy speaks of `seq`, the number of the event in the feed.
    let event: Value = serde_json::from_str(&parting.events[0].json).unwrap();
    let first = events.iter().position(|event| event.kind() == "gift").unwrap();
    assert_eq!(event["seq"], first + 1);
}

#[test]
fn a_mistake_that_no_longer_explains_a_number_is_left_out() {
    let items = change(&[gifts::no_final], demo());
    let mut trace =
        trace_of(&items, &[], &[(900, "diamonds: 9".to_owned())], wrong(9, Some("only_repeat_end")));
    trace.keep_mistakes(&[wrong(9, Some("only_repeat_end"))]);
    assert!(trace.numbers[0].parting.as_ref().unwrap().mistake.is_some());
    trace.keep_mistakes(&[wrong(9, None)]);
    let parting = trace.numbers[0].parting.as_ref().unwrap();
    assert_eq!((parting.mistake.as_ref(), parting.got), (None, 9));
}

#[test]
fn lines_are_no_later_than_the_numbers_after_them() {
    let items = demo();
    let lines = ["hello", "diamonds: 3", "error", "diamonds: 114", "bye"].map(|line| (900, line.to_owned()));
    let trace = trace_of(&items, &[], &lines, wrong(114, None));
    let times = trace.lines.iter().map(|line| (line.text.as_str(), line.at_ms));
    let [first, last] = [trace.numbers[0].got[0].0, trace.numbers[0].got[1].0];
    assert_eq!(Vec::from_iter(times), [("hello", first), ("error", last), ("bye", trace.length_ms)]);
    assert!(first < last && last < trace.length_ms);
}

#[test]
fn a_show_that_was_not_over_ends_where_the_command_did() {
    let items = demo();
    let events = counted(&items);
    let until = |at: Stamp| at.sent as usize;
    let left = Some(Stamp { after_ms: 5, sent: 100 });
    let sent = Sent { events: &events, breaks: &[], starts: &[], until: &until, left };
    let happened = [(Stamp { after_ms: 4, sent: 100 }, "1 connection was cut at 0:30.0".to_owned())];
    let trace = Trace::of(&sent, &printed(&[]), &[], &happened, |_| BTreeMap::new());
    assert_eq!((trace.sent, trace.unsent), (100, events.len() as u64 - 100));
    assert_eq!((trace.happened[0].at_ms, trace.happened[0].after_ms), (trace.length_ms, 4));
}

#[test]
fn a_long_show_has_a_short_timeline_with_the_values_around_the_first_wrong_one() {
    let gift = events_of(demo()).into_iter().find(|event| event.kind() == "gift").unwrap();
    let event = |number: i64| {
        let mut event: Event = gift.clone();
        event.ts.0 += number * 72;
        SlimEvent::of(&event)
    };
    // An hour.
    let events = Vec::from_iter((0..50_000).map(event));
    let until = |at: Stamp| at.sent as usize;
    let sent = Sent { events: &events, breaks: &[], starts: &[], until: &until, left: None };
    // It counts one gift twice.
    let totals = (1..=30_000).map(|at| (at, format!("diamonds: {}", at + usize::from(at >= 12_345))));
    let noise = (0..1_000).map(|at| (30_000 + at, format!("{HOSTILE}{at}{}", "x".repeat(3_000))));
    let record = printed(&Vec::from_iter(totals.chain(noise)));
    let happened = Vec::from_iter((0..1_000).map(|at| (Stamp::default(), format!("{HOSTILE}{at}"))));
    let failures = ["diamonds", "gifts", "events", "likes"].map(|what| Failure {
        got: Some("30001".to_owned()),
        ..Failure::new(what, "printed another number")
    });
    let trace = Trace::of(&sent, &record, &failures, &happened, |_| BTreeMap::new());
    let course = &trace.numbers[0];
    let parting = course.parting.as_ref().unwrap();
    assert_eq!((parting.right, parting.got), (12_345, 12_346));
    for value in 12_342..=12_348 {
        assert!(course.right.iter().any(|(_, right)| *right == value), "{value}");
        let is_printed = course.got.iter().any(|(_, got)| *got == value);
        assert_eq!(is_printed, value != 12_345, "{value}");
    }
    let size = serde_json::to_vec(&trace).unwrap().len();
    assert!(size < 200_000 && trace.numbers.len() == 3 && trace.line_step > 1, "{size}");
}

/// Hostile names are in commands and shows alike.
const HOSTILE: &str = "<script>\u{202e}&\u{1b}[31m";

#[test]
fn pictures_are_those_after_breaks_after_the_first_wrong_number_and_the_last() {
    let moment = |text: &str, after_ms| Moment { at_ms: after_ms * 10, after_ms, text: text.to_owned() };
    let happened = vec![moment("a client connected", 25), moment("cut", 40)];
    let number = Course {
        name: "gifts".to_owned(),
        right: Vec::new(),
        got: Vec::new(),
        parting: Some(Parting {
            from_ms: 0,
            at_ms: 200,
            among: 1,
            is_break: false,
            break_ms: None,
            right: 1,
            got: 2,
            mistake: None,
            events: Vec::new(),
        }),
        unexplained: None,
        wrong_after_ms: Some(21),
    };
    let mut trace = Trace { length_ms: 900, happened, numbers: vec![number], ..Trace::default() };
    let taken = Vec::from_iter([10, 20, 30, 50, 80].map(|at: u64| (at, format!("{at}"))));
    trace.add_pictures(&taken);
    let chosen = trace.pictures.iter().map(|it| (it.at_ms, it.what.as_str(), it.jpeg.as_str()));
    // Of two reasons for one picture, the wrong number is named.
    let expected =
        [(200, "after the first wrong number of gifts", "30"), (400, "cut", "50"), (900, "the end", "80")];
    assert_eq!(Vec::from_iter(chosen), expected);
    // One picture of all.
    trace.add_pictures(&taken[..1]);
    assert_eq!(trace.pictures.len(), 1);
    trace.add_pictures(&[]);
    assert_eq!(trace.pictures, []);
}
