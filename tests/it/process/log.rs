//! Log files of whole sessions.

use std::{fs, path::Path, process::Command};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::support::{
    demo::over_tcp,
    process::{DEMO_LAST, Running, finish, run, stderr, text},
};

/// Part of every secret, which must not appear in a log.
const SECRET: &str = "s3cret";

/// Starts the program outside the runtime, with these environment variables.
fn start(args: &[&str], env: &[(&str, &str)]) -> Running {
    tokio::task::block_in_place(|| Running::start_with(args, env, "🌐"))
}

async fn ask(server: &Running, request: &str) -> String {
    let mut io = TcpStream::connect(&server.address).await.unwrap();
    let host = if request.contains("\r\nhost: ") { "" } else { "host: localhost\r\n" };
    let request = format!("{request}\r\n{host}connection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Opens a socket and reads until `wanted` arrives or it closes.
async fn visit(server: &Running, path: &str, protocol: Option<&str>, wanted: &str) {
    let mut request = format!("ws://{}/{path}", server.address).into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    let (mut socket, _) = connect_async(request).await.unwrap();
    if path.starts_with("ws?") {
        let message = format!(r#"{{"type":"{SECRET}-kind","text":"{SECRET}-said"}}"#);
        socket.send(Message::text(message)).await.unwrap();
    }
    while let Some(Ok(message)) = socket.next().await {
        if message.to_text().unwrap_or_default().contains(wanted) {
            return;
        }
    }
}

/// A page from disk only learns that its socket closed with 1006, so the terminal tells why, also while it
/// displays events.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_of_a_rejected_origin_or_for_a_rejected_host_is_logged() {
    let server = start(&["replay", "demo"], &[]);
    for origin in ["null", "null", "https://a.example", "https://A.example:443"] {
        let answer = ask(&server, &format!("GET / HTTP/1.1\r\norigin: {origin}")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    for host in ["host.docker.internal", "HOST.docker.internal:3000", "a@b"] {
        let answer = ask(&server, &format!("GET / HTTP/1.1\r\nhost: {host}")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    server.stop();
    let (_, log) = tokio::task::block_in_place(|| server.wait_for_log());
    let told: Vec<_> = log.lines().filter(|line| line.contains("Rejected")).collect();
    assert_eq!(told.len(), 3, "{log}");
    assert!(told[2].contains(r#"(LIVETAPE_HOSTS): hosts = ["host.docker.internal"]"#), "{log}");
    for (line, page) in told.into_iter().zip(["a page opened from disk: ", "a page: "]) {
        assert!(line.contains(page) && line.contains("`server.origins` (LIVETAPE_ORIGINS)"), "{line}");
    }
}

const CONFIG: &str = r#"
[[tokens]]
token = "s3cret-of-the-stage"
name = "stage"
user = "demo"
recording = "demo"

[[tokens]]
token = "s3cret-of-nobody"
name = "nobody"
"#;

/// The terminal shows only the events of the main channel, so the log has the failures of other rooms, and
/// says why clients are rejected.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_rooms_of_tokens_are_logged_by_default() {
    let mock = over_tcp("user = [{ name = \"demo\", state = \"offline\" }]\n").await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("livetape.toml");
    fs::write(&config, CONFIG).unwrap();
    let url = mock.url();
    let server = start(&["serve", "--upstream", &url, "--config", text(&config)], &[]);
    for path in ["ws/s3cret-of-the-stage", "ws/s3cret-of-the-stage", "ws/s3cret-guess"] {
        visit(&server, path, None, "never").await;
    }
    ask(&server, "POST /shutdown HTTP/1.1").await;
    let (status, told) = tokio::task::block_in_place(|| server.wait_for_log());
    assert_eq!(status.code(), Some(0));
    for line in [
        " INFO 🔴 Connecting to TikTok Live: @demo",
        " WARN ❌ TikTok Live failed for @demo code=\"user_offline\"",
        "code=\"user_offline\" cause=\"user_offline\" why=\"User is not currently live\"",
        "code=\"unauthorized\" cause=\"unauthorized\" why=\"unknown token\"",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let counts = ["❌ Client rejected", "✅ Client connected", "❌ Client disconnected"]
        .map(|it| told.matches(it).count());
    // The first one was there before the room failed.
    assert_eq!(counts, [2, 1, 1], "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

/// A file holds one room or pass of a replay, so who records must learn that a later one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_is_logged() {
    let mock = over_tcp("end = \"stay\"\nuser = [{ name = \"ann\" }, { name = \"ben\" }]\n").await;
    let folder = tempfile::tempdir().unwrap();
    let (url, file) = (mock.url(), folder.path().join("show.bin"));
    let server = start(&["serve", "--upstream", &url, "--sign-url", &url, "--record", text(&file)], &[]);
    for user in ["ann", "ben"] {
        let answer = ask(&server, &format!("POST /connect/{user} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    ask(&server, "POST /shutdown HTTP/1.1").await;
    let (status, log) = tokio::task::block_in_place(|| server.wait_for_log());
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        !log.contains("@ann") && log.contains("⚠️ Not recording @ben: the file holds an earlier room"),
        "{log}"
    );

    let file = folder.path().join("replay.bin");
    let laps = ["--loop", "3", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--quiet"];
    let server = start(&[&["replay", "demo", "--record", text(&file)], &laps[..]].concat(), &[]);
    let (_, log) = tokio::task::block_in_place(|| server.wait_for_log());
    assert_eq!(log.matches("⚠️ Not recording the rest").count(), 1, "{log}");
}

/// Log collectors parse every line of a container, whatever wrote it.
#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_json_if_the_log_is() {
    let json =
        |text: &str| text.lines().map(|line| serde_json::from_str(line).expect(line)).collect::<Vec<Value>>();
    let server =
        start(&["replay", "demo", "--speed", "max", "--log-format", "json", "--log-level", "info"], &[]);
    visit(&server, "?since=0", None, DEMO_LAST).await;
    server.stop();
    let (status, shown, log) = tokio::task::block_in_place(|| server.wait_for_output());
    assert_eq!(status.code(), Some(0), "{log}");
    let shown = json(&shown);
    for wanted in ["📼 Replaying", "📺 Press", "✅ Connected to"] {
        let line = shown.iter().find(|line| line["message"].as_str().unwrap().starts_with(wanted));
        assert_eq!(line.expect(wanted)["level"], "INFO");
    }
    assert!(
        json(&log).iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()),
        "{log}"
    );
    // Errors before the log starts, in the command line and in the settings.
    for args in [
        &["serve", "--log-format", "json", "--nowhere"][..],
        &["serve", "--log-format=json", "--config", "/nowhere"],
    ] {
        let output = run(args);
        let [problem] = &json(&stderr(&output))[..] else { panic!("{output:?}") };
        assert_eq!((output.status.code(), &problem["level"]), (Some(2), &Value::from("ERROR")), "{problem}");
        assert!(problem["code"].is_string() && !problem["hint"].as_str().unwrap().is_empty(), "{problem}");
    }
    let output = run(&["info", "/nowhere", "--log-format=json"]);
    assert!(stderr(&output).starts_with('❌'), "only commands with a log have the flag: {output:?}");
}

/// Uses every setting with a secret, correctly and incorrectly; the log has all levels, but no secret.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_of_a_whole_session() {
    let mock = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("livetape.toml"), folder.path().join("log"));
    fs::write(&config, CONFIG).unwrap();
    let (url, recording) = (mock.url(), folder.path().join("show.bin"));
    let upstream = ["live", "demo", "--upstream", &url, "--sign-url", &url, "--config", text(&config)];
    let files = ["--log-file", text(&log), "--log-format", "json", "--record", text(&recording)];
    let args = [&upstream[..], &files, &["--log-level", "trace"]].concat();
    let env = [
        ("LIVETAPE_TOKEN", "s3cret-bearer-token"),
        ("LIVETAPE_SIGN_KEY", "s3cret-sign-key"),
        ("LIVETAPE_SESSION_COOKIE", "sessionid=s3cret-session-cookie"),
    ];
    let server = start(&args, &env);
    visit(&server, "?since=0&token=s3cret-bearer-token", None, DEMO_LAST).await;
    visit(&server, "ws?feed=0&client_id=ann", Some("livetape, bearer.s3cret-bearer-token"), "\"echo\"").await;
    for path in
        ["ws/s3cret-of-the-stage", "ws/test/s3cret-of-the-stage", "ws/s3cret-of-nobody", "ws/s3cret-guess"]
    {
        visit(&server, path, Some("bearer.s3cret-bearer-token"), "\"data\"").await;
    }
    let bearer = "authorization: Bearer s3cret-bearer-token";
    let asked = [
        ("GET /status?x=s3cret HTTP/1.1\r\nauthorization: Bearer s3cret-wrong-token", "401"),
        ("GET /events?token=s3cret-wrong-token HTTP/1.1", "401"),
        (&format!("GET /ws/s3cret-of-the-stage HTTP/1.1\r\n{bearer}"), "400"),
        (&format!("GET /nowhere?q=s3cret HTTP/1.1\r\ncookie: a=s3cret\r\n{bearer}"), "404"),
        (&format!("POST /connect/demo HTTP/1.1\r\n{bearer}"), "200"),
    ];
    for (request, status) in asked {
        let answer = ask(&server, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    let url = format!("ws://{}/ws?token=s3cret-bearer-token", server.address);
    let (mut stays, _) = connect_async(url).await.unwrap();
    server.signal("TERM");
    while let Some(Ok(_)) = stays.next().await {}
    let (status, shown) = finish(server).await;
    assert_eq!(status.code(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains(SECRET), "{:?}", log.lines().find(|line| line.contains(SECRET)));
    assert!(!shown.concat().contains(SECRET));
    assert_says(&log);
}

/// Asserts that the log of a session contains the expected lines.
#[track_caller]
fn assert_says(log: &str) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let message = |wanted: &str| {
        let found = lines.iter().find(|line| line["message"].as_str().unwrap().contains(wanted));
        found.unwrap_or_else(|| panic!("{wanted}: {log}"))
    };
    for wanted in [
        "🔴 Connecting to TikTok Live: @demo",
        "✅ TikTok Live client started for @demo",
        "⚠️ TikTok username not given for nobody",
        "📼 Recording @demo",
        "📼 Recording sealed",
        "📨 Message received",
        "📤 Message sent",
        "📨 Request",
        "❌ Request rejected",
        "❌ Closing client",
        "📡 Broadcast statistics",
        "🔔 Signal",
    ] {
        message(wanted);
    }
    let gone = message("❌ Client disconnected");
    assert!(gone["sent_bytes"].as_u64() > Some(0) && gone["received_bytes"].as_u64() > Some(0), "{gone}");
    let came =
        lines.iter().find(|line| line["message"] == "✅ Client connected" && line["span"] == gone["span"]);
    assert_eq!(came.unwrap()["level"], "INFO", "one request is one number");
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_files_rotate_at_ten_mebibytes_and_five_are_kept() {
    const BYTES_MAX: u64 = 10 << 20;
    const FREE: u64 = 1_024;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let older = |number: u8| format!("{}.{number}", text(&log));
    for number in 1..=5 {
        fs::write(older(number), [number]).unwrap();
    }
    fs::File::create(&log).unwrap().set_len(BYTES_MAX - FREE).unwrap();
    let server = start(&["serve", "--log-file", text(&log), "--log-level", "debug"], &[]);
    for _ in 0..60 {
        ask(&server, "GET /health HTTP/1.1").await;
    }
    ask(&server, "POST /shutdown HTTP/1.1").await;
    assert_eq!(finish(server).await.0.code(), Some(0));
    let full = fs::metadata(older(1)).unwrap().len();
    assert!(full > BYTES_MAX - FREE && full <= BYTES_MAX, "{full}");
    for number in 2..=5 {
        assert_eq!(fs::read(older(number)).unwrap(), [number - 1]);
    }
    assert!(!Path::new(&older(6)).exists(), "the oldest is deleted");
}

/// Log lines that cannot be written are counted and never block. The log reports them when it can.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_does_not_stop_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = start(&["serve", "--log-file", text(&log), "--log-level", "debug"], &[]);
    let id = server.id().to_string();
    let limit = |size: &str| {
        let fsize = format!("--fsize={size}:unlimited");
        assert!(Command::new("prlimit").args([&fsize, "--pid", &id]).status().unwrap().success());
    };
    limit("1");
    let mut lost = 0.0;
    // The writing thread may be behind.
    while lost < 10.0 {
        let answer = ask(&server, "GET /metrics HTTP/1.1").await;
        let line = answer.lines().find_map(|line| line.strip_prefix("livetape_log_lines_lost_total "));
        lost = line.unwrap().trim().parse::<f64>().unwrap();
    }
    limit("unlimited");
    while !fs::read_to_string(&log).unwrap().contains("⚠️ Log lines are missing total=") {
        ask(&server, "GET /health HTTP/1.1").await;
    }
    ask(&server, "POST /shutdown HTTP/1.1").await;
    let (status, told) = tokio::task::block_in_place(|| server.wait_for_log());
    assert_eq!(status.code(), Some(0));
    assert!(told.contains("⚠️ The log is incomplete: "), "{told}");
}

/// Nobody reads the FIFO, so opening it would block.
#[cfg(unix)]
#[test]
fn a_log_that_cannot_be_written_is_reported_first() {
    let folder = tempfile::tempdir().unwrap();
    let [fifo, show] = ["fifo", "show.bin"].map(|name| folder.path().join(name));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::copy("recordings/short.bin", &show).unwrap();
    for (file, why) in [
        ("no/such/folder/log", ""),
        (text(&fifo), "not a regular file\n"),
        (text(&show), "the file is a recording\n💡 choose another --log-file\n"),
    ] {
        let output = run(&["serve", "--port", "0", "--log-file", file]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        let expected = format!("❌ cannot write the log {file}: {why}");
        assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    }
}

/// The log of a mock omits queries and headers of clients.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_mock_logs_its_requests() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let args = ["mock", "--log-file", text(&log), "--log-level", "trace", "--log-format", "json"];
    let server = tokio::task::block_in_place(|| Running::start(&args));
    let request = "GET /webcast/fetch/?apiKey=s3cret&made_up=s3cret HTTP/1.1\r\nx-made-up: s3cret";
    assert!(ask(&server, request).await.starts_with("HTTP/1.1 "));
    server.signal("TERM");
    assert_eq!(finish(server).await.0.code(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains(SECRET), "{log}");
    let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&line["message"], &line["method"]), (&"📨 Request".into(), &"GET".into()));
    assert!(line["path"].as_str().unwrap().starts_with("/webcast/fetch"), "{line}");
}
