//! Malicious upstreams: the program gives up on them, and its memory stays bounded.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread,
};

use livetape::sans_io::wire::{self, Batch, Message, Push};
use tungstenite::handshake::derive_accept_key;

use crate::support::{process::Running, process::run, process::text};

/// Maximum memory of the program for any upstream, in KiB.
const RSS_KIB_MAX: u64 = 64 << 10;
/// Maximum number of polls for the reason.
const POLLS_MAX: usize = 10_000;
/// Length after which an attack counts as not stopped, in bytes.
const ATTACK_BYTES_MAX: usize = 512 << 20;
const LIVE: &str =
    r#"{"data":{"user":{"roomId":"7300000000000000001","status":2},"liveRoom":{"status":2}},"statusCode":0}"#;

/// An attack: a start, then a repeated part.
#[derive(Clone)]
enum Attack {
    /// In the response to the first lookup.
    Http(Vec<u8>, Vec<u8>),
    /// On the socket.
    Socket(Vec<u8>, Vec<u8>),
}

/// Serves each connection in its own thread; returns the address and a channel that reports each finished attack.
fn upstream(attack: Attack) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (over, ended) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (attack, over) = (attack.clone(), over.clone());
            thread::spawn(move || drop(answer(stream.unwrap(), &attack, &over)));
        }
    });
    (address, ended)
}

fn answer(mut stream: TcpStream, attack: &Attack, over: &mpsc::Sender<()>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let key = head.lines().find_map(|line| {
        line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
    });
    let is_lookup = head.starts_with("GET /api-live/") || head.starts_with("GET /@");
    match (attack, key) {
        (Attack::Socket(begin, again), Some((_, key))) => {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n"
            );
            let result = repeat(stream, &[head.as_bytes(), begin].concat(), again);
            let _ = over.send(());
            result
        }
        (Attack::Http(begin, again), _) if is_lookup => {
            let result = repeat(stream, begin, again);
            let _ = over.send(());
            result
        }
        _ => {
            let body = if is_lookup { LIVE } else { "" };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nset-cookie: ttwid=1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all((head + body).as_bytes())
        }
    }
}

/// Never reads.
fn repeat(mut stream: TcpStream, begin: &[u8], again: &[u8]) -> std::io::Result<()> {
    stream.write_all(begin)?;
    for _ in 0..ATTACK_BYTES_MAX / again.len() {
        stream.write_all(again)?;
    }
    stream.shutdown(Shutdown::Write)
}

