//! Events of sockets, in the form that JavaScript receives.

use livetape_server::{Event, Handshake, What};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use serde_json::json;

/// An event of a socket. Which fields are set depends on `kind`.
#[napi(object)]
pub struct SocketEvent {
    /// What happened: see `KIND` in `js/dispatch.cts`.
    pub kind: u32,
    /// Identifies the event in an answer; absent if nothing waits for one.
    pub ticket: Option<f64>,
    /// Id of the connection.
    pub socket: String,
    /// Client id, message, room of a join or leave, or reason of a close.
    pub text: Option<String>,
    /// Path of a connection, room of a room message, or the room that a closed socket joined last.
    pub place: Option<String>,
    /// Binary message.
    pub bytes: Option<Buffer>,
    /// Close code.
    pub code: Option<u32>,
    /// Request of a connection, or metadata of a closed socket, as JSON.
    pub details: Option<String>,
}

impl From<Event> for SocketEvent {
    fn from(Event { ticket, socket, what }: Event) -> Self {
        let mut details = None;
        let (kind, text, place, bytes, code) = match what {
            What::Connect { path, client_id, handshake } => {
                let Handshake { url, headers, address, protocol } = *handshake;
                let request =
                    json!({ "url": url, "headers": headers, "address": address, "protocol": protocol });
                details = Some(request.to_string());
                (0, Some(client_id), Some(path), None, None)
            }
            What::Message(text) => (1, Some(text), None, None, None),
            What::Say { room_id, message } => (2, Some(message), Some(room_id), None, None),
            What::Binary(bytes) => (3, None, None, Some(Vec::from(bytes).into()), None),
            What::Join(room_id) => (4, Some(room_id), None, None, None),
            What::Leave(room_id) => (5, Some(room_id), None, None, None),
            What::Ping => (6, None, None, None, None),
            What::Pong => (7, None, None, None, None),
            What::Close { code, reason, last } => {
                details = serde_json::to_string(&last.metadata).ok();
                (8, Some(reason), last.room_id, None, Some(code.into()))
            }
        };
        // Tickets count up from 1, so that they stay exact as numbers.
        let ticket = ticket.map(|ticket| ticket as f64);
        Self { kind, ticket, socket: socket.to_string(), text, place, bytes, code, details }
    }
}
