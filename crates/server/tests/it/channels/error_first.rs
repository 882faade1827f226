//! A client of an unavailable room receives the `error` before the close, whenever it joins.

use std::{fmt::Debug, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use livetape_feed::control::Sources;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{As, ROOMS, Setup, demo::over_tcp, json, tcp::Supervised, tokens, told, wait};

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

/// Over TCP, on many connections at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_get_the_error_before_the_close_over_sockets() {
    let mock = over_tcp(ROOMS).await;
    let server = Supervised::start(&mock, Sources { tokens: tokens(), ..Sources::default() }).await;
    let address = server.address;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(async move {
            for (path, code) in [("t-offline", "user_offline"), ("test/t-missing", "recording_not_found")] {
                for _ in 0..20 {
                    let url = format!("ws://{address}/ws/{path}");
                    let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
                    expect_error(&last_words(socket).await, code);
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    server.end().await;
}

/// `livetape live` with a room that fails: before the first attempt, between attempts, and after the last
/// one.
#[tokio::test(start_paused = true)]
async fn the_error_precedes_the_close_on_the_main_channel_at_any_time() {
    let scenario = include_str!("../../../../../fixtures/scenarios/handshake-blocked.toml");
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
