//! `livetape live` and `record` as users run them, against a mock in this process. Each scenario is in the tests of
//! livetape-server.

use std::{
    net::SocketAddr,
    process::{Command, Output},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tungstenite::Message;

use crate::support::{
    demo::over_tcp,
    process::{Running, finish, http, livetape, program, run, start, stderr, stdout, text, words},
};

/// Runs a command on another thread, because the mock runs on this one.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Runs a line of bash.
#[cfg(target_os = "linux")]
async fn sh(line: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", line]);
    output(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_connected_after_a_rate_limit_and_shown() {
    let fault = "[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 1\ntimes = 1";
    let mock = over_tcp(&format!("speed = \"max\"\n{fault}")).await;
    let server = start(words(&["live", "demo", "--upstream", &mock.url()])).await;
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(0));
    for shown in [
        "❌ Failed to connect: [Rate Limited] Too many connections started, try again later",
        "✅ Connected to demo (Room ID: ",
        "🎉 Ready",
        "🔌 Disconnected from demo: stream ended",
    ] {
        assert!(lines.iter().any(|line| line.contains(shown)), "{shown}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_cannot_be_entered_points_to_the_doctor() {
    let mock = over_tcp("[[fault]]\nat = \"socket\"\nkind = \"refuse\"\nstatus = 403").await;
    let url = mock.url();
    let server = start(words(&["live", "demo", "--upstream", &url, "--max-attempts", "1"])).await;
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(1));
    let pointer = format!("💡 Try each way: `livetape doctor demo --upstream {url}`");
    assert!(lines.last().unwrap().ends_with(&pointer), "{lines:?}");
    let found = output(livetape(&["doctor", "demo", "--upstream", &url])).await;
    assert_eq!(found.status.code(), Some(1));
    let said = stdout(&found);
    assert!(
        said.starts_with("🩺 demo\n✅ look-up      page")
            && said.contains("❌ direct       handshake    403"),
        "{said}"
    );
    assert!(said.contains("\n💡 run `livetape doctor demo --upstream "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_messages_are_reported_while_a_room_runs() {
    let fault = "[[fault]]\nat = \"socket\"\nkind = \"unknown_method\"\nafter_frames = 20\ntimes = 1";
    let mock = over_tcp(&format!("speed = \"max\"\nend = \"control\"\n{fault}")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let args = ["record", "demo", "--upstream", &mock.url(), "-o", text(&file), "--drift", "schema"];
    let recorded = output(livetape(&args)).await;
    assert_eq!(recorded.status.code(), Some(0), "{}", stderr(&recorded));
    let warned = stderr(&recorded);
    let lines = Vec::from_iter(warned.lines().filter(|line| line.starts_with("⚠️ drift: ")));
    let [change, summary] = lines[..] else { panic!("{warned}") };
    assert!(change.starts_with("⚠️ drift: medium new "), "{warned}");
    assert!(summary.starts_with("⚠️ drift: changes: 1; messages compared: "), "{warned}");
    assert!(warned.starts_with("🔎 drift: comparing messages with schema, which has "), "{warned}");
    let missing =
        output(livetape(&["record", "demo", "--upstream", &mock.url(), "--drift", "nowhere"])).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("nowhere not found"), "{}", stderr(&missing));
}

#[tokio::test(flavor = "multi_thread")]
async fn record_leaves_no_file_if_the_user_is_offline() {
    let mock = over_tcp("[[user]]\nname = \"demo\"\nstate = \"offline\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("never.bin");
    let output = output(livetape(&["record", "demo", "--upstream", &mock.url(), "-o", text(&file)])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("❌ User is not currently live"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Rejects WebSockets on a port of its own. Returns its address and the heads of their requests.
async fn reject_sockets() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            sender.send(String::from_utf8(head).unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    (address, heads)
}

/// Secrets of the environment.
const SECRETS: [(&str, &str); 2] = [
    ("LIVETAPE_SESSION_COOKIE", "sessionid=s3cret-session; sid_tt=s3cret-sid"),
    ("LIVETAPE_SIGN_KEY", "s3cret-key"),
];

#[track_caller]
fn assert_no_secret(said: &str, head: &str, address: SocketAddr) {
    assert!(
        said.contains(&format!("he session is not sent to ws://{address}, which the sign server named")),
        "{said}"
    );
    assert!(!said.contains("s3cret"), "{said}");
    assert!(head.contains("cookie: ttwid=") && !head.contains("s3cret"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_sign_server_names_gets_no_secret() {
    let (address, mut heads) = reject_sockets().await;
    let mock = over_tcp(&format!("push_server = \"ws://webcast-ws.tiktok.com@{address}/\"")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("never.bin");
    let url = mock.url();
    let upstream = ["--upstream", &url, "--way", "sign"];
    for command in
        [&["record", "demo", "-o", text(&file)][..], &["live", "demo", "--port", "0"], &["doctor", "demo"]]
    {
        let mut command = livetape(&[command, &upstream].concat());
        let output = output({
            command.envs(SECRETS).env("LIVETAPE_MAX_ATTEMPTS", "1");
            command
        })
        .await;
        assert_eq!(output.status.code(), Some(1));
        assert_no_secret(&(stdout(&output) + &stderr(&output)), &heads.try_recv().unwrap(), address);
    }
    let env = [
        &SECRETS[..],
        &[("LIVETAPE_UPSTREAM", &url), ("LIVETAPE_WAYS", "sign"), ("LIVETAPE_MAX_ATTEMPTS", "1")],
    ]
    .concat();
    let server = tokio::task::block_in_place(|| Running::start_with(&["serve"], &env, "Press Ctrl+C"));
    let post = |path| http().post(format!("http://{}{path}", server.address)).send();
    let refused = post("/connect/demo").await.unwrap();
    assert_eq!(refused.status(), 502);
    let answer = refused.text().await.unwrap();
    post("/shutdown").await.unwrap();
    let (_, shown, log) = tokio::task::block_in_place(|| server.wait_for_output());
    let head = heads.try_recv().unwrap();
    for said in [answer, shown, log] {
        assert_no_secret(&said, &head, address);
    }
    assert!(heads.try_recv().is_err(), "each was asked once");
}

/// A tab in which this happens, before it is closed.
async fn show_tab(listener: TcpListener, events: &[(&str, Value)]) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let list = json!([{ "type": "page", "title": "LIVE", "url": "https://www.tiktok.com/@ann/live",
        "webSocketDebuggerUrl": "ws://localhost/devtools/page/1" }]);
    let list = list.to_string();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{list}", list.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    socket.next().await.unwrap().unwrap();
    let closed = ("Inspector.detached", json!({ "reason": "target_closed" }));
    let events = events.iter().chain([&closed]);
    let events = events.map(|(method, params)| json!({ "method": method, "params": params }));
    for message in [json!({ "id": 1, "result": {} })].into_iter().chain(events) {
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
    drop(socket.close(None).await);
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn record_says_that_a_tab_received_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let browser = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("never.bin");
    let recording = output(livetape(&["record", "ann", "--cdp", &browser, "-o", text(&file)]));
    let (recorded, ()) = tokio::join!(recording, show_tab(listener, &[]));
    assert_eq!(recorded.status.code(), Some(1), "{}", stdout(&recorded));
    let expected = "❌ nothing was recorded: no connection to a LIVE in the tab LIVE \
                    (https://www.tiktok.com/@ann/live)\n💡 check in the tab that the LIVE plays and that you are \
                    logged in, then reload it\n";
    assert_eq!(stderr(&recorded), expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_counts_the_frames_of_a_tab_that_it_cannot_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let browser = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let recording = output(livetape(&["record", "ann", "--cdp", &browser, "-o", text(&file)]));
    let url = "wss://webcast-ws.tiktok.com/webcast/im/?room_id=7";
    let frame = json!({ "requestId": "a", "response": { "opcode": 2, "payloadData": "***" } });
    let events = [
        ("Network.webSocketCreated", json!({ "requestId": "a", "url": url })),
        (
            "Network.webSocketHandshakeResponseReceived",
            json!({ "requestId": "a", "response": { "status": 101 } }),
        ),
        ("Network.webSocketFrameReceived", frame),
    ];
    let (recorded, ()) = tokio::join!(recording, show_tab(listener, &events));
    assert_eq!(recorded.status.code(), Some(3), "{}", stderr(&recorded));
    assert!(stdout(&recorded).contains("⚠️ Incomplete: 1 record missing"), "{}", stdout(&recorded));
    assert_eq!(run(&["verify", text(&file)]).status.code(), Some(3));
}

/// File names are bytes on Unix, in flags too.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn record_explains_once_how_to_stop_it_and_takes_any_file_name() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let mock = over_tcp("speed = \"max\"\nend = \"control\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(OsStr::from_bytes(b"caf\xe9.bin"));
    let mut command = livetape(&["record", "demo", "--upstream", &mock.url(), "-o"]);
    command.arg(&file);
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    let lines = ["📺 Press Ctrl+C to stop", "🎉 Ready to receive"].map(|line| said.matches(line).count());
    assert_eq!(lines, [1, 1], "{said}");
    assert!(file.is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn record_stops_at_the_requested_size() {
    let mock = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let (url, file) = (mock.url(), folder.path().join("show.bin"));
    let args = ["record", "demo", "--upstream", &url, "--max-size", "100KB", "-q", "-o", text(&file)];
    let output = output(livetape(&args)).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let bytes = std::fs::metadata(&file).unwrap().len();
    assert!(bytes <= 100_000, "{bytes}");
    let line = format!("🏁 Stopped at --max-size: {bytes} bytes recorded");
    assert_eq!(stdout(&output).matches(&line).count(), 1, "{}", stdout(&output));
    assert_eq!(run(&["verify", text(&file)]).status.code(), Some(0));
}

/// Flags, variables and keys of the file mean the same for each command that records.
#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("livetape.toml");
    std::fs::write(&config, "[record]\nrotate = \"64KB\"\nmax_size = \"150KB\"\n").unwrap();
    let of_file = format!("live demo -q --port 0 --config {}", text(&config));
    type Env = [(&'static str, &'static str)];
    let cases: [(&str, &str, &Env); 4] = [
        ("a", "record demo -q -o FILE --rotate 64KB --max-size 150KB", &[]),
        ("b", "live demo -q --port 0 --record FILE --rotate 64KB --max-size 150KB", &[]),
        ("c", "record demo -q", &[("LIVETAPE_ROTATE", "64KB"), ("LIVETAPE_MAX_SIZE", "150KB")]),
        ("d", &of_file, &[]),
    ];
    for (name, line, env) in cases {
        let mock = over_tcp("speed = \"max\"\nend = \"control\"\n").await;
        let (url, file) = (mock.url(), folder.path().join(format!("{name}.bin")));
        let words = line.split(' ').map(|word| if word == "FILE" { text(&file) } else { word });
        let mut command = livetape(&Vec::from_iter(words.chain(["--upstream", &url])));
        command.envs(env.iter().copied()).env("LIVETAPE_RECORD", &file);
        let output = output(command).await;
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        let said = stdout(&output);
        let parts = Vec::from_iter(said.lines().filter_map(|line| Some(line.split_once("📼 ")?.1)));
        let ends = ["000", "001"].map(|number| format!("{name}.{number}.bin"));
        assert!(parts[0].ends_with(&ends[0]) && parts[1].ends_with(&ends[1]), "{line}: {parts:?}");
        assert!(parts.iter().all(|part| run(&["verify", part]).status.success()), "{line}: {parts:?}");
        assert!(said.contains("🏁 Stopped at --max-size: "), "{line}: {said}");
    }
}

/// A limit on the file size simulates a full disk: the written part stays, and losses are reported.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_keeps_the_written_part_and_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    for (command, flag) in [("record demo", "-o"), ("live demo --port 0", "--record")] {
        let mock = over_tcp("speed = \"max\"\n").await;
        let file = folder.path().join(format!("{flag}.bin"));
        let args = format!("{command} --upstream {} {flag} {}", mock.url(), text(&file));
        let output = sh(&format!("ulimit -f 64; exec {} {args}", program())).await;
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(3), "{command}: {said} {}", stderr(&output));
        assert!(said.contains("⚠️ The recording is incomplete"), "{command}: {said}");
        let is_served = said.contains("🔌 Disconnected from demo: stream ended");
        assert!(is_served || flag == "-o", "serving goes on: {said}");
        assert_eq!(run(&["verify", text(&file)]).status.code(), Some(3));
    }
}

/// Not even the start of the file fits.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_cannot_start_is_a_failure() {
    let mock = over_tcp("speed = \"max\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let args = format!("record demo --upstream {} -o {}", mock.url(), text(&file));
    let output = sh(&format!("ulimit -f 0; {} {args} | cat; exit ${{PIPESTATUS[0]}}", program())).await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{said} {}", stderr(&output));
    assert!(said.contains("⚠️ The recording is incomplete"), "{said}");
}
