//! `livetape test --suite room`: `livetape live` is a client that is right, and each planted fault is found. The
//! clients are this program, run once more.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{self, Command, Output, Stdio},
};

use futures_util::StreamExt as _;
use serde_json::Value;
use tempfile::tempdir;
use tokio_tungstenite::connect_async;

use crate::support::{
    process::{client as trusting_nobody, livetape, program, run, stderr, stdout, text},
    room::{ROOM, SOCKET, batch},
};

/// Not a test: a client, if `livetape test` runs it.
#[test]
fn client() {
    let Ok(bug) = env::var("BUG") else { return };
    match bug.as_str() {
        "" => record(&[], print_totals),
        "tries_once" => record(&["--max-attempts=1"], print_totals),
        "repeats" => record(&[], |shows| {
            let args = [&["events"], shows, &["--no-dedup", "--types", "chat"]].concat();
            println!("chats {}", stdout(&livetape_here(&args).output().unwrap()).lines().count());
        }),
        "one_streak" => record(&[], |shows| {
            let args = [&["events"], shows, &["--types", "gift"]].concat();
            let (mut counts, mut sum) = (BTreeMap::new(), 0);
            for line in stdout(&livetape_here(&args).output().unwrap()).lines() {
                let gift = serde_json::from_str::<Value>(line).unwrap()["data"].take();
                let [sender, id] = ["sender", "giftId"].map(|name| gift[name].to_string());
                let (count, last) = (gift["repeatCount"].as_i64(), counts.entry((sender, id)).or_insert(0));
                sum += (count.unwrap() - *last).max(0);
                *last = count.unwrap().max(*last);
                println!("gifts {sum}");
            }
        }),
        "hammers" => loop {
            request("/api-live/user/room/?uniqueId=demo&aid=1988");
        },
        "distrusts" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let proxy = reqwest::Proxy::all(env::var("HTTPS_PROXY").unwrap()).unwrap();
            let page = trusting_nobody().proxy(proxy).build().unwrap().get("https://www.tiktok.com/").send();
            assert!(runtime.block_on(page).is_err());
        }
        "impatient" => (0..2).for_each(|_| request("/webcast/fetch?unique_id=demo")),
        "crashes_on_gift" | "stays_away" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(read_room(&bug));
        }
        _ => request("/api-live/user/room/?uniqueId=demo&aid=1988"),
    }
}

/// `livetape`, with what `livetape test` tells its command.
fn livetape_here(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::null());
    command
}

/// Records the room with `livetape live`, and prints something of the recordings. Exit code 3, for a frame that is
/// unreadable, is right.
fn record(flags: &[&str], print: impl FnOnce(&[&str])) {
    let folder = env::temp_dir();
    let (show, mock) = (folder.join("show.bin"), env::var("LIVETAPE_MOCK_URL").unwrap());
    let live = ["live", "demo", "--upstream", &mock, "--port", "0", "--quiet", "--record", text(&show)];
    let code = livetape_here(&[&live, flags].concat()).status().unwrap().code();
    let mut shows: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    shows.retain(|path| path.extension().is_some_and(|it| it == "bin"));
    shows.sort();
    print(&Vec::from_iter(shows.iter().map(|path| text(path))));
    if code != Some(3) {
        process::exit(code.unwrap());
    }
}

fn print_totals(shows: &[&str]) {
    livetape_here(&[&["info", "--totals"], shows].concat()).status().unwrap();
}

/// Sends a request to the mock, or through the proxy.
fn request(path: &str) {
    let (server, target) = match env::var("HTTP_PROXY") {
        Ok(proxy) => (proxy, format!("http://www.tiktok.com{path}")),
        Err(_) => (env::var("LIVETAPE_MOCK_URL").unwrap(), path.to_owned()),
    };
    let mut stream = TcpStream::connect(server.trim_start_matches("http://")).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nHost: www.tiktok.com\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

/// Reads a room until it is closed.
async fn read_room(bug: &str) {
    let url = env::var("LIVETAPE_MOCK_URL").unwrap().replacen("http", "ws", 1);
    let (mut socket, _) = connect_async(format!("{url}{SOCKET}?room_id={ROOM}")).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() {
            let (batch, _) = batch(&message.into_data());
            let has_gift = batch.messages.iter().any(|message| message.method == "WebcastGiftMessage");
            assert!(!has_gift || bug != "crashes_on_gift", "a gift");
        }
    }
    if bug == "stays_away" {
        std::future::pending::<()>().await;
    }
}

