//! Rules about recipients, rooms and client ids.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Rig, verdict, verdicts};
use crate::lobby::{Audience, Effect, Feed, Key, Limits, NewRoom, Opening, Payload, Role};

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
        let opening = Opening {
            id: Uuid::from_u128(id),
            client_id,
            path: "/ws".into(),
            role: Role::Talks,
            reading: None,
            is_observer: false,
            filter: String::new(),
            address: None,
            query: String::new(),
        };
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
