//! Behaviour of all serving commands: settings, order of events, output about clients, `--ready-file` and
//! `--exit-with-stdin`, tokens and certificates from files.

use std::{
    fs,
    io::{BufRead as _, BufReader, pipe},
    path::Path,
    process::{Command, Stdio},
};

use futures_util::{SinkExt as _, StreamExt as _};
use livetape::settings::wrong_with;
use livetape_engine::demo::DEMO_BYTES;
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair, generate_simple_self_signed};
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{
    demo::over_tcp,
    process::{Running, finish, http, livetape, run, shell, stderr, stdout, text},
};

fn start(args: &[&str], env: &[(&str, &str)], last: &str) -> Running {
    tokio::task::block_in_place(|| Running::start_with(args, env, last))
}

/// Sends a request and returns status and body of the response.
async fn ask(server: &Running, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("http://{}{path}", server.address);
    let request = http().request(method.parse().unwrap(), url).body(body.to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

async fn mode(server: &Running) -> Value {
    ask(server, "GET", "/status", "").await.1["mode"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_runs_a_scenario_and_shows_its_requests_and_faults() {
    let users = "[[user]]\nname = \"bob\"\nstate = \"offline\"\n[[user]]\nname = \"ann\"\n";
    let tiktok = over_tcp(&format!("end = \"stay\"\nspeed = \"max\"\n{users}")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ann.bin");
    let args = ["serve", "--quiet", "--record", text(&file)];
    let server = start(&args, &[("LIVETAPE_UPSTREAM", &tiktok.url())], "Press Ctrl+C");
    let listed = ask(&server, "GET", "/mock/scenarios", "").await.1;
    assert!(listed["scenarios"].as_array().unwrap().iter().any(|it| it["name"] == "rate-limited-forever"));
    assert_eq!(ask(&server, "POST", "/mock", r#"{"scenario":"../README"}"#).await.0, 404);
    assert_eq!(ask(&server, "GET", "/mock", "").await.1["running"], Value::Null);

    let (status, answer) = ask(&server, "POST", "/mock", r#"{"scenario":"rate-limited-forever"}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (429, &"rate_limited".into()));
    let running = ask(&server, "GET", "/mock", "").await.1["running"].clone();
    assert_eq!((&running["scenario"], &running["user"]), (&"rate-limited-forever".into(), &"demo".into()));
    let first = &running["entries"][0];
    assert_eq!((&first["what"], &first["status"]), (&"request".into(), &429.into()));
    assert!(first["fault"].is_string() && first["details"].as_str().unwrap().starts_with("GET /"), "{first}");
    assert!(ask(&server, "GET", "/status", "").await.1["nextRetryMs"].is_u64());
    // The mock's limit is not TikTok's, and its room is not replaced by one of TikTok.
    assert_eq!(ask(&server, "GET", "/test/ann", "").await.1["canConnect"], true);
    assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 409);

    // Another scenario replaces it, and its room plays.
    assert_eq!(ask(&server, "POST", "/mock", r#"{"scenario":"stays-open"}"#).await.0, 200);
    assert_eq!(mode(&server).await, "live");
    assert_eq!(
        ask(&server, "POST", "/inject", r#"{"type":"chat","user":"ann","comment":"hi"}"#).await.0,
        200
    );
    assert_eq!(ask(&server, "DELETE", "/mock", "").await.1["running"], Value::Null);
    assert_eq!(mode(&server).await, "idle");
    assert!(!file.exists(), "only rooms of TikTok are recorded");
    let (status, answer) = ask(&server, "POST", "/connect/bob", "").await;
    assert_eq!((status, &answer["error"]["code"]), (409, &"user_offline".into()));
    // An attempt that enters no room leaves the file to the next one.
    assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 200);
    assert!(file.exists());
    let (status, answer) = ask(&server, "POST", "/mock", r#"{"scenario":"drop"}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &"room_running".into()));
    assert_eq!(ask(&server, "GET", "/mock", "").await.1["running"], Value::Null);
    server.stop();
    assert_eq!(finish(server).await.0.code(), Some(0));
    let info = stdout(&run(&["info", text(&file)]));
    assert!(info.contains("ann") && !info.contains("bob"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_stay_the_server_continues_after_its_room_failed() {
    let mock = over_tcp("[[user]]\nname = \"demo\"\nstate = \"offline\"\n").await;
    let url = mock.url();
    let args = ["live", "demo", "--stay", "--wait-clients", "1", "--upstream", &url];
    let server = start(&args, &[], "⏳ Waiting for 1 subscriber");
    let (mut socket, _) = connect_async(format!("ws://{}/", server.address)).await.unwrap();
    for expected in ["user_offline", "disconnected"] {
        let event = socket.next().await.unwrap().unwrap();
        assert!(event.to_text().unwrap().contains(expected), "{event:?}");
    }
    assert_eq!(ask(&server, "POST", "/replay/load", r#"{"recording":"demo"}"#).await.0, 200);
    server.stop();
    while let Some(Ok(_)) = socket.next().await {}
    assert_eq!(finish(server).await.0.code(), Some(0));
}

#[test]
fn a_replay_without_a_recording_announces_and_plays_the_demo() {
    let server = Running::start(&["replay", "--speed", "max", "--wait-clients", "0", "--exit-when-done"]);
    let greeting = server.greeting.join("\n");
    assert!(
        greeting.contains("playing the built-in demo") && greeting.contains("Replaying demo"),
        "{greeting}"
    );
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_recorded_replay_has_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.bin");
    let replay = ["replay", "short", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--record"];
    let (status, lines) = Running::start(&[&replay[..], &[text(&file)]].concat()).wait();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("📼") && line.contains("again.bin")), "{lines:?}");
    assert!(stdout(&run(&["events", text(&file)])) == stdout(&run(&["events", "short"])));
    let output = run(&["replay", "short", "--record", text(&file), "--port", "0"]);
    assert_eq!(output.status.code(), Some(1), "nothing is written over");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_and_rooms_are_logged_unless_quiet() {
    for quiet in [false, true] {
        let args = [&["serve"][..], if quiet { &["--quiet"] } else { &[] }].concat();
        let server = start(&args, &[], "Press Ctrl+C");
        let (mut socket, _) = connect_async(format!("ws://{}/ws", server.address)).await.unwrap();
        let join = r#"{"type":"join_room","room_id":"lounge"}"#;
        socket.send(Message::text(join)).await.unwrap();
        while !socket.next().await.unwrap().unwrap().to_text().unwrap().contains("room_joined") {}
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        let url = format!("http://{}/events?since=0&token=s3cret&types=gift", server.address);
        drop(http().get(url).send().await.unwrap());
        server.stop();
        let (status, log) = tokio::task::block_in_place(|| server.wait_for_log());
        assert_eq!(status.code(), Some(0));
        let wanted = ["✅ Client connected", "🏠 Room created", "❌ Client disconnected"];
        let counts = wanted.map(|wanted| log.matches(wanted).count());
        assert_eq!(counts, if quiet { [0, 0, 0] } else { [2, 1, 2] }, "{log}");
        for part in ["room=\"lounge\"", "path=\"/events?since=0&token=***&types=gift\""] {
            assert!(quiet || log.contains(part), "{log}");
        }
    }
}

/// Every serving command, and a part of its line when it is ready; `run` has its own tests.
const SERVING: [(&[&str], &str); 4] = [
    (&["replay", "demo"], "Ctrl+C"),
    (&["live", "ann", "--upstream", "http://127.0.0.1:9", "--wait-clients", "1"], "Waiting"),
    (&["serve"], "Ctrl+C"),
    (&["mock"], "Ctrl+C"),
];

#[test]
fn the_ready_file_has_the_addresses_and_the_end_of_input_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    for (args, last) in SERVING {
        fs::write(&file, "left by an earlier process").unwrap();
        let (input, end) = pipe().unwrap();
        let flags = ["--port", "0", "--ready-file", text(&file), "--exit-with-stdin"];
        let server = Running::spawn(livetape(&[args, &flags].concat()).stdin(input), last);
        let ready: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let http = ready["http"].as_str().unwrap();
        let port = http.strip_prefix("http://127.0.0.1:").unwrap();
        assert!(port.parse::<u16>().unwrap() > 0, "{ready}");
        assert_eq!(ready["ws"], format!("ws://127.0.0.1:{port}/"));
        let version = env!("CARGO_PKG_VERSION");
        let others = [&ready["pid"], &ready["version"], &ready["apiVersion"], &ready["mock"]];
        assert_eq!(others, [&server.id().into(), &version.into(), &1.into(), &Value::Null]);
        drop(end);
        assert_eq!(server.wait().0.code(), Some(0), "{args:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}

#[tokio::test]
async fn a_replay_takes_requests_as_soon_as_the_ready_file_exists() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let args = ["replay", "demo", "--wait-clients", "1", "--quiet", "--port", "0", "--exit-with-stdin"];
    let mut command = livetape(&[&args[..], &["--ready-file", text(&file)]].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let ready = loop {
        match fs::read(&file) {
            Ok(ready) => break ready,
            Err(_) => assert!(child.try_wait().unwrap().is_none()),
        }
    };
    let ready: Value = serde_json::from_slice(&ready).unwrap();
    let url = format!("{}/replay/play", ready["http"].as_str().unwrap());
    assert_eq!(http().post(url).send().await.unwrap().status(), 200);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_ready_file_of_run_names_the_mock() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let print = format!("{} {}", if cfg!(windows) { "type" } else { "cat" }, text(&file));
    let args = ["run", "demo", "--mock", "demo", "--ready-file", text(&file), "--"];
    let output = run(&[&args[..], &shell(&print)].concat());
    let ready: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(ready["mock"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{ready}");
}

#[cfg(unix)]
#[test]
fn a_ready_file_that_cannot_be_written_is_reported() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    let folder = tempfile::tempdir().unwrap();
    let [missing, fifo, link, target, recording] =
        ["missing/ready.json", "fifo", "link", "target", "show.bin"].map(|name| folder.path().join(name));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::write(&target, "other data").unwrap();
    fs::write(&recording, DEMO_BYTES).unwrap();
    symlink(&target, &link).unwrap();
    for (file, message) in [
        (text(folder.path()), "is a directory\n💡 use another path for --ready-file"),
        (text(&missing), "create the directory first"),
        (text(&fifo), "is not a regular file"),
        (text(&link), "is not a regular file"),
        (text(&recording), "the file is a recording"),
    ] {
        let run_args = ["run", "demo", "--clients", "0", "--ready-file", file, "--", "true"];
        for args in [&run_args[..], &["serve", "--port", "0", "--ready-file", file]] {
            let output = run(args);
            assert!(output.status.code() != Some(0) && stderr(&output).contains(message), "{output:?}");
        }
    }
    assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo());
    assert!(link.is_symlink() && fs::read(&recording).unwrap() == DEMO_BYTES);
}

/// Files of a server: certificate, key and tokens.
fn files(folder: &Path) -> [String; 3] {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let token = stdout(&run(&["token"]));
    assert_eq!(wrong_with(token.trim()), None);
    let contents = [cert.pem(), signing_key.serialize_pem(), format!("# the overlay's\n{token}\n")];
    let names = ["cert.pem", "key.pem", "tokens"].map(|name| folder.join(name));
    for (path, content) in names.iter().zip(contents) {
        fs::write(path, content).unwrap();
    }
    names.map(|path| text(&path).to_owned())
}

/// Returns a command that prints the first event of a server behind TLS, whose certificate is in the file `trusted`.
fn watch(server: &Running, trusted: &str, more: &[&str]) -> Command {
    let url = format!("wss://{}/?since=0", server.address);
    let mut command = livetape(&[&["watch", &url, "--json", "--types", "connection_created"], more].concat());
    command.env("SSL_CERT_FILE", trusted);
    command
}

/// Asserts that `watch` prints the first event.
fn assert_shown(mut watch: Command) {
    let mut watching = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut line).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(line.contains("connection_created"), "{line}");
}

#[test]
fn a_feed_behind_tls_and_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let [cert, key, tokens] = files(folder.path());
    let args = ["replay", "demo", "--tls-cert", &cert, "--tls-key", &key, "--token-file", &tokens];
    let server = Running::start(&args);
    assert!(server.greeting.iter().any(|line| line.contains("https://")), "{:?}", server.greeting);
    let with_token = ["--token-file", &tokens];
    for (trusted, more, code, said) in [
        ("", &with_token[..], 1, "ertificate"),
        (&cert, &[], 1, "bearer token"),
        (&key, &with_token, 2, "as SSL_CERT_FILE: it has no certificate"),
    ] {
        let output = watch(&server, trusted, more).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{trusted} {more:?}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    assert_shown(watch(&server, &cert, &with_token));
    // The same from `trigger`, also with the token in the address. Windows PowerShell writes UTF-16.
    let token = fs::read_to_string(&tokens).unwrap().lines().nth(1).unwrap().to_owned();
    let written = fs::read_to_string(&cert).unwrap();
    let units = "\u{feff}".encode_utf16().chain(written.encode_utf16());
    fs::write(&cert, Vec::from_iter(units.flat_map(u16::to_le_bytes))).unwrap();
    let secure = format!("https://{}", server.address);
    for (trusted, url, code, said) in [
        (&cert, format!("{secure}/?token={token}"), 0, "\"delivered\":0"),
        (&cert, secure.clone(), 1, "bearer token"),
        (&cert, format!("{secure}/overlays/chat.html"), 2, "is not the address of a server"),
        (&String::new(), format!("{secure}/?token={token}"), 1, "ertificate"),
    ] {
        let mut trigger = livetape(&["trigger", "chat", "--url", &url]);
        let output = trigger.env("SSL_CERT_FILE", trusted).output().unwrap();
        let said_all = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{url}: {said_all}");
        assert!(said_all.contains(said) && !stderr(&output).contains(&token), "{url}: {said_all}");
    }
    // Without TLS where it is needed.
    for (scheme, command) in ["http", "ws"].iter().zip([&["trigger", "chat", "--url"][..], &["watch"]]) {
        let output = run(&[command, &[&format!("{scheme}://{}", server.address)]].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.ends_with("that of a server with TLS starts with https:// or wss://\n"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

#[test]
fn beyond_loopback_only_with_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let [_, _, tokens] = files(folder.path());
    let beyond = ["serve", "--listen", "0.0.0.0:0"];
    let output = run(&beyond);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("0.0.0.0 is not a loopback address") && said.contains("livetape token"), "{said}");
    let server = Running::start(&[&beyond[..], &["--token-file", &tokens]].concat());
    let greeting = server.greeting.join("\n");
    let connect = r#"curl -H "Authorization: Bearer TOKEN" -X POST http://127.0.0.1:"#;
    assert!(greeting.contains(" ws://0.0.0.0:") && greeting.contains(connect), "{greeting}");
    for (content, said) in [
        ("# nothing\n", "no token in "),
        ("sh0rt\n", ":1: the token is too short: 5 of at least 16 characters\n"),
        ("\u{feff}sh0rt\n", ":1: the token is too short: 5 of at least 16 characters\n"),
        ("read:0123456789abcdef\n", "none can control the server"),
        ("read:0123456789abcdef\n0123456789abcdef\n", "twice, with `read:` and without"),
    ] {
        fs::write(&tokens, content).unwrap();
        let output = run(&[&beyond[..], &["--token-file", &tokens]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(said) && !stderr(&output).contains("sh0rt"), "{}", stderr(&output));
    }
}

#[cfg(unix)]
#[test]
fn files_with_secrets_that_others_can_read_cause_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, config) = (folder.path().join("tokens"), folder.path().join("livetape.toml"));
    assert_eq!(run(&["token", "-o", text(&tokens)]).status.code(), Some(0));
    assert_eq!(wrong_with(fs::read_to_string(&tokens).unwrap().trim()), None);
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    assert_eq!(tokens.metadata().unwrap().permissions(), mode(0o100_600), "made for its owner alone");
    let again = run(&["token", "-o", text(&tokens)]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");

    let warned = |settings: &str| {
        fs::write(&config, settings).unwrap();
        let checked = run(&["config", "check", text(&config)]);
        assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
        stderr(&checked)
    };
    assert_eq!(warned("server.token_file = \"tokens\"\n"), "");
    fs::set_permissions(&tokens, mode(0o644)).unwrap();
    assert!(warned("server.token_file = \"tokens\"\n").contains("run `chmod 600 "));
}

/// `openssl req -x509` creates a certificate of an authority, for any names.
#[test]
fn watch_trusts_the_certificate_that_openssl_makes() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let mut params = CertificateParams::new(vec!["tape.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let files = ["cert", "key"].map(|kind| folder.path().join(format!("{name}.{kind}.pem")));
        fs::write(&files[0], params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&files[1], key.serialize_pem()).unwrap();
        files.map(|path| text(&path).to_owned())
    };
    let ([cert, key], [other, _]) = (make("ours"), make("other"));
    let server = Running::start(&["replay", "demo", "--tls-cert", &cert, "--tls-key", &key]);
    assert_shown(watch(&server, &cert, &[]));
    let distrusted = watch(&server, &other, &[]).output().unwrap();
    assert_eq!(distrusted.status.code(), Some(1));
    assert!(stderr(&distrusted).contains("SSL_CERT_FILE=FILE"), "{}", stderr(&distrusted));
    let secure = format!("https://{}", server.address);
    let distrusted =
        livetape(&["trigger", "chat", "--url", &secure]).env("SSL_CERT_FILE", &other).output().unwrap();
    let told = "its TLS certificate is not trusted\n💡 trust the server's certificate file";
    assert!(stderr(&distrusted).contains(told), "{}", stderr(&distrusted));
    let plain = Running::start(&["replay", "demo"]);
    let mut without_tls =
        livetape(&["watch", &plain.address, "--json", "--types", "connection_created", "--since", "0"]);
    without_tls.env("SSL_CERT_FILE", "/nowhere");
    assert_shown(without_tls);
    let [secure, feed] = ["https", "wss"].map(|scheme| format!("{scheme}://{}", plain.address));
    for (args, address) in [
        (&["watch", &feed][..], format!("{feed}/")),
        (&["trigger", "chat", "--url", &secure], secure.clone()),
    ] {
        let hint = address.replacen("s://", "://", 1);
        let said = stderr(&run(args));
        assert_eq!(
            said,
            format!("❌ cannot connect to {address}: the server does not use TLS\n💡 use {hint}\n")
        );
    }
}

/// An address may hold a password or a token; errors never repeat them.
#[test]
fn errors_about_addresses_omit_their_secrets() {
    let check = |args: &[&str]| {
        let output = run(args);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {}", output.status);
        let said = stdout(&output) + &stderr(&output);
        assert!(said.contains('❌') && !said.contains("SECRET"), "{args:?}: {said}");
    };
    let room = ["live", "ann", "--port", "0", "--max-attempts", "1", "--log-level", "trace", "--upstream"];
    for url in [
        "ws://u:SECRETPW@127.0.0.1:1/?token=SECRETTOK",
        "wxs://u:SECRETPW@h/?token=SECRETTOK",
        "u:SECRETPW@127.0.0.1:1/?key=SECRETKEY#SECRETTOK",
        "ws://u:SECRETPW@127.0.0.1:99999/?token=SECRETTOK",
        "ws://u:SECRETPW@99999/?token=SECRETTOK",
        "u:SECRETPW@[/?token=SECRETTOK",
    ] {
        check(&["watch", url]);
        check(&["record", "--cdp", url]);
        check(&["live", "--cdp", url]);
        check(&[&room[..], &[url]].concat());
        for flag in ["--proxy", "--sign-url"] {
            check(&[&room[..], &["http://127.0.0.1:1", flag, url]].concat());
        }
    }
    check(&["watch", "127.0.0.1:1/ws/SECRETTOK"]);
}
