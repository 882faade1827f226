//! Tests of the hub: one for each of its rules. The clock is paused in those of pacing.

mod model;
mod relay;

use std::{collections::VecDeque, io::Cursor, time::Duration};

use bytes::{Buf as _, Bytes};
use futures_util::FutureExt as _;
use livetape_core::{
    error::Code,
    event::{ConnectionCreated, Data, Disconnected, Event, Failure, Gift, Unknown},
};
use livetape_io::clock;
use livetape_samples::{chat, event};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Data::Text, OpCode},
};

use super::*;

/// Returns a channel `s` with capacity for `events_max` events.
fn hub(events_max: u64) -> Hub {
    Hub::new("s".to_owned(), Limits { events_max, ..Limits::default() })
}

fn chats(count: usize) -> Vec<Event> {
    (0..count).map(|i| chat(&i.to_string())).collect()
}

fn connected() -> Event {
    event(Data::ConnectionCreated(ConnectionCreated::default()))
}

fn disconnected() -> Event {
    event(Data::Disconnected(Disconnected::default()))
}

fn failed(retrying: bool) -> Event {
    event(Data::Failure(Failure { attempt: 1, retrying, ..Failure::default() }))
}

fn unknown() -> Event {
    event(Data::Unknown(Unknown::default()))
}

/// Returns a gift of 5 diamonds, by total count, increment, and increment since the last final.
fn gift(repeat_count: i32, repeat_delta: i32, delta_since_final: i32) -> Gift {
    Gift { diamond_count: 5, repeat_count, repeat_delta, delta_since_final, ..Gift::default() }
}

/// Returns a position in the channel of [`hub`].
fn after(seq: u64) -> Option<Since> {
    Some(Since::After { stream: "s".to_owned(), seq })
}

/// Reads everything available without waiting. Also returns how the feed ended, if it did.
fn drain(subscriber: &mut Subscriber) -> (Vec<Bytes>, Option<Next>) {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    loop {
        match subscriber.next(&mut batch).now_or_never() {
            Some(Next::Events) => all.append(&mut batch),
            end => return (all, end),
        }
    }
}

/// Like [`drain`], the way a shard reads.
fn write(subscriber: &mut Subscriber, batches: &mut Batches) -> (Vec<Bytes>, Option<Next>) {
    let mut pieces = VecDeque::new();
    loop {
        match subscriber.frames(batches, &mut pieces) {
            Some(Next::Events) => subscriber.written(),
            end => return (pieces.iter().flat_map(texts).collect(), end),
        }
    }
}

/// Splits whole frames into their texts.
fn texts(frames: &Bytes) -> Vec<Bytes> {
    let (mut texts, mut rest) = (Vec::new(), frames.clone());
    while !rest.is_empty() {
        let mut head = Cursor::new(&rest[..]);
        let (header, length) = FrameHeader::parse(&mut head).unwrap().unwrap();
        assert_eq!((header.opcode, header.is_final), (OpCode::Data(Text), true));
        rest.advance(head.position() as usize);
        texts.push(rest.split_to(length as usize));
    }
    texts
}

fn json(line: &[u8]) -> serde_json::Value {
    serde_json::from_slice(line).unwrap()
}

/// Returns the sequence numbers of the available events.
fn seqs(subscriber: &mut Subscriber) -> Vec<u64> {
    drain(subscriber).0.iter().map(|line| json(line)["seq"].as_u64().unwrap_or(0)).collect()
}

fn join(hub: &Hub, join: &Join) -> Subscriber {
    hub.join(join).unwrap()
}

#[test]
fn a_joiner_gets_new_events_and_with_since_0_all_events() {
    let hub = hub(16);
    hub.publish(&chats(3));
    let mut new = join(&hub, &Join::default());
    let mut all = join(&hub, &Join { since: Some(Since::Start), ..Join::default() });
    hub.publish(&chats(2));
    assert_eq!(seqs(&mut new), [4, 5]);
    assert_eq!(seqs(&mut all), [1, 2, 3, 4, 5]);
}

