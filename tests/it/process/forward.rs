//! `livetape record --proxy-listen` as users run it: unmodified clients in front of it, a mock behind it.

use std::{io::Cursor, path::Path, process::Command, sync::Arc};

use futures_util::{SinkExt as _, StreamExt as _};
use livetape::{
    mock::{MockTikTok, Scenario, ScenarioFile, Seen},
    sans_io::{
        recording::{Flags, Item, Reader, What},
        wire,
    },
    source::live::{Live, LiveOptions, NetTransport, Outcome, Url},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    forward::{CUT, server, upgraded},
    support::{
        mock::{ROOM, SOCKET, over_tcp, push},
        process::{Running, finish, livetape, program, run, stderr, stdout, text},
    },
};

const SHOW: &str = "speed = \"max\"\nend = \"control\"\n";

/// A recording proxy in front of a mock, and its folder with the recording and the CA.
struct Proxied {
    running: Running,
    folder: tempfile::TempDir,
}

impl Proxied {
    async fn start(upstream: &str, more: &'static [&'static str]) -> Self {
        let (folder, upstream) = (tempfile::tempdir().unwrap(), upstream.to_owned());
        let (file, ca) = (folder.path().join("show.bin"), folder.path().join("ca"));
        let start = move || {
            let args = ["record", "--proxy-listen", "0", "--upstream", &upstream, "-o", text(&file)];
            let args = [&args[..], &["--ca-dir", text(&ca)], more].concat();
            Running::spawn(&mut livetape(&args), "Press Ctrl+C")
        };
        Self { running: tokio::task::spawn_blocking(start).await.unwrap(), folder }
    }

    /// Runs livetape's own client through the proxy, to the end of the room.
    async fn live(&self) -> Vec<Item> {
        let url = |text: &str| Some(Url::parse(text).unwrap());
        let proxy = url(&format!("http://{}", self.running.address));
        let upstream = url("http://www.tiktok.com");
        let options = LiveOptions { upstream, proxy, attempts_max: 1, ..LiveOptions::new("demo") };
        let transport = NetTransport::new(&options).unwrap();
        let mut live = Live::start(options, transport);
        let mut items = Vec::new();
        while let Some(item) = live.next().await {
            items.push(item);
        }
        assert_eq!(live.outcome().await, Outcome::Ended("stream_ended"));
        items
    }

    /// Connects to a host through the proxy.
    async fn connect(&self, host: &str, port: u16) -> TcpStream {
        let mut stream = TcpStream::connect(&self.running.address).await.unwrap();
        stream.write_all(format!("CONNECT {host}:{port} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
        stream
    }

    /// Connects to a host through the proxy, with TLS.
    async fn tls(&self, host: &str) -> TlsStream<TcpStream> {
        let stream = self.connect(host, 443).await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.path().join("ca/ca.pem")).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    /// Presses Ctrl+C; returns the exit code, stdout and the path of the recording.
    async fn end(self) -> (Option<i32>, String, tempfile::TempDir) {
        self.running.signal("INT");
        let (status, lines) = finish(self.running).await;
        (status.code(), lines.join("\n"), self.folder)
    }
}

/// Returns the frames in an order that does not depend on when the client's acks were sent: received ones first.
fn frames(items: &[Item]) -> Vec<(bool, bytes::Bytes)> {
    let frame = |item: &Item| match &item.what {
        What::Frame(frame) => Some((item.flags.0 & Flags::SENT != 0, frame.bytes.clone())),
        _ => None,
    };
    let mut frames: Vec<_> = items.iter().filter_map(frame).collect();
    frames.sort_by_key(|(is_sent, _)| *is_sent);
    frames
}

fn items(path: &Path) -> Vec<Item> {
    let mut reader = Reader::open(Cursor::new(std::fs::read(path).unwrap())).unwrap();
    std::iter::from_fn(|| reader.next().unwrap()).map(|record| record.item).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_the_proxy_is_recorded_and_its_recording_plays() {
    let mock = over_tcp(SHOW).await;
    let proxied = Proxied::start(&mock.url(), &[]).await;
    let seen = proxied.live().await;
    let (code, said, folder) = proxied.end().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("✅ Connected to demo") && said.contains("📼 "), "{said}");

    let file = folder.path().join("show.bin");
    assert!(frames(&items(&file)) == frames(&seen), "the recording has what the client saw and sent");
    assert_eq!(run(&["verify", text(&file)]).status.code(), Some(0));
    let events = run(&["events", text(&file)]);
    let chats = |output: &str| output.lines().filter(|line| line.contains(r#""type":"chat""#)).count();
    let expected = chats(&stdout(&run(&["events", "demo"])));
    assert_eq!(chats(&stdout(&events)), expected, "{}", stderr(&events));
    let replayed = run(&["run", text(&file), "--speed", "max", "--clients", "0", "--", "true"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));

    // The mock plays the recording to another client.
    let played = Scenario::parse("speed = \"max\"\nend = \"stay\"\n").unwrap();
    let scenario = Scenario { recording: text(&file).to_owned(), ..played };
    let again = MockTikTok::start(ScenarioFile::from(scenario)).await.unwrap();
    let proxied = Proxied::start(&again.url(), &[]).await;
    // Answers to the client's heartbeats are not played.
    let is_played = |(is_sent, frame): &(bool, bytes::Bytes)| !is_sent && push(frame).payload_type == "msg";
    let played = |items| Vec::from_iter(frames(items).into_iter().filter(is_played));
    assert!(played(&proxied.live().await) == played(&seen), "the same batches");
    assert_eq!(proxied.end().await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_tls_is_recorded_with_the_real_hosts() {
    let mock = over_tcp(SHOW).await;
    let proxied = Proxied::start(&mock.url(), &["ann"]).await;
    let mut stream = proxied.tls("www.tiktok.com").await;
    let request = b"GET /api-live/user/room/?aid=1988&uniqueId=demo HTTP/1.1\r\nHost: www.tiktok.com\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("roomId"), "{answer}");
    let url = format!("wss://webcast-ws.tiktok.com{SOCKET}?room_id={ROOM}");
    let stream = proxied.tls("webcast-ws.tiktok.com").await;
    let (mut socket, _) = tokio_tungstenite::client_async(&url, stream).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_binary());
    while socket.next().await.is_some_and(|message| message.is_ok()) {}

    let (code, said, folder) = proxied.end().await;
    assert_eq!(code, Some(0), "{said}");
    let items = items(&folder.path().join("show.bin"));
    let open = items.iter().find_map(|item| match &item.what {
        What::ConnOpen(open) => Some((open.unique_id.as_str(), open.url.as_str(), open.room_id)),
        _ => None,
    });
    assert_eq!(open, Some(("ann", url.as_str(), ROOM)));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_are_refused() {
    let mock = over_tcp(SHOW).await;
    let proxied = Proxied::start(&mock.url(), &[]).await;
    let mut stream = TcpStream::connect(&proxied.running.address).await.unwrap();
    stream.write_all(b"CONNECT www.example.com:443 HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("--pass www.example.com"), "{answer}");
    assert_eq!(mock.received(), []);
    let (code, said, folder) = proxied.end().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!folder.path().join("show.bin").exists(), "a file without a room in it is left behind");
    assert!(said.contains("No client opened a WebSocket"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_cut_inside_a_message_exits_with_3() {
    let upstream = server(|head| [upgraded(head).as_bytes(), CUT].concat()).await;
    let proxied = Proxied::start(&upstream, &[]).await;
    let host = "webcast-ws.tiktok.com";
    let stream = proxied.connect(host, 80).await;
    let url = format!("ws://{host}{SOCKET}?room_id=7");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    let (code, said, folder) = proxied.end().await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("⚠️ Incomplete: 1 record missing"), "{said}");
    let verified = run(&["verify", text(&folder.path().join("show.bin"))]);
    assert_eq!(verified.status.code(), Some(3), "{}", stdout(&verified));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_of_the_client_is_reported_as_by_verify() {
    let mock = over_tcp("end = \"stay\"\n").await;
    let proxied = Proxied::start(&mock.url(), &[]).await;
    let stream = proxied.connect("webcast-ws.tiktok.com", 80).await;
    let url = format!("ws://webcast-ws.tiktok.com{SOCKET}?room_id={ROOM}");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_binary());
    socket.send(Message::binary(&b"\xff\xff"[..])).await.unwrap();
    socket.send(Message::Binary(wire::client::heartbeat(ROOM))).await.unwrap();
    mock.wait_for(Seen::Heartbeat, 1).await;
    assert!(mock.received().iter().any(|entry| entry.what.name() == "other"));
    let (code, said, folder) = proxied.end().await;
    assert!(said.contains("⚠️ Incomplete: 1 frame or message unreadable"), "{said}");
    let verified = run(&["verify", text(&folder.path().join("show.bin"))]);
    assert_eq!((code, verified.status.code()), (Some(3), Some(3)), "{said}");
}

#[test]
fn nothing_is_announced_before_a_mistake_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (file, ca) = (folder.path().join("show.bin"), folder.path().join("ca"));
    std::fs::write(&file, "kept").unwrap();
    // No other test uses this loopback address. A free port of the usual one could belong to another test by now.
    let (own, listen) = ("http://localhost:4321", "127.20.20.20:4321");
    let itself = "is the address of --proxy-listen: requests would loop forever";
    for (listen, more, code, why) in [
        ("0", &["-o", text(&file)][..], 1, "already exists, and recordings are never overwritten"),
        (listen, &["--proxy", own], 2, itself),
        (listen, &["--upstream", own], 2, itself),
        (
            "0",
            &["--offline", "--pass", "example.com:4999"],
            1,
            "--pass example.com:4999 is not on this machine",
        ),
    ] {
        let args = [&["record", "--proxy-listen", listen, "--ca-dir", text(&ca)][..], more].concat();
        let output = run(&args);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{more:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{more:?}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_recording_and_keeps_the_written_part() {
    let mock = over_tcp("speed = \"max\"\nend = \"stay\"\n").await;
    let (folder, upstream) = (tempfile::tempdir().unwrap(), mock.url());
    let (file, ca) = (folder.path().join("show.bin"), folder.path().join("ca"));
    let line = format!(
        "ulimit -f 128; exec {} record --proxy-listen 0 --upstream {upstream} --ca-dir {} -o {}",
        program(),
        text(&ca),
        text(&file)
    );
    let start = move || Running::spawn(Command::new("sh").args(["-c", &line]), "Press Ctrl+C");
    let running = tokio::task::spawn_blocking(start).await.unwrap();
    let proxied = Proxied { running, folder };
    let stream = proxied.connect("webcast-ws.tiktok.com", 80).await;
    let url = format!("ws://webcast-ws.tiktok.com{SOCKET}?room_id={ROOM}");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    let (status, lines) = finish(proxied.running).await;
    assert_eq!(status.code(), Some(3), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("⚠️ The recording is incomplete: ")), "{lines:?}");
    assert!(stdout(&run(&["events", text(&file)])).lines().count() > 5);
}
