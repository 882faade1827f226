//! Tests of the lobby: who receives what, limits, and random sequences of operations.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{error::Code, event::Millis};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Audience, Connection, Effect, Feed, Key, Limits, Lobby, Moment, NewRoom, Opening, Payload, Role, Stats,
};

/// A lobby with helpers to drive it.
struct Rig {
    lobby: Lobby,
    made: u128,
}

/// A client of `/ws` with this number and name.
pub(super) fn opening(number: u128, name: &str) -> Opening {
    Opening {
        id: Uuid::from_u128(number),
        client_id: Some(name.to_owned()),
        address: None,
        path: "/ws".into(),
        query: String::new(),
        origin: String::new(),
        agent: String::new(),
        role: Role::Talks,
        reading: None,
        is_observer: false,
        filter: String::new(),
        overlay: None,
    }
}

/// A recipient and its message.
type Sent = (Key, Value);

impl Rig {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self { lobby: Lobby::new(limits), made: 0 }
    }

    /// Sets the time since the start.
    fn at(&mut self, uptime: Duration) {
        let wall = Millis(1_700_000_000_000 + i64::try_from(uptime.as_millis()).unwrap());
        self.lobby.advance(Moment { wall, uptime });
    }

    fn opening(&mut self, name: &str) -> Opening {
        self.made += 1;
        opening(self.made, name)
    }

    /// Registers a client and discards the welcome messages.
    fn open(&mut self, name: &str) -> Key {
        let opening = self.opening(name);
        let key = self.lobby.open(opening).unwrap();
        self.lobby.take_effects();
        key
    }

    /// Sends a text message and returns the resulting messages.
    fn say(&mut self, key: Key, text: &str) -> Vec<Sent> {
        self.lobby.text(key, text);
        self.sent()
    }

    fn join(&mut self, key: Key, room: &str) -> String {
        let sent = self.say(key, &format!(r#"{{"type":"join_room","room_id":"{room}"}}"#));
        assert_eq!(sent.len(), 1);
        verdict(&sent[0].1)
    }

    /// Returns all messages sent, one entry for each recipient.
    fn sent(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        for effect in self.lobby.take_effects() {
            if let Effect::Send { to, payload: Payload::Text(text) } = effect {
                let json: Value = serde_json::from_slice(&text).unwrap();
                all.extend(to.into_iter().map(|key| (key, json.clone())));
            }
        }
        all
    }
}

/// Returns the type of a message, followed by its code if it has one.
fn verdict(message: &Value) -> String {
    let kind = message["type"].as_str().unwrap();
    message["code"].as_str().map_or(kind.to_owned(), |code| format!("{kind} {code}"))
}

fn verdicts(sent: &[Sent]) -> Vec<String> {
    sent.iter().map(|(_, message)| verdict(message)).collect()
}

// Rules about recipients, rooms and client ids.

fn room_message(room: &str) -> String {
    json!({"type": "room_message", "room_id": room, "message": "hi"}).to_string()
}

#[test]
fn newcomers_are_welcomed_and_announced() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    let opening = rig.opening("bob");
    let bob = rig.lobby.open(opening).unwrap();
    let sent = rig.sent();
    assert_eq!(
        sent.iter().map(|(key, it)| (*key, verdict(it))).collect::<Vec<_>>(),
        [(bob, "welcome".to_owned()), (ann, "client_connected".to_owned())]
    );
    assert_eq!((&sent[0].1["client_id"], &sent[1].1["client_id"]), (&json!("bob"), &json!("bob")));
    rig.lobby.close(bob);
    let sent = rig.sent();
    assert_eq!((sent[0].0, verdict(&sent[0].1)), (ann, "client_disconnected".to_owned()));
    assert_eq!(sent[0].1["active_connections"], 1);
    rig.lobby.close(bob);
    assert_eq!((rig.sent(), rig.lobby.counts().closed), (vec![], 1));
}

