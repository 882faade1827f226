//! Tests of the tape, written the way its users write theirs.
#![expect(clippy::disallowed_methods, reason = "tests of users read tokio's clock")]

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _};
use livetape_testing::{PATIENCE, Speed, Tape};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{Instant, sleep},
};
use tokio_tungstenite::{
    WebSocketStream, client_async, connect_async,
    tungstenite::{Error, Message, protocol::frame::coding::CloseCode},
};

const RECORDING: &[u8] = include_bytes!("../../recordings/six-seconds.bin");

async fn client(tape: &Tape, query: &str) -> WebSocketStream<DuplexStream> {
    client_async(format!("ws://localhost/{query}"), tape.connect().await).await.unwrap().0
}

async fn event(socket: &mut WebSocketStream<DuplexStream>) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(json) => return serde_json::from_str(&json).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the panic message of a failing call.
async fn failure(call: impl Future) -> String {
    let panicked = AssertUnwindSafe(call).catch_unwind().await.err().expect("it fails");
    *panicked.downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_show_waits_for_its_client_and_is_exact_to_the_millisecond_in_memory() {
    let tape = Tape::replay_bytes(RECORDING).start_in_memory();
    sleep(Duration::from_secs(9)).await;
    let mut socket = client(&tape, "").await;
    let started = Instant::now();
    while event(&mut socket).await["type"] != "disconnected" {}
    assert_eq!(started.elapsed().as_millis(), 4_982, "what `livetape info` says");
}

#[tokio::test]
async fn a_bot_gets_exactly_what_finished_reports() {
    let tape = Tape::replay("demo").speed(Speed::Max).start().await;
    let (mut socket, _) = connect_async(tape.ws_url() + "?gifts=delta").await.unwrap();
    let bot = tokio::spawn(async move {
        let (mut events, mut diamonds) = (0, 0);
        while let Some(Ok(Message::Text(json))) = socket.next().await {
            let event: Value = serde_json::from_str(&json).unwrap();
            events += 1;
            diamonds += event["data"]["diamonds"].as_i64().unwrap_or_default();
        }
        (events, diamonds)
    });
    let finished = tape.finished().await;
    drop(tape);
    assert_eq!(bot.await.unwrap(), (finished.events.values().sum(), finished.diamonds));
    assert!(finished.diamonds > 0);
    assert!(!finished.is_lossy(), "{}", finished.lost());
}

#[tokio::test]
async fn missing_data_in_a_recording_is_reported() {
    let tape = Tape::replay_bytes(&RECORDING[..RECORDING.len() - 300]).wait_clients(0).speed(Speed::Max);
    let finished = tape.start().await.finished().await;
    assert!(finished.is_lossy());
    assert!(finished.lost().to_string().contains("not sealed"), "{}", finished.lost());
}

#[tokio::test(start_paused = true)]
async fn messages_are_sent_into_a_tape_that_is_held() {
    let tape = Tape::replay_bytes(RECORDING).hold().start_in_memory();
    let mut socket = client(&tape, "?types=chat,gift,like").await;
    tape.wait_for_clients(1).await;
    let sent = tape.send().chat("ann", "hi").await;
    assert_eq!((sent.events, sent.delivered), (1, 1));
    let chat = event(&mut socket).await;
    assert_eq!(chat["data"]["comment"], "hi");
    assert_eq!(chat["injected"], true);
    assert_eq!(chat["id"], sent.ids[0].to_string());
    assert_eq!(tape.send().gift("ann", "Rose").count(3).combo().await.events, 4);
    assert_eq!(tape.send().follow("ben").await.delivered, 0, "the client asked for other types");
    assert!(failure(tape.send().like("ann", 0)).await.contains("`count` is 0: choose a number from 1"));
    tape.play().await;
    assert_eq!(tape.finished().await.count("social"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tape_takes_orders_as_soon_as_it_has_started() {
    let tape = Tape::replay_bytes(RECORDING).hold().start_in_memory();
    tape.play().await;
    assert!(tape.finished().await.count("chat") > 0);
}

#[tokio::test(start_paused = true)]
async fn dropped_clients_get_the_code_and_may_come_back() {
    let tape = Tape::replay_bytes(RECORDING).start_in_memory();
    let mut sockets = [client(&tape, "").await, client(&tape, "ws").await];
    tape.wait_for_clients(2).await;
    tape.drop_clients(4103);
    for socket in &mut sockets {
        let close = socket.filter_map(async |message| match message {
            Ok(Message::Close(close)) => close,
            _ => None,
        });
        assert_eq!(Box::pin(close).next().await.unwrap().code, CloseCode::from(4103));
    }
    let mut again = client(&tape, "?since=0").await;
    assert_eq!(event(&mut again).await["type"], "connection_created");
    tape.finished().await;
}

#[tokio::test]
async fn aborted_clients_get_no_close_frame_and_may_come_back() {
    let tape = Tape::replay("demo").hold().start().await;
    for path in ["", "ws"] {
        let (mut socket, _) = connect_async(format!("{}{path}", tape.ws_url())).await.unwrap();
        tape.wait_for_clients(1).await;
        tape.abort_clients();
        let mut last = socket.next().await.unwrap();
        while let Ok(message) = last {
            assert!(!message.is_close(), "{message}");
            last = socket.next().await.unwrap();
        }
        assert!(matches!(last, Err(Error::Protocol(_) | Error::Io(_))), "{last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn aborted_requests_do_not_end_as_if_they_were_complete() {
    let tape = Tape::replay_bytes(RECORDING).hold().start_in_memory();
    let mut io = tape.connect().await;
    io.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    tape.wait_for_clients(1).await;
    tape.abort_clients();
    let mut answer = Vec::new();
    drop(io.read_to_end(&mut answer).await);
    assert!(answer.starts_with(b"HTTP/1.1 200") && !answer.ends_with(b"0\r\n\r\n"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tape_is_paused_stepped_and_moved() {
    let tape = Tape::replay_bytes(RECORDING).start_in_memory();
    let mut socket = client(&tape, "?types=chat").await;
    let first = event(&mut socket).await;
    tape.pause().await;
    sleep(PATIENCE).await;
    tape.step(1).await;
    tape.seek(Duration::ZERO).await;
    tape.play().await;
    let is_first = |event: &Value| event["data"] == first["data"];
    let again = loop {
        let event = event(&mut socket).await;
        if is_first(&event) {
            break event;
        }
    };
    assert_ne!(again["id"], first["id"], "the second pass has IDs of its own");
    let failed = failure(tape.seek(Duration::from_secs(60))).await;
    assert!(failed.contains("1m is beyond the end"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn failures_name_the_line_of_the_test() {
    let tape = Tape::replay_bytes(RECORDING).start_in_memory();
    let line = line!() + 1;
    let failed = failure(tape.wait_for_clients(2)).await;
    assert!(failed.contains("0 of 2 clients connected within 30s"), "{failed}");
    assert!(failed.contains(&format!("tape.rs:{line}:")), "{failed}");
    let failed = failure(tape.finished()).await;
    assert!(failed.contains("it waits for clients, 0 connected"), "{failed}");
    let _socket = client(&tape, "").await;
    tape.wait_for_clients(1).await;
    tape.pause().await;
    assert!(failure(tape.finished()).await.contains("it is paused"));
    let missing = failure(Tape::replay("no-such-recording").start()).await;
    assert!(missing.contains("no-such-recording"), "{missing}");
    let speed = catch_unwind(|| Tape::replay("demo").speed(Speed::Times(0.0)));
    assert!(speed.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_tape_that_has_ended_stays_finished_when_messages_are_sent() {
    let tape = Tape::replay_bytes(RECORDING).wait_clients(0).start_in_memory();
    let before = tape.finished().await;
    tape.send().gift("ann", "Rose").count(5).await;
    let after = tape.finished().await;
    assert_eq!(after.diamonds, before.diamonds + 5);
    tape.seek(Duration::ZERO).await;
    tape.play().await;
    assert_eq!(tape.finished().await.count("chat"), 2 * before.count("chat"), "a seek starts it again");
}

#[tokio::test(start_paused = true)]
async fn mistakes_in_calls_fail_at_once_with_the_line_of_the_test() {
    let tape = Tape::replay_bytes(RECORDING).start_in_memory();
    let second = Duration::from_secs(1);
    let range = || Tape::replay_bytes(RECORDING).start_at(2 * second).end_at(second);
    let codes = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000];
    let laps = catch_unwind(|| drop(Tape::replay("demo").laps(0)));
    let end = catch_unwind(|| drop(range().start_in_memory()));
    for (failed, expected) in
        [(laps, "a tape is played at least once"), (end, "the end, 1s, is before the start, 2s")]
    {
        let failed = *failed.unwrap_err().downcast::<String>().unwrap();
        assert!(failed.starts_with(expected) && failed.contains("tape.rs:"), "{failed}");
    }
    let failed = failure(range().start()).await;
    assert!(failed.starts_with("the end, 1s, is before the start, 2s"), "{failed}");
    for code in codes {
        let failed = catch_unwind(AssertUnwindSafe(|| tape.drop_clients(code))).unwrap_err();
        let failed = failed.downcast_ref::<String>().unwrap();
        assert!(failed.starts_with(&format!("a close frame cannot have the code {code}")), "{failed}");
        assert!(failed.contains("1007 to 1014") && failed.contains("abort_clients"), "{failed}");
    }
}

#[test]
fn without_a_runtime_the_line_of_the_test_is_reported() {
    let failed = catch_unwind(|| Tape::replay_bytes(RECORDING).start_in_memory()).unwrap_err();
    let failed = failed.downcast_ref::<String>().unwrap();
    assert!(failed.contains("no reactor running") && failed.contains("tape.rs:"), "{failed}");
    let failed = Tape::replay("demo").start();
    let failed = catch_unwind(AssertUnwindSafe(|| failed.now_or_never())).unwrap_err();
    let failed = failed.downcast_ref::<String>().unwrap();
    assert!(failed.contains("no reactor running") && failed.contains("tape.rs:"), "{failed}");
}
