//! What the tests of several crates share: recorded data, recordings made for tests, a disk that fails, and a clock that
//! they set.

pub mod captures;
pub mod disk;
pub mod messages;
pub mod room;

use std::{
    collections::{BTreeSet, HashSet},
    io::ErrorKind,
    net::{Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::{Chat, Data, Event, Millis},
    recording::{Flags, Frame, Item, Opcode, What, Writer, records},
    wire::Message,
};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

/// Returns the folder of the repository: the first above the crate that has the lock file of the workspace.
pub fn repository() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").is_file()).unwrap().to_owned()
}

/// Returns the path of a file of `fixtures/scenarios`.
pub fn scenario_path(name: &str) -> PathBuf {
    repository().join("fixtures/scenarios").join(name)
}

/// Returns the names of all scenarios.
pub fn scenario_names() -> Vec<String> {
    let files = std::fs::read_dir(scenario_path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".toml")).collect();
    names.sort();
    names
}

/// Seed of all random choices: that of the proptests, fixed by day and fresh at night.
pub fn seed() -> u64 {
    let seed = std::env::var("PROPTEST_RNG_SEED").expect("`cargo test` sets it");
    println!("PROPTEST_RNG_SEED={seed}");
    seed.parse().unwrap()
}

/// A runtime whose clock only advances when told to. Deterministic code reads it through [`livetape_io::clock`].
pub fn paused_clock() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime without threads")
}

/// Reads a file of recorded data.
pub fn fixture(name: &str) -> String {
    let path = repository().join("fixtures/webcast").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns every distinct payload with its method, in the order of the file.
pub fn payloads() -> Vec<Message> {
    let mut seen = HashSet::new();
    let lines = fixture("messages.jsonl");
    let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let messages = records.map(|record| Message {
        method: record["method"].as_str().unwrap().into(),
        payload: STANDARD.decode(record["payload"].as_str().unwrap()).unwrap().into(),
        ..Default::default()
    });
    messages.filter(|message| seen.insert((message.method.clone(), message.payload.clone()))).collect()
}

/// Builds the items of `fixtures/webcast/session-<n>.jsonl`, without the importer.
pub fn session_items(n: u32) -> Vec<Item> {
    let expected = expected_session(n);
    let room_id = expected["room_id"].as_str().unwrap().parse().unwrap();
    let unique_id = expected["hosts"][0].as_str().unwrap().to_owned();
    let open = records::ConnOpen { room_id, unique_id, ..Default::default() };
    let lines = fixture(&format!("session-{n}.jsonl"));
    let frames = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = STANDARD.decode(line["frame"].as_str().unwrap()).unwrap().into();
        item(line["offset_ms"].as_u64().unwrap(), What::Frame(Frame { opcode: Opcode::BINARY, bytes }))
    });
    std::iter::once(item(0, What::ConnOpen(open))).chain(frames).collect()
}

/// Reads `fixtures/webcast/session-<n>.expected.json`.
pub fn expected_session(n: u32) -> Value {
    serde_json::from_str(&fixture(&format!("session-{n}.expected.json"))).unwrap()
}

/// Builds an item of connection 1.
pub fn item(offset_ms: u64, what: What) -> Item {
    Item { offset: Duration::from_millis(offset_ms), conn: 1, flags: Flags::default(), what }
}

/// Writes `items` to a sealed recording whose offset 0 is 2024-01-01T00:00:00Z.
pub fn recording(items: &[Item]) -> Bytes {
    let header =
        records::Header { wall_anchor_ns: Some(1_704_067_200_000_000_000), ..records::Header::default() };
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    for item in items {
        writer.write(item).unwrap();
    }
    writer.finish().unwrap().into()
}

/// Returns the start of each record of an undamaged file, and the end of the last one.
pub fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![16];
    while let Some(length) = bytes.get(starts[starts.len() - 1] + 4..).and_then(|rest| rest.first_chunk()) {
        starts.push(starts[starts.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    starts
}

/// Returns all events of `items`, in order.
pub fn decoded(items: &[Item], dedup: bool) -> Vec<Event> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup });
    for item in items {
        decoder.handle(item);
    }
    decoder.flush(items.last().map_or(Duration::ZERO, |item| item.offset));
    decoder.take_events().collect()
}

