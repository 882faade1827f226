//! Tracks the WebSockets of a tab. Those to TikTok LIVE become connections.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{Tab, protocol::Params};
use crate::{
    recognise::{is_push_frame, is_webcast_address, room_in},
    recording::{
        Flags, Frame, Opcode, What,
        records::{ConnClose, ConnOpen, HttpHeader, Marker, conn_close::Who},
    },
};

/// Maximum number of sockets to track. Beyond it, the first are forgotten.
const SOCKETS_MAX: usize = 1000;
/// Number of unrecognised frames after which a socket is ignored.
const FRAMES_LOOKED_AT_MAX: u32 = 20;

/// Identifies a request within an attached session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) session: String,
    pub(super) request: String,
}

/// A WebSocket of the tab.
#[derive(Debug, Default)]
pub(super) struct Socket {
    url: String,
    /// Connection number, if the socket belongs to TikTok LIVE.
    conn: Option<u32>,
    /// Number of frames that were not recognised.
    looked_at: u32,
}

impl Tab {
    pub(super) fn socket_event(&mut self, method: &str, key: Key, params: Params, now: Duration) {
        match method {
            "Network.webSocketCreated" => {
                self.sockets.insert(key, Socket { url: params.url, ..Socket::default() });
                if self.sockets.len() > SOCKETS_MAX {
                    self.sockets.pop_first();
                }
            }
            "Network.webSocketHandshakeResponseReceived"
                if self.sockets.get(&key).is_some_and(|socket| is_webcast_address(&socket.url)) =>
            {
                let header = |(name, value): (String, String)| HttpHeader { name, value };
                let headers = params.response.headers.into_iter().map(header).collect();
                self.open(&key, params.timestamp, params.response.status as u32, headers, now);
            }
            "Network.webSocketFrameReceived" => self.frame(&key, params, false, now),
            "Network.webSocketFrameSent" => self.frame(&key, params, true, now),
            "Network.webSocketFrameError" => {
                if let Some(conn) = self.sockets.get(&key).and_then(|socket| socket.conn) {
                    let offset = self.clock.offset(params.timestamp, now);
                    self.put(offset, conn, 0, What::Marker(Marker { label: params.error_message }));
                }
            }
            "Network.webSocketClosed" => self.close(&key, Some(params.timestamp), now),
            _ => {}
        }
    }

    fn open(
        &mut self,
        key: &Key,
        timestamp: Option<f64>,
        status: u32,
        headers: Vec<HttpHeader>,
        now: Duration,
    ) -> u32 {
        let offset = self.clock.offset(timestamp, now);
        self.conn += 1;
        let conn = self.conn;
        let socket = self.sockets.entry(key.clone()).or_default();
        socket.conn = Some(conn);
        let open = ConnOpen {
            room_id: room_in(&socket.url).unwrap_or_default(),
            unique_id: self.user.clone(),
            attempt: 1,
            url: socket.url.clone(),
            handshake_status: status,
            headers,
        };
        self.put(offset, conn, 0, What::ConnOpen(open));
        for http in std::mem::take(&mut self.held) {
            self.put(offset, conn, 0, What::Http(http));
        }
        conn
    }

    fn frame(&mut self, key: &Key, params: Params, is_sent: bool, now: Duration) {
        let opcode = params.response.opcode as u8;
        let bytes = match opcode {
            1 => Bytes::from(params.response.payload_data),
            _ => match STANDARD.decode(&params.response.payload_data) {
                Ok(bytes) => bytes.into(),
                Err(_) => {
                    self.unreadable += 1;
                    return;
                }
            },
        };
        // A socket opened before watching started has no known URL, so its frames identify it.
        let socket = self.sockets.entry(key.clone()).or_default();
        let conn = match socket.conn {
            Some(conn) => conn,
            None if socket.looked_at >= FRAMES_LOOKED_AT_MAX => return,
            None if opcode == 2 && is_push_frame(&bytes) => {
                self.open(key, params.timestamp, 0, Vec::new(), now)
            }
            None => {
                socket.looked_at += 1;
                return;
            }
        };
        let offset = self.clock.offset(params.timestamp, now);
        match opcode {
            8 => {
                let code = bytes.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                let reason = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default()).into_owned();
                let who = if is_sent { Who::Us } else { Who::Upstream };
                self.end(
                    key,
                    offset,
                    ConnClose { code: code.into(), reason, who: who.into(), will_retry: false },
                );
            }
            1 | 2 => {
                let flags = if is_sent { Flags::SENT } else { 0 };
                self.put(offset, conn, flags, What::Frame(Frame { opcode: Opcode(opcode), bytes }));
            }
            _ => {}
        }
    }

    /// Handles the loss of a socket, or its end after a close frame.
    pub(super) fn close(&mut self, key: &Key, timestamp: Option<Option<f64>>, now: Duration) {
        let offset = self.clock.offset(timestamp.flatten(), now);
        let (code, who) = if timestamp.is_some() { (1005, Who::Unknown) } else { (1006, Who::Network) };
        self.end(key, offset, ConnClose { code, who: who.into(), ..ConnClose::default() });
        self.sockets.remove(key);
    }

    fn end(&mut self, key: &Key, offset: Duration, close: ConnClose) {
        if let Some(conn) = self.sockets.remove(key).and_then(|socket| socket.conn) {
            self.put(offset, conn, 0, What::ConnClose(close));
        }
    }
}
