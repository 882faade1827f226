//! Clients of several servers, the nodes of a cluster, that share rooms and messages: what this server tells the others, and
//! what they tell it. Each message may be lost, and arrives at most once.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use livetape_core::error::{Code, Problem};
use livetape_feed::control::PEER_BYTES_MAX;
use serde::{Deserialize, Serialize};

use super::{Effect, Key, Lobby, Payload, Room, RoomView};

/// Maximum number of other servers that are counted.
const OTHERS_MAX: usize = 1_024;
/// Size that is left for what comes before the content of a message, in bytes.
const HEAD_BYTES_MAX: usize = 100 << 10;
/// Maximum number of rooms whose members a heartbeat tells: those beyond are told when they change.
const MEMBERS_TOLD_MAX: usize = 4_096;
/// Number of heartbeats that another server may miss before its clients no longer count.
const MISSES_MAX: u32 = 3;

/// The other servers.
#[derive(Debug, Default)]
pub(super) struct Span {
    /// `None` for a server of its own.
    others: Option<BTreeMap<String, Elsewhere>>,
    /// Interval between heartbeats.
    interval: Duration,
}

/// What another server told last.
#[derive(Debug, Default)]
struct Elsewhere {
    numbers: Numbers,
    /// Number of members of each room with a maximum.
    members: BTreeMap<String, usize>,
    /// Uptime of this server at that time.
    at: Duration,
}

/// What every message tells about its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
struct Numbers {
    connections: usize,
    talkers: usize,
}

/// Who receives a message of another server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum To {
    /// The members of these rooms, each once.
    Rooms(Vec<String>),
    /// All `/ws` clients.
    Talkers,
    /// Nobody: only the numbers count.
    Nobody,
}

#[derive(Debug, Deserialize, Serialize)]
struct Head {
    to: To,
    #[serde(default)]
    binary: bool,
    numbers: Numbers,
    /// Members of rooms with a maximum, if they changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    members: BTreeMap<String, usize>,
    /// Whether the sender is leaving.
    #[serde(default)]
    leaves: bool,
}

/// What a message of another server brought besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The first message of its server.
    Stranger,
    Known,
    /// Not a message of a server.
    Malformed,
}

impl Lobby {
    /// Shares rooms and messages with other servers, which tell their numbers at least every `interval`.
    pub fn span(&mut self, interval: Duration) {
        self.span = Span { others: Some(BTreeMap::new()), interval };
        self.tell_numbers();
    }

    /// Tells the other servers about this one.
    pub fn tell_numbers(&mut self) {
        let limited = self.rooms.iter().filter(|(_, room)| room.max_connections.is_some());
        let limited = limited.take(MEMBERS_TOLD_MAX);
        let members = limited.map(|(id, room)| (id.clone(), room.members.len())).collect();
        self.relay_with(To::Nobody, &Payload::Text(Bytes::new()), members, false);
    }

    /// Tells the other servers that a client has come or gone, unless there is a crowd: then heartbeats do.
    pub(super) fn tell_change(&mut self) {
        if self.talkers <= self.limits.presence_max {
            self.relay_with(To::Nobody, &Payload::Text(Bytes::new()), BTreeMap::new(), false);
        }
    }

    /// Tells the other servers that this one is leaving.
    pub fn tell_leaving(&mut self) {
        self.relay_with(To::Nobody, &Payload::Text(Bytes::new()), BTreeMap::new(), true);
    }

    /// Passes a message on to clients of other servers, if there are any.
    pub(super) fn relay(&mut self, to: To, payload: &Payload) {
        self.relay_with(to, payload, BTreeMap::new(), false);
    }

    /// Tells the other servers how many members a room with a maximum has here.
    pub(super) fn tell_members(&mut self, room_id: &str) {
        let count = match self.rooms.get(room_id) {
            Some(Room { max_connections: Some(_), members, .. }) => members.len(),
            _ => return,
        };
        let members = BTreeMap::from([(room_id.to_owned(), count)]);
        self.relay_with(To::Nobody, &Payload::Text(Bytes::new()), members, false);
    }

