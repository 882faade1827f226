//! How much clients may say and keep.

use std::time::Duration;

/// The limits of a lobby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, of all kinds.
    pub connections_max: usize,
    /// Up to so many clients that talk are told who comes and goes: it costs a message for each of them. Of more only the
    /// heartbeat tells.
    pub presence_max: usize,
    /// Rooms at a time, feeds aside.
    pub rooms_max: usize,
    /// Rooms that one connection may be in, feeds aside.
    pub rooms_per_connection_max: usize,
    /// The length of a room's id, in bytes.
    pub room_id_bytes_max: usize,
    /// The length of a room's name, and of its description, in bytes.
    pub room_text_bytes_max: usize,
    /// Keys in the metadata of a connection or a room.
    pub metadata_keys_max: usize,
    /// The length of that metadata as JSON, in bytes.
    pub metadata_bytes_max: usize,
    /// The length of a client's id, in characters.
    pub client_id_chars_max: usize,
    /// How deep the JSON of a message may be nested.
    pub json_depth_max: usize,
    /// Messages of one connection, a second.
    pub messages_per_second: u32,
    /// Messages of one connection at once, after a silence.
    pub message_burst: u32,
    /// Refusals at once; whoever goes on after so many is closed.
    pub strikes_max: u32,
    /// How long it takes until one refusal is forgotten.
    pub strike_forgotten: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            presence_max: 256,
            rooms_max: 1_000,
            rooms_per_connection_max: 32,
            room_id_bytes_max: 128,
            room_text_bytes_max: 2 * 1024,
            metadata_keys_max: 32,
            metadata_bytes_max: 8 * 1024,
            client_id_chars_max: 64,
            json_depth_max: 32,
            messages_per_second: 50,
            message_burst: 100,
            strikes_max: 10,
            strike_forgotten: Duration::from_secs(10),
        }
    }
}
