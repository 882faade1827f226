//! Tests of the webhook, against a server in memory under a paused clock.

use std::sync::{Arc, Mutex};

use livetape_core::event::{Chat, Data, Disconnected, Event, Millis};
use livetape_feed::hub::{CloseReason, Limits, Unpublished};
use tokio::{task::JoinHandle, time::Instant};

use super::*;

/// What the webhook answers; the last answer repeats.
#[derive(Clone, Copy, Debug)]
enum HookReply {
    Status(u16, Option<u64>),
    Refused,
    Hangs,
}

use HookReply::{Hangs, Refused, Status};

type Requests = Arc<Mutex<Vec<(Instant, Bytes, Option<String>)>>>;

struct Hook {
    answers: &'static [HookReply],
    requests: Requests,
}

impl Post for Hook {
    async fn post(&self, body: Bytes, signature: Option<String>) -> Result<Response, String> {
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push((clock::now(), body, signature));
            requests.len() - 1
        };
        match self.answers[number.min(self.answers.len() - 1)] {
            Status(status, wait) => Ok(Response { status, retry_after: wait.map(Duration::from_secs) }),
            Refused => Err("connection refused".to_owned()),
            Hangs => std::future::pending().await,
        }
    }
}

struct Rig {
    hub: Hub,
    shutdown: CancellationToken,
    requests: Requests,
    state: Arc<WebhookState>,
    delivering: JoinHandle<()>,
}

fn start(answers: &'static [HookReply], events_max: u64) -> Rig {
    start_on(Hub::new("s".to_owned(), Limits { events_max, ..Limits::default() }), answers)
}

fn start_on(hub: Hub, answers: &'static [HookReply]) -> Rig {
    let (requests, shutdown) = (Requests::default(), CancellationToken::new());
    let options = Options {
        filter: Filter { types: "chat".parse().unwrap(), ..Filter::default() },
        secret: Some("key".to_owned().into()),
        attempts_max: 5,
        seed: 7,
        drain_max: Duration::from_secs(2),
    };
    let hook = Hook { answers, requests: Arc::clone(&requests) };
    let state = Arc::<WebhookState>::default();
    let (of_hub, shared, until) = (hub.clone(), Arc::clone(&state), shutdown.clone());
    let delivering = tokio::spawn(async move { deliver(of_hub, options, hook, &shared, until).await });
    Rig { hub, shutdown, requests, state, delivering }
}

impl Rig {
    /// Lets time pass, enough for all attempts.
    async fn settle(&self) {
        sleep_until(clock::now() + Duration::from_secs(3600)).await;
    }

    /// Closes the channel and waits for the end. Returns the numbers of delivered, failed and skipped events.
    async fn end(self) -> ([u64; 3], Vec<serde_json::Value>) {
        self.hub.close(CloseReason::new(1000, "done"));
        self.delivering.await.unwrap();
        let counts = self.state.by_outcome().map(|(_, count)| count);
        let requests = self.requests.lock().unwrap();
        (counts, requests.iter().map(|(_, body, _)| serde_json::from_slice(body).unwrap()).collect())
    }
}

fn chats(count: u64) -> Vec<Event> {
    let chat = |number: u64| Event {
        username: "ann".into(),
        user: None,
        timestamp: Millis(0),
        ts: Millis(0),
        id: None,
        replay: true,
        injected: false,
        data: Data::Chat(Chat { comment: number.to_string(), ..Chat::default() }),
    };
    (0..count).map(chat).collect()
}

#[test]
fn the_signature_is_that_of_rfc_4231() {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
    let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature(&key, b"what do ya want for nothing?"), expected);
}

