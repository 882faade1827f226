//! Live rooms of the mock: every scenario, recordings as scenarios, REST commands, and everything over real
//! sockets.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use livetape_core::{
    error::Code,
    recording::{Reader, What},
    wire,
};
use livetape_engine::{
    channels::{ChannelOptions, Record},
    source::live,
};
use livetape_feed::hub::{Filter, Gifts, Hub, Join, Next};
use livetape_mock::{Scenario, ScenarioFile};
use livetape_samples::scenario_names;
use serde_json::{Value, json};

use crate::support::{As, Rig, Setup, UPSTREAM, mock::Mock};

// `livetape live demo` in every scenario of `fixtures/scenarios`: the events and their times, the close code
// and the exit code.

/// Virtual seconds after which Ctrl-C ends a scenario that continues.
const SECS_MAX: u64 = 1_200;

/// Scenarios about the sign server run with a sign server.
async fn play(name: &str) -> Vec<String> {
    let sign_url = name.starts_with("sign-").then(|| live::Url::parse(UPSTREAM).unwrap());
    Setup::fixture(name).sign_url(sign_url).start(As::Live).outlined(SECS_MAX).await
}

#[tokio::test(start_paused = true)]
async fn each_scenario_gives_the_expected_result() {
    let mut transcript = String::new();
    for file in scenario_names() {
        let name = file.trim_end_matches(".toml");
        transcript += &format!("# {name}\n{}\n\n", play(name).await.join("\n"));
    }
    insta::assert_snapshot!(transcript);
}

#[tokio::test(start_paused = true)]
async fn a_key_in_the_address_of_the_sign_server_changes_nothing() {
    let play = async |query: &str| {
        let sign_url = live::Url::parse(&format!("{UPSTREAM}{query}")).ok();
        Setup::fixture("sign-500-once").sign_url(sign_url).start(As::Live).outlined(SECS_MAX).await
    };
    let expected = play("").await;
    assert!(expected.iter().any(|line| line.contains("connection_created")), "{expected:?}");
    for query in ["?key=hunter2", "/?key=hunter2&x=1#top"] {
        assert_eq!(play(query).await, expected, "{query}");
    }
}

// livetape follows a user whose state changes over time.

/// Waits until the user is live. The first connection ends with the LIVE; the second waits for the next one.
#[tokio::test(start_paused = true)]
async fn a_source_waits_for_each_live_of_a_user() {
    let wait = |options: ChannelOptions| {
        let live = live::LiveOptions { wait_live: Some(live::WAIT_LIVE_MIN), ..options.live };
        ChannelOptions { live, ..options }
    };
    let rig = Setup::fixture("goes-live").options(wait).start(As::Serve);
    for ms in [0, 95_000] {
        rig.at_ms(ms).await;
        let refusal = rig.control.connect("demo".into()).await.unwrap_err();
        assert!(refusal.problem.code == Code::UserOffline && refusal.retrying, "{refusal:?}");
    }
    insta::assert_snapshot!(rig.outlined(150).await.join("\n"));
}

// A recording as a scenario: connections behave as they did when it was recorded.

/// Outlines the events, without random times.
fn outline(lines: &[String]) -> Vec<String> {
    let words = |line: &String| {
        let told = line.split_once("ms  ").unwrap().1;
        let count = if told.starts_with("error") { 4 } else { 2 };
        Vec::from_iter(told.split(' ').take(count)).join(" ")
    };
    lines.iter().map(words).collect()
}

async fn check(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let sign_url = name.starts_with("sign-").then(|| live::Url::parse(UPSTREAM).unwrap());
    let record = Some(Record::File(file.clone()));
    let setup = Setup::fixture(name).sign_url(sign_url.clone());
    let first = setup
        .options(|options| ChannelOptions { record, ..options })
        .start(As::Live)
        .outlined(SECS_MAX)
        .await;

    let input = File::open(&file).unwrap();
    let made = Scenario::of_recording(input, "show.bin").unwrap();
    let path = folder.path().join("show.toml");
    std::fs::write(&path, made.to_string()).unwrap();
    let setting = ScenarioFile::read(&path).unwrap_or_else(|problem| panic!("{name}: {problem}\n{made}"));
    assert_eq!(setting.scenario, made.scenario, "{name}: the file says the same");
    let again = Setup::scenario(setting).sign_url(sign_url).start(As::Live).outlined(SECS_MAX).await;
    assert_eq!(outline(&again), outline(&first), "{name}:\n{made}");
}

