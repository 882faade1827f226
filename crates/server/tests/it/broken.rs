//! Clients that break: slow, half-closed, gone all at once, and connections that fail or panic during a write. Each ends
//! alone, and the others go on.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use livetape_feed::{
    control::Control,
    hub::{CloseReason, Hub, Limits},
};
use livetape_io::{
    clock,
    net::{
        Listener,
        memory::{self, MemoryListener},
    },
};
use livetape_server::{Bounds, Config, Server, lobby, serve};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf},
    runtime::Handle,
    task::yield_now,
};
use tokio_tungstenite::{
    client_async, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::support::{HttpResponse, Rig, chats, eventually, json, read, read_all, seqs, wait};

const WORKS: u8 = 0;
/// The next write takes a part of a frame, and the one after it fails.
const FAILS: u8 = 1;
/// The next write panics.
const PANICS: u8 = 2;
/// Length of the part that is written before a failure, in bytes.
const PART_BYTES: usize = 100;

/// A connection whose writes fail as soon as a test says so.
struct Faulty {
    io: DuplexStream,
    fault: Arc<AtomicU8>,
    is_partly_written: bool,
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.fault.load(Ordering::SeqCst) {
            WORKS => Pin::new(&mut self.io).poll_write(cx, buf),
            FAILS if self.is_partly_written => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            FAILS => {
                self.is_partly_written = true;
                Pin::new(&mut self.io).poll_write(cx, &buf[..buf.len().min(PART_BYTES)])
            }
            _ => panic!("expected by a test"),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Accepts connections, of which the first has the fault.
struct FaultyListener {
    listener: MemoryListener,
    first: Option<Arc<AtomicU8>>,
}

impl Listener for FaultyListener {
    type Io = Faulty;
    type Addr = Option<IpAddr>;

    async fn accept(&mut self) -> (Faulty, Option<IpAddr>) {
        let (io, address) = self.listener.accept().await;
        (Faulty { io, fault: self.first.take().unwrap_or_default(), is_partly_written: false }, address)
    }
}

async fn assert_others_go_on(fault: u8) {
    let (listener, connector) = memory::listener(4096);
    let faulty = Arc::new(AtomicU8::new(WORKS));
    let listener = FaultyListener { listener, first: Some(Arc::clone(&faulty)) };
    let (hub, (control, _driver)) = (Hub::new("s".into(), Limits::default()), Control::new());
    let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
    let serving = tokio::spawn(serve(listener, server));
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let stream = connector.connect().await.unwrap();
        sockets.push(client_async("ws://localhost/", stream).await.unwrap().0);
    }
    hub.publish(&chats(1));
    for socket in &mut sockets {
        assert_eq!(seqs(&read(socket, 1).await), [1]);
    }
    faulty.store(fault, Ordering::SeqCst);
    hub.publish(&chats(1));
    let mut others = sockets.split_off(1);
    let log = read_all(&mut sockets[0]).await;
    assert_eq!((log.texts.len(), log.close), (0, None), "{fault}");
    for socket in &mut others {
        assert_eq!(seqs(&read(socket, 1).await), [2], "{fault}");
    }
    while hub.subscriber_count() > 2 {
        yield_now().await;
    }
    hub.publish(&chats(1));
    hub.close(CloseReason::new(1000, "over"));
    for socket in &mut others {
        let log = read_all(socket).await;
        assert_eq!((log.seqs(), log.close), (vec![3], Some((1000, "over".to_owned()))), "{fault}");
    }
    control.shut_down();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_inside_a_frame_ends_only_its_socket() {
    assert_others_go_on(FAILS).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_panics_cuts_only_its_socket() {
    assert_others_go_on(PANICS).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_one_byte_a_second_is_dropped_and_delays_nobody() {
    let rig = Rig::ring(128);
    let (mut slow, mut fast) = (rig.ws("").await, rig.ws("").await);
    let dripping = tokio::spawn(async move {
        let (io, mut bytes) = (slow.get_mut(), 0);
        while let Ok(1..) = io.read(&mut [0]).await {
            bytes += 1;
            wait(Duration::from_secs(1)).await;
        }
        bytes
    });
    let reading = tokio::spawn(async move { read(&mut fast, 400).await });
    for frame in chats(400).chunks(4) {
        rig.hub.publish(frame);
        wait(Duration::from_millis(1)).await;
    }
    assert_eq!(seqs(&reading.await.unwrap()), (1..=400).collect::<Vec<_>>());
    assert!(rig.hub.slow_count() == 1, "it has fallen behind");
    // What had been written before, and not the close frame, which it would reach only after hours.
    assert!(dripping.await.unwrap() <= 4096 + 11);
}

/// A client that has closed its half cannot answer a close frame, so it counts as gone.
#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_half_is_gone_also_during_a_backlog() {
    for backlog in [0, 400] {
        let rig = Rig::start();
        let mut socket = rig.ws("").await;
        rig.hub.publish(&chats(backlog));
        socket.get_mut().shutdown().await.unwrap();
        rig.hub.wait_for_nobody().await;
        let log = read_all(&mut socket).await;
        assert_eq!(log.close, None, "{backlog}");
        assert_eq!(log.seqs(), (1..=log.texts.len() as u64).collect::<Vec<_>>(), "{backlog}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_half_after_a_request_gets_the_whole_answer() {
    let rig = Rig::start();
    for (request, body, length, status) in [
        ("GET /status", "", 0, 200),
        // Longer than the connection's buffer.
        ("GET /openapi.json", "", 0, 200),
        // After 30 s.
        ("POST /inject?wait_clients=1", r#"{"type":"like","user":"ann"}"#, 28, 409),
        ("POST /inject", "{", 28, 400),
    ] {
        let mut stream = rig.connect().await;
        let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = HttpResponse::parse(&answer);
        let length = answer.header("content-length").map(str::to_owned);
        assert_eq!((answer.status, length), (status, Some(answer.body.len().to_string())), "{request}");
    }
}

/// The answer would never end, so the client counts as gone.
#[tokio::test(start_paused = true)]
async fn a_client_of_events_that_closes_its_half_is_gone_without_an_event() {
    let rig = Rig::start();
    for sends in ["", "GET /status HTTP/1.1\r\n"] {
        let mut stream = rig.connect().await;
        stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0, "the head");
        stream.write_all(sends.as_bytes()).await.unwrap();
        wait(Duration::from_secs(1)).await;
        assert_eq!(rig.hub.subscriber_count(), 1);
        stream.shutdown().await.unwrap();
        wait(Duration::from_millis(1)).await;
        assert_eq!(rig.hub.subscriber_count(), 0, "{sends}");
    }
}

/// Number of events that are published while clients leave.
const EVENTS: u64 = 100;
/// Number of clients that stay.
const STAYING: usize = 8;

/// Opens `count` sockets, and a few among them that stay. Then all others leave at once: a third says goodbye, the others
/// only close the connection, without having read.
async fn leave_at_once(count: usize) {
    let connections_max = count + STAYING + 1;
    let rig = Rig::with(
        Limits::default(),
        Config {
            bounds: Bounds { connections_max, ..Bounds::default() },
            lobby: lobby::Limits { connections_max, ..lobby::Limits::default() },
            subscribers_max: connections_max,
            ..Config::default()
        },
    );
    assert_eq!(rig.http("GET", "/health", "").await.status, 200);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let tasks_before = tasks();
    // The default buffer would take a gigabyte.
    let small = WebSocketConfig::default().read_buffer_size(1024);
    let open = async |number| {
        let uri = if number % 2 == 0 { "ws://localhost/" } else { "ws://localhost/ws" };
        client_async_with_config(uri, rig.connect().await, Some(small)).await.unwrap().0
    };
    let (mut leaving, mut staying) = (Vec::new(), Vec::new());
    for number in 0..count {
        if number % (count / STAYING) == 0 {
            let mut client = open(staying.len()).await;
            staying.push(tokio::spawn(async move {
                let mut seen = 0;
                while seen < EVENTS {
                    let said = json(&read(&mut client, 1).await[0]);
                    if let Some(seq) = said["seq"].as_u64() {
                        assert_eq!(seq, seen + 1);
                        seen = seq;
                    }
                }
                client
            }));
        }
        let mut client = open(number).await;
        if number % 3 == 0 {
            client.send(Message::Ping(vec![1].into())).await.unwrap();
        }
        leaving.push(client);
    }
    let started = clock::now();
    let leaving = leaving.into_iter().enumerate().map(async |(number, mut client)| {
        if number % 3 == 1 {
            client.close(None).await.unwrap();
            while client.next().await.is_some() {}
        }
    });
    let publishing = async {
        for _ in 0..EVENTS {
            rig.hub.publish(&chats(1));
            yield_now().await;
        }
    };
    tokio::join!(publishing, join_all(leaving));
    let mut stayed = Vec::new();
    for client in staying {
        stayed.push(client.await.unwrap());
    }
    eventually(|| rig.hub.subscriber_count() == STAYING).await;
    assert_eq!(clock::now(), started, "nothing waited for a timer");
    let listed = rig.http("GET", "/connections", "").await.json();
    assert_eq!(listed["connections"].as_array().map(Vec::len), Some(STAYING));
    drop(stayed);
    eventually(|| tasks() <= tasks_before).await;
    let mut last = rig.ws("?since=0").await;
    assert_eq!(seqs(&read(&mut last, EVENTS as usize).await), (1..=EVENTS).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn clients_that_leave_at_once_leave_nothing_behind() {
    leave_at_once(1_200).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes 8 s of a processor: of `cargo xtask nightly soak`"]
async fn twelve_thousand_clients_that_leave_at_once_leave_nothing_behind() {
    leave_at_once(12_000).await;
}
