//! Turns a show into network traffic: connections, batches, acks and heartbeats.

use livetape_core::{
    error::{Code, close},
    recording::{
        Flags, Frame, Item, Opcode, What,
        records::{ConnClose, ConnOpen, Status, conn_close::Who},
    },
    wire::{Batch, BatchInfo, Message, Push, client, write_batch, write_push, zip},
};

use super::{ROOM_ID, USER, millis, show::Show, unix_ms};

const HEARTBEAT_EVERY_MS: u64 = 10_000;
/// Network latency, in milliseconds.
const DELAY_MS: u64 = 40;
/// Position at which the connection is lost once per act, in permille of the act.
const BREAKS_AT: u64 = 730;
/// Time until it is reconnected, in milliseconds.
const BACK_AFTER_MS: u64 = 2_500;

/// The connection to a room.
pub(super) struct RoomState {
    act_ms: u64,
    conn: u32,
    is_open: bool,
    /// Time of the next connection loss.
    breaks_ms: u64,
    heartbeat_ms: u64,
    seq_id: u64,
    last_ms: u64,
    items: Vec<Item>,
}

impl RoomState {
    pub(super) fn new(act_ms: u64) -> Self {
        let breaks_ms = act_ms * BREAKS_AT / 1000;
        Self {
            act_ms,
            conn: 0,
            is_open: false,
            breaks_ms,
            heartbeat_ms: 0,
            seq_id: 0,
            last_ms: 0,
            items: Vec::new(),
        }
    }

    /// Sends the messages up to `now_ms`. Messages during a connection loss are missed, except for the chats
    /// that are still in the history after reconnecting.
    pub(super) fn send(&mut self, mut messages: Vec<Message>, now_ms: u64, show: &mut Show) -> Vec<Item> {
        if self.is_open && now_ms >= self.breaks_ms {
            self.breaks();
        }
        let is_back = !self.is_open && (self.conn == 0 || now_ms >= self.breaks_ms + BACK_AFTER_MS);
        if is_back {
            self.open(now_ms);
            // Includes the missed messages among the last chats, as history.
            messages = show.history().collect();
        }
        if self.is_open {
            self.heartbeat(now_ms);
            if !messages.is_empty() || is_back {
                let at_ms = now_ms + show.random().below(DELAY_MS);
                self.batch(messages, at_ms, is_back, show.random().next());
            }
        }
        std::mem::take(&mut self.items)
    }

    /// Closes the connection at the end of the show.
    pub(super) fn close(&mut self, now_ms: u64) -> Vec<Item> {
        if self.is_open {
            let reason = "the LIVE has ended".into();
            let who = Who::Upstream.into();
            self.add(
                now_ms + 500,
                false,
                What::ConnClose(ConnClose { code: close::NORMAL.into(), reason, who, will_retry: false }),
            );
        }
        std::mem::take(&mut self.items)
    }

    fn open(&mut self, now_ms: u64) {
        if self.conn > 0 {
            self.breaks_ms += self.act_ms;
        }
        (self.conn, self.is_open, self.seq_id, self.heartbeat_ms) = (self.conn + 1, true, 0, now_ms);
        let open = ConnOpen {
            room_id: ROOM_ID,
            unique_id: USER.into(),
            attempt: u32::from(self.conn > 1) + 1,
            handshake_status: 101,
            ..ConnOpen::default()
        };
        self.add(now_ms, false, What::ConnOpen(open));
        self.frame(now_ms, true, client::enter_room(ROOM_ID));
    }

    fn breaks(&mut self) {
        self.is_open = false;
        let reason = "the connection was lost".to_owned();
        let who = Who::Network.into();
        let close = ConnClose { code: close::ABNORMAL.into(), reason: reason.clone(), who, will_retry: true };
        self.add(self.breaks_ms, false, What::ConnClose(close));
        let status = Status {
            code: Code::ConnectionLost.name().into(),
            attempt: 1,
            retrying: true,
            retry_after_ms: Some(BACK_AFTER_MS),
            detail: reason,
            hint: String::new(),
        };
        self.add(self.breaks_ms, false, What::Status(status));
    }

    fn heartbeat(&mut self, now_ms: u64) {
        if now_ms < self.heartbeat_ms {
            return;
        }
        self.heartbeat_ms += HEARTBEAT_EVERY_MS;
        self.frame(now_ms, true, client::heartbeat(ROOM_ID, 0));
        let answer = Push { payload_type: "hb".into(), ..Push::default() };
        self.frame(now_ms + DELAY_MS / 2, false, write_push(&answer));
    }

    fn batch(&mut self, messages: Vec<Message>, at_ms: u64, is_first: bool, log_id: u64) {
        let internal_ext = format!("synthetic-{}-{}", self.conn, self.seq_id);
        let info = BatchInfo {
            cursor: format!("{}-{}", unix_ms(at_ms), self.seq_id),
            internal_ext: internal_ext.clone(),
            need_ack: true,
            now_ms: unix_ms(at_ms),
            heartbeat_ms: i64::try_from(HEARTBEAT_EVERY_MS).unwrap_or(0),
            is_first,
            ..BatchInfo::default()
        };
        self.seq_id += 1;
        let push = Push {
            seq_id: self.seq_id,
            log_id,
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: "gzip".into(),
            payload: zip(&write_batch(&Batch { messages, info })),
        };
        self.frame(at_ms, false, write_push(&push));
        self.frame(at_ms, true, client::ack(log_id, &internal_ext));
    }

    fn frame(&mut self, at_ms: u64, is_sent: bool, bytes: bytes::Bytes) {
        self.add(at_ms, is_sent, What::Frame(Frame { opcode: Opcode::BINARY, bytes }));
    }

    /// Adds an item. Delayed items never make the time go back.
    fn add(&mut self, at_ms: u64, is_sent: bool, what: What) {
        self.last_ms = self.last_ms.max(at_ms);
        let flags = Flags(if is_sent { Flags::SENT } else { 0 });
        self.items.push(Item { offset: millis(self.last_ms), conn: self.conn, flags, what });
    }
}
