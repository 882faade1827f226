//! Limits of client messages, rooms and metadata.

use std::time::Duration;

/// Messages that a silent connection may send at once, in seconds of its rate.
const BURST_SECONDS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of concurrent connections of all kinds.
    pub connections_max: usize,
    /// Number of `/ws` clients up to which arrivals and departures are announced, at the cost of one message
    /// per client. Beyond it, only heartbeats report the number of connections.
    pub presence_max: usize,
    /// Maximum number of concurrent rooms, feeds excluded.
    pub rooms_max: usize,
    /// Maximum number of rooms that one connection may join, feeds excluded.
    pub rooms_per_connection_max: usize,
    pub room_id_bytes_max: usize,
    /// Maximum length of a room's name and of its description, in bytes each.
    pub room_text_bytes_max: usize,
    /// Maximum number of metadata keys of a connection or room.
    pub metadata_keys_max: usize,
    /// Maximum length of that metadata as JSON, in bytes.
    pub metadata_bytes_max: usize,
    pub client_id_chars_max: usize,
    pub json_depth_max: usize,
    /// Maximum rate of messages from one connection, per second.
    pub messages_per_second: u32,
    /// Maximum number of rejected messages at once; the next one closes the connection.
    pub strikes_max: u32,
    /// Time until one rejected message no longer counts.
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
            strikes_max: 10,
            strike_forgotten: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Returns the maximum number of messages that a silent connection may send at once.
    #[must_use]
    pub fn message_burst(&self) -> u32 {
        self.messages_per_second.saturating_mul(BURST_SECONDS)
    }
}
