//! Batches that a writer shares among subscribers.

use super::*;

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
    let end = CloseReason { code: 1000, reason: "over".into() };
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