    fn relay_with(&mut self, to: To, payload: &Payload, members: BTreeMap<String, usize>, leaves: bool) {
        if self.span.others.is_none() {
            return;
        }
        let numbers = Numbers { connections: self.connections.len(), talkers: self.talkers };
        let (binary, content) = match payload {
            Payload::Text(text) => (false, text),
            Payload::Binary(bytes) => (true, bytes),
        };
        let head = Head { to, binary, numbers, members, leaves };
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(head.len() + 1 + content.len());
        bytes.put_slice(&head);
        bytes.put_u8(b'\n');
        bytes.put_slice(content);
        self.effects.push(Effect::Relay(bytes.freeze()));
    }

    /// Sends a message to connections here, and passes it on to those of other servers.
    /// Returns the number of recipients here.
    pub(super) fn send_far(&mut self, far: To, to: Vec<Key>, text: Bytes) -> usize {
        let payload = Payload::Text(text);
        self.relay(far, &payload);
        self.send_payload(to, payload)
    }

    /// Checks whether a message can reach clients of other servers.
    pub(super) fn check_span(&self, bytes: usize) -> Result<(), Problem> {
        let most = PEER_BYTES_MAX - HEAD_BYTES_MAX;
        if self.span.others.is_none() || bytes <= most {
            return Ok(());
        }
        let message = format!("the message has {bytes} bytes, and clients of a cluster may send {most}");
        Err(Problem::new(Code::TooLarge, message).hint("send a smaller message"))
    }

    /// Takes a message of the server `from`.
    pub fn relayed(&mut self, from: &str, bytes: &Bytes) -> Heard {
        let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return Heard::Malformed };
        let Ok(head) = serde_json::from_slice::<Head>(&bytes[..at]) else { return Heard::Malformed };
        let content = bytes.slice(at + 1..);
        if !head.binary && str::from_utf8(&content).is_err() {
            return Heard::Malformed;
        }
        let heard = self.hear(from, &head);
        let to = match &head.to {
            To::Rooms(rooms) => {
                let rooms = rooms.iter().filter_map(|id| self.rooms.get(id));
                let members: BTreeSet<Key> = rooms.flat_map(|room| self.accepted(room)).collect();
                members.into_iter().collect()
            }
            To::Talkers => self.talkers(),
            To::Nobody => vec![],
        };
        self.send_payload(to, if head.binary { Payload::Binary(content) } else { Payload::Text(content) });
        heard
    }

    fn hear(&mut self, from: &str, head: &Head) -> Heard {
        let (at, rooms_max) = (self.now.uptime, self.limits.rooms_max);
        let id_bytes_max = self.limits.room_id_bytes_max;
        let Some(others) = &mut self.span.others else { return Heard::Known };
        if head.leaves {
            others.remove(from);
            return Heard::Known;
        }
        let is_stranger = !others.contains_key(from);
        if is_stranger && others.len() >= OTHERS_MAX {
            return Heard::Known;
        }
        let known = others.entry(from.to_owned()).or_default();
        (known.numbers, known.at) = (head.numbers, at);
        for (room, count) in &head.members {
            let has_place = known.members.len() < rooms_max || known.members.contains_key(room);
            if has_place && room.len() <= id_bytes_max {
                known.members.insert(room.clone(), *count);
            }
        }
        if is_stranger { Heard::Stranger } else { Heard::Known }
    }

    /// Forgets other servers that are silent, and tells them the numbers of this one.
    pub(super) fn keep_span(&mut self) {
        let (now, kept) = (self.now.uptime, self.span.interval.saturating_mul(MISSES_MAX));
        if let Some(others) = &mut self.span.others {
            others.retain(|_, other| other.at + kept >= now);
            self.tell_numbers();
        }
    }

    /// Returns the number of connections of all servers.
    pub(super) fn connections_everywhere(&self) -> usize {
        self.connections.len().saturating_add(self.elsewhere(|other| other.numbers.connections))
    }

    /// Returns the number of `/ws` clients of all servers.
    pub(super) fn talkers_everywhere(&self) -> usize {
        self.talkers.saturating_add(self.elsewhere(|other| other.numbers.talkers))
    }

    /// Returns the number of members that a room with a maximum has at other servers.
    pub(super) fn members_elsewhere(&self, room_id: &str) -> usize {
        self.elsewhere(|other| other.members.get(room_id).copied().unwrap_or_default())
    }

    fn elsewhere(&self, count: impl Fn(&Elsewhere) -> usize) -> usize {
        let others = self.span.others.iter().flat_map(BTreeMap::values);
        others.map(count).fold(0, usize::saturating_add)
    }

    /// Returns the rooms that were created over REST, for a server that joins the others.
    #[must_use]
    pub fn kept_rooms(&self) -> Vec<RoomView> {
        let kept = self.rooms.iter().filter(|(_, room)| room.is_kept);
        kept.filter_map(|(id, _)| self.room_view(id).ok()).collect()
    }

    /// Creates a room that was created over REST at another server, or learns that it was.
    pub fn adopt(&mut self, room: RoomView) {
        let has_place = self.rooms.contains_key(&room.id) || self.rooms.len() < self.limits.rooms_max;
        let texts = [Some(&room.name), room.description.as_ref()];
        let is_short = texts.into_iter().flatten().all(|text| text.len() <= self.limits.room_text_bytes_max);
        let is_room = self.check_room_id(&room.id, Code::BadMessage).is_ok();
        if !has_place || !is_short || !is_room || self.check_metadata(&room.metadata).is_err() {
            return;
        }
        let RoomView { id, name, description, max_connections, metadata, created_at, .. } = room;
        let members = self.rooms.remove(&id).map(|room| room.members).unwrap_or_default();
        let room = Room { name, description, max_connections, metadata, created_at, members, is_kept: true };
        self.rooms.insert(id, room);
    }
}

