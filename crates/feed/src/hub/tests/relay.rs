//! Channels that several processes share.

use std::pin::pin;

use livetape_io::clock;

use super::*;

/// Returns the channel `s` of a process.
fn shared(events_max: u64) -> Hub {
    let limits = Limits { events_max, ..Limits::default() };
    Hub::relayed("s".to_owned(), "here".to_owned(), limits)
}

fn encodings(unpublished: Vec<Unpublished>) -> Vec<Encoding> {
    let encoding = |unpublished| match unpublished {
        Unpublished::Event { encoding, .. } => Some(encoding),
        Unpublished::Mark(_) => None,
    };
    unpublished.into_iter().filter_map(encoding).collect()
}

/// Publishes events in one process, and returns them as another receives them.
fn sent(events: &[Event]) -> Vec<Encoding> {
    let hub = shared(100);
    hub.open_relay(0);
    hub.publish(events);
    assert_eq!((hub.head(), hub.backlog().len()), (0, 0), "nothing is accepted yet");
    encodings(hub.take_unpublished(100, 1 << 20))
}

#[test]
fn every_process_shows_accepted_events_like_a_channel_of_one() {
    let events = [connected(), chat("a"), event(Data::Gift(gift(3, 0, 3))), unknown(), disconnected()];
    let (alone, other) = (hub(100), shared(100));
    alone.publish(&events);
    other.accept(1, &sent(&events)).unwrap();
    for query in ["", "gifts=final", "gifts=delta", "raw=1", "types=chat", "format=tikfinity"] {
        for since in [Some(Since::Start), None] {
            let filter = match query.split_once('=') {
                Some(("gifts", mode)) => Filter { gifts: Gifts::named(mode).unwrap(), ..Filter::default() },
                Some(("raw", _)) => Filter { raw: true, ..Filter::default() },
                Some(("types", types)) => Filter { types: types.parse().unwrap(), ..Filter::default() },
                Some((_, format)) => Filter { format: Format::named(format).unwrap(), ..Filter::default() },
                None => Filter::default(),
            };
            let how = Join { since, filter, ..Join::default() };
            assert_eq!(drain(&mut join(&other, &how)), drain(&mut join(&alone, &how)), "{query}");
        }
    }
}

#[test]
fn a_process_that_may_not_publish_discards() {
    let hub = shared(100);
    hub.publish(&chats(2));
    hub.mark(|| "mark".to_owned(), Some(0));
    assert!(!hub.has_unpublished());
    hub.open_relay(7);
    hub.publish(&chats(2));
    assert_eq!(hub.close_relay(), 2);
    assert!(!hub.has_unpublished() && hub.head() == 0);
}

#[test]
fn other_bytes_and_other_numbers_are_rejected() {
    let events = sent(&chats(3));
    let hub = shared(100);
    let wrong = |change: fn(&mut Encoding)| {
        let mut events = events.clone();
        change(&mut events[1]);
        events
    };
    let table = [
        wrong(|event| event.json = "garbage".into()),
        wrong(|event| event.json = event.json.slice(1..)),
        wrong(|event| event.json_of_final = "{}".into()),
        wrong(|event| event.audience = "x".into()),
        events[1..].to_vec(),
    ];
    for events in table {
        assert_eq!(hub.accept(1, &events), Err(Unfit));
    }
    assert_eq!(hub.accept(2, &events[..1]), Err(Unfit));
    assert_eq!(hub.head(), 0);
    hub.accept(1, &events).unwrap();
    hub.accept(1, &events).unwrap();
    assert_eq!(hub.head(), 3, "repeated numbers are left out");
}

