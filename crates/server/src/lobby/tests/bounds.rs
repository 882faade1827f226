//! Limits, and what happens beyond them.

use std::{collections::BTreeMap, time::Duration};

use livetape_core::error::Code;
use serde_json::json;

use super::{Rig, verdicts};
use crate::lobby::{Effect, Key, Limits, Opening, Role, Stats};

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
    let bad =
        ["", "{", "hello", r#"{"type":"join_room"}"#, r#"{"type":"room_message","room_id":"a"}"#, &deep];
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
        assert_eq!(effects.len(), if role == Role::Talks { refused + 1 } else { 1 });
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
