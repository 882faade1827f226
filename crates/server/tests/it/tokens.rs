//! `/ws/{token}`: when rooms are connected and disconnected, who shares them, and the error before each close. Every
//! rejection is in `sessions/rooms.snap`.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use livetape_core::error::Code;
use livetape_engine::channels::{ChannelOptions, LINGER};
use livetape_feed::{
    control::{Control, SourceState, Sources, Token},
    hub::{self, Join, Since},
};
use livetape_mock::Happened;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{As, ROOMS, Setup, chats, close, json, read, read_all, seqs, told, wait};

/// Number of events in the room of `ROOMS`, including `connection_created`.
const EVENTS: usize = 100;

#[tokio::test(start_paused = true)]
async fn tokens_with_the_same_user_share_one_connection() {
    for start in [As::Serve, As::Replay] {
        let rig = Setup::channels(ROOMS).start(start);
        wait(Duration::from_secs(1)).await;
        assert_eq!((rig.requests(), rig.control.channels().users()), (0, vec![]), "nobody has come yet");
        let mut first = rig.ws("ws/t-ann").await;
        let one = read(&mut first, EVENTS).await;
        let requests = rig.requests();
        let created = json(&one[0]);
        assert_eq!((&created["type"], &created["username"]), (&"connection_created".into(), &"ann".into()));
        assert_eq!(created["data"]["source"], "live");
        assert_eq!(created["seq"], 1);
        assert!(seqs(&one).is_sorted_by(|a, b| a < b));

        // `@Ann` is the same user and receives the same events from the first one on.
        let mut second = rig.ws("ws/t2-ann?since=0").await;
        assert_eq!(read(&mut second, EVENTS).await, one);
        assert_eq!((rig.requests(), rig.upgrades()), (requests, 1));

        let channels = rig.control.channels();
        assert_eq!(channels.users(), ["ann"]);
        let status = channels.status("@ANN").unwrap();
        assert_eq!((status.state, status.source), (SourceState::Connected, Some("live")));
        assert!(status.counts.events.values().sum::<u64>() >= EVENTS as u64);
        let one_channel = &channels.statuses()[0];
        assert_eq!((one_channel.hub.subscriber_count(), one_channel.user.as_deref()), (2, Some("ann")));
        assert_eq!(channels.find("ann").unwrap().stream().to_string(), created["stream"]);
        assert_ne!(created["stream"], "main", "it is a channel of its own");
        // The main channel is not affected.
        assert_ne!(rig.control.status().username.as_deref(), Some("ann"));
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_backlog_of_a_tokens_channel_is_configurable() {
    let backlog = hub::Limits { events_max: 8, ..hub::Limits::default() };
    let rig =
        Setup::channels(ROOMS).options(|options| ChannelOptions { backlog, ..options }).start(As::Serve);
    let _socket = rig.ws("ws/t-ann").await;
    wait(Duration::from_secs(1)).await;
    let hub = rig.control.channels().find("ann").unwrap();
    let goes_on = |behind: u64| {
        let since = Since::After { stream: hub.stream().to_string(), seq: hub.head() - behind };
        hub.join(&Join { since: Some(since), ..Join::default() }).is_ok()
    };
    assert!(hub.head() > 8 && goes_on(8) && !goes_on(9));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_of_tokens_are_included_in_the_counters() {
    let fault = "[[fault]]\nat = \"socket\"\nkind = \"drop\"\nafter_frames = 2\ntimes = 1\n";
    let rig = Setup::channels(&format!("{ROOMS}\n{fault}")).start(As::Serve);
    let _socket = rig.ws("ws/t-ann").await;
    wait(Duration::from_secs(60)).await;
    let upstream = rig.control.upstream();
    assert_eq!((upstream.reconnects, upstream.failures), (1, [(Code::ConnectionLost, 1)].into()));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn reloading_a_page_causes_no_request_and_loses_no_event() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut socket = rig.ws("ws/t-ann").await;
    let seen = read(&mut socket, EVENTS).await;
    let last = json(&seen[EVENTS - 1]);
    drop(socket);
    let (requests, hub) = (rig.requests(), rig.control.channels().find("ann").unwrap());
    wait(LINGER - Duration::from_secs(1)).await;
    let position = format!("{}:{}", last["stream"].as_str().unwrap(), last["seq"]);
    let mut again = rig.ws(&format!("ws/t-ann?since={position}")).await;
    hub.publish(&chats(2));
    let behind = read(&mut again, 10).await;
    let all = read(&mut rig.ws("ws/t-ann?since=0").await, EVENTS + 10).await;
    assert!([seen.clone(), behind].concat() == all, "no gap, no repeat");
    // The thirty seconds start with the end of the last socket.
    wait(2 * LINGER).await;
    drop(again);
    wait(LINGER - Duration::from_secs(1)).await;
    assert_eq!((rig.requests(), rig.upgrades()), (requests, 1));
    assert_eq!(rig.control.channels().users(), ["ann"]);
    wait(Duration::from_secs(2)).await;
    assert!(rig.control.channels().users().is_empty(), "it was left");

    // A later socket opens a new channel, which does not know the old position.
    let log = read_all(&mut rig.ws(&format!("ws/t-ann?since={position}")).await).await;
    assert_eq!((log.texts.len(), close(&log)), (0, (4001, "unknown_position")));
    let mut fresh = rig.ws("ws/t-ann?since=0").await;
    let created = json(&read(&mut fresh, 1).await[0]);
    assert_eq!(created["seq"], 1);
    assert_ne!(created["stream"], last["stream"]);
    assert_eq!(rig.upgrades(), 2);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_room_is_evicted_and_a_freed_slot_can_be_reused() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut ann = rig.ws("ws/t-ann").await;
    read(&mut ann, EVENTS).await;
    let requests = rig.requests();
    let refusal = rig.refusal("ws/t-ben").await;
    assert_eq!(told(&refusal), "\"capacity\" retrying=false 4102 capacity");
    let refused = rig.control.connect("ben".into()).await.unwrap_err();
    assert_eq!((refused.problem.code, refused.problem.code.http_status()), (Code::Capacity, 503));
    assert_eq!(rig.requests(), requests, "the upstream was not even asked");
    assert_eq!(rig.control.channels().users(), ["ann"]);
    // While it is kept, it still occupies its slot.
    drop(ann);
    wait(LINGER / 2).await;
    assert_eq!(rig.refusal("ws/t-ben").await.1.0, 4102);
    wait(LINGER).await;
    let mut ben = rig.ws("ws/t-ben").await;
    assert_eq!(json(&read(&mut ben, 1).await[0])["username"], "ben");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_run_in_parallel_and_the_main_channel_replaces_only_its_own() {
    let rig = Setup::channels(ROOMS).places(3).start(As::Serve);
    rig.control.connect("ben".into()).await.unwrap();
    let mut ann = rig.ws("ws/t-ann").await;
    let mut cid = rig.ws("ws/t-cid").await;
    for (socket, name) in [(&mut ann, "ann"), (&mut cid, "cid")] {
        let events = read(socket, EVENTS).await;
        assert!(events.iter().all(|event| json(event)["username"] == name));
    }
    assert_eq!(rig.refusal("ws/t-offline").await.1.0, 4102, "three places, three rooms");
    for user in ["dan", "eve"] {
        rig.control.connect(user.into()).await.unwrap();
        assert_eq!(rig.control.channels().users(), ["ann", "cid"]);
    }
    rig.control.disconnect("eve".into()).await.unwrap();
    // Its slot is free again.
    assert_eq!(rig.refusal("ws/t-offline").await.1, (1011, "user_offline".into()));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_applies_to_all_rooms() {
    let scenario = format!(
        "{ROOMS}\n[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 60\ntimes = 1\n"
    );
    let rig = Setup::channels(&scenario).places(3).start(As::Serve);
    let mut ann = rig.ws("ws/t-ann").await;
    let error = json(&read(&mut ann, 1).await[0]);
    assert_eq!((&error["data"]["code"], &error["data"]["retrying"]), (&"rate_limited".into(), &true.into()));
    let requests = rig.requests();
    let ann = tokio::spawn(async move { read(&mut ann, 1).await });
    wait(Duration::from_secs(20)).await;
    let refusal = rig.refusal("ws/t-ben").await;
    assert_eq!(told(&refusal), "\"rate_limited\" retrying=false 1008 rate_limited");
    let wait_ms = refusal.0["retryAfterMs"].as_u64().unwrap();
    assert!((35_000..=41_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(rig.control.connect("cid".into()).await.unwrap_err().problem.code, Code::RateLimited);
    assert_eq!(rig.control.test("cid".into()).await.unwrap().code, Some(Code::RateLimited));
    // Sockets for the same user wait with it and receive the earlier errors too.
    let mut along = rig.ws("ws/t2-ann").await;
    assert_eq!(json(&read(&mut along, 1).await[0]), error);
    assert_eq!(rig.requests(), requests);
    wait(Duration::from_secs(60)).await;
    assert_eq!(json(&ann.await.unwrap()[0])["type"], "connection_created");
    let mut ben = rig.ws("ws/t-ben").await;
    assert_eq!(json(&read(&mut ben, 1).await[0])["type"], "connection_created");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn shutting_down_closes_with_1001_and_leaves_the_upstream() {
    let rig = Setup::channels(ROOMS).places(2).start(As::Serve);
    let mut ann = rig.ws("ws/t-ann").await;
    let mut test = rig.ws("ws/test/t-ann").await;
    read(&mut ann, EVENTS).await;
    read(&mut test, 1).await;
    let control = rig.control.clone();
    control.shut_down();
    let (ann, test) = tokio::join!(read_all(&mut ann), read_all(&mut test));
    for log in [&ann, &test] {
        assert_eq!(close(log), (1001, "shutting_down"));
    }
    // Requests from now on are rejected.
    let refusal = control.channels().open("t-ann").await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::ShuttingDown);
    control.channels().ended().await;
    let last = rig.mock().received().pop().unwrap();
    assert!(matches!(last.what, Happened::Closed { .. }), "{last:?}");
    assert!(control.channels().statuses().is_empty());
    rig.end().await;
}

#[test]
fn invalid_tokens_prevent_the_start() {
    let token = |secret: &str, user: &str| Token {
        secret: secret.to_owned().into(),
        client: "stage".into(),
        user: Some(user.into()),
        recording: None,
    };
    let refuse = |tokens| Control::with(Sources { tokens, ..Sources::default() }).err().unwrap();
    assert_eq!(refuse(vec![token("test", "ann")]).code, Code::BadRequest);
    assert_eq!(refuse(vec![token("same", "ann"), token("same", "ben")]).code, Code::BadRequest);
    assert_eq!(refuse(vec![token("fine", "a b")]).code, Code::InvalidUsername);
}

// A client of an unavailable room receives the `error` before the close, whenever it joins.

const TASKS: usize = 10;

/// Returns the last `error` before the close, and the close.
async fn last_words<E: Debug>(
    mut socket: impl Stream<Item = Result<Message, E>> + Unpin,
) -> (Option<String>, u16) {
    let mut error = None;
    while let Some(message) = socket.next().await {
        match message.unwrap() {
            Message::Text(text) if json(&text)["type"] == "error" => {
                error = json(&text)["data"]["code"].as_str().map(str::to_owned);
            }
            Message::Close(frame) => return (error, frame.unwrap().code.into()),
            _ => {}
        }
    }
    (error, 1006)
}

fn expect_error((error, close): &(Option<String>, u16), code: &str) {
    assert_eq!((error.as_deref(), *close), (Some(code), 1011));
}

/// With threads and the real clock: the room fails while sockets connect.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_of_a_thousand_get_the_error_before_the_close() {
    let rig = Arc::new(Setup::channels(ROOMS).start(As::Serve));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let rig = Arc::clone(&rig);
        tasks.spawn(async move {
            for _ in 0..1000 / TASKS {
                expect_error(&last_words(rig.ws("ws/t-offline").await).await, "user_offline");
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_error_precedes_the_close_while_the_user_is_being_connected() {
    let rig = Arc::new(Setup::channels(ROOMS).places(2).start(As::Serve));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let rig = Arc::clone(&rig);
        tasks.spawn(async move {
            for _ in 0..30 {
                let control = rig.control.clone();
                let connecting = tokio::spawn(async move { control.connect("offline".to_owned()).await });
                let (error, close) = last_words(rig.ws("ws/t-offline").await).await;
                let got_error = matches!((error.as_deref(), close), (Some("user_offline"), 1011));
                // Rooms that are about to end may still occupy slots.
                assert!(
                    got_error || (error.as_deref(), close) == (Some("capacity"), 4102),
                    "{error:?} {close}"
                );
                connecting.await.unwrap().unwrap_err();
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// `livetape live` with a room that fails: before the first attempt, between attempts, and after the last
/// one.
#[tokio::test(start_paused = true)]
async fn the_error_precedes_the_close_on_the_main_channel_at_any_time() {
    let scenario = include_str!("../../../../fixtures/scenarios/handshake-blocked.toml");
    let rig = Setup::channels(scenario).start(As::Live);
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        for path in ["", "ws"] {
            tasks.spawn(last_words(rig.ws(path).await));
        }
        wait(Duration::from_millis(50)).await;
    }
    while let Some(task) = tasks.join_next().await {
        expect_error(&task.unwrap(), "blocked");
    }
    assert_eq!(told(&rig.refusal("").await), "\"blocked\" retrying=false 1011 blocked");
}