#[tokio::test(start_paused = true)]
async fn events_are_delivered_in_order_and_signed() {
    let rig = start(&[Status(204, None)], 100);
    rig.hub.publish(&chats(3));
    let requests = Arc::clone(&rig.requests);
    let (counts, bodies) = rig.end().await;
    assert_eq!(counts, [3, 0, 0]);
    let seqs: Vec<_> = bodies.iter().map(|body| body["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
    for (_, body, signed) in requests.lock().unwrap().iter() {
        assert_eq!(signed.as_deref(), Some(&*signature(&key, body)));
    }
}

#[tokio::test(start_paused = true)]
async fn temporary_failures_are_retried_with_backoff() {
    let rig = start(&[Refused, Status(503, None), Status(429, Some(60)), Status(200, None)], 100);
    let (started, requests) = (clock::now(), Arc::clone(&rig.requests));
    rig.hub.publish(&chats(1));
    rig.settle().await;
    assert_eq!(rig.end().await.0, [1, 0, 0]);
    let times: Vec<_> = requests.lock().unwrap().iter().map(|(at, ..)| *at - started).collect();
    assert!(times[1] <= Duration::from_secs(1) && times[2] <= Duration::from_secs(3), "{times:?}");
    assert!(times[3] - times[2] >= Duration::from_secs(60), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn redirects_and_rejections_are_final() {
    for status in [301, 308, 400, 404] {
        let answers: &'static [HookReply] = Box::leak(Box::new([Status(status, None)]));
        let rig = start(answers, 100);
        rig.hub.publish(&chats(2));
        let (counts, bodies) = rig.end().await;
        assert_eq!((counts, bodies.len()), ([0, 2, 0], 2), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_hangs_fails_after_its_time() {
    let rig = start(&[Hangs], 100);
    let (started, requests) = (clock::now(), Arc::clone(&rig.requests));
    rig.hub.publish(&chats(1));
    rig.settle().await;
    let (counts, bodies) = rig.end().await;
    assert_eq!((counts, bodies.len()), ([0, 1, 0], 5));
    let last = requests.lock().unwrap()[4].0 - started;
    assert!((40..60).contains(&last.as_secs()), "{last:?}");
}

/// Publishes an event per second for an hour.
async fn an_hour(rig: &Rig) {
    for chat in chats(3600) {
        rig.hub.publish(&[chat]);
        sleep_until(clock::now() + Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_failures_skips_events_and_reports_the_gap() {
    for failure in [Refused, Hangs, Status(500, None)] {
        let rig = start(Box::leak(Box::new([failure])), 16);
        an_hour(&rig).await;
        let lost = rig.state.lost();
        assert!(lost > 1000, "the losses can be seen while the server runs: {lost} {failure:?}");
        let head = rig.hub.head();
        let (counts, bodies) = rig.end().await;
        let gaps = bodies.iter().filter(|body| body["type"] == "gap");
        assert!(gaps.count() > 0 && bodies.len() as u64 <= head, "{} requests", bodies.len());
        assert_eq!((counts[0], counts[1] + counts[2]), (0, head), "every event is counted once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_asks_for_a_long_wait_is_left_alone() {
    let rig = start(&[Status(429, Some(24 * 3600))], 16);
    an_hour(&rig).await;
    assert!(rig.requests.lock().unwrap().len() <= 5, "one request in 15 minutes");
}

#[tokio::test(start_paused = true)]
async fn events_after_an_outage_are_delivered() {
    let rig = start(
        &[Status(500, None), Hangs, Refused, Status(500, None), Status(500, None), Status(200, None)],
        100,
    );
    rig.hub.publish(&chats(3));
    rig.settle().await;
    let (counts, bodies) = rig.end().await;
    assert_eq!((counts, bodies.len()), ([2, 1, 0], 7));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_attempts() {
    let rig = start(&[Hangs], 100);
    rig.hub.publish(&chats(3));
    rig.shutdown.cancel();
    let started = clock::now();
    assert_eq!(rig.end().await.0, [0, 0, 3]);
    assert_eq!((clock::now() - started).as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_cannot_be_reached_does_not_delay_a_shutdown() {
    let rig = start(&[Refused], 100);
    let requests = Arc::clone(&rig.requests);
    rig.hub.publish(&chats(3));
    // The first request is refused.
    sleep_until(clock::now() + Duration::from_millis(1)).await;
    rig.shutdown.cancel();
    let stopped = clock::now();
    assert_eq!(rig.end().await.0, [0, 0, 3]);
    assert_eq!(clock::now() - stopped, Duration::ZERO);
    assert_eq!(requests.lock().unwrap().len(), 2, "it gets one more request");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_back_at_the_shutdown_gets_everything() {
    let rig = start(&[Refused, Status(200, None)], 100);
    rig.hub.publish(&chats(3));
    sleep_until(clock::now() + Duration::from_millis(1)).await;
    rig.shutdown.cancel();
    let stopped = clock::now();
    assert_eq!(rig.end().await.0, [3, 0, 0]);
    assert_eq!(clock::now() - stopped, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_for_a_shutdown_ends_at_once() {
    for (wait, counts, took) in [(1, [3, 0, 0], 1), (60, [0, 0, 3], 0)] {
        let answers: &'static [HookReply] = Box::leak(Box::new([Status(429, Some(wait)), Status(200, None)]));
        let rig = start(answers, 100);
        rig.hub.publish(&chats(3));
        rig.shutdown.cancel();
        let stopped = clock::now();
        assert_eq!(rig.end().await.0, counts, "{wait}");
        assert_eq!((clock::now() - stopped).as_secs(), took, "{wait}");
    }
}

/// Without a signal, for example after a recording: a webhook that starts at the same time may still come.
#[tokio::test(start_paused = true)]
async fn at_the_end_of_a_channel_failures_are_retried_for_a_while() {
    for (answers, counts) in [
        (&[Refused, Status(204, None)][..], [3, 0, 0]),
        (&[Refused], [0, 0, 3]),
        (&[Status(503, None)], [0, 0, 3]),
    ] {
        let rig = start(Box::leak(answers.into()), 100);
        rig.hub.publish(&chats(3));
        let ended = clock::now();
        assert_eq!(rig.end().await.0, counts, "{answers:?}");
        let took = clock::now() - ended;
        assert!((500..=2_000).contains(&took.as_millis()), "{took:?}");
    }
}

/// Events of other types are not lost, because the webhook does not want them.
#[tokio::test(start_paused = true)]
async fn only_events_that_the_webhook_wants_count_as_lost() {
    let rig = start(&[Status(200, None), Hangs], 100);
    let mut events = chats(2);
    events.extend(
        (0..5).map(|_| Event { data: Data::Disconnected(Disconnected::default()), ..chats(1).remove(0) }),
    );
    rig.hub.publish(&events);
    rig.shutdown.cancel();
    assert_eq!(rig.end().await.0, [1, 0, 1]);
}

/// Starts two processes that share a channel.
fn two(answers: [&'static [HookReply]; 2]) -> [Rig; 2] {
    answers
        .map(|answers| start_on(Hub::relayed("s".to_owned(), "here".to_owned(), Limits::default()), answers))
}

/// Stores events that the first process publishes.
fn store(rigs: &[Rig; 2], events: &[Event]) {
    let (hub, head) = (&rigs[0].hub, rigs[0].hub.head());
    hub.open_relay(head);
    hub.publish(events);
    let encoding = |unpublished| match unpublished {
        Unpublished::Event { encoding, .. } => Some(encoding),
        Unpublished::Mark(_) => None,
    };
    let stored: Vec<_> =
        hub.take_unpublished(usize::MAX, usize::MAX).into_iter().filter_map(encoding).collect();
    rigs.iter().for_each(|rig| rig.hub.accept(head + 1, &stored).unwrap());
}

/// Returns the events that a process has sent, each as its position.
fn sent(rig: &Rig) -> Vec<String> {
    let position = |body: &Bytes| {
        let event: serde_json::Value = serde_json::from_slice(body).unwrap();
        format!("{}:{}", event["stream"].as_str().unwrap(), event["seq"])
    };
    rig.requests.lock().unwrap().iter().map(|(_, body, _)| position(body)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_successor_goes_on_where_the_last_owner_was() {
    let rigs = two([&[Status(204, None), Status(204, None), Hangs], &[Status(204, None)]]);
    store(&rigs, &chats(5));
    rigs[0].settle().await;
    assert!(sent(&rigs[0]).is_empty() && sent(&rigs[1]).is_empty(), "it is nobody's turn");
    let posting = rigs[0].state.begin("s".into(), 1);
    sleep_until(clock::now() + Duration::from_secs(1)).await;
    // Its answer is missing.
    rigs[0].state.end();
    let posted = posting.posted.load(Ordering::Relaxed);
    let last = rigs[1].state.begin("s".into(), posted);
    rigs[0].settle().await;
    assert_eq!(sent(&rigs[0]), ["s:2", "s:3", "s:4"]);
    assert_eq!(sent(&rigs[1]), ["s:4", "s:5"], "the repeated event has the same position");
    // What the webhook does not want need not be read again.
    store(&rigs, &[Event { data: Data::Disconnected(Disconnected::default()), ..chats(1).remove(0) }]);
    rigs[0].settle().await;
    assert_eq!((posted, last.posted.load(Ordering::Relaxed)), (3, 6));
    for rig in rigs {
        assert_eq!(rig.end().await.0, [2, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_goes_on_in_another_stream() {
    let rigs = two([&[Status(204, None)], &[Status(204, None)]]);
    rigs[0].state.begin("s".into(), 0);
    store(&rigs, &chats(1));
    rigs[0].settle().await;
    for rig in &rigs {
        rig.hub.restart("t", 0, &CloseReason::new(4001, "unknown_position"));
    }
    store(&rigs, &chats(1));
    rigs[0].settle().await;
    assert_eq!(sent(&rigs[0]), ["s:1"]);
    rigs[0].state.begin("t".into(), 0);
    rigs[0].settle().await;
    assert_eq!(sent(&rigs[0]), ["s:1", "t:1"]);
    assert!(sent(&rigs[1]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_leaves_the_rest_to_its_successor() {
    let rigs = two([&[Refused], &[Refused]]);
    let posting = rigs[0].state.begin("s".into(), 0);
    store(&rigs, &chats(3));
    sleep_until(clock::now() + Duration::from_millis(1)).await;
    rigs.iter().for_each(|rig| rig.shutdown.cancel());
    sleep_until(clock::now() + Duration::from_millis(1)).await;
    rigs[0].state.end();
    for rig in rigs {
        assert_eq!(rig.end().await.0, [0, 0, 0], "it was never its turn, or is not any more");
    }
    assert_eq!(posting.posted.load(Ordering::Relaxed), 0);
}
