//! REST commands: connect, replace, disconnect and test.

use livetape_core::error::Code;
use livetape_engine::channels::ChannelOptions;
use livetape_feed::{
    control::{Mode, Refusal, ReplayOrder, SourceState},
    hub::{Join, Next, Reader},
};

use crate::support::{As, Rig, Setup};

#[tokio::test(start_paused = true)]
async fn a_user_is_connected_replaced_and_disconnected() {
    let rig = Setup::fixture("stays-open").start(As::Serve);
    assert_eq!(rig.control.status().state, SourceState::Idle);
    let status = rig.control.connect("@Ann".into()).await.unwrap();
    assert_eq!((status.state, status.username.as_deref()), (SourceState::Connected, Some("Ann")));
    // Connecting to the same user again changes nothing.
    assert_eq!(
        rig.control.connect("https://www.tiktok.com/@ann/live".into()).await.unwrap().username,
        status.username
    );
    let status = rig.control.connect("ben".into()).await.unwrap();
    assert_eq!(status.username.as_deref(), Some("ben"));
    let refusal = rig.control.disconnect("ann".into()).await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::NotFound);
    let status = rig.control.disconnect("@BEN".into()).await.unwrap();
    assert_eq!((status.state, status.username), (SourceState::Idle, None));
    rig.at_ms(10_000).await;
    let kinds: Vec<String> = rig
        .outline()
        .iter()
        .filter_map(|line| line.split(" ms  ").nth(1).map(str::to_owned))
        .filter(|line| line.starts_with("dis") || line.starts_with("connection_created"))
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .filter(|line| line.starts_with("disconnected"))
        .collect();
    assert_eq!(kinds, ["disconnected \"replaced\"", "disconnected \"deleted\""]);
    assert_ne!(rig.control.status().state, SourceState::Connected);
    rig.outlined(20).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_returned_and_sockets_stay_open() {
    let rig = Setup::fixture("rate-limited-twice").start(As::Serve);
    let Refusal { problem, retrying, retry_after } = rig.control.connect("demo".into()).await.unwrap_err();
    assert_eq!((problem.code, retrying), (Code::RateLimited, true));
    assert!(retry_after.is_some_and(|wait| wait.as_secs() >= 2), "{retry_after:?}");
    // While it retries, another request gets the same answer; a request for another user causes no lookup.
    assert!(rig.control.connect("demo".into()).await.unwrap_err().retrying);
    let other = rig.control.connect("ann".into()).await.unwrap_err();
    assert_eq!((other.problem.code, other.retrying), (Code::RateLimited, false));
    let check = rig.control.test("ann".into()).await.unwrap();
    assert_eq!((check.can_connect, check.code), (false, Some(Code::RateLimited)));
    rig.at_ms(6_000).await;
    assert_eq!(rig.control.status().state, SourceState::Connected);
    assert_eq!(rig.control.connect("demo".into()).await.unwrap().attempt, 3);
    rig.outlined(10).await;
}

#[tokio::test(start_paused = true)]
async fn under_serve_a_final_failure_disconnects_and_closes_nothing() {
    let rig = Setup::fixture("offline").start(As::Serve);
    let refusal = rig.control.connect("demo".into()).await.unwrap_err();
    assert_eq!((refusal.problem.code, refusal.retrying), (Code::UserOffline, false));
    rig.at_ms(100).await;
    assert!(rig.outline().last().unwrap().ends_with("disconnected \"user_offline\""), "{:?}", rig.outline());
    assert_eq!(rig.hub.subscriber_count(), 1);
    assert!(rig.outlined(1).await.last().unwrap().contains("closed 1001"));
}

