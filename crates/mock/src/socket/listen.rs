//! Handles the messages of a client.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use livetape_core::wire::{self, Push};
use tokio::{
    io::AsyncRead,
    sync::{mpsc, watch},
};

use super::{
    acks::Acks,
    frames::{self, Messages},
};
use crate::{
    link::connection::ClientConnection,
    state::journal::{Happened, bounded},
};

/// An answer that the player has to send.
#[derive(Debug)]
pub(super) enum Reply {
    /// Echo a heartbeat.
    Heartbeat(Push),
    /// Answer a client that entered.
    Enter,
    /// Answer a ping.
    Pong(Bytes),
}

/// How the client's half of a connection ended.
#[derive(Debug)]
pub(super) struct Goodbye {
    pub(super) code: u16,
    pub(super) reason: String,
    /// Payload of its close frame.
    pub(super) close: Option<Bytes>,
}

impl Goodbye {
    /// The connection ended without a close frame.
    pub(super) fn gone() -> Self {
        Self { code: 1006, reason: String::new(), close: None }
    }

    fn read(close: Bytes) -> Self {
        let code = close.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
        let reason = String::from_utf8_lossy(close.get(2..).unwrap_or_default()).into_owned();
        Self { code, reason, close: Some(close) }
    }
}

/// Reads and logs messages until the client leaves.
pub(super) async fn listen<R: AsyncRead + Unpin>(
    messages: &mut Messages<R>,
    connection: &ClientConnection,
    replies: &mpsc::Sender<Reply>,
    acks: &watch::Sender<Acks>,
    no_heartbeat: &AtomicBool,
) -> Goodbye {
    while let Some((opcode, payload)) = messages.next().await {
        let reply = match opcode {
            frames::CLOSE => return Goodbye::read(payload),
            frames::PING => Some(Reply::Pong(payload)),
            frames::BINARY => hear(connection, acks, &payload),
            frames::TEXT => {
                connection.mock.log(connection.number, Happened::Other { payload_type: "text".into() });
                None
            }
            _ => None,
        };
        let is_mute = matches!(reply, Some(Reply::Heartbeat(_))) && no_heartbeat.load(Ordering::Relaxed);
        if let Some(reply) = reply.filter(|_| !is_mute) {
            // A client that does not read gets no answers. That must not block reading from it.
            let _ = replies.try_send(reply);
        }
    }
    Goodbye::gone()
}

fn hear(connection: &ClientConnection, acks: &watch::Sender<Acks>, bytes: &Bytes) -> Option<Reply> {
    let push = wire::read_push(bytes, &mut Vec::new());
    let text = || bounded(&String::from_utf8_lossy(&push.payload));
    let (happened, reply) = match push.payload_type.as_str() {
        "hb" => (Happened::Heartbeat, Some(Reply::Heartbeat(push))),
        "im_enter_room" => {
            acks.send_modify(|acks| acks.hear(None, connection.mock.clock.now()));
            (Happened::Enter, Some(Reply::Enter))
        }
        "ack" => {
            acks.send_modify(|acks| acks.hear(Some(push.log_id), connection.mock.clock.now()));
            (Happened::Ack { log_id: push.log_id, internal_ext: text() }, None)
        }
        other => (Happened::Other { payload_type: bounded(other) }, None),
    };
    connection.mock.log(connection.number, happened);
    reply
}
