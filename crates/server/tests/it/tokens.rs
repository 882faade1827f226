//! `/ws/{token}`: all events of shared rooms, and the error before each close at any time. Every rejection is
//! in `sessions/rooms.snap`, and when rooms are connected and disconnected in `sessions/tokens.snap`.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use livetape_core::error::Code;
use livetape_feed::control::{Control, SourceState, Sources, Token};
use livetape_mock::Happened;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{As, ROOMS, Setup, close, json, read, read_all, seqs, told, wait};

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
