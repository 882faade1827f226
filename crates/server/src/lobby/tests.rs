//! Tests of the lobby.

mod bounds;
mod model;
mod rules;

use std::time::Duration;

use livetape_core::event::Millis;
use serde_json::Value;
use uuid::Uuid;

use super::{Effect, Key, Limits, Lobby, Moment, Opening, Payload, Role};

/// A lobby with helpers to drive it.
struct Rig {
    lobby: Lobby,
    made: u128,
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
        Opening {
            id: Uuid::from_u128(self.made),
            client_id: Some(name.to_owned()),
            address: None,
            path: "/ws".into(),
            query: String::new(),
            role: Role::Talks,
            reading: None,
            is_observer: false,
            filter: String::new(),
        }
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