#[tokio::test(start_paused = true)]
async fn recorded_scenarios_are_replayed_identically() {
    for name in [
        "rate-limited-twice",
        "rate-limited-http-date",
        "not-found-once",
        "sign-500-once",
        "sign-503-twice",
        "sign-500-then-429",
        "handshake-blocked-once",
        "close-4404",
        "drop",
        "stream-ended",
    ] {
        check(name).await;
    }
}

// Record → mock → live → record: the mock plays exactly the recorded frames.

/// Returns the received `msg` frames of each connection, in order.
fn frames(path: &Path) -> BTreeMap<u32, Vec<Bytes>> {
    let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
    let mut frames = BTreeMap::<u32, Vec<Bytes>>::new();
    while let Some(record) = reader.next().unwrap() {
        let What::Frame(frame) = record.item.what else { continue };
        let is_message = || wire::read_push(&frame.bytes, &mut Vec::new()).payload_type == "msg";
        if !record.item.flags.is_sent() && is_message() {
            frames.entry(record.item.conn).or_default().push(frame.bytes);
        }
    }
    assert!(reader.report().is_whole() && reader.report().sealed);
    frames
}

/// Plays `setting` and records it.
async fn record(setting: ScenarioFile, path: &Path) -> BTreeMap<u32, Vec<Bytes>> {
    let record = Some(Record::File(path.to_owned()));
    let record = |options| ChannelOptions { record, ..options };
    Setup::scenario(setting).options(record).start(As::Live).outlined(1_200).await;
    frames(path)
}

fn played(path: &Path) -> ScenarioFile {
    let text = format!("recording = {:?}\n", path.display().to_string());
    Scenario::parse(&text).unwrap().into()
}

#[tokio::test(start_paused = true)]
async fn recording_a_replay_gives_the_same_recording() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["stream-ended", "close-4404", "drop-mid-frame"] {
        let first_path = folder.path().join(format!("{name}-1.bin"));
        let first = record(Mock::scenario(&format!("{name}.toml")), &first_path).await;
        let second = record(played(&first_path), &folder.path().join(format!("{name}-2.bin"))).await;
        let sizes = |frames: &BTreeMap<u32, Vec<Bytes>>| frames.values().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&first), sizes(&second), "{name}");
        assert!(first == second, "{name}: other bytes");
        assert!(sizes(&first).iter().sum::<usize>() > 100, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn under_serve_the_first_room_is_recorded_and_the_next_only_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first.bin");
    let record = |options| ChannelOptions { record: Some(Record::File(path.clone())), ..options };
    let rig = Setup::fixture("stays-open").options(record).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    rig.control.connect("ben".into()).await.unwrap();
    rig.outlined(5).await;
    let info = livetape_tools::info::info(File::open(&path).unwrap()).unwrap();
    let users: Vec<_> = info.connections.iter().map(|connection| connection.user.as_str()).collect();
    assert_eq!((users, info.sealed), (vec!["ann"], true));

    // An existing file is never overwritten, and this is checked before any request.
    let rig = Setup::fixture("stays-open").options(record).start(As::Serve);
    let refusal = rig.control.connect("ann".into()).await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::OutputExists);
    assert!(!refusal.problem.message.contains('/'), "a client is not told where it is: {refusal:?}");
    rig.at_ms(1_000).await;
    assert!(rig.mock().received().is_empty(), "{:?}", rig.mock().received());
    rig.outlined(5).await;
}