/// Runs a client that records the room in cases of rooms.
fn judge_live(bug: &str, cases: &[&str], expected: &str) -> Output {
    let cases = cases.iter().flat_map(|name| ["--case", name]);
    let args = ["test", "demo", "--suite", "room", "--speed", "100", "--json", "--expect", expected];
    start(bug, &Vec::from_iter(args.into_iter().chain(cases)))
}

/// Runs a faulty client in a case of a room.
fn judge(bug: &str, case: &str, flags: &[&str]) -> Output {
    start(bug, &[&["test", "demo", "--case", case], flags].concat())
}

fn start(bug: &str, args: &[&str]) -> Output {
    let program = env::current_exe().unwrap();
    let command = ["--", text(&program), "--exact", "process::rooms::client", "--nocapture"];
    livetape(&[args, &command].concat()).env("BUG", bug).output().unwrap()
}

#[test]
fn a_client_that_is_right_passes() {
    let cases = [
        "plain",
        "missing",
        "unknown",
        "rate-limited-twice",
        "handshake-blocked-once",
        "drop",
        "bad-gzip",
        "stream-ended",
        "offline",
        "not-found",
    ];
    let output = judge_live("", &cases, "diamonds {diamonds}");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((output.status.code(), &report["passed"]), (Some(0), &cases.len().into()), "{report:#}");
}

#[test]
#[ignore = "waits 30 s: of `cargo xtask nightly soak`"]
fn a_client_that_stays_away_is_said_to_keep_running() {
    let printed = stdout(&judge("stays_away", "drop", &["--suite", "room"]));
    assert!(printed.contains("cut without a close frame within 30 s, and kept running"), "{printed}");
}

#[test]
fn messages_that_are_sent_again_are_named() {
    let output = judge_live("repeats", &["plain", "duplicates", "repeated-history"], "chats {chats}");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    for case in report["cases"].as_array().unwrap() {
        assert_eq!(case["failures"][0]["diagnosis"], "repeated_messages", "{report:#}");
    }
    assert_eq!(report["failed"], 3);
}

/// Also in a case where the feed has finals that no message has.
#[test]
fn the_first_event_that_counts_wrong_is_shown() {
    let report: Value =
        serde_json::from_str(&stdout(&judge_live("one_streak", &["no-final"], "gifts {gifts}"))).unwrap();
    let parting = &report["cases"][0]["trace"]["numbers"][0]["parting"];
    assert_eq!(parting["mistake"], "same_user_same_gift", "{report:#}");
    let event = &parting["events"][0];
    let json: Value = serde_json::from_str(event["json"].as_str().unwrap()).unwrap();
    let [name, count] = [&json["data"]["giftName"], &json["data"]["repeatCount"]];
    let text = format!("{} x{count} of {}", name.as_str().unwrap(), json["data"]["sender"].as_str().unwrap());
    assert_eq!(event["text"], text);
}

#[test]
fn wrong_numbers_and_clients_that_stay_away_fail() {
    for (bug, case, expected, said) in [
        ("", "plain", "chats {diamonds}", "printed \"chats 63\", right is 114"),
        ("tries_once", "drop", "chats {chats}", "did not come back after its connection was"),
        ("tries_once", "rate-limited-twice", "chats {chats}", "did not try again after 429 from /api-live/"),
    ] {
        let output = judge_live(bug, &[case], expected);
        let printed = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains(&said.replace('"', "\\\"")), "{printed}");
    }
}