#[cfg(test)]
mod tests {
    use livetape_core::event::Millis;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::lobby::{Limits, Moment, NewRoom, Stats, tests::opening};

    const INTERVAL: Duration = Duration::from_secs(30);

    /// Servers whose messages reach the others at once.
    struct Servers {
        lobbies: Vec<Lobby>,
        opened: u128,
    }

    /// A server, a client of it, and what the client receives.
    type Sent = (usize, Key, Value);

    impl Servers {
        fn new(count: usize, limits: Limits) -> Self {
            let mut servers = Self { lobbies: vec![], opened: 0 };
            for _ in 0..count {
                servers.lobbies.push(Lobby::new(limits));
                servers.at(servers.lobbies.len() - 1, |lobby| lobby.span(INTERVAL));
            }
            for server in 0..count {
                servers.at(server, Lobby::tell_numbers);
            }
            servers
        }

        /// Does something at a server, and returns what clients of all servers receive.
        fn at<T>(&mut self, server: usize, act: impl FnOnce(&mut Lobby) -> T) -> (T, Vec<Sent>) {
            let result = act(&mut self.lobbies[server]);
            let mut sent = Vec::new();
            let effects = self.lobbies[server].take_effects();
            let relayed: Vec<_> = effects
                .iter()
                .filter_map(|it| if let Effect::Relay(bytes) = it { Some(bytes.clone()) } else { None })
                .collect();
            sent.extend(received(server, effects));
            for (other, lobby) in self.lobbies.iter_mut().enumerate().filter(|(other, _)| *other != server) {
                for bytes in &relayed {
                    assert_ne!(lobby.relayed(&server.to_string(), bytes), Heard::Malformed);
                }
                sent.extend(received(other, lobby.take_effects()));
            }
            (result, sent)
        }