/// Windows refuses to remove it.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_recording_that_fails_at_its_end_is_reported_once() {
    static REPORTS: AtomicU32 = AtomicU32::new(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.bin");
    let record = |options| ChannelOptions {
        record: Some(Record::File(path.clone())),
        warn: |_| _ = REPORTS.fetch_add(1, Ordering::Relaxed),
        ..options
    };
    let rig = Setup::fixture("stays-open").options(record).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    rig.control.disconnect("ann".into()).await.unwrap();
    rig.at_ms(1_000).await;
    let reports = |rig: &Rig| (REPORTS.swap(0, Ordering::Relaxed), rig.control.upstream().recorder_failures);
    assert_eq!(reports(&rig), (1, 1));
    rig.outlined(5).await;

    // At the end of the server, its last lines report it.
    let rig = Setup::fixture("stays-open").options(record).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    rig.control.shut_down();
    rig.at_ms(1_000).await;
    assert_eq!(reports(&rig), (0, 1));
    assert!(rig.outlined(5).await.last().unwrap().ends_with("exit 3"));
}

// Numbers that subscribers with a filter miss.

type Events = Arc<Mutex<BTreeMap<u64, Value>>>;

/// Reads all events that a filter passes.
fn read(hub: &Hub, gifts: Gifts) -> Events {
    let filter = Filter { raw: true, gifts, ..Filter::default() };
    let mut subscriber = hub.join(&Join { filter, ..Join::default() }).unwrap();
    let events = Events::default();
    let read = Arc::clone(&events);
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while let Next::Events = subscriber.next(&mut batch).await {
            for line in batch.drain(..) {
                let event: Value = serde_json::from_slice(&line).unwrap();
                events.lock().unwrap().insert(event["seq"].as_u64().unwrap(), event);
            }
        }
    });
    read
}

/// The second connection joins in the middle of a streak, and the third plays the recording from its start:
/// it repeats totals that the second one missed, but which are lower than what it saw.
const RESTARTED: &str = r#"
seed = 1
speed = 4
after = "again"

[[fault]]
at = "socket"
kind = "drop"
attempt = 1
after_ms = 96000

[[fault]]
at = "socket"
kind = "drop"
attempt = 2
after_ms = 401000
"#;

#[tokio::test(start_paused = true)]
async fn each_missing_number_is_of_an_event_that_the_filter_hides() {
    let mut setup = Setup::scenario(Scenario::parse(RESTARTED).unwrap().into());
    setup.filter = None;
    let rig = setup.start(As::Live);
    let (raw, delta) = (read(&rig.hub, Gifts::Raw), read(&rig.hub, Gifts::Delta));
    rig.at_ms(190_000).await;
    assert_eq!(rig.upgrades(), 3);
    let (raw, delta) = (raw.lock().unwrap().clone(), delta.lock().unwrap().clone());
    let gift = |event: &Value| {
        let data = &event["data"];
        let of = ["repeatDelta", "isFinal", "inferred"].map(|name| data[name].clone());
        (event["type"].as_str().unwrap().to_owned(), of)
    };
    let hidden = |from: &BTreeMap<u64, Value>, by: &BTreeMap<u64, Value>| {
        by.iter().filter(|(seq, _)| !from.contains_key(seq)).map(|(_, event)| gift(event)).collect::<Vec<_>>()
    };
    let (by_delta, by_raw) = (hidden(&delta, &raw), hidden(&raw, &delta));
    // Between them, the two see every number.
    let last = *raw.keys().chain(delta.keys()).max().unwrap();
    assert!((1..=last).all(|seq| raw.contains_key(&seq) || delta.contains_key(&seq)));
    let adds_nothing = ("gift".to_owned(), [json!(0), json!(false), Value::Null]);
    assert!(by_delta.len() >= 2 && by_delta.iter().all(|it| *it == adds_nothing), "{by_delta:?}");
    let inferred_final = ("gift".to_owned(), [json!(0), json!(true), json!(true)]);
    assert!(!by_raw.is_empty() && by_raw.iter().all(|it| *it == inferred_final), "{by_raw:?}");
}

// Everything over real sockets: mock → live → two subscribers, recorded, then replayed to a third one. Apart
// from its source, the replay is the same as the room.
