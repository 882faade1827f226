//! `livetape test`: correct bots pass, and each planted bug is found. The bot is this program, run once more.

use std::{
    env, fs, hint,
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_cases::table::{Case, FEED, Suite};
use livetape_io::clock;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use tempfile::tempdir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep_until, timeout},
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{
    messages,
    process::{livetape, pipe, run, shell, stderr, stdout},
    recording,
};

/// Time between two attempts of the bot to connect.
const DELAY: Duration = Duration::from_millis(200);
/// Time without a message or a ping after which a bot that watches its connection leaves it.
const SILENCE: Duration = Duration::from_secs(3);
/// A time after which a bot is ended whose numbers are still wrong: it may answer a ping 10 s late, be quiet for 1 s, and
/// correct them for 5 s.
const LONGER_THAN_WRONG: Duration = Duration::from_secs(20);
/// A time without output after which a bot that never exits is ended.
const LONGER_THAN_QUIET: Duration = Duration::from_millis(1_500);

/// Cases in which nobody waits long.
const QUICK: [&str; 16] = [
    "plain",
    "interleaved",
    "again",
    "new-room",
    "no-final",
    "late-final",
    "names",
    "missing",
    "big",
    "unknown",
    "burst",
    "retrying",
    "busy",
    "closed",
    "cut",
    "position-lost",
];

/// Not a test: the bot, if `livetape test` runs it.
#[test]
fn bot() {
    if env::var_os("LIVETAPE_CASE").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Bot::default().run());
}

#[derive(Default)]
struct Bot {
    diamonds: i64,
    chats: i64,
    likes: i64,
    position: Option<String>,
    connections: usize,
}

impl Bot {
    fn has(bug: &str) -> bool {
        env::var("BUG").is_ok_and(|planted| planted == bug)
    }