#[test]
fn the_json_contains_the_stream_and_the_number() {
    let hub = hub(16);
    let mut subscriber = join(&hub, &Join::default());
    hub.publish(&[chat("hi")]);
    let (lines, _) = drain(&mut subscriber);
    let line = std::str::from_utf8(&lines[0]).unwrap();
    assert!(line.ends_with(r#","stream":"s","seq":1}"#), "{line}");
    assert_eq!(json(&lines[0])["data"]["comment"], "hi");
}

#[test]
fn two_subscribers_share_the_bytes() {
    let hub = hub(16);
    let mut one = join(&hub, &Join::default());
    let mut two = join(&hub, &Join::default());
    hub.publish(&chats(3));
    let (one, two) = (drain(&mut one).0, drain(&mut two).0);
    assert_eq!(one, two);
    assert!(one.iter().zip(&two).all(|(one, two)| one.as_ptr() == two.as_ptr()));
}

#[test]
fn a_joiner_gets_the_current_state_first() {
    let first = |events: &[Event]| {
        let hub = hub(16);
        hub.publish(events);
        let mut subscriber = join(&hub, &Join::default());
        hub.publish(&[chat("new")]);
        seqs(&mut subscriber)
    };
    assert_eq!(first(&[connected(), chat("")]), [1, 3]);
    assert_eq!(first(&[connected(), failed(true), chat("")]), [2, 4]);
    assert_eq!(first(&[connected(), failed(false)]), [2, 3]);
    let missing = event(Data::Failure(Failure { attempt: 0, retrying: true, ..Failure::default() }));
    assert_eq!(first(&[connected(), missing, chat("")]), [1, 4], "the connection stays as it is");
    assert_eq!(first(&[connected(), chat(""), disconnected()]), [1, 3, 4]);
    assert_eq!(first(&[failed(false), disconnected()]), [1, 2, 3]);
    assert_eq!(first(&[disconnected(), disconnected()]), [2, 3], "the last reason counts");
    assert_eq!(first(&[connected(), disconnected(), connected()]), [3, 4]);
}

#[test]
fn a_joiner_gets_the_error_before_the_close_whenever_it_joins() {
    let events = [connected(), failed(true), failed(true), failed(false)];
    for before in 0..=events.len() + 1 {
        let hub = hub(16);
        let close = || hub.close(CloseReason::new(1011, "user_offline"));
        let mut subscriber = None;
        for (at, event) in events.iter().enumerate() {
            subscriber = subscriber.or_else(|| (at == before).then(|| join(&hub, &Join::default())));
            hub.publish(std::slice::from_ref(event));
        }
        if before == events.len() + 1 {
            close();
        }
        let mut subscriber = subscriber.unwrap_or_else(|| join(&hub, &Join::default()));
        close();
        let (lines, end) = drain(&mut subscriber);
        assert_eq!(json(lines.last().unwrap())["data"]["retrying"], false, "{before}");
        assert!(matches!(end, Some(Next::Closed(reason)) if reason.code == 1011), "{before}");
    }
}

#[test]
fn the_state_outlives_the_backlog() {
    let hub = hub(4);
    hub.publish(&[connected()]);
    hub.publish(&chats(20));
    assert_eq!(seqs(&mut join(&hub, &Join::default())), [1]);
    let types = "chat".parse().unwrap();
    let filter = Filter { types, ..Filter::default() };
    assert_eq!(
        seqs(&mut join(&hub, &Join { filter, ..Join::default() })),
        [0; 0],
        "the filter applies to the state, too"
    );
}

#[test]
fn since_resumes_or_is_rejected() {
    let hub = hub(4);
    hub.publish(&chats(10));
    let resume = |since| hub.join(&Join { since, ..Join::default() });
    assert_eq!(seqs(&mut resume(after(10)).unwrap()), [0; 0]);
    assert_eq!(seqs(&mut resume(after(8)).unwrap()), [9, 10]);
    assert_eq!(seqs(&mut resume(after(6)).unwrap()), [7, 8, 9, 10]);
    for since in [after(5), after(0), after(11), Some(Since::After { stream: "t".to_owned(), seq: 8 })] {
        let refused = resume(since.clone()).unwrap_err();
        assert_eq!(refused.code, Code::UnknownPosition, "{since:?}");
    }
}

#[test]
fn skipped_events_are_reported_as_a_gap() {
    let hub = hub(4);
    hub.publish(&chats(10));
    let skip = |since| hub.join(&Join { since, on_gap: OnGap::Skip, ..Join::default() });
    let (lines, _) = drain(&mut skip(after(3)).unwrap());
    assert_eq!(lines[0], r#"{"type":"gap","from":4,"to":6}"#);
    assert_eq!(lines[1..].iter().map(|line| json(line)["seq"].clone()).collect::<Vec<_>>(), [7, 8, 9, 10]);
    assert!(skip(after(11)).is_err(), "a position beyond the head is not a gap");
}

#[test]
fn a_subscriber_that_lags_more_than_half_the_ring_is_slow_and_can_resume() {
    let hub = hub(8);
    let mut subscriber = join(&hub, &Join::default());
    hub.publish(&chats(2));
    let mut batch = Vec::new();
    assert_eq!(subscriber.next(&mut batch).now_or_never(), Some(Next::Events));
    hub.publish(&chats(2));
    assert!(!subscriber.slow().is_cancelled(), "a lag of 4: the first batch is not written yet");
    hub.publish(&chats(1));
    assert!(subscriber.slow().is_cancelled());
    assert_eq!(subscriber.next(&mut batch).now_or_never(), Some(Next::Slow));
    assert_eq!((batch.len(), hub.subscriber_count()), (0, 0));
    hub.publish(&chats(3));
    assert_eq!(seqs(&mut join(&hub, &Join { since: after(2), ..Join::default() })), [3, 4, 5, 6, 7, 8]);
}

#[test]
fn lag_is_limited_in_bytes_too() {
    let hub = Hub::new("s".to_owned(), Limits { bytes_max: 4000, ..Limits::default() });
    let mut subscriber = join(&hub, &Join::default());
    hub.publish(&[chat(&"x".repeat(100_000))]);
    assert!(!subscriber.slow().is_cancelled(), "an event counts as at most a quarter");
    hub.publish(&[chat(&"x".repeat(100_000))]);
    assert!(!subscriber.slow().is_cancelled());
    hub.publish(&[chat("x")]);
    assert_eq!(drain(&mut subscriber).1, Some(Next::Slow));
}

#[test]
fn a_joiner_may_lag_as_far_as_other_subscribers() {
    let hub = hub(8);
    hub.publish(&chats(8));
    let mut subscriber = join(&hub, &Join { since: Some(Since::Start), ..Join::default() });
    hub.publish(&chats(4));
    assert_eq!(seqs(&mut subscriber), (1..=12).collect::<Vec<_>>());
}

#[test]
fn closing_delivers_queued_events_first() {
    let hub = hub(8);
    let mut subscriber = join(&hub, &Join::default());
    hub.publish(&chats(2));
    let reason = CloseReason::new(1000, "done");
    hub.close(reason.clone());
    hub.close(CloseReason::new(1001, "later"));
    hub.publish(&chats(2));
    let (lines, end) = drain(&mut subscriber);
    assert_eq!((lines.len(), end), (2, Some(Next::Closed(reason.clone()))));
    let late = drain(&mut join(&hub, &Join { since: Some(Since::Start), ..Join::default() }));
    assert_eq!((late.0.len(), late.1), (2, Some(Next::Closed(reason))));
}

#[test]
fn unknown_events_require_raw() {
    let hub = hub(8);
    hub.publish(&[unknown(), chat("")]);
    let all = |raw| {
        let filter = Filter { raw, ..Filter::default() };
        seqs(&mut join(&hub, &Join { since: Some(Since::Start), filter, ..Join::default() }))
    };
    assert_eq!((all(false), all(true)), (vec![2], vec![1, 2]));
}

#[test]
fn gift_increments_add_up_in_every_mode() {
    let hub = hub(32);
    let streak = [
        gift(1, 1, 0),
        gift(3, 2, 0),
        gift(2, 0, 0),
        Gift { is_final: true, inferred: true, ..gift(3, 0, 3) },
        gift(7, 4, 0),
        Gift { is_final: true, ..gift(7, 0, 4) },
    ];
    hub.publish(&streak.map(|gift| event(Data::Gift(gift))));
    let see = |gifts| {
        let filter = Filter { gifts, ..Filter::default() };
        let mut subscriber = join(&hub, &Join { since: Some(Since::Start), filter, ..Join::default() });
        let lines = drain(&mut subscriber).0;
        let events = lines.iter().map(|line| json(line));
        events
            .map(|event| (event["seq"].as_u64().unwrap(), event["data"]["repeatDelta"].as_i64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(see(Gifts::Raw), [(1, 1), (2, 2), (3, 0), (5, 4), (6, 0)]);
    assert_eq!(see(Gifts::Delta), [(1, 1), (2, 2), (4, 0), (5, 4), (6, 0)]);
    assert_eq!(see(Gifts::Final), [(4, 3), (6, 4)]);
}

/// Clients of TikFinity's format add the count of each end of a streak, and show the other counts.
#[test]
fn in_tikfinitys_format_every_end_counts_what_no_earlier_end_has_counted() {
    let see = |streak: &[Gift], gifts| {
        let hub = hub(32);
        let named = |gift: &Gift| Gift { gift_type: 1, streak_id: "9-1-5655".into(), ..gift.clone() };
        hub.publish(&streak.iter().map(|gift| event(Data::Gift(named(gift)))).collect::<Vec<_>>());
        let filter = Filter { gifts, format: Format::Tikfinity, ..Filter::default() };
        let mut subscriber = join(&hub, &Join { since: Some(Since::Start), filter, ..Join::default() });
        let lines = drain(&mut subscriber).0;
        let told = |line: &Bytes| {
            let data = &json(line)["data"];
            assert_eq!(data["gift"]["repeat_count"], data["repeatCount"]);
            (data["repeatCount"].as_i64().unwrap(), data["repeatEnd"] == true)
        };
        lines.iter().map(told).collect::<Vec<_>>()
    };
    let inferred = |count, since| Gift { is_final: true, inferred: true, ..gift(count, 0, since) };
    let end = |count, since| Gift { is_final: true, repeat_end: true, ..gift(count, 0, since) };
    let late = [gift(1, 1, 1), gift(5, 4, 5), inferred(5, 5), end(5, 0)];
    assert_eq!(see(&late, Gifts::Raw), [(1, false), (5, false), (5, true)], "the late final adds nothing");
    let goes_on = [gift(5, 5, 5), inferred(5, 5), gift(5, 0, 0), gift(8, 3, 3), end(8, 3)];
    assert_eq!(see(&goes_on, Gifts::Raw), [(5, false), (5, true), (3, false), (3, true)]);
    assert_eq!(see(&goes_on, Gifts::Final), [(5, true), (3, true)]);
    let intact = [gift(2, 2, 2), gift(7, 5, 7), end(7, 7)];
    assert_eq!(see(&intact, Gifts::Raw), [(2, false), (7, false), (7, true)]);
}

#[test]
fn a_lone_final_has_the_diamonds_of_its_streak() {
    let hub = hub(8);
    hub.publish(&[event(Data::Gift(Gift { is_final: true, ..gift(7, 0, 7) }))]);
    let filter = Filter { gifts: Gifts::Final, ..Filter::default() };
    let lines = drain(&mut join(&hub, &Join { since: Some(Since::Start), filter, ..Join::default() })).0;
    assert_eq!(json(&lines[0])["data"]["diamonds"], 35);
}

#[test]
fn observers_and_displays_are_not_counted_as_clients() {
    let hub = hub(8);
    let observer = join(&hub, &Join { reader: Reader::Observer, ..Join::default() });
    let _display = join(&hub, &Join { reader: Reader::Display, ..Join::default() });
    assert!(hub.wait_for_subscribers(1).now_or_never().is_none());
    let subscriber = join(&hub, &Join::default());
    assert!(hub.wait_for_subscribers(1).now_or_never().is_some());
    assert_eq!((hub.subscriber_count(), hub.observer_count()), (1, 1));
    drop((subscriber, observer));
    assert_eq!((hub.subscriber_count(), hub.observer_count()), (0, 0));
}

#[test]
fn slow_subscribers_are_counted_except_displays() {
    let hub = hub(8);
    let reading = |reader| join(&hub, &Join { reader, ..Join::default() });
    let mut all = [Reader::Client, Reader::Observer, Reader::Display].map(reading);
    hub.publish(&chats(8));
    assert_eq!(all.each_mut().map(|reader| drain(reader).1), [const { Some(Next::Slow) }; 3]);
    assert_eq!((hub.slow_count(), hub.subscriber_count(), hub.observer_count()), (2, 0, 0));
}

#[test]
fn injected_events_report_their_numbers_and_recipients() {
    let hub = hub(16);
    let injected = |event: Event| Event { injected: true, ..event };
    let give = |events: &[Event]| {
        let delivery = hub.publish_injected(events, false).now_or_never().unwrap();
        (delivery.seqs.clone(), delivery.clients())
    };
    assert_eq!(give(&[injected(chat(""))]), (vec![1], 0));
    let filter = |types: &str| Filter { types: types.parse().unwrap(), ..Filter::default() };
    let _all = join(&hub, &Join::default());
    let _gifts = join(&hub, &Join { filter: filter("gift"), ..Join::default() });
    let _observer = join(&hub, &Join { reader: Reader::Observer, ..Join::default() });
    let _display = join(&hub, &Join { reader: Reader::Display, ..Join::default() });
    assert_eq!(give(&[chat("not injected"), injected(chat(""))]), (vec![3], 1));
    let two = [injected(chat("")), injected(event(Data::Gift(gift(1, 1, 0))))];
    assert_eq!(give(&two), (vec![4, 5], 2), "each client counts once");
    hub.close(CloseReason::new(1000, ""));
    assert_eq!(give(&two), (vec![], 0));
}

#[test]
fn dismissed_clients_get_the_reason_at_once_and_may_join_again() {
    let hub = hub(8);
    let reason = CloseReason::new(4103, "dropped");
    let mut client = join(&hub, &Join::default());
    let mut observer = join(&hub, &Join { reader: Reader::Observer, ..Join::default() });
    let mut display = join(&hub, &Join { reader: Reader::Display, ..Join::default() });
    hub.publish(&chats(2));
    hub.dismiss(&reason);
    assert_eq!((hub.subscriber_count(), hub.observer_count(), hub.slow_count()), (0, 1, 0));
    assert_eq!(drain(&mut client), (vec![], Some(Next::Closed(reason))));
    assert_eq!(drain(&mut observer).1, None);
    assert_eq!(drain(&mut display).1, None);
    hub.publish(&chats(1));
    assert_eq!(seqs(&mut join(&hub, &Join { since: after(0), ..Join::default() })), [1, 2, 3]);
}

fn pieces(subscriber: &mut Subscriber, batches: &mut Batches) -> VecDeque<Bytes> {
    let mut pieces = VecDeque::new();
    assert_eq!(subscriber.frames(batches, &mut pieces), Some(Next::Events));
    subscriber.written();
    pieces
}

fn first_piece(subscriber: &mut Subscriber, batches: &mut Batches) -> Bytes {
    pieces(subscriber, batches).pop_front().unwrap()
}

#[test]
fn subscribers_with_equal_filters_share_the_bytes() {
    let hub = hub(100);
    let chats_only = Filter { types: "chat".parse().unwrap(), ..Filter::default() };
    let mut readers = [Filter::default(), Filter::default(), chats_only, chats_only]
        .map(|filter| join(&hub, &Join { filter, ..Join::default() }));
    hub.publish(&[chat("a"), event(Data::Gift(gift(1, 1, 1))), chat("b")]);
    let mut batches = Batches::default();
    let [all, also_all, some, also_some] = readers.each_mut().map(|reader| first_piece(reader, &mut batches));
    assert_eq!(all.as_ptr(), also_all.as_ptr());
    assert_eq!(some.as_ptr(), also_some.as_ptr());
    assert_eq!((texts(&all).len(), texts(&some).len()), (3, 2));
    assert!(!batches.has_more());
}

#[test]
fn subscribers_to_another_format_share_their_own_bytes() {
    let hub = hub(100);
    let filter = Filter { format: Format::Tikfinity, ..Filter::default() };
    let mut readers = [Filter::default(), filter, filter, Filter::default()]
        .map(|filter| join(&hub, &Join { filter, ..Join::default() }));
    hub.publish(&[chat("a"), unknown(), chat("b")]);
    let mut batches = Batches::default();
    let [native, one, two, also_native] = readers.each_mut().map(|reader| first_piece(reader, &mut batches));
    assert_eq!((one.as_ptr(), native.as_ptr()), (two.as_ptr(), also_native.as_ptr()));
    let events: Vec<_> = texts(&one).iter().map(|text| json(text)["event"].clone()).collect();
    assert_eq!(events, ["chat", "chat"]);
}

#[test]
fn events_that_a_filter_drops_count_as_read() {
    let hub = Hub::new("s".to_owned(), Limits { events_max: 8, ..Limits::default() });
    let filter = Filter { types: "gift".parse().unwrap(), ..Filter::default() };
    let mut readers = [(); 2].map(|()| join(&hub, &Join { filter, ..Join::default() }));
    for round in 0..20 {
        hub.publish(&chats(2));
        let mut batches = Batches::default();
        for reader in &mut readers {
            assert_eq!(write(reader, &mut batches), (Vec::new(), None), "round {round}");
        }
    }
}

#[test]
fn events_that_a_filter_drops_count_as_read_while_waiting() {
    let hub = Hub::new("s".to_owned(), Limits { events_max: 12, ..Limits::default() });
    let mut reader = join(&hub, &Join::default());
    for round in 0..20 {
        hub.publish(&[unknown(), unknown()]);
        assert_eq!(drain(&mut reader), (Vec::new(), None), "round {round}");
        hub.publish(&[unknown(), unknown(), unknown(), unknown(), unknown()]);
        assert_eq!(hub.subscriber_count(), 1, "round {round}");
        assert_eq!(drain(&mut reader), (Vec::new(), None), "round {round}");
    }
}

#[test]
fn a_full_batch_reports_that_more_follows() {
    let hub = hub(1000);
    let mut reader = join(&hub, &Join::default());
    hub.publish(&chats(300));
    let mut batches = Batches::default();
    assert_eq!(pieces(&mut reader, &mut batches).iter().flat_map(texts).count(), 256);
    assert!(batches.has_more());
}

#[test]
fn the_end_follows_the_events() {
    let hub = hub(100);
    let mut reader = join(&hub, &Join::default());
    hub.publish(&chats(2));
    let end = CloseReason::new(1000, "over");
    hub.close(end.clone());
    let mut batches = Batches::default();
    assert_eq!(texts(&first_piece(&mut reader, &mut batches)).len(), 2);
    assert!(batches.has_more());
    assert_eq!(write(&mut reader, &mut batches), (Vec::new(), Some(Next::Closed(end))));
}

#[tokio::test]
async fn news_is_reported_once() {
    let hub = hub(100);
    let mut news = hub.news();
    assert_eq!(news.wait().now_or_never(), None);
    hub.publish(&chats(1));
    hub.publish(&chats(1));
    news.wait().await;
    assert_eq!(news.wait().now_or_never(), None);
}

#[test]
fn clients_that_the_server_ended_count_once_as_unread() {
    let hub = hub(16);
    let (slow, refused) = (join(&hub, &Join::default()), join(&hub, &Join::default()));
    let observer = join(&hub, &Join { reader: Reader::Observer, ..Join::default() });
    refused.progress().count_unread();
    drop(refused);
    hub.publish(&chats(100));
    // The socket of a client that fell behind ends later.
    slow.progress().count_unread();
    slow.progress().count_left();
    observer.progress().count_unread();
    assert_eq!(hub.ends(), Ends { unread: 2, left: 0 });
}

#[test]
fn clients_that_were_sent_everything_did_not_leave_early() {
    let hub = hub(64);
    let mut clients = Vec::from_iter((0..4).map(|_| join(&hub, &Join::default())));
    let leave = |client: Subscriber| client.progress().count_left();
    leave(clients.remove(0));
    hub.publish(&chats(2));
    let early = clients.remove(0);
    drain(&mut clients[0]);
    leave(clients.remove(0));
    assert_eq!(hub.ends(), Ends { unread: 0, left: 1 }, "the second one has read all so far");
    leave(early);
    assert_eq!(hub.ends(), Ends { unread: 0, left: 2 });
    hub.publish(&chats(1));
    drain(&mut clients[0]);
    leave(clients.remove(0));
    assert_eq!(hub.ends(), Ends { unread: 0, left: 3 });
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_to_a_slow_reader() {
    let hub = hub(16);
    let mut slow = join(&hub, &Join::default());
    let mut fast = join(&hub, &Join::default());
    let publisher = tokio::spawn({
        let hub = hub.clone();
        async move {
            hub.publish_paced(&chats(100)).await;
            hub.publish_paced(&[]).await;
            hub.close(CloseReason::new(1000, ""));
        }
    });
    let fast = tokio::spawn(async move { read_all(&mut fast, Duration::ZERO).await });
    let slow = read_all(&mut slow, Duration::from_secs(9)).await;
    assert_eq!(slow, (1..=100).collect::<Vec<_>>());
    assert_eq!(fast.await.unwrap(), slow);
    publisher.await.unwrap();
}

/// Reads to the end; writing each batch takes the time `each`.
async fn read_all(subscriber: &mut Subscriber, each: Duration) -> Vec<u64> {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while subscriber.next(&mut batch).await == Next::Events {
        all.extend(batch.iter().map(|line| json(line)["seq"].as_u64().unwrap()));
        if !each.is_zero() {
            tokio::time::sleep_until(clock::now() + each).await;
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_stalled_subscriber_is_not_waited_for() {
    let hub = hub(16);
    let mut dead = join(&hub, &Join::default());
    let start = clock::now();
    hub.publish_paced(&chats(8)).await;
    assert_eq!(clock::now(), start, "half the ring may be filled");
    hub.publish_paced(&chats(8)).await;
    assert_eq!(clock::now() - start, Duration::from_secs(10));
    assert_eq!(drain(&mut dead).1, Some(Next::Slow));
    hub.publish_paced(&chats(100)).await;
    assert_eq!(clock::now() - start, Duration::from_secs(10), "no subscriber is left to wait for");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_leaves_is_not_waited_for() {
    let hub = hub(16);
    let subscriber = join(&hub, &Join::default());
    hub.publish_paced(&chats(8)).await;
    let start = clock::now();
    let leaving = tokio::spawn(async move {
        tokio::time::sleep_until(start + Duration::from_secs(3)).await;
        drop(subscriber);
    });
    hub.wait_for_capacity().await;
    assert_eq!(clock::now() - start, Duration::from_secs(3));
    leaving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_until_read_includes_all_earlier_events() {
    let hub = hub(1000);
    let mut subscriber = join(&hub, &Join::default());
    hub.publish(&chats(300));
    let start = clock::now();
    assert_eq!(hub.behind(), 300);
    let reading = tokio::spawn(async move { read_all(&mut subscriber, Duration::from_secs(2)).await });
    hub.wait_until_read().await;
    assert_eq!(hub.behind(), 0);
    assert_eq!(clock::now() - start, Duration::from_secs(4), "two batches");
    hub.close(CloseReason::new(1000, ""));
    assert_eq!(reading.await.unwrap().len(), 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_between_threads() {
    // After a lost wake-up, the publisher would wait for so long that CI ends the test.
    let limits = Limits { events_max: 16, stall_max: Duration::from_secs(86_400), ..Limits::default() };
    let hub = Hub::new("s".to_owned(), limits);
    let mut readers: Vec<_> = (0..8).map(|_| join(&hub, &Join::default())).collect();
    let read =
        |mut reader: Subscriber| tokio::spawn(async move { read_all(&mut reader, Duration::ZERO).await });
    let readers: Vec<_> = readers.drain(..).map(read).collect();
    for frame in chats(20_000).chunks(5) {
        hub.publish_paced(frame).await;
    }
    hub.close(CloseReason::new(1000, ""));
    for reader in readers {
        assert_eq!(reader.await.unwrap(), (1..=20_000).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn large_events_are_published_in_parts() {
    let hub = Hub::new("s".to_owned(), Limits { bytes_max: 4000, ..Limits::default() });
    let mut subscriber = join(&hub, &Join::default());
    let reader = tokio::spawn(async move { read_all(&mut subscriber, Duration::from_secs(1)).await });
    tokio::task::yield_now().await;
    let events: Vec<_> = (0..40).map(|i| chat(&"x".repeat(i * 97))).collect();
    hub.publish_paced(&events).await;
    hub.close(CloseReason::new(1000, ""));
    assert_eq!(reader.await.unwrap(), (1..=40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_active_subscribers_and_drops_stalled_ones() {
    let hub = hub(16);
    hub.publish(&chats(16));
    let all = Join { since: Some(Since::Start), ..Join::default() };
    let (mut slow, mut dead) = (join(&hub, &all), join(&hub, &Join::default()));
    let reader = tokio::spawn(async move { read_all(&mut slow, Duration::from_secs(9)).await });
    let start = clock::now();
    hub.drain(CloseReason::new(1000, "")).await;
    assert_eq!((hub.ends().unread, clock::now() - start), (1, Duration::from_secs(10)));
    assert_eq!(reader.await.unwrap(), (1..=16).collect::<Vec<_>>());
    assert_eq!(drain(&mut dead).1, Some(Next::Slow));
    hub.drain(CloseReason::new(1000, "")).await;
    assert_eq!(clock::now() - start, Duration::from_secs(10), "no subscriber is left");
}

#[tokio::test(start_paused = true)]
async fn displays_are_waited_for_and_observers_are_not() {
    for (reader, seconds) in [(Reader::Observer, 0), (Reader::Display, 10)] {
        let hub = hub(16);
        let mut dead = join(&hub, &Join { reader, ..Join::default() });
        let start = clock::now();
        hub.publish_paced(&chats(100)).await;
        assert_eq!(clock::now() - start, Duration::from_secs(seconds), "{reader:?}");
        assert_eq!(drain(&mut dead).1, Some(Next::Slow));
    }
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_observers_too() {
    let hub = hub(16);
    let mut observer = join(&hub, &Join { reader: Reader::Observer, ..Join::default() });
    hub.publish(&chats(4));
    let reader = tokio::spawn(async move { read_all(&mut observer, Duration::from_secs(9)).await });
    tokio::task::yield_now().await;
    hub.drain(CloseReason::new(1000, "")).await;
    assert_eq!(reader.await.unwrap(), [1, 2, 3, 4]);
}
