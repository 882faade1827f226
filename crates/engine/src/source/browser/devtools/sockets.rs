//! Tracks the WebSockets of a tab. Those to TikTok LIVE become connections.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use livetape_core::{
    observer::Socket,
    recording::{
        Opcode,
        records::{ConnClose, HttpHeader, conn_close::Who},
    },
};

use super::{Tab, protocol::Params};

/// Maximum number of sockets to track. Beyond it, the first are forgotten.
const SOCKETS_MAX: usize = 1000;

/// Identifies a request within an attached session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) session: String,
    pub(super) request: String,
}

impl Tab {
    pub(super) fn socket_event(&mut self, method: &str, key: Key, params: Params, now: Duration) {
        match method {
            "Network.webSocketCreated" => {
                self.sockets.insert(key, Socket::new(params.url));
                if self.sockets.len() > SOCKETS_MAX {
                    self.sockets.pop_first();
                }
            }
            "Network.webSocketHandshakeResponseReceived" => self.opened(&key, params, now),
            "Network.webSocketFrameReceived" => self.frame(key, params, false, now),
            "Network.webSocketFrameSent" => self.frame(key, params, true, now),
            "Network.webSocketFrameError" => {
                let offset = self.clock.offset(params.timestamp, now);
                if let Some(socket) = self.sockets.get(&key) {
                    self.observer.trouble(offset, socket, params.error_message);
                }
            }
            "Network.webSocketClosed" => self.close(&key, Some(params.timestamp), now),
            _ => {}
        }
    }

    fn opened(&mut self, key: &Key, params: Params, now: Duration) {
        let Some(socket) = self.sockets.get_mut(key).filter(|socket| socket.is_webcast()) else { return };
        let offset = self.clock.offset(params.timestamp, now);
        let header = |(name, value): (String, String)| HttpHeader { name, value };
        let headers = params.response.headers.into_iter().map(header).collect();
        self.observer.open(offset, socket, params.response.status as u32, headers);
    }

    fn frame(&mut self, key: Key, params: Params, is_sent: bool, now: Duration) {
        let opcode = Opcode(params.response.opcode as u8);
        let bytes = match opcode {
            Opcode::TEXT => Bytes::from(params.response.payload_data),
            _ => match STANDARD.decode(&params.response.payload_data) {
                Ok(bytes) => bytes.into(),
                Err(_) => {
                    self.unreadable += 1;
                    return;
                }
            },
        };
        let offset = self.clock.offset(params.timestamp, now);
        // A socket opened before watching started has no known URL, so its frames identify it.
        let socket = self.sockets.entry(key).or_default();
        self.observer.frame(offset, socket, is_sent, opcode, bytes);
    }

    /// Handles the loss of a socket, or its end after a close frame.
    pub(super) fn close(&mut self, key: &Key, timestamp: Option<Option<f64>>, now: Duration) {
        let offset = self.clock.offset(timestamp.flatten(), now);
        let (code, who) = if timestamp.is_some() { (1005, Who::Unknown) } else { (1006, Who::Network) };
        if let Some(mut socket) = self.sockets.remove(key) {
            let close = ConnClose { code, who: who.into(), ..ConnClose::default() };
            self.observer.close(offset, &mut socket, close);
        }
    }
}