    async fn run(mut self) {
        if Self::has("tikfinity") {
            return self.watch_tikfinity().await;
        }
        let url = env::var("LIVETAPE_URL").unwrap();
        let url = if Self::has("floods") { format!("{url}ws") } else { url };
        if Self::has("many_at_once") {
            let all = futures_util::future::join_all((0..33).map(|_| connect_async(&url))).await;
            sleep_until(clock::now() + Duration::from_secs(3_600)).await;
            drop(all);
        }
        loop {
            let since = match &self.position {
                Some(_) if Self::has("again_after_reconnect") => "?since=0".to_owned(),
                Some(position) if Self::has("joins_parameters") => format!("?gifts=delta?since={position}"),
                Some(position) => format!("?since={position}"),
                None => String::new(),
            };
            if Self::has("reads_lines") {
                if self.read_lines().await {
                    return;
                }
            } else if let Ok((mut socket, _)) = connect_async(format!("{url}{since}")).await {
                if Self::has("leaves_at_once") {
                    drop(socket);
                    continue;
                }
                self.connections += 1;
                if Self::has("floods") && self.connections == 1 {
                    for _ in 0..500 {
                        drop(socket.send(Message::text(r#"{"type":"ping"}"#)).await);
                    }
                }
                let patience = if Self::has("watches") { SILENCE } else { Duration::from_secs(3_600) };
                while let Ok(Some(Ok(message))) = timeout(patience, socket.next()).await {
                    match message {
                        Message::Text(text) if self.count(&serde_json::from_str(&text).unwrap()) => {
                            return self.end().await;
                        }
                        Message::Close(Some(frame)) if u16::from(frame.code) == 4001 => {
                            self.position = self.position.take().filter(|_| Self::has("keeps_position"));
                        }
                        _ => {}
                    }
                }
            }
            let is_refused = Self::has("joins_parameters") && self.connections == 2;
            if is_refused
                || Self::has("exits_when_closed")
                || Self::has("ten_attempts_for_life") && self.connections > 10
            {
                return;
            }
            let delay = if Self::has("hammers") { Duration::ZERO } else { DELAY };
            sleep_until(clock::now() + delay).await;
        }
    }

    /// Counts comments in TikFinity's format.
    async fn watch_tikfinity(&mut self) {
        let url = env::var("LIVETAPE_TIKFINITY_URL").unwrap();
        loop {
            if let Ok((mut socket, _)) = connect_async(&url).await {
                while let Some(Ok(message)) = socket.next().await {
                    if let Message::Text(text) = message {
                        let event: Value = serde_json::from_str(&text).unwrap();
                        self.chats += i64::from(event["event"] == "chat");
                        self.print();
                    }
                }
            }
            sleep_until(clock::now() + DELAY).await;
        }
    }

    /// Reads the feed over HTTP, without positions. Returns whether the show is over.
    async fn read_lines(&mut self) -> bool {
        let http = env::var("LIVETAPE_HTTP").unwrap();
        let host = http.strip_prefix("http://").unwrap();
        let Ok(mut stream) = TcpStream::connect(host).await else { return false };
        let request = format!("GET /events HTTP/1.0\r\nhost: {host}\r\n\r\n");
        if stream.write_all(request.as_bytes()).await.is_err() {
            return false;
        }
        let mut lines = tokio::io::BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(event) = serde_json::from_str::<Value>(&line)
                && event["type"].is_string()
                && self.count(&event)
            {
                return true;
            }
        }
        false
    }

    fn print(&self) {
        println!("chats: {} diamonds: {} 💎 likes: {}", self.chats, self.diamonds, self.likes);
    }

    async fn end(&self) {
        while Self::has("repeats_totals") {
            sleep_until(clock::now() + DELAY).await;
            self.print();
        }
        if Self::has("asserts_late") {
            sleep_until(clock::now() + LONGER_THAN_QUIET).await;
            panic!("the suite fails");
        }
    }

    /// Counts an event. Returns whether the show is over.
    fn count(&mut self, event: &Value) -> bool {
        let data = &event["data"];
        match event["type"].as_str().unwrap() {
            "chat" if Self::has("exits_early") && self.chats == 3 => {
                self.print();
                return true;
            }
            "chat" => self.chats += 1,
            "like" => self.likes += data["likeCount"].as_i64().unwrap(),
            "gift" => self.diamonds += diamonds(data),
            "disconnected" => {
                if Self::has("swallows_an_error") {
                    println!(
                        "Traceback (most recent call last):\n  File \"bot.py\", line 3\nKeyError: 'emotes'"
                    );
                }
                let until = clock::now() + LONGER_THAN_WRONG;
                while Self::has("computes") && clock::now() < until {
                    hint::spin_loop();
                }
                self.print();
                if let Some(result) =
                    env::var_os("LIVETAPE_RESULT").filter(|_| Self::has("writes_wrong_result"))
                {
                    fs::write(result, r#"{"diamonds":1,"chats":0}"#).unwrap();
                }
                // As PowerShell 5 does.
                if let Some(result) =
                    env::var_os("LIVETAPE_RESULT").filter(|_| Self::has("writes_wide_result"))
                {
                    let wide = "\u{feff}{\"diamonds\":1}".encode_utf16().flat_map(u16::to_le_bytes);
                    fs::write(result, Vec::from_iter(wide)).unwrap();
                }
                #[cfg(unix)]
                if let Some(result) = env::var_os("LIVETAPE_RESULT").filter(|_| Self::has("links_result")) {
                    std::os::unix::fs::symlink("/dev/zero", result).unwrap();
                }
                return true;
            }
            "connection_created" if Self::has("reset_at_room") => {
                (self.chats, self.likes, self.diamonds) = (0, 0, 0);
            }
            "hologram" => assert!(!Self::has("crashes_on_unknown"), "unknown type"),
            _ => {}
        }
        if let Some(seq) = event["seq"].as_u64() {
            self.position = Some(format!("{}:{seq}", event["stream"].as_str().unwrap()));
        }
        false
    }
}

fn diamonds(gift: &Value) -> i64 {
    let number = |key: &str| gift[key].as_i64().unwrap();
    let all = number("repeatCount") * number("diamondCount");
    if Bot::has("sum_of_repeat_count") {
        return all;
    }
    if Bot::has("only_repeat_end") {
        return if number("giftType") != 1 || gift["repeatEnd"] == true { all } else { 0 };
    }
    number("diamonds")
}

/// Runs the bot in cases, with the totals that it prints expected.
fn judge(bug: &str, cases: &[&str], flags: &[&str]) -> Output {
    judge_by(&["diamonds: {diamonds}", "chats: {chats}", "likes: {likes}"], bug, cases, flags)
}

fn judge_by(expected: &[&str], bug: &str, cases: &[&str], flags: &[&str]) -> Output {
    let cases = cases.iter().flat_map(|name| ["--case", name]);
    let expected = expected.iter().flat_map(|text| ["--expect", text]);
    let args = ["test", "demo"].into_iter().chain(cases).chain(expected).chain(flags.iter().copied());
    of_bot(bug, &Vec::from_iter(args)).output().unwrap()
}

/// Returns a command about the bot with a bug.
fn of_bot(bug: &str, args: &[&str]) -> Command {
    let program = env::current_exe().unwrap();
    let bot = ["--", program.to_str().unwrap(), "--exact", "process::verdict::bot", "--nocapture"];
    let mut command = livetape(&[args, &bot].concat());
    command.env("BUG", bug);
    command
}

#[test]
fn a_bot_that_is_right_passes() {
    let output = judge("", &QUICK, &["--json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((output.status.code(), &report["failed"]), (Some(0), &0.into()), "{report:#}");
    assert_eq!(report["passed"], QUICK.len());
    let names =
        |list: &Value| Vec::from_iter(list.as_array().unwrap().iter().map(|case| case["name"].clone()));
    let mut listed = names(&serde_json::from_str(&stdout(&run(&["test", "--list", "--json"]))).unwrap());
    listed.retain(|name| QUICK.iter().any(|quick| name == quick));
    assert_eq!(names(&report["cases"]), listed, "whichever ended first");
}

#[test]
fn bots_that_read_lines_or_print_their_totals_again_and_again_pass() {
    for (kind, cases) in [
        ("reads_lines", &["plain", "cut", "closed", "position-lost", "burst"][..]),
        ("repeats_totals", &["plain", "cut"]),
    ] {
        let output = judge(kind, cases, &[]);
        assert_eq!(output.status.code(), Some(0), "{kind}: {}", stdout(&output));
    }
}

/// Also where the server is there late: for both ports.
#[test]
fn a_bot_for_tikfinity_passes() {
    let output = judge_by(&["chats: {chats}"], "tikfinity", &["plain", "late"], &["--tikfinity"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
#[ignore = "takes 20 s of a processor: of `cargo xtask nightly soak`"]
fn a_bot_that_still_computes_is_waited_for() {
    let output = judge("computes", &["plain"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn each_planted_bug_is_found_and_named() {
    for (bug, case, what, diagnosis, message) in [
        ("sum_of_repeat_count", "plain", "diamonds", "sum_of_repeat_count", "right is 114"),
        ("sum_of_repeat_count", "no-final", "diamonds", "sum_of_repeat_count", "right is 114"),
        ("sum_of_repeat_count", "late-final", "diamonds", "sum_of_repeat_count", "right is 114"),
        ("only_repeat_end", "no-final", "diamonds", "only_repeat_end", "right is 114"),
        ("again_after_reconnect", "cut", "diamonds", "counted_again", "right is 114"),
        ("writes_wrong_result", "plain", "diamonds", "", "wrote \"diamonds\" as 1, right is 114"),
        ("writes_wide_result", "plain", "diamonds", "", "wrote \"diamonds\" as 1, right is 114"),
        #[cfg(unix)]
        ("links_result", "plain", "result", "", "wrote a LIVETAPE_RESULT that cannot be read"),
        ("exits_when_closed", "cut", "connection", "", "did not come back after its connection was cut at "),
        (
            "ten_attempts_for_life",
            "closed",
            "connection",
            "",
            "its connection was closed with 1011 at 5:52.9 (11 of 11)",
        ),
        ("leaves_at_once", "plain", "connection", "", "connected and left at once, again and again"),
        ("crashes_on_unknown", "unknown", "exit", "", "exited with 101"),
        ("hammers", "unauthorized", "connection", "", "it hardly waits between attempts"),
        (
            "many_at_once",
            "offline",
            "connection",
            "",
            " connections at once, from clients without `User-Agent`, and --clients is 1",
        ),
        (
            "keeps_position",
            "position-lost",
            "connection",
            "",
            "asked 4 times for a position that it was told is unknown",
        ),
    ] {
        let output = judge(bug, &[case], &["--json"]);
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(output.status.code(), Some(1), "{bug}: {report:#}");
        let failures = report["cases"][0]["failures"].as_array().unwrap();
        let failure = failures.iter().find(|failure| failure["what"] == what);
        let failure = failure.unwrap_or_else(|| panic!("{bug}: {report:#}"));
        assert_eq!(failure["diagnosis"].as_str().unwrap_or_default(), diagnosis, "{bug}: {report:#}");
        assert!(failure["message"].as_str().unwrap().contains(message), "{bug}: {report:#}");
    }
}

/// At the highest speed, a show may be over before anybody notices.
#[test]
fn a_command_that_leaves_a_show_is_told_so() {
    let printed = stdout(&judge("exits_early", &["plain"], &["--speed", "20"]));
    assert!(printed.contains("it exited with 0 before the end of the show"), "{printed}");
}

#[test]
fn an_error_that_ends_nothing_is_told() {
    let output = judge("swallows_an_error", &["plain"], &[]);
    let said = stdout(&output);
    assert!(said.contains("s  ⚠️ its output has an error: KeyError: 'emotes'\n"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn what_the_server_told_its_clients_is_told() {
    let output = judge("joins_parameters", &["cut"], &[]);
    let said = stdout(&output);
    let told = "it was refused once: `gifts` has the invalid value `delta?since=";
    assert!(said.contains("exited with 0 and did not come back") && said.contains(told), "{said}");
    assert!(!said.contains("in 1 case it did not connect again"), "it did: {said}");
    let output = judge("floods", &["plain"], &[]);
    let said = stdout(&output);
    let told =
        "s  ⚠️ the server closed its connection once with 1008 rate_exceeded: send messages less often\n";
    assert!(said.contains(told), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn a_replay_that_starts_over_is_judged_if_it_is_named() {
    let cases = ["laps", "seek", "restart"];
    let output = judge("reset_at_room", &cases, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let output = judge("", &cases, &["--json"]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((output.status.code(), &report["failed"]), (Some(1), &3.into()), "{report:#}");
    for case in report["cases"].as_array().unwrap() {
        for failure in case["failures"].as_array().unwrap() {
            assert_eq!(failure["diagnosis"], "never_starts_over", "{report:#}");
        }
    }
    assert!(!stdout(&run(&["test", "--list"])).contains("laps"));
}

#[test]
fn a_bot_that_leaves_a_deaf_connection_passes() {
    let output = judge("watches", &["deaf"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn a_recording_that_is_shorter_than_an_incident_is_rejected() {
    let folder = tempdir().unwrap();
    let short = folder.path().join("short.bin");
    let short = short.to_str().unwrap();
    assert_eq!(run(&["cut", "demo", "--to", "30s", "-o", short]).status.code(), Some(0));
    let output = run(&["test", short, "--suite", "room", "--case", "2026-09-09", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    let message = ", and the script of 2026-09-09 takes 1m40s";
    assert!(stderr(&output).contains(message), "{}", stderr(&output));
}

#[test]
fn a_suite_that_asserts_late_is_waited_for() {
    let output = judge_by(&[], "asserts_late", &["plain", "burst"], &[]);
    let printed = stdout(&output);
    assert!(printed.contains("exited with 101") && printed.contains("0 of 2 cases passed"), "{printed}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_report_names_the_mistake_and_how_to_see_it_again() {
    let output = judge("again_after_reconnect", &["plain", "cut"], &["--jobs", "1"]);
    let printed = stdout(&output);
    assert!(printed.contains("  ok    plain"), "{printed}");
    assert!(printed.contains("  FAIL  cut"), "{printed}");
    let counted = "is what counting all earlier events again after each break gives";
    assert!(printed.contains(counted), "{printed}");
    assert!(printed.contains("again: livetape test demo --case cut --expect \"diamonds: {diamonds}\""));
    assert!(printed.contains("1 of 2 cases passed in "), "{printed}");
    let end = "most likely: counting all earlier events again after each break (`counted_again`)";
    assert!(printed.trim_end().ends_with(end), "{printed}");
}

#[test]
fn a_page_for_an_issue_is_about_one_program_or_several() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [page, both, right, wrong] = ["page.html", "both.html", "right.json", "wrong.json"].map(path);
    let output = judge("only_repeat_end", &["no-final"], &["--json", "--html", &page]);
    let one = fs::read_to_string(page).unwrap();
    assert!(
        one.contains("1 of 1 cases failed")
            && one.contains("counting only gifts with <code>repeatEnd</code>")
    );
    // Browsers run the script only if its hash is right.
    let script = one.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = STANDARD.encode(digest(&SHA256, script.as_bytes()));
    assert!(one.contains(&format!("script-src 'sha256-{hash}'")), "{hash}");
    assert!(one.contains("It began at 0:12.5, with this event: the right total of <code>diamonds</code> is 10 then, and this mistake gives 0."), "{one}");
    assert!(
        one.contains("<strong>Rose x10 of umbra_kettle8965</strong>") && one.contains("a client connected"),
        "{one}"
    );
    assert!(one.contains("Recording: demo") && one.contains("process::verdict::bot"), "{one}");
    fs::write(&wrong, stdout(&output)).unwrap();
    fs::write(&right, stdout(&judge("", &["no-final"], &["--json"]))).unwrap();
    let merged = run(&["test", "--html", &both, "--result", &right, "--result", &wrong]);
    assert_eq!((merged.status.code(), stdout(&merged).as_str()), (Some(0), ""));
    let both = fs::read_to_string(both).unwrap();
    assert!(both.contains("✓ 1 of 1 case passed") && both.contains("✗ 1 of 1 case failed"), "{both}");
    for (flags, expected) in [
        (&["--html", "x.html", "--result", "README.md"][..], "cannot read the result README.md"),
        (&["--html", "x.html", "--result", "/none"], "cannot read the result /none"),
        (&["--html", "x.html", "--result", &right, "--", "true"], "cannot be used with"),
        (&["--result", &right], "--html"),
        (&["demo", "--html", "none/x.html", "--", "true"], "the folder none does not exist"),
    ] {
        let output = run(&[&["test"], flags].concat());
        assert!(
            output.status.code() == Some(2) && stderr(&output).contains(expected),
            "{flags:?}: {output:?}"
        );
    }
}

#[test]
fn an_upgrade_is_compared_with_what_was_before() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [old, page, damaged] = ["old.json", "page.html", "damaged.json"].map(path);
    let cases = ["plain", "no-final"];
    fs::write(&old, stdout(&judge("", &cases, &["--json"]))).unwrap();
    let output = judge("only_repeat_end", &cases, &["--against", &old, "--html", &page]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(
            "  worse    no-final\n        passed; now: failed: printed \"diamonds: 9\", right is 114"
        ),
        "{said}"
    );
    assert!(
        said.contains("the number `diamonds` was 114, and is 9\n1 case is worse, 1 case is the same\n"),
        "{said}"
    );
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<h3>What changed</h3>") && page.contains(">now: ") && page.contains(">before: "),
        "{page}"
    );
    // Better is told by the exit code of the run alone.
    let json = judge("", &cases, &["--json", "--against", &old]);
    let result: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.status.code(), &result["against"]["same"]), (Some(0), &2.into()));
    fs::write(&damaged, &fs::read(&old).unwrap()[..100]).unwrap();
    let refused = |args: &[&str], expected: &str| {
        let output = run(&[&["test"], args, &["--", "true"]].concat());
        let said = stderr(&output);
        assert!(
            output.status.code() == Some(2) && said.contains(expected) && said.contains("💡"),
            "{args:?}: {said}"
        );
    };
    refused(&["demo", "--against", &damaged], "cannot read the result");
    refused(&["demo", "--against", "/none"], "cannot read the result");
    refused(&["recordings/gifts.bin", "--against", &old], "it is of the recording demo, and this is");
    refused(&["demo", "--random", "2", "--against", &old], "it is of other shows: no --random");
    refused(&["demo", "--suite", "room", "--against", &old], "the suite feed, and this is room");
}

/// Runs `shrink` with the bot.
fn shrink(bug: &str, small: &str, flags: &[&str]) -> Output {
    let args = ["shrink", "demo", "-o", small, "--expect", "diamonds: {diamonds}"];
    of_bot(bug, &[&args, flags].concat()).output().unwrap()
}

#[test]
fn the_smallest_recording_still_fails() {
    let folder = tempdir().unwrap();
    let small = folder.path().join("small.bin");
    let small = small.to_str().unwrap();
    let output = shrink("only_repeat_end", small, &["--case", "no-final"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", stderr(&output));
    assert!(printed.contains(&format!("again: livetape test {small} --case ")), "{printed}");
    assert!(!stderr(&output).contains("not the smallest"), "{}", stderr(&output));
    assert_eq!(run(&["verify", small]).status.code(), Some(0));
    let events = stdout(&run(&["events", small])).lines().count();
    assert!(events <= 5, "{printed}");
}

#[test]
fn a_case_is_named_if_the_smallest_recording_needs_it() {
    let folder = tempdir().unwrap();
    let small = folder.path().join("small.bin");
    let small = small.to_str().unwrap();
    for (bug, case, named) in [
        ("sum_of_repeat_count", "names", "plain"),
        ("again_after_reconnect", "cut", "cut"),
        // Its gifts are enough, so none of the recording are left.
        ("sum_of_repeat_count", "again", "again"),
    ] {
        let output = shrink(bug, small, &["--case", case, "--force"]);
        let printed = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{printed}{}", stderr(&output));
        assert!(
            printed.contains(&format!("again: livetape test {small} --case {named} --expect")),
            "{printed}"
        );
        let adds = printed.contains(" events that the case again adds itself, ");
        assert_eq!(adds, named == "again", "{printed}");
    }
    let passes = shrink("again_after_reconnect", small, &["--force"]);
    assert_eq!(passes.status.code(), Some(1));
    assert!(stderr(&passes).contains("COMMAND passed"), "{}", stderr(&passes));
}

#[test]
fn a_random_show_that_fails_is_kept_and_runs_first_the_next_time() {
    let folder = tempdir().unwrap();
    let show = folder.path().join("show.bin");
    fs::copy("recordings/demo.bin", &show).unwrap();
    let kept = folder.path().join("show.feed-failures");
    let judge = |bug: &str, flags: &[&str]| {
        let args = ["test", show.to_str().unwrap(), "--expect", "diamonds: {diamonds}", "--random", "3"];
        of_bot(bug, &[&args, flags].concat()).output().unwrap()
    };
    let output = judge("again_after_reconnect", &["--seed", "7"]);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}{}", stderr(&output));
    let name = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let case = name.strip_suffix(".bin").unwrap();
    let again = format!("again: livetape test {} --case {case} ", kept.join(&name).display());
    assert!(printed.contains(&again), "{printed}");
    // One break is enough, and nothing else of the show.
    assert_eq!(case, "going-away@947");
    let events = stdout(&run(&["events", kept.join(&name).to_str().unwrap()]));
    assert!(events.lines().count() <= 8, "{events}");

    let json = |output: &Output| serde_json::from_str::<Value>(&stdout(output)).unwrap();
    let report = json(&judge("again_after_reconnect", &["--seed", "8", "--json"]));
    let first = &report["cases"][1];
    assert_eq!((&first["name"], &first["passed"]), (&case.into(), &false.into()), "{report:#}");
    // Others that fail in the same way are not kept as well.
    let file = kept.join(&name).display().to_string();
    let others =
        Vec::from_iter(report["cases"].as_array().unwrap()[2..].iter().filter(|it| it["passed"] == false));
    assert!(!others.is_empty() && others.iter().all(|other| other["same_as"] == *file), "{report:#}");
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 1);
    let still = stdout(&judge("again_after_reconnect", &["--seed", "8"]));
    assert_eq!(still.matches(&format!("still failing: {file}")).count(), 1, "{still}");
    assert!(
        still.contains("most likely: counting all earlier events again after each break (`counted_again`)"),
        "{still}"
    );
    let fixed = judge("", &["--seed", "8-zzzz"]);
    assert_eq!(fixed.status.code(), Some(0), "{}", stdout(&fixed));
    assert!(stdout(&fixed).contains("fixed: ") && stderr(&fixed).contains("another version of livetape"));
    let whole = fs::read(kept.join(&name)).unwrap();
    fs::write(kept.join(&name), &whole[..whole.len() / 2]).unwrap();
    let damaged = judge("", &["--seed", "8"]);
    assert_eq!(damaged.status.code(), Some(3), "{}", stderr(&damaged));
    let (told, printed) = (stderr(&damaged), stdout(&damaged));
    assert!(told.contains(" is incomplete: ") && !printed.contains("fixed: "), "{told}{printed}");
    fs::rename(kept.join(&name), kept.join("cutt.bin")).unwrap();
    let wrong = judge("", &[]);
    let said = stderr(&wrong);
    assert!(
        said.contains("cutt.bin: unknown case \"cutt\"") && said.contains("did you mean `cut`"),
        "{said}"
    );
    assert_eq!(wrong.status.code(), Some(2));
}

/// What breaks a connection is no part of a failure that needs only what the viewers did.
#[test]
fn a_kept_show_has_no_break_that_it_does_not_need() {
    let folder = tempdir().unwrap();
    let show = folder.path().join("show.bin");
    fs::copy("recordings/demo.bin", &show).unwrap();
    let judge = || {
        let args = ["test", show.to_str().unwrap(), "--expect", "diamonds: {diamonds}"];
        let random = ["--random", "6", "--seed", "2"];
        of_bot("only_repeat_end", &[&args[..], &random].concat()).output().unwrap()
    };
    let first = judge();
    let kept = fs::read_dir(folder.path().join("show.feed-failures")).unwrap();
    let kept = Vec::from_iter(kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    assert!(kept.len() == 1 && ["no-final.bin", "plain.bin"].contains(&&*kept[0]), "{kept:?}");
    let printed = stdout(&first);
    let (_, smallest) = printed.split_once("messages left").unwrap();
    assert!(smallest.contains(" is what counting only gifts with `repeatEnd` gives"), "{printed}");
    let again = judge();
    let (printed, told) = (stdout(&again), stderr(&again));
    assert!(!told.contains("looking for the smallest"), "{printed}{told}");
}

#[test]
fn reports_for_ci() {
    let folder = tempdir().unwrap();
    let (junit, summary) = (folder.path().join("report.xml"), folder.path().join("summary.md"));
    let args = ["test", "demo", "--case", "plain", "--expect", "chats: {events}", "--junit"];
    let mut command = of_bot("", &[&args[..], &[junit.to_str().unwrap()]].concat());
    let output = command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("::error title="), "{}", stderr(&output));
    assert!(fs::read_to_string(junit).unwrap().contains("name=\"plain\""));
    assert!(fs::read_to_string(summary).unwrap().contains("| plain |"));
}

/// What the runner of GitHub Actions reads as commands, as its `ActionCommand` does: two forms, one of which may stand
/// anywhere in a line.
fn commands(printed: &str) -> Vec<&str> {
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    printed.split(['\n', '\r']).filter(is_command).collect()
}

#[cfg(unix)]
#[test]
fn the_runner_of_github_executes_nothing_that_a_command_prints() {
    let printed =
        "##[error]one\\n::error::two\\nchat ##[stop-commands]three\\n \\t::add-mask::four\\r::error::five\\n";
    let says = format!("printf '{printed}'; exit 7");
    for (more, is_shown) in
        [(&[][..], "chat ## [stop-commands]three"), (&["--json"], "chat ##\\u005bstop-commands]three")]
    {
        let mut command = livetape(&["test", "demo", "--case", "plain", "--expect", "##[group]a"]);
        command.args(more);
        command
            .args(["--", "sh", "-c", &says])
            .env("GITHUB_ACTIONS", "true")
            .env_remove("GITHUB_STEP_SUMMARY");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let all = stdout(&output) + "\n" + &stderr(&output);
        let commands = commands(&all);
        assert!(all.contains(is_shown), "{all}");
        assert_eq!(commands.len(), 1, "{all}");
        assert!(commands[0].starts_with("::error title=livetape test%3A plain::"), "{commands:?}");
    }
}

/// Nor what a viewer writes, in any command that shows a recording.
#[test]
fn the_runner_of_github_executes_nothing_of_a_recording() {
    let folder = tempdir().unwrap();
    let [show, other] = ["show.bin", "other.bin"].map(|name| folder.path().join(name));
    let chats = ["##[error]one", "::error::two", "three ##[stop-commands]"];
    let chats = chats.iter().zip(1..).map(|(text, id)| messages::chat(id, 50, "##[group]ann", text));
    let items = [messages::open(1, 0, "ann", 7), messages::frame(100, chats.collect())];
    fs::write(&show, recording(&items)).unwrap();
    fs::write(&other, recording(&items[..1])).unwrap();
    let [show, other] = [&show, &other].map(|path| path.to_str().unwrap());
    for args in [
        &["events", show][..],
        &["cat", show],
        &["cat", "--json", show],
        &["cat", "--fields", show],
        &["cat", "--fields", "--json", show],
        &["diff", show, other],
        &["diff", "--json", show, other],
        &["info", show],
        &["audit", show],
        &["replay", show, "--speed", "max", "--exit-when-done", "--port", "0", "--wait-clients", "0"],
    ] {
        let output = livetape(args).env("GITHUB_ACTIONS", "true").output().unwrap();
        let all = stdout(&output) + "\n" + &stderr(&output);
        assert!(all.len() > 100, "{args:?}: {all}");
        assert!(commands(&all).is_empty(), "{args:?}: {all}");
    }
}

#[test]
fn bad_input_is_one_clear_line() {
    let exits = shell("exit 7");
    let plain = [&["--case", "plain", "--"][..], &exits].concat();
    let room = [&["--suite", "room", "--"][..], &exits].concat();
    for (args, code, said) in [
        (&["--case", "no-finals", "--", "true"][..], 2, "did you mean `no-final`"),
        (&["--expect", "{diamond}", "--", "true"], 2, "did you mean `diamonds`"),
        (&["--expect", "{diamonds.nobody}", "--", "true"], 2, "sent no gift"),
        (&["--", "no-such-command"], 127, "`no-such-command` not found"),
        (&["--", "tests/bots/planted.mjs"], 126, "write -- node tests/bots/planted.mjs"),
        (&["--case", "cut", "--skip", "cut", "--", "true"], 2, "no case is left"),
        (&["--html", "same.out", "--junit", "./same.out", "--", "true"], 2, "./same.out is named twice"),
        (&["--expect", "{received.x}", "--", "true"], 2, "unknown number"),
        (&["--random", "0", "--", "true"], 2, "use a number from 1 to 10000"),
        (&["--case", "names+offline", "--", "true"], 2, "offline only stands alone"),
        (&["--junit", "no/such/folder.xml", "--", "true"], 2, "the folder no/such does not exist"),
        #[cfg(unix)]
        (
            &["--junit", "/dev/full", "--", "true"],
            1,
            "/dev/full is not a regular file\n💡 use another path for the report",
        ),
        (&["--", "true"], 1, "never connected before it exited with 0"),
        (&plain, 1, "never connected before it exited with 7"),
        (&plain, 1, "look for its error in its output"),
        (&["--case", "late", "--", "true"], 1, "never connected before it exited with 0"),
        (&room, 1, "look for its error in its output"),
        (&["--suite", "room", "--", "true"], 1, "install hooks on its sign client, too"),
    ] {
        let output = run(&[&["test", "demo"], args].concat());
        let printed = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {printed}");
        assert!(printed.contains(said), "{args:?}: {printed}");
        assert!(printed.lines().count() <= 7, "{printed}");
    }
}

#[cfg(unix)]
#[test]
fn a_command_whose_first_attempt_is_reset_has_tried() {
    let once = "trap '' PIPE; at=${LIVETAPE_HTTP#http://}; exec 3<>/dev/tcp/${at/:/\\/}; \
                printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; read -r -u 3";
    let output = run(&["test", "demo", "--case", "late", "--case", "cut", "--", "bash", "-c", once]);
    let said = stdout(&output);
    assert!(said.contains(" instead of trying again") && said.contains("FAIL  cut"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_command_leaves_no_processes_and_no_files() {
    let folder = tempdir().unwrap();
    let alive = pipe(folder.path());
    // The second one leaves the process group.
    let script = "exec 3> $0; sh -c 'sleep infinity & wait' & setsid sh -c 'sleep infinity & wait' & exec 2>&1; exit 1";
    let mut command = livetape(&["test", "demo", "--case", "plain", "--", "sh", "-c", script]);
    let test = command.arg(&alive).env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(fs::read_to_string(&alive).unwrap(), "");
    assert_eq!(test.wait_with_output().unwrap().status.code(), Some(1));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the pipe");
}

#[cfg(unix)]
#[test]
fn a_killed_livetape_leaves_no_processes_and_no_files() {
    let folder = tempdir().unwrap();
    let alive = pipe(folder.path());
    // The first one leaves the process group.
    let script = "exec 3> $0; setsid sh -c 'sleep infinity & wait' & echo started >&3; sleep infinity";
    let mut command = livetape(&["test", "demo", "--case", "plain", "--", "sh", "-c", script]);
    command.arg(&alive).env("TMPDIR", folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut test = command.spawn().unwrap();
    let mut lines = BufReader::new(fs::File::open(&alive).unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "started");
    test.kill().unwrap();
    assert!(lines.next().is_none());
    // What cleans up has the same error output, so this waits for its end.
    test.wait_with_output().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the pipe");
}

#[cfg(unix)]
#[test]
fn who_stops_it_is_told_what_was_written() {
    let at_once = "echo started > $0; sleep infinity";
    let after_the_show = "$1 watch --json | while read -r it; do case $it in *recording_ended*) echo started > $0;; esac; done";
    for (args, script, said, is_written) in [
        (["test", "demo", "--case", "plain", "--junit"], at_once, "the other cases did not run", true),
        (["test", "demo", "--case", "plain", "--junit"], after_the_show, "the other cases did not run", true),
        (["shrink", "demo", "--case", "plain", "-o"], at_once, "no recording was written", false),
    ] {
        let folder = tempdir().unwrap();
        let (alive, written) = (pipe(folder.path()), folder.path().join("written"));
        let mut command = livetape(&args);
        let program = command.get_program().to_owned();
        command.arg(&written).args(["--", "sh", "-c", script]).arg(&alive).arg(program);
        let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        assert_eq!(fs::read_to_string(&alive).unwrap(), "started\n");
        let interrupt = ["-INT", &running.id().to_string()];
        assert!(Command::new("kill").args(interrupt).status().unwrap().success());
        let output = running.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert_eq!(stderr(&output), format!("❌ stopped by a signal: {said}\n"));
        let is_counted =
            stdout(&output).starts_with("0 of 0 cases passed") && stdout(&output).contains("1 skipped");
        assert_eq!(is_counted, args[0] == "test", "{}", stdout(&output));
        assert_eq!(written.exists(), is_written);
    }
}

#[cfg(unix)]
#[test]
fn the_recording_is_never_the_output() {
    let folder = tempdir().unwrap();
    let [show, link] = ["show.bin", "link.bin"].map(|name| folder.path().join(name));
    fs::copy("recordings/short.bin", &show).unwrap();
    std::os::unix::fs::symlink(&show, &link).unwrap();
    let [show, link] = [show, link].map(|path| path.display().to_string());
    for args in [
        &["test", &show, "--junit", &link, "--", "true"][..],
        &["shrink", &link, "--case", "plain", "-o", &show, "--force", "--", "true"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("is the recording itself"), "{}", stderr(&output));
    }
    assert_eq!(fs::read(show).unwrap(), fs::read("recordings/short.bin").unwrap());
}

#[test]
fn the_list_is_the_table() {
    let listed = |flags: &[&str]| {
        let list = stdout(&run(&[&["test", "--list", "--json"], flags].concat()));
        let list: Vec<Value> = serde_json::from_str(&list).unwrap();
        Vec::from_iter(list.iter().map(|case| (case["name"].clone(), case["suite"].clone())))
    };
    let row = |case: &Case, suite: &str| -> (Value, Value) { (case.name.into(), suite.into()) };
    assert_eq!(listed(&[]), Vec::from_iter(FEED.iter().map(|case| row(case, "feed"))));
    let rooms = Suite::Room.cases().filter(|case| case.group.is_default()).map(|case| row(case, "room"));
    assert_eq!(listed(&["--suite", "room"]), Vec::from_iter(rooms));
}
