//! Bad networks: each delay is exact, and the same seed gives the same delays. Sockets that are open and say nothing, rooms in
//! which nothing happens, and messages that never arrive.

use std::{collections::BTreeMap, io::ErrorKind, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::wire::Message;
use livetape_io::clock;
use livetape_mock::{By, Happened, Scenario};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    net::TcpStream,
    time::timeout_at,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{self, client::IntoClientRequest as _},
};

use crate::support::{
    Mock, ROOM, Received, SOCKET, Socket, batch, demo, offsets_ms, over_tcp, push, read_for, wait_ms,
};

const LOOKUP: &str = "/api-live/user/room/?aid=1988&uniqueId=demo";

fn network(keys: &str) -> Mock {
    Mock::toml(&format!("[[network]]\n{keys}"))
}

/// Returns how long a request takes until the end of its connection, in ms.
async fn time(rig: &Mock, target: &str) -> u128 {
    let start = clock::now();
    rig.get(target).await;
    (clock::now() - start).as_millis()
}

async fn times<const N: usize>(rig: &Mock) -> [u128; N] {
    let mut times = [0; N];
    for one in &mut times {
        *one = time(rig, LOOKUP).await;
    }
    times
}

#[tokio::test(start_paused = true)]
async fn latency_is_exact_each_way() {
    let rig = network("latency_ms = 200");
    assert_eq!(times(&rig).await, [400, 400]);
    // The mock sees a request when it arrives.
    let at: Vec<u64> = rig.mock.received().iter().map(|entry| entry.at_ms).collect();
    assert_eq!(at, [200, 600]);

    let rig = network("latency_ms = 200");
    let mut socket = rig.dial().await;
    let (start, mut frames, mut at_ms) = (clock::now(), vec![], vec![]);
    for _ in 0..20 {
        frames.push(socket.frame().await);
        at_ms.push((clock::now() - start).as_millis() as u64);
    }
    assert!(frames == demo()[..20]);
    // The upgrade took as long as each frame.
    assert_eq!(at_ms, offsets_ms()[..20]);
    socket.send("hb", b"").await;
    let sent_ms = 400 + at_ms[19];
    wait_ms(1000).await;
    let log = rig.mock.received();
    let heartbeat = log.iter().find(|entry| entry.what == Happened::Heartbeat).unwrap();
    assert_eq!(heartbeat.at_ms, sent_ms + 200);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_jitter_and_another_seed_another() {
    let of =
        |seed: u64| Mock::toml(&format!("seed = {seed}\n[[network]]\nlatency_ms = 50\njitter_ms = 100\n"));
    let seven = [261, 194, 197, 282, 214];
    assert_eq!((times(&of(7)).await, times(&of(7)).await), (seven, seven));
    assert_ne!(times(&of(8)).await, seven);
    // Requests to the admin API do not change the delays of others.
    let rig = of(7);
    assert_eq!(time(&rig, "/__admin/log").await, 0);
    assert_eq!(times(&rig).await, seven);
}

#[tokio::test(start_paused = true)]
async fn jitter_never_reorders_bytes() {
    let rig = Mock::toml("seed = 3\nspeed = 5\n[[network]]\njitter_ms = 2000\n");
    let mut socket = rig.dial().await;
    let (frames, end) = socket.all().await;
    assert!(frames == demo(), "{} frames", frames.len());
    assert_eq!(end, Received::Close(1000, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_narrow_network_takes_as_long_as_its_bytes() {
    let whole = |(head, body): (String, Bytes)| head.len() + body.len();
    let rig = network("bytes_per_ms = 10");
    let length = whole(rig.get(LOOKUP).await);
    let request = format!(
        "GET {LOOKUP} HTTP/1.1\r\naccept: */*\r\nhost: localhost:1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let expected = (request.len() as f64 / 10.0).ceil() + (length as f64 / 10.0).ceil();
    assert_eq!(time(&rig, LOOKUP).await as f64, expected);
}

#[tokio::test(start_paused = true)]
async fn a_slow_close_comes_after_the_last_byte() {
    let rig = network("close_ms = 5000");
    let mut stream = rig.connector.connect().await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let start = clock::now();
    let length = stream.read(&mut [0; 4096]).await.unwrap();
    assert!(length > 0 && clock::now() == start);
    assert_eq!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
    assert_eq!((clock::now() - start).as_millis(), 5000);
}

#[tokio::test(start_paused = true)]
async fn a_cut_comes_after_exactly_this_many_bytes() {
    let rig = network("at = \"socket\"\ncut_after_bytes = 5000\ntimes = 1");
    let mut stream = rig.connector.connect().await.unwrap();
    let head = format!(
        "GET {SOCKET}?room_id={ROOM} HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes.len(), 5000);
    wait_ms(1).await;
    let log: Vec<Happened> = rig.mock.received().into_iter().map(|entry| entry.what).collect();
    let [.., Happened::Fault { kind }, Happened::Closed { by: By::Mock, code: 1006, .. }] = &log[..] else {
        panic!("{log:?}")
    };
    assert_eq!(kind, "network_cut");
    // The next connection is whole.
    assert_eq!(rig.dial().await.all().await.1, Received::Close(1000, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_cut_comes_after_exactly_this_time() {
    let rig = network("cut_after_ms = 7500\nlatency_ms = 100");
    let mut socket = rig.dial().await;
    let start = clock::now();
    assert_eq!(socket.all().await.1, Received::Broken);
    // The time starts with the request, and the upgrade took 200 ms.
    assert_eq!((clock::now() - start).as_millis(), 7300);
    rig.mock.expect_no_reconnect_before(Duration::from_secs(1));
    rig.get(LOOKUP).await;
    assert!(rig.mock.unmet().is_some_and(|unmet| unmet.contains("network_cut")));
}

#[tokio::test(start_paused = true)]
async fn a_network_affects_only_the_connections_that_it_names() {
    let rig = network("at = [\"sign\", \"page\"]\nlatency_ms = 50\n\n[[network]]\nlatency_ms = 5\n");
    assert_eq!(time(&rig, LOOKUP).await, 10);
    assert_eq!(time(&rig, "/@demo/live").await, 100);
    assert_eq!(time(&rig, "/unknown").await, 10);
    let rig = network("user = \"Demo\"\nlatency_ms = 50\n");
    assert_eq!(
        (time(&rig, LOOKUP).await, time(&rig, "/live").await, time(&rig, "/@ann/live").await),
        (100, 0, 0)
    );
    let rig = network("attempt = 2\nlatency_ms = 50\n\n[[network]]\ntimes = 3\nlatency_ms = 5\n");
    assert_eq!(times(&rig).await, [10, 100, 10, 10, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_counts_once_and_takes_the_special_network_when_it_matches() {
    let rig = network("at = \"page\"\nattempt = 2\nlatency_ms = 50\n\n[[network]]\nlatency_ms = 5\n");
    let (mut first, mut second) =
        (rig.connector.connect().await.unwrap(), rig.connector.connect().await.unwrap());
    let ask = async |stream: &mut DuplexStream, target: &str| {
        let start = clock::now();
        stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
        assert!(stream.read(&mut [0; 8192]).await.unwrap() > 0);
        (clock::now() - start).as_millis()
    };
    for target in ["/@demo/live", "/@demo/live", "/live"] {
        assert_eq!(ask(&mut first, target).await, 10, "{target}");
    }
    // The request that matches has already passed through the other network.
    for (target, took) in [("/live", 10), ("/@demo/live", 55), ("/live", 100)] {
        assert_eq!(ask(&mut second, target).await, took, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_network_of_open_connections_changes_while_they_run() {
    let rig = Mock::toml("end = \"stay\"");
    let mut socket = rig.dial().await;
    let start = clock::now();
    let mut at_ms = async || {
        socket.frame().await;
        (clock::now() - start).as_millis() as u64
    };
    let offsets = offsets_ms();
    assert_eq!(at_ms().await, offsets[0]);
    let (status, _) = rig.admin("PUT /__admin/network", "", "[[network]]\nlatency_ms = 300\n").await;
    assert_eq!((status, at_ms().await), (200, offsets[1] + 300));
    let (status, text) = rig.admin("GET /__admin/network", "", "").await;
    assert_eq!((status, text.as_str()), (200, "[[network]]\nlatency_ms = 300\n"));
    assert_eq!(rig.admin("DELETE /__admin/network", "", "").await.0, 200);
    let next =
        offsets[2..].iter().position(|offset| u128::from(*offset) > (clock::now() - start).as_millis());
    for _ in 0..next.unwrap() {
        at_ms().await;
    }
    assert_eq!(at_ms().await, offsets[2 + next.unwrap()]);
    let (status, text) = rig.admin("PUT /__admin/network", "", "seed = 1").await;
    assert!(status == 422 && text.contains("unknown field `seed`, expected `network`"), "{text}");
    let (status, text) = rig.admin("PUT /__admin/network", "", "\n[[network]]\nlatency_ms = -1").await;
    assert!(status == 422 && text.contains("line 3, column 14: invalid value: integer `-1`"), "{text}");
    assert_eq!(
        rig.admin("POST /__admin/network", "", "").await,
        (405, "{\"error\":\"use GET, PUT or DELETE\"}".into())
    );
    // A reset restores the networks of the scenario.
    let rig = network("latency_ms = 5");
    rig.mock.set_networks("").unwrap();
    assert_eq!(time(&rig, LOOKUP).await, 0);
    rig.mock.reset();
    assert_eq!(time(&rig, LOOKUP).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_cut_that_is_set_later_ends_an_open_socket() {
    let rig = Mock::toml("end = \"stay\"\nspeed = \"max\"");
    let mut socket = rig.dial().await;
    while socket.next_within(100).await != Received::Silence {}
    rig.mock.set_networks("[[network]]\ncut_after_ms = 1000").unwrap();
    let start = clock::now();
    assert_eq!(socket.next().await, Received::Broken);
    assert_eq!((clock::now() - start).as_millis(), 1000);
}

#[tokio::test(start_paused = true)]
async fn an_endless_answer_is_not_kept_in_memory() {
    let rig = Mock::toml("[[network]]\nlatency_ms = 10\n[[fault]]\nat = \"lookup\"\nkind = \"endless\"\n");
    let mut stream = rig.connector.connect().await.unwrap();
    stream.write_all(format!("GET {LOOKUP} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = vec![0; 4 << 20];
    stream.read_exact(&mut bytes).await.unwrap();
    // At most 256 KiB are on their way.
    wait_ms(1000).await;
    let start = clock::now();
    stream.read_exact(&mut bytes).await.unwrap();
    let at_least_ms = 10 * (4 << 20) / (256 * 1024 + 64 * 1024) / 2;
    assert!((clock::now() - start).as_millis() >= at_least_ms, "{:?}", clock::now() - start);
}

#[tokio::test]
async fn a_cut_resets_a_tcp_connection() {
    let mock = over_tcp("[[network]]\ncut_after_bytes = 100\nlatency_ms = 20\n").await;
    let mut stream = TcpStream::connect(mock.address().unwrap()).await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut bytes = vec![];
    let error = stream.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // With a reset, Windows drops what was not read yet.
    assert!(bytes.len() == 100 || cfg!(windows) && bytes.len() < 100, "{}", bytes.len());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_ending_takes_no_network_of_a_limited_number() {
    for before in ["", "[[network]]\nat = \"page\"\nlatency_ms = 300\n"] {
        let rig = Mock::toml(before);
        let mut stream = rig.connector.connect().await.unwrap();
        stream.write_all(b"GET /@demo/live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 500]).await.unwrap();
        drop(stream);
        rig.mock.set_networks("[[network]]\nat = \"page\"\ntimes = 1\ncut_after_bytes = 300\n").unwrap();
        let mut lengths = vec![];
        for _ in 0..2 {
            lengths
                .push(rig.bytes("GET /@demo/live HTTP/1.1\r\na: b", "", Duration::from_secs(9)).await.len());
        }
        assert!(lengths[0] == 300 && lengths[1] > 300, "{before}: {lengths:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_their_network_delayed_bytes_arrive_at_once() {
    // While the request is on its way, and the response.
    for wait in [10, 600_010] {
        let rig = network("latency_ms = 600000");
        let mut stream = rig.connector.connect().await.unwrap();
        stream.write_all(b"GET /live HTTP/1.0\r\n\r\n").await.unwrap();
        wait_ms(wait).await;
        assert_eq!(freed(&rig, &mut stream).await, 0, "{wait}");
    }
    // The second request of a connection is a packet.
    let rig = Mock::toml("");
    let mut stream = rig.connector.connect().await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_for(&mut stream, Duration::from_secs(1), 1 << 20).await;
    rig.mock.set_networks("[[network]]\nlatency_ms = 600000").unwrap();
    wait_ms(1).await;
    stream.write_all(b"GET /live HTTP/1.0\r\n\r\n").await.unwrap();
    wait_ms(10).await;
    assert_eq!(freed(&rig, &mut stream).await, 0);
}

/// Removes the networks, and returns how long the response then takes, in ms.
async fn freed(rig: &Mock, stream: &mut DuplexStream) -> u128 {
    let start = clock::now();
    assert_eq!(rig.admin("DELETE /__admin/network", "", "").await.0, 200);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    (clock::now() - start).as_millis()
}

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
    assert_eq!(elapsed(), 25_000);
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

/// `keys` are those of the fault.
async fn sent_with(keys: &str, seed: u64) -> BTreeMap<String, Vec<Message>> {
    let fault = format!("[[fault]]\nat = \"socket\"\nkind = \"lose\"\n{keys}");
    sent(Mock::toml(&format!("seed = {seed}\n{fault}")).dial().await).await
}

#[tokio::test(start_paused = true)]
async fn lost_messages_are_those_of_the_method_the_share_and_the_senders() {
    let all = sent(Mock::new(Scenario::default()).dial().await).await;
    let likes = format!("methods = [\"{LIKE}\"]\n");
    let some = format!("{likes}share = 0.5");
    let (half, same, other) =
        (sent_with(&some, 1).await, sent_with(&some, 1).await, sent_with(&some, 2).await);
    assert_eq!(half, same);
    assert_ne!(half[LIKE], other[LIKE]);
    let share = half[LIKE].len() as f64 / all[LIKE].len() as f64;
    assert!((0.3..0.7).contains(&share), "{share}");
    let others = |sent: &BTreeMap<String, Vec<Message>>| {
        sent.iter().filter(|(method, _)| *method != LIKE).map(|(_, sent)| sent.len()).sum::<usize>()
    };
    assert_eq!(others(&half), others(&all));
    assert!(!sent_with(&likes, 1).await.contains_key(LIKE));
    // All of them: frames without a message.
    assert!(sent_with("", 1).await.is_empty());
    assert_eq!(sent_with("senders = [\"nobody\"]", 1).await, all);
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
