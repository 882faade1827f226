//! The cases of `livetape test` in tests.

use std::{env, panic::catch_unwind, process::Command, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_testing::{Group, Speed, Tape, cases};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, connect_async, tungstenite::Message};

/// Cases in which the feed never opens.
const CLOSED: [&str; 3] = ["refused-final", "offline", "unauthorized"];

/// What a correct client counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    chats: u64,
    diamonds: i64,
    likes: i64,
    position: Option<String>,
}

impl Totals {
    /// Counts an event. Returns whether it is the last.
    fn take(&mut self, event: &Value) -> bool {
        let data = &event["data"];
        let number = |key: &str| data[key].as_i64().unwrap_or_default();
        if let Some(stream) = event["stream"].as_str() {
            self.position = Some(format!("{stream}:{}", event["seq"]));
        }
        match event["type"].as_str().unwrap() {
            "chat" => self.chats += 1,
            "like" => self.likes += number("likeCount"),
            "gift" => self.diamonds += number("diamonds"),
            "disconnected" => return data["reason"] == "recording_ended",
            _ => {}
        }
        false
    }

    fn query(&self) -> String {
        self.position.as_ref().map(|position| format!("?since={position}")).unwrap_or_default()
    }

    /// Reads a connection. Returns whether the recording has ended.
    async fn read<S: AsyncRead + AsyncWrite + Unpin>(&mut self, mut socket: WebSocketStream<S>) -> bool {
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(json) if self.take(&serde_json::from_str(&json).unwrap()) => {
                    let _ = socket.close(None).await;
                    return true;
                }
                Message::Close(Some(frame)) if u16::from(frame.code) == 4001 => self.position = None,
                _ => {}
            }
            // Sends the answer to a ping.
            let _ = socket.flush().await;
        }
        false
    }

    fn assert_right(&self, tape: &Tape, case: &str) {
        let truth = tape.truth();
        let right = (truth.chats, truth.diamonds, truth.likes);
        assert_eq!((self.chats, self.diamonds, self.likes), right, "{case}");
        assert!(self.diamonds > 0);
    }
}

#[expect(clippy::disallowed_methods, reason = "tests of users read tokio's clock")]
async fn pause() {
    sleep_until(Instant::now() + Duration::from_millis(20)).await;
}

/// Plays a case in memory, and counts it.
async fn count(case: &str) -> (Totals, Tape) {
    let tape = Tape::replay("demo").case(case).speed(Speed::Max).start_in_memory();
    let mut totals = Totals::default();
    loop {
        let url = format!("ws://localhost/{}", totals.query());
        if let Ok((socket, _)) = client_async(url, tape.connect().await).await
            && totals.read(socket).await
        {
            return (totals, tape);
        }
        pause().await;
    }
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "tests of users read tokio's clock")]
async fn a_case_that_lets_nobody_in_is_over_a_second_after_the_first_attempt() {
    for case in CLOSED {
        let tape = Tape::replay("demo").case(case).speed(Speed::Max).start_in_memory();
        let tries = async {
            for _ in 0..3 {
                if let Ok((socket, _)) = client_async("ws://localhost/", tape.connect().await).await {
                    assert!(!Totals::default().read(socket).await);
                }
                pause().await;
            }
        };
        let began = Instant::now();
        let (finished, ()) = tokio::join!(tape.finished(), tries);
        assert!(began.elapsed() < Duration::from_secs(2), "{case}");
        assert_eq!((finished.refused, finished.diamonds, tape.truth().diamonds), (3, 0, 0), "{case}");
        assert!(finished.events.is_empty(), "{case}");
    }
    let tape = Tape::replay("demo").case("offline").start_in_memory();
    let failed = tokio::spawn(async move { tape.finished().await }).await.unwrap_err().into_panic();
    let failed = failed.downcast_ref::<String>().unwrap();
    assert!(failed.starts_with("no client tried to connect within 30s"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_correct_client_counts_the_truth_in_every_case() {
    for case in cases().iter().map(|case| case.name).filter(|name| *name != "late") {
        let played = timeout(Duration::from_secs(60), count(case)).await;
        assert_eq!(played.is_err(), CLOSED.contains(&case), "{case}");
        if let Ok((totals, tape)) = played {
            totals.assert_right(&tape, case);
        }
    }
}

#[tokio::test]
async fn the_port_refuses_connections_in_the_case_late() {
    let tape = Tape::replay("demo").case("late").speed(Speed::Max).start().await;
    let (mut totals, mut refused) = (Totals::default(), 0);
    loop {
        match connect_async(tape.ws_url()).await {
            Ok((socket, _)) => break assert!(totals.read(socket).await),
            Err(_) => refused += 1,
        }
        pause().await;
    }
    assert!(refused > 10, "{refused}");
    totals.assert_right(&tape, "late");
    let failed = catch_unwind(|| Tape::replay("demo").case("late").start_in_memory()).unwrap_err();
    let failed = failed.downcast_ref::<String>().unwrap();
    assert!(failed.starts_with("the case `late` needs a port: use `start()`"), "{failed}");
}

#[test]
fn an_unknown_case_fails_at_once_with_the_nearest() {
    let failed = catch_unwind(|| Tape::replay("demo").case("no-finals")).unwrap_err();
    let failed = failed.downcast_ref::<String>().unwrap();
    assert!(failed.contains("unknown case \"no-finals\": did you mean `no-final`?"), "{failed}");
    assert!(failed.contains("cases.rs:"), "{failed}");
    assert!(cases().iter().any(|case| case.group == Group::Connection && case.name == "cut"));
}

/// Not a test: the next one runs it with the variable.
#[tokio::test]
async fn plays_the_case_of_the_variable() {
    if env::var_os("LIVETAPE_CASE").is_some() {
        let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
        let (socket, _) = connect_async(tape.ws_url()).await.unwrap();
        assert!(Totals::default().read(socket).await);
        println!("events: {}", tape.truth().events);
    }
}

#[test]
fn the_variable_names_the_case() {
    let run = |case| {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "cases::plays_the_case_of_the_variable", "--nocapture"])
            .env("LIVETAPE_CASE", case);
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let events = |case| {
        let (passed, said) = run(case);
        assert!(passed, "{said}");
        let (_, events) = said.split_once("events: ").expect("it is printed");
        events.lines().next().unwrap().parse::<u64>().unwrap()
    };
    assert!(events("burst") > events("plain") + 1_000);
    let (passed, said) = run("plian");
    assert!(!passed && said.contains("unknown case \"plian\": did you mean `plain`?"), "{said}");
}
