//! `/ws/{token}`: when rooms are connected and disconnected, and who shares them.

use std::time::Duration;

use livetape_core::error::Code;
use livetape_engine::channels::{ChannelOptions, LINGER};
use livetape_feed::{
    control::SourceState,
    hub::{Join, Limits, Since},
};
use serde_json::Value;

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
    let backlog = Limits { events_max: 8, ..Limits::default() };
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
async fn upstream_failures_are_reported_and_close_only_the_token() {
    let rig = Setup::channels(ROOMS).places(2).start(As::Serve);
    let mut ann = rig.ws("ws/t-ann").await;
    read(&mut ann, 1).await;
    for (token, expected) in [
        ("t-offline", "\"user_offline\" retrying=false 1011 user_offline"),
        ("t-nobody", "\"user_not_found\" retrying=false 1011 user_not_found"),
        ("t-adult", "\"age_restricted\" retrying=false 1011 age_restricted"),
    ] {
        assert_eq!(told(&rig.refusal(&format!("ws/{token}")).await), expected);
    }
    assert_eq!(rig.control.channels().users(), ["ann"], "those that failed are forgotten");
    assert_eq!(rig.control.status().state, SourceState::Idle);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_ends_closes_with_1000() {
    let rig = Setup::channels("speed = \"max\"\nend = \"control\"\n").start(As::Serve);
    let log = read_all(&mut rig.ws("ws/t-ann").await).await;
    let last: Vec<Value> = log.texts.iter().rev().take(1).map(|text| json(text)).collect();
    assert_eq!(
        (&last[0]["type"], &last[0]["data"]["reason"]),
        (&"disconnected".into(), &"stream_ended".into())
    );
    assert_eq!(close(&log), (1000, "stream_ended"));
    wait(Duration::from_secs(1)).await;
    assert!(rig.control.channels().users().is_empty());
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
async fn a_permanent_rate_limit_closes_with_1008() {
    let scenario =
        "[[fault]]\nat = [\"lookup\", \"sign\"]\nkind = \"status\"\nstatus = 429\nretry_after = 1\n";
    let rig = Setup::channels(scenario).start(As::Serve);
    let log = read_all(&mut rig.ws("ws/t-ann").await).await;
    let errors: Vec<Value> = log.texts.iter().map(|text| json(text)["data"].clone()).collect();
    assert!(errors.iter().all(|error| error["code"] == "rate_limited"), "{errors:?}");
    let retrying: Vec<_> = errors.iter().map(|error| error["retrying"] == true).collect();
    assert_eq!(retrying, [true, true, true, true, false]);
    assert_eq!(close(&log), (1008, "rate_limited"));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_socket_is_closed_and_its_room_stays_open() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut slow = rig.ws("ws/t-ann").await;
    let mut fast = rig.ws("ws/t2-ann").await;
    read(&mut fast, EVENTS).await;
    let hub = rig.control.channels().find("ann").unwrap();
    let before = hub.head();
    for frame in chats(20_000).chunks(100) {
        hub.publish(frame);
        let got = read(&mut fast, frame.len()).await;
        assert!(!got.is_empty());
    }
    assert!(hub.head() >= before + 20_000);
    assert_eq!(close(&read_all(&mut slow).await), (4101, "slow_consumer"));
    assert_eq!(rig.control.channels().users(), ["ann"]);
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
    assert!(format!("{:?}", last.what).contains("Close"), "{last:?}");
    assert!(control.channels().statuses().is_empty());
    rig.end().await;
}