#[test]
fn missing_numbers_end_the_backlog() {
    let events = sent(&chats(9));
    let hub = shared(100);
    hub.accept(1, &events[..3]).unwrap();
    let mut reader = join(&hub, &Join::default());
    hub.accept(6, &events[5..]).unwrap();
    assert_eq!((seqs(&mut reader), drain(&mut reader).1), (vec![], Some(Next::Slow)));
    let resumed = Join { since: after(3), on_gap: OnGap::Skip, ..Join::default() };
    let lines = drain(&mut join(&hub, &resumed)).0;
    assert_eq!((&lines[0][..], lines.len()), (&br#"{"type":"gap","from":4,"to":5}"#[..], 5));
    assert!(hub.join(&Join { since: after(3), ..Join::default() }).is_err());
}

#[test]
fn another_stream_disconnects_all() {
    let hub = shared(100);
    hub.accept(1, &sent(&chats(3))).unwrap();
    let mut readers = [Reader::Client, Reader::Observer, Reader::Display]
        .map(|reader| join(&hub, &Join { reader, ..Join::default() }));
    let reason = CloseReason::new(4001, "unknown_position");
    hub.restart("t", 0, &reason);
    for reader in &mut readers {
        assert_eq!(drain(reader).1, Some(Next::Closed(reason.clone())));
    }
    assert_eq!((&*hub.stream(), hub.head(), hub.subscriber_count()), ("t", 0, 0));
    assert!(hub.join(&Join { since: after(3), ..Join::default() }).is_err());
}

#[test]
fn a_notice_reaches_all_whose_filter_lets_errors_pass() {
    let hub = shared(100);
    let chats_only = Filter { types: "chat".parse().unwrap(), ..Filter::default() };
    let mut all = join(&hub, &Join::default());
    let mut some = join(&hub, &Join { filter: chats_only, ..Join::default() });
    hub.notice("error", b"{}");
    let mut late = join(&hub, &Join::default());
    let mut batches = Batches::default();
    assert_eq!(drain(&mut all).0, ["{}"]);
    assert_eq!(write(&mut late, &mut batches).0, ["{}"]);
    assert_eq!(drain(&mut some).0, [""; 0]);
    hub.end_notice();
    assert_eq!(drain(&mut join(&hub, &Join::default())).0, [""; 0]);
    hub.accept(1, &sent(&chats(1))).unwrap();
    assert_eq!((seqs(&mut all), seqs(&mut some), seqs(&mut late)), (vec![1], vec![1], vec![1]));
}

#[tokio::test]
async fn a_full_queue_makes_the_source_wait() {
    let hub = shared(8);
    hub.open_relay(0);
    hub.publish(&chats(2));
    assert_eq!(hub.relay_capacity().now_or_never(), None);
    let unpublished = encodings(hub.take_unpublished(1, 1 << 20));
    assert_eq!(unpublished.len(), 1);
    hub.relay_capacity().await;
    let term = hub.relay_term().unwrap();
    assert_eq!(hub.relay_settled(term).now_or_never(), None);
    hub.accept(1, &unpublished).unwrap();
    hub.accept(2, &encodings(hub.take_unpublished(9, 1 << 20))).unwrap();
    assert!(hub.relay_settled(term).await);
}

#[tokio::test]
async fn an_order_waits_until_its_mark_is_stored() {
    let hub = shared(8);
    hub.mark_stored(&"before".into());
    hub.open_relay(0);
    let term = hub.relay_term().unwrap();
    assert!(hub.relay_marked(term).await);
    hub.mark(|| "playing".to_owned(), Some(0));
    assert_eq!(hub.relay_marked(term).now_or_never(), None);
    hub.mark_stored(&"before".into());
    assert_eq!(hub.relay_marked(term).now_or_never(), None);
    let first = hub.relay_marked(term);
    hub.mark(|| "paused".to_owned(), None);
    hub.mark(|| "ended".to_owned(), None);
    hub.mark_stored(&"paused".into());
    assert!(first.await, "later marks do not delay it");
    assert_eq!(hub.relay_marked(term).now_or_never(), None);
    hub.mark_stored(&"ended".into());
    assert!(hub.relay_marked(term).await);
}

/// A process that is stopped stores everything, and its term is over before those who wait look again.
#[tokio::test]
async fn what_was_stored_until_a_term_ended_is_settled() {
    let hub = shared(8);
    hub.open_relay(0);
    let term = hub.relay_term().unwrap();
    hub.publish(&chats(2));
    hub.mark(|| "paused".to_owned(), None);
    let waiting = (hub.relay_settled(term), hub.relay_marked(term));
    hub.accept(1, &encodings(hub.take_unpublished(9, 1 << 20))).unwrap();
    hub.mark_stored(&"paused".into());
    hub.close_relay();
    assert_eq!((waiting.0.await, waiting.1.await), (true, true));
    assert_eq!((hub.relay_settled(term).await, hub.relay_marked(term).await), (true, true), "also later");
    hub.open_relay(2);
    assert!(hub.relay_marked(term).await);
    let next = hub.relay_term().unwrap();
    hub.mark(|| "playing".to_owned(), None);
    hub.close_relay();
    assert!(!hub.relay_marked(next).await, "it was not stored");
    assert!(!hub.relay_marked(term).await, "this is too long ago to know");
}

#[tokio::test]
async fn events_that_were_discarded_are_not_settled() {
    let hub = shared(8);
    hub.open_relay(0);
    let term = hub.relay_term().unwrap();
    hub.publish(&chats(2));
    hub.close_relay();
    assert_eq!(hub.relay_term(), None);
    // Those of the next owner have the same numbers.
    hub.accept(1, &sent(&chats(2))).unwrap();
    assert!(!hub.relay_settled(term).await);
    hub.open_relay(2);
    assert!(!hub.relay_settled(term).await);
    assert!(hub.relay_settled(hub.relay_term().unwrap()).await);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_another_process_waits_until_this_one_has_read_its_events() {
    let (hub, events) = (shared(8), sent(&chats(4)));
    hub.accept(1, &events[..2]).unwrap();
    let after = |stream: &str, seq| Some(Since::After { stream: stream.to_owned(), seq });
    let since = after("s", 4);
    let mut reached = pin!(hub.reach(since.as_ref()));
    assert!(reached.as_mut().now_or_never().is_none());
    hub.accept(3, &events[2..]).unwrap();
    assert!(reached.now_or_never().is_some());
    for known in [None, Some(Since::Start), after("s", 4)] {
        assert!(hub.reach(known.as_ref()).now_or_never().is_some(), "{known:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_is_unknown_only_after_everything_was_read() {
    let hub = shared(8);
    let positions =
        [("s", 5), ("another", 1)].map(|(stream, seq)| Since::After { stream: stream.to_owned(), seq });
    for since in &positions {
        let mut reached = pin!(hub.reach(Some(since)));
        assert!(reached.as_mut().now_or_never().is_none());
        let sought = hub.sought().unwrap();
        let mut later = pin!(hub.reach(Some(since)));
        assert!(later.as_mut().now_or_never().is_none());
        hub.answer_sought(sought);
        assert_eq!(reached.now_or_never(), Some(Ok(())));
        // The reading may have begun before.
        assert!(later.as_mut().now_or_never().is_none());
        let started = clock::now();
        let problem = later.await.unwrap_err();
        assert_eq!((problem.code, (clock::now() - started).as_secs()), (Code::ClusterUnreachable, 5));
        hub.answer_sought(hub.sought().unwrap());
        assert_eq!(hub.sought(), None);
    }
}