#[test]
fn a_plain_message_goes_to_all_others_or_to_the_senders_rooms() {
    let mut rig = Rig::new();
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| rig.open(name));
    let to =
        |sent: Vec<(Key, Value)>| sent.into_iter().map(|(key, it)| (key, verdict(&it))).collect::<Vec<_>>();
    let (echo, broadcast) = ("echo".to_owned(), "broadcast".to_owned());
    let all = [(ann, echo.clone()), (bob, broadcast.clone()), (cleo, broadcast.clone())];
    assert_eq!(to(rig.say(ann, "[1]")), all);
    for (key, room) in [(ann, "a"), (ann, "b"), (bob, "a"), (bob, "b")] {
        assert_eq!(rig.join(key, room), "room_joined");
    }
    assert_eq!(
        to(rig.say(ann, r#"{"type":"welcome"}"#)),
        all[..2],
        "only once, although they share two rooms"
    );
    assert_eq!(rig.say(cleo, "7").len(), 3, "a client without a room reaches all");
}

#[test]
fn messages_are_forwarded_byte_for_byte() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    rig.lobby.text(ann, r#" {"b": 1.10, "a": 12345678901234567890123} "#);
    let [Effect::Send { payload: Payload::Text(text), .. }] = &rig.lobby.take_effects()[..] else { panic!() };
    let text = std::str::from_utf8(text).unwrap();
    assert!(text.contains(r#""message":{"b": 1.10, "a": 12345678901234567890123}"#), "{text}");
}

#[test]
fn a_room_message_reaches_all_members_including_the_sender() {
    let mut rig = Rig::new();
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| rig.open(name));
    assert_eq!(verdicts(&rig.say(ann, &room_message("a"))), ["error unknown_room"]);
    rig.join(ann, "a");
    rig.join(bob, "a");
    let sent = rig.say(bob, &room_message("a"));
    assert_eq!(sent.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [ann, bob]);
    let message = &sent[0].1;
    assert_eq!((&message["from_client_id"], &message["from"]), (&json!("bob"), &json!("bob")));
    assert_eq!(verdicts(&rig.say(cleo, &room_message("a"))), ["error not_in_room"]);
    assert_eq!(verdicts(&rig.say(ann, r#"{"type":"leave_room","room_id":"a"}"#)), ["room_left"]);
    assert_eq!(verdicts(&rig.say(ann, &room_message("a"))), ["error not_in_room"]);
    assert_eq!(verdicts(&rig.say(ann, r#"{"type":"leave_room","room_id":"a"}"#)), ["error not_in_room"]);
    assert_eq!(verdicts(&rig.say(ann, r#"{"type":"leave_room","room_id":"b"}"#)), ["error unknown_room"]);
}

#[test]
fn binary_messages_stay_in_the_senders_rooms() {
    let mut rig = Rig::new();
    let [ann, bob, _cleo] = ["ann", "bob", "cleo"].map(|name| rig.open(name));
    rig.lobby.binary(ann, Bytes::from_static(b"\0\xff"));
    assert_eq!(verdicts(&rig.sent()), ["error not_in_room"]);
    rig.join(ann, "a");
    rig.join(bob, "a");
    rig.lobby.binary(ann, Bytes::from_static(b"\0\xff"));
    let payload = Payload::Binary(Bytes::from_static(b"\0\xff"));
    assert_eq!(rig.lobby.take_effects(), [Effect::Send { to: vec![bob], payload }]);
}

#[test]
fn rooms_of_users_are_read_only() {
    let mut rig = Rig::new();
    let feed = Feed { user: "Ann".to_owned(), streams: vec!["s".to_owned()] };
    let key = rig.open("bob");
    assert_eq!(rig.join(key, "user:ann"), "room_join_error unknown_room", "clients cannot create it");
    rig.lobby.set_feeds(&[feed]);
    rig.lobby.text(key, r#"{"type":"join_room","room_id":"user:ann"}"#);
    let effects = rig.lobby.take_effects();
    assert_eq!(effects[1..], [Effect::Read { key, stream: Some("s".to_owned()) }]);
    assert_eq!(rig.lobby.stats().connections_by_room["user:Ann"], 1);
    assert_eq!(rig.lobby.connection_view("bob").unwrap().rooms, ["user:Ann"]);
    assert_eq!(verdicts(&rig.say(key, &room_message("user:Ann"))), ["error read_only_room"]);
    rig.lobby.binary(key, Bytes::from_static(b"x"));
    assert_eq!(verdicts(&rig.sent()), ["error read_only_room"]);
    assert_eq!(rig.join(key, "user:ann"), "room_joined");
    rig.lobby.text(key, r#"{"type":"leave_room","room_id":"user:Ann"}"#);
    assert_eq!(rig.lobby.take_effects()[0], Effect::Read { key, stream: None });
    assert_eq!(rig.lobby.delete_room("user:Ann").unwrap_err().code.name(), "read_only_room");
    rig.lobby.set_feeds(&[]);
    assert_eq!(rig.lobby.room_views(), []);
}

#[test]
fn the_room_of_a_user_has_the_readers_of_all_channels_that_show_the_user() {
    let mut rig = Rig::new();
    let show = |rig: &mut Rig, streams: &[&str]| {
        let streams = streams.iter().map(|stream| (*stream).to_owned()).collect();
        rig.lobby.set_feeds(&[Feed { user: "ann".to_owned(), streams }]);
    };
    let reads = |rig: &mut Rig| {
        let read = |effect| if let Effect::Read { stream, .. } = effect { Some(stream) } else { None };
        rig.lobby.take_effects().into_iter().find_map(read)
    };
    show(&mut rig, &["token"]);
    let [bob, cid] = ["bob", "cid"].map(|name| rig.open(name));
    let (join, leave) =
        (r#"{"type":"join_room","room_id":"user:ann"}"#, r#"{"type":"leave_room","room_id":"user:ann"}"#);
    rig.lobby.text(bob, join);
    assert_eq!(reads(&mut rig), Some(Some("token".to_owned())));
    show(&mut rig, &["main", "token"]);
    assert_eq!(rig.lobby.members("user:ann").unwrap(), [bob]);
    rig.lobby.text(bob, join);
    assert_eq!(reads(&mut rig), None, "it is in the room already");
    rig.lobby.text(cid, join);
    assert_eq!(reads(&mut rig), Some(Some("main".to_owned())));
    assert_eq!(rig.lobby.members("user:ann").unwrap(), [bob, cid]);
    assert_eq!(rig.lobby.stats().connections_by_room, [("user:ann".to_owned(), 2)].into());
    for key in [bob, cid] {
        rig.lobby.text(key, leave);
        assert_eq!(reads(&mut rig), Some(None));
        rig.lobby.text(key, leave);
        assert_eq!(reads(&mut rig), None, "it is in the room no more");
    }
    rig.lobby.text(bob, join);
    rig.lobby.text(cid, join);
    show(&mut rig, &["token"]);
    assert_eq!(rig.lobby.members("user:ann").unwrap(), [], "they read the main channel, which left");
}

#[test]
fn empty_rooms_are_removed_unless_created_over_rest() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    let kept = NewRoom { id: Some("kept".to_owned()), max_connections: Some(1), ..NewRoom::default() };
    rig.lobby.create_room(kept.clone(), Uuid::nil()).unwrap();
    assert_eq!(rig.lobby.create_room(kept, Uuid::nil()).unwrap_err().code.name(), "room_exists");
    rig.join(ann, "kept");
    rig.join(ann, "passing");
    let bob = rig.open("bob");
    assert_eq!(rig.join(bob, "kept"), "room_join_error room_full");
    assert_eq!(rig.join(ann, "kept"), "room_joined", "members may join again");
    assert_eq!(rig.lobby.stats().total_rooms, 2);
    rig.lobby.close(ann);
    rig.sent();
    assert_eq!(rig.lobby.stats().connections_by_room, [("kept".to_owned(), 0)].into());
    assert_eq!(rig.join(bob, "kept"), "room_joined");
    rig.sent();
    rig.lobby.delete_room("kept").unwrap();
    let sent = rig.sent();
    assert_eq!((sent[0].0, &sent[0].1["reason"]), (bob, &json!("deleted")));
    assert_eq!(rig.lobby.connection_view("bob").unwrap().rooms, [""; 0]);
}

#[test]
fn client_ids_are_generated_from_the_id_and_unique() {
    let mut rig = Rig::new();
    let mut open = |id: u128, client_id: Option<&str>| {
        let client_id = client_id.map(str::to_owned);
        let opening = Opening { client_id, ..opening(id, "") };
        rig.lobby.open(opening).map_err(|problem| problem.code.name())
    };
    open(0x1234_5678_9abc_def0 << 64, None).unwrap();
    open((0x1234_5678_9abc_def0 << 64) + 1, None).unwrap();
    assert_eq!(open(3, Some("client_12345678")), Err("client_id_taken"));
    assert_eq!(open(3, Some("client_23456789")), Err("client_id_taken"));
    assert_eq!(open(3, Some("server")), Err("client_id_taken"));
    for malformed in ["", "a b", "a\n", "\u{202e}", &"a".repeat(65)] {
        assert_eq!(open(3, Some(malformed)), Err("bad_request"), "{malformed:?}");
    }
    open(3, Some(&"é".repeat(64))).unwrap();
}

#[test]
fn metadata_is_set_limited_and_selects_recipients() {
    let limits = Limits { metadata_keys_max: 2, metadata_bytes_max: 100, ..Limits::default() };
    let mut rig = Rig::with(limits);
    let [ann, _bob] = ["ann", "bob"].map(|name| rig.open(name));
    let set =
        |key: &str, value: Value| json!({"type": "set_metadata", "key": key, "value": value}).to_string();
    assert_eq!(rig.say(ann, &set("team", json!("red"))), []);
    assert_eq!(verdicts(&rig.say(ann, &set("long", json!("x".repeat(100))))), ["error too_large"]);
    assert_eq!(rig.say(ann, &set("b", json!(1))), []);
    assert_eq!(verdicts(&rig.say(ann, &set("c", json!(1)))), ["error too_large"]);
    assert_eq!(rig.say(ann, &set("b", Value::Null)), []);
    assert_eq!(
        rig.lobby.connection_view("ann").unwrap().metadata,
        [("team".to_owned(), json!("red"))].into()
    );
    let raw = serde_json::from_str("1").unwrap();
    let metadata = [("team".to_owned(), json!("red"))].into();
    assert_eq!(rig.lobby.broadcast(&Audience { room: None, metadata }, raw), Ok(1));
    assert_eq!(rig.sent()[0].0, ann);
    assert_eq!(rig.lobby.broadcast(&Audience::default(), raw), Ok(2));
}

#[test]
fn readers_and_echoes_receive_no_lobby_messages() {
    let mut rig = Rig::new();
    for role in [Role::Reads, Role::Echoes] {
        let opening = Opening { role, client_id: None, ..rig.opening("") };
        let key = rig.lobby.open(opening).unwrap();
        assert_eq!(rig.sent(), []);
        assert_eq!(rig.say(key, r#"{"type":"join_room","room_id":"a"}"#), []);
    }
    rig.lobby.heartbeat(Default::default());
    rig.lobby.shut_down();
    assert_eq!(rig.sent(), []);
    assert_eq!((rig.lobby.stats().total_connections, rig.lobby.stats().total_rooms), (2, 0));
}

#[test]
fn a_room_id_cannot_change_the_text_direction() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    for c in ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{7f}'] {
        let id = format!("ops{c}nimda");
        let join = json!({"type": "join_room", "room_id": id}).to_string();
        assert_eq!(verdicts(&rig.say(ann, &join)).len(), 1, "{c:?}");
        let new = NewRoom { id: Some(id), ..NewRoom::default() };
        assert_eq!(
            rig.lobby.create_room(new, Uuid::from_u128(1)).unwrap_err().code.name(),
            "bad_request",
            "{c:?}"
        );
    }
    assert_eq!(rig.lobby.stats().total_rooms, 0);
    let join = json!({"type": "join_room", "room_id": "غرفة 🎉"}).to_string();
    rig.say(ann, &join);
    assert_eq!(rig.lobby.stats().total_rooms, 1, "other scripts are allowed");
}

// Limits, and what happens beyond them.

fn closed(effects: &[Effect]) -> Vec<(Key, u16, &str)> {
    let close = |effect| match effect {
        &Effect::Close { key, code, ref reason } => Some((key, code, reason.as_str())),
        _ => None,
    };
    effects.iter().filter_map(close).collect()
}

#[test]
fn bad_messages_are_rejected_and_the_eleventh_closes_the_connection() {
    let mut rig = Rig::new();
    let [ann, bob] = ["ann", "bob"].map(|name| rig.open(name));
    let deep = "[".repeat(33) + &"]".repeat(33);
    let bad = [
        "",
        "{",
        "hello",
        r#"{"type":"join_room"}"#,
        r#"{"type":"room_message","room_id":"a"}"#,
        r#"{"type":"set_metadata","key":5,"value":5}"#,
        &deep,
    ];
    for text in bad {
        assert_eq!(verdicts(&rig.say(ann, text)), ["error bad_message"], "{text}");
    }
    for _ in bad.len()..10 {
        assert_eq!(verdicts(&rig.say(ann, "?")), ["error bad_message"]);
    }
    rig.lobby.text(ann, "?");
    let effects = rig.lobby.take_effects();
    assert_eq!((effects.len(), closed(&effects)), (2, vec![(ann, 1008, "bad_message")]));
    assert_eq!(rig.say(ann, "1"), [], "messages after the close are ignored");
    assert_eq!(rig.lobby.counts().refused, BTreeMap::from([(Code::BadMessage, 11)]));
    assert_eq!(rig.lobby.counts().received, 11);
    assert_eq!(rig.say(bob, "1").len(), 2, "other clients are not affected");
}

#[test]
fn a_rejection_expires_after_ten_seconds() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    for seconds in 0..60 {
        rig.at(Duration::from_secs(seconds * 10));
        assert_eq!(verdicts(&rig.say(ann, "?")), ["error bad_message"]);
        rig.lobby.text(ann, "?");
        let over = closed(&rig.lobby.take_effects()).len();
        assert_eq!(over, usize::from(seconds == 9), "two in ten seconds exceed the limit, {seconds}");
        if over == 1 {
            return;
        }
    }
}

#[test]
fn brackets_in_strings_do_not_count_as_depth() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    assert_eq!(verdicts(&rig.say(ann, &json!("[{".repeat(50) + "\\\"[").to_string())), ["echo"]);
    let just = "[".repeat(32) + &"]".repeat(32);
    assert_eq!(verdicts(&rig.say(ann, &just)), ["echo"]);
    assert_eq!(verdicts(&rig.say(ann, &"[".repeat(16_000))), ["error bad_message"]);
}

#[test]
fn a_flood_of_any_kind_is_rejected_and_then_closed() {
    let limits = Limits::default();
    let refused = limits.strikes_max as usize + 1;
    for role in [Role::Talks, Role::Reads] {
        let mut rig = Rig::new();
        let opening = Opening { role, ..rig.opening("ann") };
        let ann = rig.lobby.open(opening).unwrap();
        rig.lobby.take_effects();
        for _ in 0..limits.message_burst() {
            rig.lobby.text(ann, "1");
        }
        assert!(rig.lobby.counts().refused.is_empty());
        rig.lobby.take_effects();
        for _ in 0..1_000 {
            rig.lobby.text(ann, "1");
        }
        let effects = rig.lobby.take_effects();
        assert_eq!(closed(&effects), [(ann, 1008, "rate_exceeded")]);
        assert_eq!(effects.len(), if role == Role::Talks { refused + 1 } else { 2 });
        assert_eq!(rig.lobby.counts().received, u64::from(limits.message_burst()) + refused as u64);
        assert_eq!(rig.lobby.counts().refused, BTreeMap::from([(Code::RateExceeded, refused as u64)]));
    }
}

#[test]
fn large_crowds_get_counts_instead_of_announcements() {
    let mut rig = Rig::with(Limits { presence_max: 3, ..Limits::default() });
    let mut keys = Vec::new();
    for (name, told) in [("ann", 0), ("bob", 1), ("cat", 2), ("dan", 0), ("eve", 0)] {
        let opening = rig.opening(name);
        keys.push(rig.lobby.open(opening).unwrap());
        let sent = rig.sent();
        assert_eq!(verdicts(&sent).iter().filter(|it| *it == "client_connected").count(), told, "{name}");
        assert_eq!(sent.len(), told + 1, "{name}: the welcome");
    }
    rig.lobby.heartbeat(Stats::default());
    assert!(rig.sent().iter().all(|(_, it)| it["active_connections"] == 5));
    for told in [0, 0, 2, 1, 0] {
        rig.lobby.close(keys.pop().unwrap());
        assert_eq!(rig.sent().len(), told);
    }
}

#[test]
fn pings_count_as_messages() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    (0..200).for_each(|_| rig.lobby.heard(ann));
    let effects = rig.lobby.take_effects();
    assert_eq!(closed(&effects), [(ann, 1008, "rate_exceeded")]);
    let limits = Limits::default();
    let received = u64::from(limits.message_burst() + limits.strikes_max) + 1;
    assert_eq!((effects.len(), rig.lobby.counts().received), (limits.strikes_max as usize + 2, received));
}

#[test]
fn fifty_messages_per_second_are_never_rejected() {
    let mut rig = Rig::new();
    let ann = rig.open("ann");
    for tick in 0..10_000 {
        rig.at(Duration::from_millis(tick * 20));
        assert_eq!(verdicts(&rig.say(ann, "1")), ["echo"]);
    }
}

#[test]
fn rooms_and_connections_are_limited() {
    let limits =
        Limits { connections_max: 3, rooms_max: 3, rooms_per_connection_max: 2, ..Limits::default() };
    let mut rig = Rig::with(limits);
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| rig.open(name));
    let opening = rig.opening("dora");
    assert_eq!(rig.lobby.open(opening).unwrap_err().code, Code::Capacity);
    assert_eq!(rig.join(ann, "a"), "room_joined");
    assert_eq!(rig.join(ann, "b"), "room_joined");
    assert_eq!(rig.join(ann, "c"), "room_join_error capacity");
    assert_eq!(rig.join(bob, "c"), "room_joined");
    assert_eq!(rig.join(bob, "d"), "room_join_error capacity");
    assert_eq!(rig.join(cleo, "c"), "room_joined");
    for id in ["", "a\nb", &"x".repeat(129)] {
        let sent = rig.say(cleo, &json!({"type": "join_room", "room_id": id}).to_string());
        assert_eq!(verdicts(&sent), ["room_join_error bad_message"], "{id:?}");
    }
    rig.lobby.close(ann);
    rig.lobby.take_effects();
    assert_eq!(rig.join(bob, "d"), "room_joined");
}

// Random sequences of operations: messages only reach their recipients, counters add up, and limits hold.

#[derive(Clone, Debug)]
enum Step {
    Open(u8, Role),
    Close(usize),
    Join(usize, u8),
    Leave(usize, u8),
    RoomMessage(usize, u8),
    Plain(usize),
    Binary(usize),
    Bad(usize),
    Create(u8),
    Delete(u8),
    /// That many channels show ann.
    Feeds(usize),
    Heartbeat,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, room) = (0..8_usize, 0..5_u8);
    prop_oneof![
        4 => (0..12_u8, prop_oneof![3 => Just(Role::Talks), 1 => Just(Role::Reads)])
            .prop_map(|(name, role)| Step::Open(name, role)),
        1 => who.clone().prop_map(Step::Close),
        5 => (who.clone(), room.clone()).prop_map(|(who, room)| Step::Join(who, room)),
        2 => (who.clone(), room.clone()).prop_map(|(who, room)| Step::Leave(who, room)),
        3 => (who.clone(), room.clone()).prop_map(|(who, room)| Step::RoomMessage(who, room)),
        3 => who.clone().prop_map(Step::Plain),
        2 => who.clone().prop_map(Step::Binary),
        1 => who.prop_map(Step::Bad),
        1 => room.clone().prop_map(Step::Create),
        1 => room.prop_map(Step::Delete),
        1 => (0..3_usize).prop_map(Step::Feeds),
        1 => Just(Step::Heartbeat),
    ]
}

/// Returns a room id. Room 0 belongs to a user.
fn room_id(room: u8) -> String {
    if room == 0 { "user:ann".to_owned() } else { format!("room {room}") }
}

const LIMITS: fn() -> Limits = || Limits {
    connections_max: 6,
    rooms_max: 3,
    rooms_per_connection_max: 2,
    messages_per_second: 10,
    ..Limits::default()
};

fn take(rig: &mut Rig, step: &Step, open: &[Key]) -> Option<Key> {
    let lobby = &mut rig.lobby;
    let who = |at: usize| open.get(at % open.len().max(1)).copied();
    let mut text = |at: usize, json: Value| who(at).inspect(|key| lobby.text(*key, &json.to_string()));
    match step {
        Step::Join(at, room) => text(*at, json!({"type": "join_room", "room_id": room_id(*room)})),
        Step::Leave(at, room) => text(*at, json!({"type": "leave_room", "room_id": room_id(*room)})),
        Step::RoomMessage(at, room) => {
            text(*at, json!({"type": "room_message", "room_id": room_id(*room), "message": 1}))
        }
        Step::Plain(at) => text(*at, json!([1])),
        Step::Bad(at) => who(*at).inspect(|key| lobby.text(*key, "{")),
        Step::Binary(at) => who(*at).inspect(|key| lobby.binary(*key, Bytes::from_static(b"x"))),
        Step::Close(at) => who(*at).inspect(|key| lobby.close(*key)),
        Step::Open(name, role) => {
            let opening = Opening { role: *role, ..rig.opening(&format!("c{name}")) };
            rig.lobby.open(opening).ok()
        }
        Step::Create(room) => {
            let new = NewRoom { id: Some(room_id(*room)), max_connections: Some(2), ..NewRoom::default() };
            drop(lobby.create_room(new, Uuid::nil()));
            None
        }
        Step::Delete(room) => {
            drop(lobby.delete_room(&room_id(*room)));
            None
        }
        Step::Feeds(count) => {
            let streams = ["s", "t"].map(str::to_owned)[..*count].to_vec();
            let feed = Feed { user: "ann".to_owned(), streams };
            lobby.set_feeds(if *count > 0 { std::slice::from_ref(&feed) } else { &[] });
            None
        }
        Step::Heartbeat => {
            lobby.heartbeat(Default::default());
            None
        }
    }
}

/// Returns the members of all rooms that `key` is in before the step.
fn roommates(lobby: &Lobby, key: Key) -> BTreeSet<Key> {
    let rooms = lobby.rooms.values().filter(|room| room.members.contains(&key));
    rooms.flat_map(|room| room.members.iter().copied()).collect()
}

fn check_invariants(lobby: &Lobby) {
    let limits = LIMITS();
    assert!(lobby.connections.len() <= limits.connections_max && lobby.rooms.len() <= limits.rooms_max);
    for (id, room) in &lobby.rooms {
        assert!(room.is_kept || !room.members.is_empty(), "{id} is empty");
        assert!(
            room.max_connections.is_none_or(|most| room.members.len() <= most as usize),
            "{id} is too full"
        );
        assert!(!id.starts_with("user:"));
        for key in &room.members {
            assert!(lobby.connections[key].rooms.contains(id));
        }
    }
    for (key, connection) in &lobby.connections {
        assert!(connection.rooms.len() <= limits.rooms_per_connection_max);
        assert!(connection.rooms.iter().all(|id| lobby.rooms[id].members.contains(key)));
        assert_eq!(lobby.client_ids[&connection.client_id], *key);
        assert_eq!(lobby.ids[&connection.opening.id], *key);
    }
    assert_eq!(lobby.connections.len(), lobby.client_ids.len());
    assert_eq!(lobby.connections.len(), lobby.ids.len());
    let (counts, stats) = (lobby.counts(), lobby.stats());
    assert_eq!(counts.opened - counts.closed, stats.total_connections as u64);
    let in_rooms: usize = lobby.connections.values().map(|it| it.rooms.len()).sum();
    let told = stats.connections_by_room.iter().filter(|(id, _)| !id.starts_with("user:"));
    assert_eq!(told.map(|(_, count)| count).sum::<usize>(), in_rooms);
}

proptest! {
    #[test]
    fn invariants_hold_after_any_sequence_of_operations(steps in proptest::collection::vec(step(), 1..150)) {
        let mut rig = Rig::with(LIMITS());
        let mut open = Vec::new();
        let mut sent = 0;
        for step in steps {
            let actor = actor(&step, &open);
            let mates = actor.map(|key| roommates(&rig.lobby, key)).unwrap_or_default();
            let left = actor.filter(|_| matches!(step, Step::Close(_)));
            let result = take(&mut rig, &step, &open);
            if let (Step::Open(..), Some(key)) = (&step, result) {
                open.push(key);
            }
            open.retain(|key| Some(*key) != left);
            for effect in rig.lobby.take_effects() {
                match effect {
                    Effect::Send { to, payload } => {
                        sent += to.len() as u64;
                        let unique: BTreeSet<_> = to.iter().collect();
                        prop_assert_eq!(unique.len(), to.len(), "a duplicate recipient");
                        // Others only learn why they are closed.
                        let hears = |it: &Connection| it.opening.role == Role::Talks || it.is_leaving;
                        prop_assert!(to.iter().all(|key| hears(&rig.lobby.connections[key])));
                        let is_private = match &payload {
                            Payload::Binary(_) => true,
                            Payload::Text(text) => {
                                let text = std::str::from_utf8(text).unwrap();
                                text.starts_with(r#"{"type":"room_message""#)
                                    || text.starts_with(r#"{"type":"broadcast""#) && !mates.is_empty()
                            }
                        };
                        prop_assert!(!is_private || to.iter().all(|key| mates.contains(key)));
                    }
                    Effect::Close { code, .. } => prop_assert_eq!(code, 1008),
                    Effect::Relay(_) => prop_assert!(false, "a server of its own tells nobody"),
                    Effect::Created { .. } | Effect::Read { .. } => {}
                }
            }
            check_invariants(&rig.lobby);
        }
        prop_assert_eq!(rig.lobby.counts().sent, sent);
    }
}

/// Returns the connection that performs the step.
fn actor(step: &Step, open: &[Key]) -> Option<Key> {
    let at = match step {
        Step::Close(at)
        | Step::Plain(at)
        | Step::Binary(at)
        | Step::Bad(at)
        | Step::Join(at, _)
        | Step::Leave(at, _)
        | Step::RoomMessage(at, _) => at,
        _ => return None,
    };
    open.get(at % open.len().max(1)).copied()
}