fn held(scenario_name: &str) -> Rig {
    let hold = |options| ChannelOptions { wait_clients: 2, ..options };
    Setup::fixture(scenario_name).options(hold).start(As::Live)
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_before_enough_subscribers_joined() {
    let rig = held("offline");
    rig.at_ms(60_000).await;
    assert!(rig.mock().received().is_empty() && rig.outline().is_empty(), "{:?}", rig.mock().received());
    let status = rig.control.status();
    assert_eq!((status.mode, status.username.as_deref()), (Mode::Live, Some("demo")));
    let _observer = rig.hub.join(&Join { reader: Reader::Observer, ..Join::default() }).unwrap();
    rig.at_ms(61_000).await;
    assert!(rig.mock().received().is_empty(), "observers do not count");
    let mut second = rig.hub.join(&Join::default()).unwrap();
    let mut batch = Vec::new();
    assert_eq!(second.next(&mut batch).await, Next::Events);
    assert!(batch[0].starts_with(br#"{"type":"error""#), "{batch:?}");
    drop(second);
    let lines = rig.outlined(120).await;
    assert!(lines.last().unwrap().contains("closed 1011 user_offline, exit 1"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn orders_are_processed_while_waiting_for_subscribers() {
    let rig = held("stays-open");
    rig.at_ms(1_000).await;
    let problem = rig.control.order(ReplayOrder::Load("demo".into())).await.unwrap_err();
    assert_eq!(problem.code, Code::RoomRunning);
    assert_eq!(rig.control.disconnect("ann".into()).await.unwrap_err().problem.code, Code::NotFound);
    assert_eq!(rig.control.disconnect("demo".into()).await.unwrap().mode, Mode::Idle);
    rig.control.order(ReplayOrder::Load("demo".into())).await.unwrap();
    rig.outlined(2).await;

    let rig = held("stays-open");
    rig.at_ms(1_000).await;
    let status = rig.control.connect("demo".into()).await.unwrap();
    assert_eq!(status.state, SourceState::Connected, "who asks for it does not wait");
    rig.outlined(2).await;
}

#[tokio::test(start_paused = true)]
async fn tests_report_the_reason_without_connecting() {
    for (name, code, exists, live) in [
        ("stays-open", None, Some(true), Some(true)),
        ("offline", Some(Code::UserOffline), Some(true), Some(false)),
        ("not-found", Some(Code::UserNotFound), Some(false), Some(false)),
        ("age-restricted", Some(Code::AgeRestricted), Some(true), None),
        ("captcha", Some(Code::Blocked), None, None),
    ] {
        let rig = Setup::fixture(name).start(As::Serve);
        let check = rig.control.test("demo".into()).await.unwrap();
        assert_eq!((check.code, check.exists, check.can_connect), (code, exists, code.is_none()), "{name}");
        if live.is_some() {
            assert_eq!(check.live, live, "{name}");
        }
        assert_eq!(rig.control.status().state, SourceState::Idle, "{name}");
        rig.outlined(1).await;
    }
    let rig = Setup::fixture("stays-open").start(As::Serve);
    for bad in ["", " ", "../etc", "a b"] {
        assert_eq!(rig.control.test(bad.into()).await.unwrap().code, Some(Code::InvalidUsername), "{bad}");
        assert_eq!(rig.control.connect(bad.into()).await.unwrap_err().problem.code, Code::InvalidUsername);
    }
    rig.outlined(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_makes_room_for_a_live_user_when_its_own_is_disconnected() {
    let rig = Setup::fixture("stays-open").start(As::Replay);
    rig.at_ms(2_000).await;
    let refusal = rig.control.connect("ann".into()).await.unwrap_err();
    assert_eq!((refusal.problem.code, refusal.problem.code.http_status()), (Code::ReplayRunning, 409));
    // `/test` still reports whether a user can be connected.
    assert!(rig.control.test("ann".into()).await.unwrap().can_connect);
    assert_eq!(rig.control.disconnect("ann".into()).await.unwrap_err().problem.code, Code::NotFound);
    let user = rig.control.status().username.unwrap();
    assert_eq!(rig.control.disconnect(user).await.unwrap().state, SourceState::Idle);
    assert_eq!(rig.control.replay(), None);
    let refusal = rig.control.order(ReplayOrder::Play).await.unwrap_err();
    assert_eq!(refusal.code, Code::NoReplay);
    let status = rig.control.connect("ann".into()).await.unwrap();
    assert_eq!((status.source, status.state), (Some("live"), SourceState::Connected));
    rig.at_ms(2_010).await;
    let log = rig.log();
    let state = |event: &&serde_json::Value| {
        ["connection_created", "disconnected"].iter().any(|kind| event["type"] == *kind)
    };
    let states: Vec<_> = log
        .iter()
        .map(|(_, event)| event)
        .filter(state)
        .map(|event| {
            (event["type"].as_str().unwrap(), event["username"].as_str().unwrap(), event["replay"] == true)
        })
        .collect();
    let expected = [
        ("connection_created", "sage_jaguar8227", true),
        ("disconnected", "sage_jaguar8227", true),
        ("connection_created", "ann", false),
    ];
    assert_eq!(states, expected);
    rig.outlined(3).await;
}