#[test]
fn planted_faults_are_found() {
    for (bug, case, flags, said) in [
        (
            "hammers",
            "not-found",
            &["--suite", "room"][..],
            "requested /api-live/user/room/ (the user's room) 31 times within a minute",
        ),
        (
            "hammers",
            "offline",
            &["--mock-proxy"],
            "requested /api-live/user/room/ (the user's room) 31 times within a minute",
        ),
        ("impatient", "rate-limited-twice", &["--suite", "room"], "s after it was told to wait 2 s"),
        ("distrusts", "plain", &["--mock-proxy"], "www.tiktok.com: the client rejected the certificate"),
        ("gives_up", "plain", &["--mock-proxy"], "its requests reached the mock, and its WebSocket did not"),
        ("gives_up", "plain", &["--suite", "room"], "exited with 0 before a connection of it was accepted"),
    ] {
        let output = judge(bug, case, flags);
        let printed = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{bug}: {printed}{}", stderr(&output));
        assert!(printed.contains(said), "{bug}: {printed}");
        assert!(printed.contains(&format!("again: livetape test demo {} --case {case} --", flags.join(" "))));
    }
    let output = judge("gives_up", "not-found", &["--suite", "room"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn the_smallest_recording_still_fails() {
    const BUG: &str = "crashes_on_gift";
    let folder = tempdir().unwrap();
    let [show, small] = ["show.bin", "small.bin"].map(|name| folder.path().join(name).display().to_string());
    assert_eq!(run(&["cut", "demo", "--to", "5s", "-o", &show]).status.code(), Some(0));
    let client = env::current_exe().unwrap();
    let flags = ["--suite", "room", "--case", "plain", "--speed", "100"];
    let command = ["--", client.to_str().unwrap(), "--exact", "process::rooms::client"];
    let shrink = [&["shrink", &show, "-o", &small], &flags[..], &command].concat();
    let output = livetape(&shrink).env("BUG", BUG).output().unwrap();
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", stderr(&output));
    let kinds = stdout(&run(&["events", &small, "--types", "chat,gift,like,member,room_user,social"]));
    assert!(kinds.lines().count() == 1 && kinds.contains("\"type\":\"gift\""), "{printed}");
    // The whole show and the smallest one fail in the same way, and the last line repeats that.
    let failures = Vec::from_iter(printed.lines().filter(|line| line.contains("FAIL")));
    assert!(failures.len() == 2 && failures.iter().all(|line| line.contains("exited with 101")), "{printed}");
    let (_, again) = printed.rsplit_once("again: livetape ").unwrap();
    assert_eq!(again.trim_end(), [&["test", &small], &flags[..], &command].concat().join(" "));
    let again = Vec::from_iter(again.split_whitespace());
    let output = livetape(&again).env("BUG", BUG).output().unwrap();
    assert!(stdout(&output).contains("exited with 101"), "{}", stdout(&output));
}

#[test]
fn bad_input_is_one_clear_line() {
    for (args, code, said) in [
        (&["--suite", "rooms", "--", "true"][..], 2, "use feed or room"),
        (&["--suite", "room", "--case", "cut", "--", "true"], 2, "`--suite feed` has this case"),
        (&["--case", "reset", "--", "true"], 2, "`--suite room` has this case"),
        (&["--suite", "feed", "--mock-proxy", "--", "true"], 2, "--mock-proxy needs --suite room"),
        (&["--suite", "room", "--tikfinity", "--", "true"], 2, "--tikfinity needs --suite feed"),
        (&["--suite", "room", "--clients", "2", "--", "true"], 2, "--clients needs --suite feed"),
        (&["--suite", "room", "--", "true"], 1, "never connected before it exited with 0"),
        (&["--suite", "room", "--case", "offline", "--", "true"], 1, "requests to LIVETAPE_MOCK_URL"),
    ] {
        let output = run(&[&["test", "demo"], args].concat());
        let printed = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {printed}");
        assert!(printed.contains(said), "{args:?}: {printed}");
    }
}

#[test]
fn a_recording_has_one_room() {
    let folder = tempdir().unwrap();
    let both = folder.path().join("both.bin");
    let both = both.to_str().unwrap();
    let merged = run(&["merge", "recordings/demo.bin", "recordings/gifts.bin", "-o", both, "--force"]);
    assert_eq!(merged.status.code(), Some(0), "{}", stderr(&merged));
    let output = run(&["test", both, "--suite", "room", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has 2 rooms, and --suite room plays only one"), "{}", stderr(&output));
}
