//! Events, messages, and the pongs and close frames of the WebSocket library reach a socket through one shard: without
//! losing, repeating, mixing up or reordering any.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::retry::SplitMix;
use livetape_feed::hub::CloseReason;
use livetape_io::clock;
use tokio::{io::DuplexStream, task::yield_now};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Bytes, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::support::{Rig, chat, chats, json, read, read_all, seed, seqs};

const EVENTS: usize = 3_000;
const CLIENTS: u64 = 12;
/// Maximum number of events published at once.
const BURST_MAX: u64 = 30;

struct Client {
    random: SplitMix,
    /// The last event received.
    seen: u64,
}

impl Client {
    /// Reads to the end of the channel, over any number of connections.
    async fn read(mut self, rig: &Rig) -> u64 {
        let mut connections = 0;
        loop {
            connections += 1;
            let path = if self.random.up_to(1) == 0 { "" } else { "ws" };
            let stream = rig.connect().await;
            let uri = format!("ws://localhost/{path}?since=s:{}", self.seen);
            let (socket, _) = client_async(uri, stream).await.unwrap();
            if self.converse(socket, !path.is_empty()).await {
                return connections;
            }
        }
    }

    /// Reads until either side closes the connection. Returns whether the channel ended.
    async fn converse(&mut self, mut socket: WebSocketStream<DuplexStream>, talks: bool) -> bool {
        loop {
            match self.random.up_to(99) {
                0..20 => socket.send(Message::Ping("still there?".into())).await.unwrap(),
                20..30 if talks => socket.send(r#"{"type":"ping"}"#.into()).await.unwrap(),
                // Stops reading until the pipe is full.
                30..40 => {
                    for _ in 0..self.random.up_to(200) {
                        yield_now().await;
                    }
                }
                40..42 => {
                    socket.close(None).await.unwrap();
                    return self.rest(socket).await;
                }
                _ => {}
            }
            match socket.next().await.unwrap().unwrap() {
                Message::Close(frame) => {
                    assert_eq!(frame.unwrap().reason, "over");
                    return true;
                }
                message => self.take(&message),
            }
        }
    }

    /// Reads up to the answer to its close frame, after which nothing may follow.
    async fn rest(&mut self, mut socket: WebSocketStream<DuplexStream>) -> bool {
        let mut is_over = false;
        while let Some(message) = socket.next().await {
            match message.unwrap() {
                Message::Close(frame) => is_over = frame.is_some_and(|frame| frame.reason == "over"),
                message => self.take(&message),
            }
        }
        is_over
    }

    fn take(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        if let Some(seq) = json(text)["seq"].as_u64() {
            assert_eq!(seq, self.seen + 1);
            self.seen = seq;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_client_gets_every_event_once_in_order() {
    let seed = seed();
    let rig = Arc::new(Rig::ring(4_000));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client { random: SplitMix(seed ^ number), seen: 0 };
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { client.read(&rig).await })
        })
        .collect();
    let mut random = SplitMix(!seed);
    let mut published = 0;
    while published < EVENTS {
        let burst = (1 + random.up_to(BURST_MAX) as usize).min(EVENTS - published);
        rig.hub.publish_paced(&chats(burst)).await;
        published += burst;
        yield_now().await;
    }
    rig.hub.close(CloseReason::new(1000, "over"));
    let mut connections = 0;
    for client in clients {
        connections += client.await.unwrap();
    }
    assert!(connections > CLIENTS, "some came again");
}

/// Lets each ready task run once, but not more, unlike `yield_now`.
async fn one_turn() {
    let mut had_it = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut had_it, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// An event published at any moment between the handshake and the shard's first visit.
#[tokio::test(start_paused = true)]
async fn the_last_event_before_the_close_reaches_a_socket_whose_shard_has_not_started() {
    for turns in 0..100 {
        // In its own task, because the test itself is not queued with other tasks.
        tokio::spawn(open_publish_and_close(turns)).await.unwrap();
    }
}

async fn open_publish_and_close(turns: usize) {
    let rig = Rig::start();
    let stream = rig.connect().await;
    let opening = tokio::spawn(client_async("ws://localhost/", stream));
    while rig.hub.subscriber_count() == 0 {
        one_turn().await;
    }
    for _ in 0..turns {
        one_turn().await;
    }
    rig.hub.publish(&chats(1));
    rig.hub.close(CloseReason::new(1011, "user_offline"));
    let mut socket = opening.await.unwrap().unwrap().0;
    let start = clock::now();
    let log = read_all(&mut socket).await;
    assert_eq!((log.texts.len(), log.close), (1, Some((1011, "user_offline".to_owned()))), "{turns}");
    assert_eq!(clock::now(), start, "{turns}");
}

/// More events than the pipe and the queue before it can hold.
const QUEUED: u64 = 400;

fn publish(rig: &Rig) {
    chats(QUEUED as usize).chunks(10).for_each(|frame| rig.hub.publish(frame));
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
    rig.hub.close(CloseReason::new(1000, ""));
    let mut pongs = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Pong(payload) => pongs.push(payload),
            _ => {}
        }
    }
    assert_eq!(seqs(&texts), (1..=QUEUED).collect::<Vec<_>>());
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
