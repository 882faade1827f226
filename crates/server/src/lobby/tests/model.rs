//! Random sequences of operations: messages only reach their recipients, counters add up, and limits hold.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::Rig;
use crate::lobby::{Effect, Feed, Key, Limits, Lobby, NewRoom, Opening, Payload, Role};

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
    let mut text =
        |at: usize, json: serde_json::Value| who(at).inspect(|key| lobby.text(*key, &json.to_string()));
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
        assert_eq!(lobby.ids[&connection.id], *key);
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
                        prop_assert!(to.iter().all(|key| rig.lobby.connections[key].role == Role::Talks));
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
