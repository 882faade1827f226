//! The WebSocket library writes pongs and close frames; events bypass it. These tests check the order of
//! events and such frames.

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_feed::hub::CloseReason;
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::support::{Rig, chat, chats, read, read_all, seqs};

/// More events than the pipe and the queue before it can hold.
const EVENTS: u64 = 400;

fn publish(rig: &Rig) {
    chats(EVENTS as usize).chunks(10).for_each(|frame| rig.hub.publish(frame));
}

#[tokio::test(start_paused = true)]
async fn a_ping_during_a_backlog_is_answered_between_whole_events() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    publish(&rig);
    let mut texts = read(&mut socket, 3).await;
    for payload in ["a", "b"] {
        socket.send(Message::Ping(Bytes::from(payload))).await.unwrap();
    }
    rig.hub.close(CloseReason { code: 1000, reason: "".into() });
    let mut pongs = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Pong(payload) => pongs.push(payload),
            _ => {}
        }
    }
    assert_eq!(seqs(&texts), (1..=EVENTS).collect::<Vec<_>>());
    // At least the newest ping must be answered; older ones need not be.
    assert_eq!(pongs.last(), Some(&Bytes::from("b")));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_during_a_backlog_gets_the_reply_and_nothing_after_it() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    publish(&rig);
    let mut seen = seqs(&read(&mut socket, 3).await);
    let frame = CloseFrame { code: CloseCode::Normal, reason: "enough".into() };
    socket.send(Message::Close(Some(frame))).await.unwrap();
    let log = read_all(&mut socket).await;
    seen.extend(log.seqs());
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    assert_eq!(log.close, Some((1000, "enough".to_owned())));
    rig.hub.wait_for_nobody().await;
}

#[tokio::test(start_paused = true)]
async fn events_of_every_length_arrive() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    let lengths = [0, 1, 100, 65_000, 65_300, 65_400, 70_000, 300_000];
    let events: Vec<_> = lengths.iter().map(|length| chat(&"x".repeat(*length))).collect();
    rig.hub.publish(&events);
    let texts = read(&mut socket, lengths.len()).await;
    let whole = texts.iter().map(|text| text.matches('x').count());
    assert_eq!(whole.collect::<Vec<_>>(), lengths);
    assert_eq!(seqs(&texts), (1..=lengths.len() as u64).collect::<Vec<_>>());
}
