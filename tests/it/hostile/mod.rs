//! Malicious upstreams. Each is a row of a table: what it sends, and the error code with which livetape gives
//! up. These may cost memory, so they run against the program, with a limit on its memory and on the time. Those that
//! wait are in the tests of livetape-engine.

mod floods;
mod handshakes;

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use livetape_io::clock;
use tungstenite::handshake::derive_accept_key;

use crate::support::{process::Running, process::text};

/// Maximum memory of the program for any upstream, in KiB, without its code and data: those of a development
/// build are larger. With them, at most 18 MiB, the shipped program then needs less than 64 MiB.
const OWN_KIB_MAX: u64 = 46 << 10;
/// Maximum time until the program gives up, beyond which it hangs. A development build on a busy machine may
/// need minutes for 64 MiB of empty messages. Shorter than the silence after which CI kills a stage, so that
/// the failure names the attack.
const TIME_MAX: Duration = Duration::from_secs(480);
/// Maximum number of polls for the reason.
const POLLS_MAX: usize = 10_000;
/// Length after which an attack counts as not stopped, in bytes.
const ATTACK_BYTES_MAX: usize = 512 << 20;
/// Number of repeats after which an attack ends, for a machine that is too busy to notice the flood. With a thousand
/// frames each, a queue of all would not fit into [`OWN_KIB_MAX`], and a development build still reads them soon.
const ATTACK_REPEATS_MAX: usize = 2_000;
const LIVE: &str =
    r#"{"data":{"user":{"roomId":"7300000000000000001","status":2},"liveRoom":{"status":2}},"statusCode":0}"#;

const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

/// What an attack answers. All other requests get a proper response.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Lookup,
    Cookie,
    Sign,
    /// The request for a WebSocket. `{accept}` in `begin` is replaced by the accept key.
    Upgrade,
    /// The WebSocket, after a proper handshake.
    Socket,
}

/// A start, then a repeated part. With an empty repeated part, the connection stays open.
#[derive(Clone)]
struct Attack {
    at: At,
    begin: Vec<u8>,
    again: Vec<u8>,
}

/// Serves each connection in its own thread; returns the address and a channel that reports each finished
/// attack.
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

fn answer(mut stream: TcpStream, attack: &Attack, over: &mpsc::Sender<()>) -> io::Result<()> {
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
    let accept = key.map_or_else(String::new, |(_, key)| derive_accept_key(key.as_bytes()));
    let at = match head.split(['?', ' ']).nth(1).unwrap() {
        _ if key.is_some() => At::Upgrade,
        "/" => At::Cookie,
        path if path.starts_with("/webcast/fetch") => At::Sign,
        _ => At::Lookup,
    };
    if at == attack.at || at == At::Upgrade && attack.at == At::Socket {
        let proper = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                      sec-websocket-accept: {accept}\r\n\r\n";
        let proper = if attack.at == At::Socket { proper } else { "" };
        let begin = [proper.as_bytes(), &attack.begin].concat();
        let result = repeat(stream, &fill_in(&begin, &accept), &attack.again);
        let _ = over.send(());
        return result;
    }
    let body = if at == At::Lookup { LIVE } else { "" };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nset-cookie: ttwid=1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())
}

fn fill_in(bytes: &[u8], accept: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"{accept}";
    let Some(at) = bytes.windows(PLACE.len()).position(|it| it == PLACE) else { return bytes.to_vec() };
    [&bytes[..at], accept.as_bytes(), &bytes[at + PLACE.len()..]].concat()
}

/// Never reads while there is something to send. Then it reads to the end: a socket that is dropped with unread
/// data is reset, and what it has sent is lost unread.
fn repeat(mut stream: TcpStream, begin: &[u8], again: &[u8]) -> io::Result<()> {
    stream.write_all(begin)?;
    if !again.is_empty() {
        for _ in 0..(ATTACK_BYTES_MAX / again.len()).min(ATTACK_REPEATS_MAX) {
            stream.write_all(again)?;
        }
        stream.shutdown(Shutdown::Write)?;
    }
    stream.set_read_timeout(Some(TIME_MAX))?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
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

/// Starts a server that records `upstream` to `file`, with a sign server if there is one.
fn serve(upstream: &str, signs: bool, file: &Path) -> Running {
    let upstream = format!("http://{upstream}");
    let env = [
        ("LIVETAPE_UPSTREAM", &*upstream),
        ("LIVETAPE_MAX_ATTEMPTS", "1"),
        ("LIVETAPE_RECORD", text(file)),
        // This is not about slow subscribers.
        ("LIVETAPE_QUIET", "true"),
        ("LIVETAPE_SIGN_URL", &*upstream),
    ];
    Running::start_with(&["serve"], &env[..if signs { 5 } else { 4 }], "Press Ctrl+C")
}

fn ask(server: &Running, line: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
    stream
}

/// Connects to the upstream and waits until the server gives up; returns the error code and the peak of its
/// own memory, in KiB.
#[cfg(target_os = "linux")]
fn run_attack(attack: Attack) -> (String, u64) {
    let folder = tempfile::tempdir().unwrap();
    let signs = attack.at == At::Sign;
    let (address, ended) = upstream(attack);
    let server = serve(&address, signs, &folder.path().join("show.bin"));
    let ask = |line: &str| ask(&server, line);
    ask("POST /connect/demo").read_to_end(&mut Vec::new()).unwrap();
    ended.recv_timeout(TIME_MAX).expect("the end of the attack");
    // The program has closed the socket and is about to report the reason.
    let code = std::iter::repeat_with(|| {
        let mut metrics = String::new();
        ask("GET /metrics").read_to_string(&mut metrics).unwrap();
        let (_, failure) = metrics.split_once("livetape_upstream_failures_total{code=\"")?;
        Some(failure.split('"').next()?.to_owned())
    });
    let code = code.take(POLLS_MAX).flatten().next().expect("a failure");
    (code, server.own_peak_kib())
}

#[cfg(target_os = "linux")]
#[track_caller]
fn check(name: &str, attack: Attack, code: &str) {
    let started = clock::now();
    let (found, kib) = run_attack(attack);
    let time = clock::now() - started;
    println!("{name}: {found}, {} MiB, {time:.1?}", kib >> 10);
    // A busy machine may read slower than the maximum rate, until the attack ends; `live` tests the rate
    // itself.
    let codes = [code, if code == "upstream_flood" { "connection_lost" } else { code }];
    assert!(codes.contains(&&*found), "{name}: {found}");
    assert!(kib <= OWN_KIB_MAX, "{name}: {} MiB", kib >> 10);
    assert!(time <= TIME_MAX, "{name}: {time:?}");
}