        fn open(&mut self, server: usize, name: &str) -> Key {
            self.opened += 1;
            let opening = opening(self.opened, name);
            self.at(server, |lobby| lobby.open(opening).unwrap()).0
        }

        fn says(&mut self, server: usize, key: Key, message: &Value) -> Vec<Sent> {
            self.at(server, |lobby| lobby.text(key, &message.to_string())).1
        }

        fn advance(&mut self, uptime: Duration) {
            for lobby in &mut self.lobbies {
                lobby.advance(Moment { wall: Millis(0), uptime });
            }
        }
    }

    fn received(server: usize, effects: Vec<Effect>) -> Vec<Sent> {
        let messages = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send { to, payload: Payload::Text(text) } => {
                Some((to, serde_json::from_slice(&text).unwrap()))
            }
            Effect::Send { to, payload: Payload::Binary(bytes) } => Some((to, json!(bytes.to_vec()))),
            _ => None,
        });
        let each =
            |(to, value): (Vec<Key>, Value)| to.into_iter().map(move |key| (server, key, value.clone()));
        messages.flat_map(each).collect()
    }

    /// Returns who received a message of this type.
    fn recipients(sent: &[Sent], kind: &str) -> Vec<(usize, Key)> {
        sent.iter()
            .filter(|(_, _, value)| value["type"] == kind)
            .map(|(server, key, _)| (*server, *key))
            .collect()
    }

    #[test]
    fn messages_reach_clients_of_all_servers_once() {
        let mut servers = Servers::new(3, Limits::default());
        let (ann, ben, cat) = (servers.open(0, "ann"), servers.open(1, "ben"), servers.open(2, "cat"));
        let sent = servers.says(0, ann, &json!({ "hello": 1 }));
        assert_eq!(recipients(&sent, "broadcast"), [(1, ben), (2, cat)]);
        assert_eq!(recipients(&sent, "echo"), [(0, ann)]);
        for (server, key, room) in [(0, ann, "a"), (0, ann, "b"), (1, ben, "a"), (1, ben, "b"), (2, cat, "c")]
        {
            servers.says(server, key, &json!({ "type": "join_room", "room_id": room }));
        }
        let sent = servers.says(0, ann, &json!({ "type": "room_message", "room_id": "a", "message": "hi" }));
        assert_eq!(recipients(&sent, "room_message"), [(0, ann), (1, ben)]);
        assert!(sent.iter().all(|(_, _, value)| value["from"] == "ann" && value["message"] == "hi"));
        // In both rooms, but only once.
        let sent = servers.says(0, ann, &json!({ "hello": 2 }));
        assert_eq!(recipients(&sent, "broadcast"), [(1, ben)]);
        let (_, sent) = servers.at(0, |lobby| lobby.binary(ann, Bytes::from_static(b"\n\xff")));
        assert_eq!(sent, [(1, ben, json!([10, 255]))]);
    }

    #[test]
    fn arrivals_and_departures_count_clients_of_all_servers() {
        let mut servers = Servers::new(2, Limits { presence_max: 2, ..Limits::default() });
        let ann = servers.open(0, "ann");
        let opening = |servers: &mut Servers, name| {
            let before = servers.lobbies.iter().map(Lobby::connections_everywhere).collect::<Vec<_>>();
            (before, servers.open(1, name))
        };
        let (before, ben) = opening(&mut servers, "ben");
        assert_eq!(before, [1, 1]);
        assert_eq!(servers.lobbies[0].connections_everywhere(), 2);
        let (_, sent) = servers.at(1, |lobby| lobby.close(ben));
        let [(0, key, told)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(
            (key, &told["type"], &told["active_connections"]),
            (&ann, &json!("client_disconnected"), &json!(1))
        );
        // Beyond the limit, of all servers, nobody is told.
        servers.open(1, "cat");
        servers.open(1, "dan");
        let (_, sent) = servers.at(0, |lobby| lobby.close(ann));
        assert!(recipients(&sent, "client_disconnected").is_empty(), "{sent:?}");
    }

    #[test]
    fn a_room_with_a_maximum_counts_members_of_all_servers() {
        let mut servers = Servers::new(2, Limits::default());
        let new = NewRoom { id: Some("duo".into()), max_connections: Some(2), ..NewRoom::default() };
        let (room, _) = servers.at(0, |lobby| lobby.create_room(new, Uuid::nil()).unwrap());
        servers.at(1, |lobby| lobby.adopt(room));
        let clients: Vec<_> =
            [(0, "a"), (1, "b"), (1, "c")].map(|(server, name)| (server, servers.open(server, name))).into();
        let join = json!({ "type": "join_room", "room_id": "duo" });
        let joined = |sent: &[Sent]| recipients(sent, "room_joined").len();
        let counts: Vec<_> =
            clients.iter().map(|(server, key)| joined(&servers.says(*server, *key, &join))).collect();
        assert_eq!(counts, [1, 1, 0]);
        servers.at(0, |lobby| lobby.close(clients[0].1));
        assert_eq!(joined(&servers.says(1, clients[2].1, &join)), 1, "there is a place again");
    }

    #[test]
    fn a_server_that_leaves_or_is_silent_no_longer_counts() {
        let mut servers = Servers::new(3, Limits::default());
        for server in 0..3 {
            servers.open(server, &server.to_string());
        }
        assert_eq!(servers.lobbies[0].connections_everywhere(), 3);
        servers.at(1, Lobby::shut_down);
        assert_eq!(servers.lobbies[0].connections_everywhere(), 2);
        // The third one is killed.
        servers.lobbies.truncate(1);
        for beats in 1..=4 {
            servers.advance(INTERVAL * beats);
            servers.at(0, |lobby| lobby.heartbeat(Stats::default()));
        }
        assert_eq!(servers.lobbies[0].connections_everywhere(), 1);
    }

    #[test]
    fn a_message_that_cannot_reach_other_servers_is_refused() {
        let long = json!({ "type": "room_message", "room_id": "a", "message": "x".repeat(1 << 20) });
        for (servers, expected) in [(1, "too_large"), (0, "")] {
            let mut spanning = Servers::new(servers, Limits::default());
            if servers == 0 {
                spanning.lobbies.push(Lobby::default());
            }
            let ann = spanning.open(0, "ann");
            spanning.says(0, ann, &json!({ "type": "join_room", "room_id": "a" }));
            let sent = spanning.says(0, ann, &long);
            assert_eq!(sent[0].2["code"].as_str().unwrap_or_default(), expected);
            let (_, sent) = spanning.at(0, |lobby| lobby.binary(ann, vec![0; 1 << 20].into()));
            assert_eq!(sent.first().map_or("", |sent| sent.2["code"].as_str().unwrap()), expected);
        }
    }

    proptest! {
        /// Whatever another program publishes on the subject.
        #[test]
        fn foreign_messages_do_no_harm(
            from in ".{0,20}",
            head in prop_oneof![
                Just(json!({ "to": "talkers", "numbers": { "connections": u64::MAX, "talkers": u64::MAX } }).to_string()),
                Just(json!({ "to": { "rooms": ["a", "a", "\u{0}"] }, "numbers": { "connections": 0, "talkers": 0 }, "members": { "a": u64::MAX } }).to_string()),
                ".{0,60}",
            ],
            content in prop::collection::vec(any::<u8>(), 0..30),
        ) {
            let mut servers = Servers::new(2, Limits::default());
            servers.open(0, "ann");
            let bytes = [head.as_bytes(), b"\n", &content].concat().into();
            servers.lobbies[0].relayed(&from, &bytes);
            for effect in servers.lobbies[0].take_effects() {
                if let Effect::Send { payload: Payload::Text(text), .. } = effect {
                    prop_assert!(str::from_utf8(&text).is_ok());
                }
            }
            servers.open(0, "ben");
        }
    }
}
