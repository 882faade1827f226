//! Builds a [`Show`] from the items of a recording.

use std::{collections::BTreeMap, io::Read, sync::Arc, time::Duration};

use bytes::Bytes;

use super::show::{Closed, Played, RoomShow, Segment, Show};
use crate::sans_io::{
    recording::{
        Error, Item, Opcode, Reader, What,
        records::{ConnClose, conn_close::Who, http::Role},
    },
    wire,
};

/// Method of the messages that are kept as history.
const CHAT: &str = "WebcastChatMessage";

/// State while reading.
#[derive(Default)]
struct Reading {
    wall_ms: i64,
    /// Connections by number: room id, user and segment.
    connections: BTreeMap<u32, (i64, String, Segment)>,
    /// An initial batch without a connection; it belongs to the next one.
    initial_batch: Option<Bytes>,
}

impl Show {
    /// Reads a whole recording.
    ///
    /// # Errors
    /// Any error of [`Reader::open`] or [`Reader::next`], or [`Error::NotARecording`] if the recording has no
    /// connection.
    pub(crate) fn read(source: impl Read) -> Result<Self, Error> {
        let mut reader = Reader::open(source)?;
        let mut reading = Reading::default();
        while let Some(record) = reader.next()? {
            reading.take(record.item);
        }
        let show = Self { loss: reader.report().loss(), ..reading.finish() };
        if show.rooms.is_empty() { Err(Error::NotARecording) } else { Ok(show) }
    }
}

impl Reading {
    fn take(&mut self, item: Item) {
        let Item { offset, conn, flags, what } = item;
        match what {
            What::Header(header) => {
                self.wall_ms = header.wall_anchor_ns.map_or(self.wall_ms, |ns| ns / 1_000_000);
            }
            What::ConnOpen(open) => {
                let batch = self.initial_batch.take();
                let connection = self.connection(conn, offset);
                connection.2.initial_batch = connection.2.initial_batch.take().or(batch);
                (connection.0, connection.1, connection.2.opened) = (open.room_id, open.unique_id, offset);
            }
            What::Frame(frame) if !flags.is_sent() => {
                self.connection(conn, offset).2.add(offset, frame.opcode, frame.bytes);
            }
            What::Http(http) if http.role() == Role::InitialBatch => {
                if conn == 0 {
                    self.initial_batch = Some(http.body);
                } else {
                    self.connection(conn, offset).2.initial_batch = Some(http.body);
                }
            }
            What::ConnClose(close) => self.connection(conn, offset).2.close = Some(closed(offset, &close)),
            What::Frame(_)
            | What::Http(_)
            | What::Marker(_)
            | What::ClockAnchor(_)
            | What::Gap(_)
            | What::Checkpoint(_)
            | What::End(_)
            | What::Status(_)
            | What::Other { .. } => {}
        }
    }

    fn connection(&mut self, conn: u32, offset: Duration) -> &mut (i64, String, Segment) {
        self.connections
            .entry(conn)
            .or_insert_with(|| (0, String::new(), Segment { opened: offset, ..Segment::default() }))
    }

    fn finish(self) -> Show {
        let mut rooms: Vec<RoomShow> = Vec::new();
        for (_, (room_id, unique_id, mut segment)) in self.connections {
            if segment.frames.is_empty() && segment.initial_batch.is_none() {
                continue;
            }
            segment.first = segment.first.filter(|_| segment.initial_batch.is_none());
            match rooms.iter_mut().find(|room| room.room_id == room_id) {
                Some(room) => room.segments.push(segment),
                None => {
                    rooms.push(RoomShow {
                        room_id,
                        unique_id,
                        wall_ms: self.wall_ms,
                        segments: vec![segment],
                    });
                }
            }
        }
        for room in &mut rooms {
            room.segments.sort_by_key(|segment| segment.opened);
        }
        Show { rooms: rooms.into_iter().map(Arc::new).collect(), ..Show::default() }
    }
}

fn closed(offset: Duration, close: &ConnClose) -> Closed {
    let code = u16::try_from(close.code).ok().filter(|code| matches!(code, 1000..=4999)).unwrap_or(1000);
    let (by_client, breaks) = (close.who() == Who::Us, close.who() == Who::Network);
    let frame =
        (!breaks).then(|| if by_client { (1000, String::new()) } else { (code, close.reason.clone()) });
    Closed { offset, frame, by_client }
}

impl Segment {
    fn add(&mut self, offset: Duration, opcode: Opcode, bytes: Bytes) {
        let mut faults = Vec::new();
        let push = wire::read_push(&bytes, &mut faults);
        if push.payload_type == "hb" {
            // These answered the recorded client. The playing client gets answers to its own heartbeats.
            return;
        }
        if push.payload_type == "im_enter_room_resp" {
            self.enter_answer.get_or_insert(self.frames.len());
        }
        let (log_id, mut wants_ack, mut messages) = (push.log_id, false, Vec::new());
        if push.holds_batch() {
            let payload = wire::unzip(push.payload, &mut faults);
            let batch = wire::read_batch(&payload, &mut faults);
            if push.payload_type == "msg" && batch.info.is_first {
                self.first.get_or_insert(self.frames.len());
            }
            // Clients only ack frames with an id and a text.
            wants_ack = batch.info.need_ack && log_id != 0 && !batch.info.internal_ext.is_empty();
            messages = batch.messages;
        }
        let events = messages.len() as u64;
        messages.retain(|message| message.method == CHAT);
        let ack = wants_ack.then_some(log_id);
        self.frames.push(Played { offset, opcode: opcode.0, bytes, ack, events, chats: messages });
    }
}