/// Converts an event to the format of the expected files; returns `None` for kinds that they omit.
fn project(event: &Value) -> Option<Value> {
    let data = &event["data"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = |users: &Value| {
        let ids: Vec<_> = users.as_array().unwrap().iter().map(|user| text(&user["userId"])).collect();
        json!(ids.join(","))
    };
    let (kind, value) = match event["type"].as_str().unwrap() {
        "chat" => ("chat", data["comment"].clone()),
        "gift" => {
            let end = i32::from(data["repeatEnd"].as_bool().unwrap());
            let group = text(&data["groupId"]);
            ("gift", json!(format!("{} x{} end={end} group={group}", data["giftId"], data["repeatCount"])))
        }
        "like" => ("like", data["likeCount"].clone()),
        "member" => ("member", data["actionId"].clone()),
        "social" => match data["action"].as_str().unwrap() {
            "follow" => ("follow", data["displayType"].clone()),
            "share" => ("share", data["displayType"].clone()),
            other => panic!("{other}"),
        },
        "room_user" => ("roomUser", data["viewerCount"].clone()),
        "control" => ("control", data["action"].clone()),
        "envelope" => ("envelope", data["diamondCount"].clone()),
        "question" => ("questionNew", data["questionText"].clone()),
        "emote" => ("emote", data["emotes"][0]["emoteId"].clone()),
        "battle" => ("linkMicBattle", ids(&data["users"])),
        "battle_score" => ("linkMicArmies", data["triggerReason"].clone()),
        "live_intro" => ("liveIntro", data["description"].clone()),
        "subscribe" => ("subscribe", data["subMonth"].clone()),
        _ => return None,
    };
    // The expected files only name the sender if the old client does.
    let sender = data["sender"].as_str().unwrap_or_default();
    Some(json!({"kind": kind, "uniqueId": sender, "value": value}))
}

/// Kinds for which the independent client omits the sender in the message.
const WITHOUT_SENDER: [&str; 2] = ["liveIntro", "envelope"];

/// Asserts that the converted `events` are those expected of session `n`.
pub fn assert_expected(n: u32, events: &[Value]) {
    let expected = expected_session(n);
    let expected = expected["events"].as_array().unwrap();
    let ours: Vec<Value> = events.iter().filter_map(project).collect();
    for (number, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let kind = expected["kind"].as_str().unwrap();
        assert_eq!(
            (&ours["kind"], &ours["value"]),
            (&expected["kind"], &expected["value"]),
            "event {number} of session {n}"
        );
        if expected["uniqueId"] != "" || !WITHOUT_SENDER.contains(&kind) {
            assert_eq!(ours["uniqueId"], expected["uniqueId"], "event {number} of session {n}: {kind}");
        }
    }
    assert_eq!(ours.len(), expected.len(), "session {n}");
}

/// Panics with the fields that differ.
#[track_caller]
pub fn assert_same(found: &Value, expected: &Value) {
    assert_eq!(differences("", Some(found), Some(expected)), [""; 0]);
}

fn differences(path: &str, found: Option<&Value>, expected: Option<&Value>) -> Vec<String> {
    match (found, expected) {
        _ if found == expected => vec![],
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let inner = |key: &String| differences(&format!("{path}/{key}"), a.get(key), b.get(key));
            keys.into_iter().flat_map(inner).collect()
        }
        _ => {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            vec![format!("{path} is {}, not {}", shown(found), shown(expected))]
        }
    }
}

/// Builds an event of the host `ann`.
pub fn event(data: Data) -> Event {
    let time = Millis(1_757_443_453_511);
    Event {
        username: "ann".into(),
        user: None,
        timestamp: time,
        ts: time,
        id: None,
        replay: true,
        injected: false,
        data,
    }
}

/// Builds a chat.
pub fn chat(comment: &str) -> Event {
    event(Data::Chat(Chat { comment: comment.into(), ..Chat::default() }))
}

/// A port that is taken on both loopback addresses, where the machine has both, and refuses connections.
pub struct Reserved {
    pub address: SocketAddr,
    _sockets: [Option<TcpSocket>; 2],
}

impl Reserved {
    pub fn port() -> Self {
        loop {
            let first = TcpSocket::new_v4().unwrap();
            first.bind(([127, 0, 0, 1], 0).into()).unwrap();
            let address = first.local_addr().unwrap();
            let second = TcpSocket::new_v6().unwrap();
            let bound = second.bind((Ipv6Addr::LOCALHOST, address.port()).into());
            if bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
                continue;
            }
            return Self { address, _sockets: [Some(first), bound.ok().map(|()| second)] };
        }
    }
}
