//! One test for each rule of the hub.

use livetape_core::error::Code;

use super::*;

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
        let close = || hub.close(CloseReason { code: 1011, reason: "user_offline".into() });
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
    let reason = CloseReason { code: 1000, reason: "done".into() };
    hub.close(reason.clone());
    hub.close(CloseReason { code: 1001, reason: "later".into() });
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
    hub.close(CloseReason { code: 1000, reason: "".into() });
    assert_eq!(give(&two), (vec![], 0));
}

#[test]
fn dismissed_clients_get_the_reason_at_once_and_may_join_again() {
    let hub = hub(8);
    let reason = CloseReason { code: 4103, reason: "dropped".into() };
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
