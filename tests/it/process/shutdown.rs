//! SIGTERM notifies clients, seals the recording and leaves the room within a time limit; a second one exits
//! at once.

use std::{
    fs,
    io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use futures_util::StreamExt as _;
use livetape_engine::source::Tape;
use livetape_mock::{By, Happened};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{
    close,
    demo::over_tcp,
    process::{DEMO_LAST, Running, finish, program, run, start, stdout, text, words},
    read_all,
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A room that sends all its events at once and stays open.
const ROOM: &str = "end = \"stay\"\nspeed = \"max\"\n";

async fn open(server: &Running, path: &str) -> Socket {
    connect_async(format!("ws://{}/{path}", server.address)).await.unwrap().0
}

/// Reads up to the close; returns the code.
async fn rest(mut socket: Socket) -> u16 {
    close(&read_all(&mut socket).await).0
}

/// Waits for an event of the room that contains `text`.
async fn wait_for(socket: &mut Socket, text: &str) {
    while !socket.next().await.unwrap().unwrap().to_text().unwrap_or_default().contains(text) {}
}

/// Opens a WebSocket that neither reads nor answers.
async fn stalled(server: &Running, path: &str) -> TcpStream {
    let mut io = TcpStream::connect(&server.address).await.unwrap();
    let request = format!(
        "GET /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    io.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    io.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    io
}

/// Starts a command whose shutdown takes at most `time`, and waits for a line that contains `last`.
fn start_within(time: &str, args: &[&str], last: &str) -> Running {
    let env = [("LIVETAPE_SHUTDOWN_TIME", time)];
    tokio::task::block_in_place(|| Running::start_with(args, &env, last))
}

/// Waits for the exit, and returns the exit code and the log.
fn wait_for_log(server: Running) -> (Option<i32>, String) {
    let (status, log) = tokio::task::block_in_place(|| server.wait_for_log());
    (status.code(), log)
}

#[track_caller]
fn assert_sealed(file: &Path) {
    let info: Value = serde_json::from_slice(&run(&["info", text(file), "--json"]).stdout).unwrap();
    assert_eq!(info["sealed"], true);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_closes_the_feed_seals_the_recording_and_leaves_the_room() {
    // If a terminal is closed, the system and the shell may both send SIGHUP.
    for signals in [&["TERM"][..], &["HUP", "HUP"]] {
        let mock = over_tcp(ROOM).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("show.bin");
        let server =
            start(words(&["live", "demo", "--upstream", &mock.url(), "--record", text(&file)])).await;
        let mut feed = open(&server, "?since=0").await;
        wait_for(&mut feed, DEMO_LAST).await;
        signals.iter().for_each(|signal| server.signal(signal));
        assert_eq!(rest(feed).await, 1001, "{signals:?}");
        let (status, lines) = finish(server).await;
        assert_eq!(status.code(), Some(0), "{signals:?}");
        assert!(lines.iter().any(|line| line.contains("📼")), "{signals:?}: {lines:?}");
        let left =
            |entry: &livetape_mock::LogEntry| matches!(entry.what, Happened::Closed { by: By::Client, .. });
        assert!(mock.received().iter().any(left), "the room is left: {:?}", mock.received().last());
        assert_sealed(&file);
        // Nothing that clients got is missing, down to the last record: how the connection ended.
        let events = stdout(&run(&["events", text(&file)]));
        let last = Vec::from_iter(events.lines().rev().take(2));
        assert!(events.contains(DEMO_LAST), "{last:?}");
        assert!(
            last[0].contains("\"recording_ended\"") && last[1].contains("\"connection_closed\""),
            "{last:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_clients_delay_the_shutdown_only_briefly() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = start_within("2s", &["serve", "--log-file", text(&log)], "Press Ctrl+C");
    let _stalled = stalled(&server, "ws?feed=0").await;
    let polite = open(&server, "ws").await;
    server.stop();
    assert_eq!(rest(polite).await, 1001);
    assert_eq!(finish(server).await.0.code(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("Dropping connections that did not close in time"), "{log}");
    assert!(log.trim_end().ends_with("🔔 Server stopped"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_are_counted_at_the_end_of_the_recording() {
    let args = ["replay", "short", "--speed", "max", "--exit-when-done", "--wait-clients", "21"];
    let server = start_within("1s", &args, "Press Ctrl+C");
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(stalled(&server, "").await);
    }
    assert_eq!(rest(open(&server, "").await).await, 1000);
    let (code, told) = wait_for_log(server);
    assert_eq!(code, Some(3), "{told}");
    let expected = "❌ 20 clients were dropped before they had read everything\n💡 let the clients";
    assert!(told.contains(expected), "{told}");
}

/// Starts a replay that begins once two clients are connected.
fn short_show(more: &[&str]) -> Running {
    let args = ["replay", "short", "--speed", "max", "--exit-when-done", "--wait-clients", "2"];
    tokio::task::block_in_place(|| Running::start(&[&args, more].concat()))
}

/// Reads a whole show with two clients.
async fn read_with_two(server: &Running) {
    let (one, other) = (open(server, "").await, open(server, "").await);
    assert_eq!(tokio::join!(rest(one), rest(other)), (1000, 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_server_ended_before_the_end_is_counted() {
    // A case that only changes the show breaks no connections.
    for more in [&[][..], &["--case", "no-final"]] {
        let server = short_show(more);
        let mut invalid = stalled(&server, "").await;
        // A text that is not masked.
        invalid.write_all(b"\x81\x02hi").await.unwrap();
        let mut said = Vec::new();
        invalid.read_to_end(&mut said).await.unwrap();
        assert!(said.ends_with(b"protocol_error"), "{said:?}");
        read_with_two(&server).await;
        let (code, told) = wait_for_log(server);
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("❌ 1 client was dropped before it had read everything\n"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_end_is_reported_without_a_failure() {
    let server = short_show(&[]);
    let mut polite = open(&server, "").await;
    polite.close(None).await.unwrap();
    while let Some(Ok(_)) = polite.next().await {}
    let mut half = TcpStream::connect(&server.address).await.unwrap();
    half.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    half.read_exact(&mut [0; 12]).await.unwrap();
    half.shutdown().await.unwrap();
    // A client that closes its direction counts as gone.
    half.read_to_end(&mut Vec::new()).await.unwrap();
    read_with_two(&server).await;
    let (code, told) = wait_for_log(server);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("⚠️ 2 clients left before the end\n"), "{told}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_the_server_at_once() {
    let server = start_within("10m", &["serve"], "Press Ctrl+C");
    let _stalled = stalled(&server, "ws?feed=0").await;
    let polite = open(&server, "ws").await;
    server.signal("TERM");
    assert_eq!(rest(polite).await, 1001, "it is on its way");
    server.signal("INT");
    assert_eq!(finish(server).await.0.code(), Some(130));
}

/// For one Ctrl+C, the terminal and a wrapper such as npm may both send a signal. Impatient users also press
/// it again.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn two_interrupts_leave_a_sealed_recording() {
    let mock = over_tcp(ROOM).await;
    let folder = tempfile::tempdir().unwrap();
    for (nth, gap) in ["0", "0.2"].repeat(3).into_iter().enumerate() {
        let file = folder.path().join(format!("{nth}.bin"));
        let args = ["live", "demo", "--upstream", &mock.url(), "--record", text(&file)];
        let server = start_within("1s", &args, "Connecting to TikTok Live");
        // It delays the shutdown for a while.
        let _stalled = stalled(&server, "ws?feed=0").await;
        wait_for(&mut open(&server, "?since=0").await, "\"chat\"").await;
        let script = format!("kill -INT {0}; sleep {gap}; kill -INT {0}", server.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        let (status, _) = finish(server).await;
        // 3: it had no time for the rest of the room.
        assert!(matches!(status.code(), Some(0 | 3 | 130)), "{gap}: {status}");
        assert_sealed(&file);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_keeps_a_server_running_when_the_terminal_is_closed() {
    let line = format!("trap '' HUP; exec {} serve --port 0", program());
    let mut server = Command::new("sh").args(["-c", &line]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.contains("Press Ctrl+C")));
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let set = |name: &str| {
        let set = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(set.trim(), 16).unwrap()
    };
    // Bit 0 is SIGHUP, bit 14 SIGTERM.
    assert_eq!((set("SigIgn:") & 1, set("SigCgt:") & 1, set("SigCgt:") >> 14 & 1), (1, 0, 1), "{status}");
    server.kill().unwrap();
    server.wait().unwrap();
}

/// A recording that starts after a hole of 64 GiB.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_file_read_does_not_delay_the_exit() {
    let folder = tempfile::tempdir().unwrap();
    let hole = folder.path().join("hole.bin");
    let whole = fs::read("recordings/short.bin").unwrap();
    let (before, after) = whole.split_at(whole.len() / 2);
    fs::write(&hole, before).unwrap();
    let mut file = fs::File::options().write(true).open(&hole).unwrap();
    file.seek(SeekFrom::Start(64 << 30)).unwrap();
    file.write_all(after).unwrap();
    let end = Tape::find(&hole).unwrap().duration().unwrap();
    let start = format!("{}ms", end.as_millis());
    let server = start_within("500ms", &["replay", text(&hole), "--start", &start], "Press Ctrl+C");
    server.signal("TERM");
    assert_eq!(finish(server).await.0.code(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_before_a_stop_is_said() {
    let server = tokio::task::block_in_place(|| Running::start(&["replay", "demo"]));
    let body = r#"{"type":"raw","method":"WebcastChatMessage","payload":"Ev////8P"}"#;
    let request = format!(
        "POST /inject HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut io = TcpStream::connect(&server.address).await.unwrap();
    io.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop();
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(3));
    assert!(lines.iter().any(|line| line.contains("Incomplete: 1 frame or message unreadable")), "{lines:?}");
}