/// Encodes a server's frame with this first byte and payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(u8::try_from(short).unwrap()),
        long => {
            frame.push(127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    [frame, payload.to_vec()].concat()
}

const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

fn batch(plain: &[u8]) -> Vec<u8> {
    let push =
        Push { log_id: 1, payload_type: "msg".into(), payload: wire::zip(plain), ..Default::default() };
    frame(BINARY, &wire::write_push(&push))
}

fn messages(method: &str, payload: Vec<u8>, count: usize) -> Vec<u8> {
    let message = Message { method: method.into(), payload: payload.into(), ..Default::default() };
    batch(&wire::write_batch(&Batch { messages: vec![message; count], ..Default::default() }))
}

/// Starts a server that records `upstream` to `file`.
fn serve(upstream: &str, file: &Path) -> Running {
    let upstream = format!("http://{upstream}");
    let env = [
        ("LIVETAPE_UPSTREAM", &*upstream),
        ("LIVETAPE_MAX_ATTEMPTS", "1"),
        ("LIVETAPE_RECORD", text(file)),
        // This is not about slow subscribers.
        ("LIVETAPE_QUIET", "true"),
    ];
    Running::start_with(&["serve"], &env, "Press Ctrl+C")
}

fn ask(server: &Running, line: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream
}

/// Connects to the upstream and waits until the server gives up; returns the error code and the peak memory, in KiB.
fn run_attack(attack: Attack) -> (String, u64) {
    let folder = tempfile::tempdir().unwrap();
    let (address, ended) = upstream(attack);
    let server = serve(&address, &folder.path().join("show.bin"));
    let ask = |line: &str| ask(&server, line);
    ask("POST /connect/demo").read_to_end(&mut Vec::new()).unwrap();
    ended.recv().unwrap();
    // The program has closed the socket and is about to report the reason.
    let code = std::iter::repeat_with(|| {
        let mut metrics = String::new();
        ask("GET /metrics").read_to_string(&mut metrics).unwrap();
        let (_, failure) = metrics.split_once("livetape_upstream_failures_total{code=\"")?;
        Some(failure.split('"').next()?.to_owned())
    });
    let code = code.take(POLLS_MAX).flatten().next().expect("a failure");
    (code, server.peak_kib())
}

#[cfg(target_os = "linux")]
#[track_caller]
fn check(name: &str, attack: Attack, code: &str) {
    let (found, kib) = run_attack(attack);
    println!("{name}: {found}, {} MiB", kib >> 10);
    // A busy machine may read slower than the maximum rate, until the attack ends; `live` tests the rate itself.
    assert!([code, "connection_lost"].contains(&&*found), "{name}: {found}");
    assert!(kib <= RSS_KIB_MAX, "{name}: {} MiB", kib >> 10);
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_frames_cannot_exhaust_memory() {
    let socket = |again: Vec<u8>| Attack::Socket(vec![], again);
    let pings = frame(PING, &[b'x'; 125]).repeat(1000);
    check("pings", socket(pings), "upstream_flood");
    check("pings of nothing", socket(frame(PING, b"").repeat(1000)), "upstream_flood");
    check("texts of nothing", socket(frame(0x81, b"").repeat(1000)), "upstream_flood");
    let continued = Attack::Socket(frame(2, b""), frame(0, b"").repeat(1000));
    check("frames of nothing", continued, "upstream_flood");
    let ended = [frame(2, b""), frame(0, b"").repeat(100_000), frame(0x80, b"")].concat();
    check("messages of frames of nothing", socket(ended), "upstream_flood");
    check("nothing", socket(frame(BINARY, b"").repeat(1000)), "upstream_flood");
    check("15 MiB messages", socket(frame(BINARY, &vec![7; 15 << 20])), "connection_lost");
    check("1 MiB messages", socket(frame(BINARY, &vec![7; 1 << 20])), "upstream_flood");
    let fragment = frame(0, &vec![7; 64 << 10]);
    check("a message without an end", Attack::Socket(frame(2, b"x"), fragment), "connection_lost");
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_batch_cannot_exhaust_memory() {
    let socket = |again: Vec<u8>| Attack::Socket(vec![], again);
    check("bombs", socket(batch(&vec![0; 64 << 20])), "upstream_flood");
    check("the largest batch", socket(batch(&vec![0; 2 << 20])), "upstream_flood");
    // Control characters in a comment take six times as many bytes in JSON.
    let comment = [&[0x1a, 0x80, 0x20][..], &[1; 4096]].concat();
    check("comments", socket(messages("WebcastChatMessage", comment, 500)), "upstream_flood");
    // An unknown field of 150 bytes.
    let like = [&[0x7a, 0x96, 1][..], &[7; 150]].concat();
    check("many messages", socket(messages("WebcastLikeMessage", like, 10_000)), "upstream_flood");
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_response_cannot_exhaust_memory() {
    let ok = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}").into_bytes();
    let endless = Attack::Http(ok("\r\n"), vec![b' '; 1 << 20]);
    check("a body without an end", endless, "blocked");
    let headers = Attack::Http(ok(""), b"x-header: value\r\n".repeat(1000));
    check("headers without an end", headers, "connection_lost");
    let bomb = wire::zip(&vec![b' '; 64 << 20]);
    let head = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    check("a packed body", Attack::Http([ok(&head), bomb.to_vec()].concat(), vec![0; 1 << 20]), "blocked");
}

/// After `shutdown_time`, the process would exit with 130.
#[cfg(unix)]
#[test]
fn a_signal_stops_it_gracefully_during_an_attack() {
    for bytes in [64 << 20, 2 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("show.bin");
        let (address, _ended) = upstream(Attack::Socket(vec![], batch(&vec![0; bytes])));
        let server = serve(&address, &file);
        // The server answers as soon as the socket is open.
        ask(&server, "POST /connect/demo").read_to_end(&mut Vec::new()).unwrap();
        server.signal("TERM");
        let (status, lines) = server.wait();
        assert!(matches!(status.code(), Some(0 | 1 | 3)), "{bytes}: {status} {lines:?}");
        let info = run(&["info", text(&file), "--json"]);
        let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
        assert_eq!(info["sealed"], true, "{bytes}");
    }
}
