//! Pacing at `--speed max`. The clock is paused, so ten seconds pass at once.

use std::time::Duration;

use livetape_io::clock;

use super::*;

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
            hub.close(CloseReason { code: 1000, reason: "".into() });
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
    hub.close(CloseReason { code: 1000, reason: "".into() });
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
    hub.close(CloseReason { code: 1000, reason: "".into() });
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
    hub.close(CloseReason { code: 1000, reason: "".into() });
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
    hub.drain(CloseReason { code: 1000, reason: "".into() }).await;
    assert_eq!((hub.ends().unread, clock::now() - start), (1, Duration::from_secs(10)));
    assert_eq!(reader.await.unwrap(), (1..=16).collect::<Vec<_>>());
    assert_eq!(drain(&mut dead).1, Some(Next::Slow));
    hub.drain(CloseReason { code: 1000, reason: "".into() }).await;
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
    hub.drain(CloseReason { code: 1000, reason: "".into() }).await;
    assert_eq!(reader.await.unwrap(), [1, 2, 3, 4]);
}
