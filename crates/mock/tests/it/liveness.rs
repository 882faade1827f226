//! Sockets that are open and say nothing, rooms in which nothing happens, and messages that never arrive.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::wire::Message;
use livetape_io::clock;
use livetape_mock::{Fault, FaultKind, Lost, Scenario};
use tokio::time::timeout_at;
use tokio_tungstenite::{
    client_async,
    tungstenite::{self, client::IntoClientRequest as _},
};

use crate::support::{Mock, ROOM, Received, SOCKET, Socket, batch, demo, push, wait_ms};

const LIKE: &str = "WebcastLikeMessage";

#[tokio::test(start_paused = true)]
async fn a_deaf_socket_answers_pings_and_nothing_else() {
    let rig = Mock::fixture("deaf.toml");
    let mut socket = rig.dial().await;
    let start = clock::now();
    let mut last = start;
    while let Received::Frame(_) = socket.next_within(30_000).await {
        last = clock::now();
    }
    assert!((15..=20).contains(&(last - start).as_secs()), "{:?}", last - start);
    socket.send("hb", b"").await;
    socket.0.send(tungstenite::Message::Ping(Bytes::from_static(b"?"))).await.unwrap();
    let deadline = clock::now() + Duration::from_secs(600);
    let answer = timeout_at(deadline, socket.0.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer, tungstenite::Message::Pong(Bytes::from_static(b"?")));
    assert_eq!(socket.next_within(600_000).await, Received::Silence);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_room_sends_viewer_counts_and_goes_on_after_it() {
    let rig = Mock::fixture("quiet.toml");
    let mut socket = rig.dial().await;
    let recorded = demo();
    let (mut at, mut quiet) = (Vec::new(), Vec::new());
    let start = clock::now();
    let end = loop {
        match socket.next_within(600_000).await {
            Received::Frame(frame) if recorded.contains(&frame) => at.push((clock::now() - start, frame)),
            Received::Frame(frame) => {
                if push(&frame).payload_type == "msg" {
                    socket.send("hb", b"").await;
                }
                quiet.push(frame);
            }
            end => break end,
        }
    };
    assert_eq!(end, Received::Close(1000, String::new()));
    assert!(at.iter().map(|(_, frame)| frame).eq(&recorded), "{} of {}", at.len(), recorded.len());
    let longest = at.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap();
    assert!((120..125).contains(&longest.as_secs()), "{longest:?}");
    let (heartbeats, counts): (Vec<_>, Vec<_>) =
        quiet.iter().partition(|frame| push(frame).payload_type == "hb");
    let messages = Vec::from_iter(counts.iter().flat_map(|frame| batch(frame).0.messages));
    assert!(messages.iter().all(|message| message.method == "WebcastRoomUserSeqMessage"));
    assert_eq!((counts.len(), messages.len(), heartbeats.len()), (11, 11, 11));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_to_a_quiet_room_misses_nothing_more() {
    let rig = Mock::fixture("quiet.toml");
    let mut socket = rig.dial().await;
    let recorded = demo();
    let mut frames = 0;
    while let Received::Frame(frame) = socket.next_within(9_000).await {
        frames += usize::from(recorded.contains(&frame));
    }
    drop(socket);
    wait_ms(40_000).await;
    let (rest, _) = rig.dial().await.all().await;
    let again = rest.iter().filter(|frame| recorded.contains(frame)).count();
    assert_eq!(frames + again, recorded.len());
}

#[tokio::test(start_paused = true)]
async fn a_late_upgrade_holds_the_room() {
    let rig = Mock::fixture("hang.toml");
    let start = clock::now();
    let elapsed = || (clock::now() - start).as_millis();
    let (late, other) = tokio::join!(rig.dial(), async {
        wait_ms(10_000).await;
        let other = rig.dial().await;
        assert_eq!(elapsed(), 10_000);
        other
    });
    assert_eq!(elapsed(), 20_000);
    for mut socket in [late, other] {
        assert!(socket.all().await.0 == demo());
    }
    // A client that gives up leaves nothing behind.
    let rig = Mock::fixture("hang.toml");
    let request = format!("ws://localhost{SOCKET}?room_id={ROOM}").into_client_request().unwrap();
    let stream = rig.connector.connect().await.unwrap();
    let deadline = clock::now() + Duration::from_secs(10);
    assert!(timeout_at(deadline, client_async(request, stream)).await.is_err());
    wait_ms(30_000).await;
    assert!(!rig.mock.received().iter().any(|entry| entry.what.name() == "upgrade"));
}

/// Returns all messages on a socket, by method.
async fn sent(mut socket: Socket) -> BTreeMap<String, Vec<Message>> {
    let mut sent = BTreeMap::<_, Vec<_>>::new();
    for message in socket.all().await.0.iter().flat_map(|frame| batch(frame).0.messages) {
        sent.entry(message.method.to_string()).or_default().push(message);
    }
    sent
}

async fn sent_with(lost: Lost, seed: u64) -> BTreeMap<String, Vec<Message>> {
    let fault = Fault::new(livetape_mock::Endpoint::Socket, FaultKind::Lose(lost));
    sent(Mock::new(Scenario { seed, ..Scenario::default().fault(fault) }).dial().await).await
}

#[tokio::test(start_paused = true)]
async fn lost_messages_are_those_of_the_method_the_share_and_the_senders() {
    let all = sent(Mock::new(Scenario::default()).dial().await).await;
    let likes = |share| Lost { methods: vec![LIKE.into()], share, ..Lost::all() };
    let (half, same, other) =
        (sent_with(likes(0.5), 1).await, sent_with(likes(0.5), 1).await, sent_with(likes(0.5), 2).await);
    assert_eq!(half, same);
    assert_ne!(half[LIKE], other[LIKE]);
    let share = half[LIKE].len() as f64 / all[LIKE].len() as f64;
    assert!((0.3..0.7).contains(&share), "{share}");
    let others = |sent: &BTreeMap<String, Vec<Message>>| {
        sent.iter().filter(|(method, _)| *method != LIKE).map(|(_, sent)| sent.len()).sum::<usize>()
    };
    assert_eq!(others(&half), others(&all));
    assert!(!sent_with(likes(1.0), 1).await.contains_key(LIKE));
    // All of them: frames without a message.
    assert!(sent_with(Lost::all(), 1).await.is_empty());
    let nobody = Lost { senders: vec!["nobody".into()], ..Lost::all() };
    assert_eq!(sent_with(nobody, 1).await, all);
}

#[tokio::test(start_paused = true)]
async fn clients_with_a_session_receive_what_anonymous_ones_do_not() {
    let likes = async |cookie: &'static str| {
        let rig = Mock::fixture("anonymous.toml");
        let target = format!("ws://localhost{SOCKET}?room_id={ROOM}");
        let mut request = target.into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        let stream = rig.connector.connect().await.unwrap();
        sent(Socket(client_async(request, stream).await.unwrap().0)).await.get(LIKE).map_or(0, Vec::len)
    };
    let (anonymous, empty, session) =
        (likes("ttwid=1").await, likes("ttwid=1; sessionid=").await, likes("ttwid=1; sessionid=abc").await);
    assert!(anonymous == empty && anonymous * 4 < session, "{anonymous} {empty} {session}");
}

#[tokio::test(start_paused = true)]
async fn lists_of_gifts_fail_and_a_captcha_goes_away() {
    const LIST: &str = "/webcast/gift/list/?aid=1988";
    assert_eq!(Mock::fixture("gifts-403.toml").status(LIST).await, 403);
    let rig = Mock::fixture("gifts-null.toml");
    assert!(rig.json(LIST).await["data"]["gifts"].is_null());
    let target = format!("/webcast/rooms/{ROOM}/gifts");
    assert!(rig.json(&target).await["response"]["page_gifts"].is_null());
    let rig = Mock::fixture("captcha-once.toml");
    let lookup = "/api-live/user/room/?aid=1988&uniqueId=demo";
    assert!(String::from_utf8_lossy(&rig.get(lookup).await.1).contains("tiktok-verify-page"));
    assert_eq!(rig.json(lookup).await["data"]["user"]["status"], 2);
}
