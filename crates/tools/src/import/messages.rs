//! Imports lines with complete frames, or with single messages, which are combined into batches and frames as TikTok would.

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    time::Duration,
};

use bytes::Bytes;
use livetape_core::wire::{Batch, BatchInfo, Message, Push, common, write_batch, write_push, zip};

use super::{
    Content, Error, ImportOptions, LookAhead, Report, Target,
    lines::{Line, Time},
};
use crate::payload::batch;

const BATCH_MESSAGES_MAX: usize = 1000;
/// Maximum payload of a batch without its last message, in bytes.
const BATCH_BYTES_MAX: usize = 4 << 20;

pub(super) fn import_messages<R: BufRead>(
    lines: &mut LookAhead<R>,
    output: impl Write,
    options: &ImportOptions,
) -> Result<Report, Error> {
    let start_unix_ms = lines.coming().find_map(|line| unix_ms(line.time));
    let mut import = Import {
        target: Target::new(output, options, start_unix_ms)?,
        options,
        connections: HashMap::new(),
        frames: 0,
    };
    while let Some(first) = lines.next()? {
        import.run(lines, first)?;
    }
    import.target.finish()
}

struct Import<'a, W> {
    target: Target<W>,
    options: &'a ImportOptions,
    /// Connections by host.
    connections: HashMap<Option<String>, HostConnection>,
    frames: u64,
}

struct HostConnection {
    conn: u32,
    frames: u64,
}

impl<W: Write> Import<'_, W> {
    /// Writes a batch of `first` and the following lines with the same host and time.
    fn run<R: BufRead>(&mut self, lines: &mut LookAhead<R>, first: Line) -> Result<(), Error> {
        let Content::Message { host, method, payload } = first.content else {
            lines.reject(first.number, "a frame between messages".into());
            return Ok(());
        };
        let mut bytes = payload.len();
        let mut messages = vec![message(method, payload)];
        while let Some(line) = lines.front()
            && line.time == first.time
            && matches!(&line.content, Content::Message { host: next, .. } if *next == host)
            && messages.len() < BATCH_MESSAGES_MAX
            && bytes < BATCH_BYTES_MAX
            && let Some(Line { content: Content::Message { method, payload, .. }, .. }) = lines.next()?
        {
            bytes += payload.len();
            messages.push(message(method, payload));
        }
        let offset = self.target.offset(first.time);
        let info = BatchInfo { now_ms: unix_ms(first.time).unwrap_or(0), ..Default::default() };
        let written = self.write(lines, &host, offset, Batch { messages, info })?;
        if !written {
            lines.reject(first.number, "the messages are too large for a frame".into());
        }
        Ok(())
    }

    fn write<R: BufRead>(
        &mut self,
        lines: &LookAhead<R>,
        host: &Option<String>,
        offset: Duration,
        mut batch: Batch,
    ) -> Result<bool, Error> {
        if !self.connections.contains_key(host) {
            let conn = self.open(lines, host, offset, &batch)?;
            self.connections.insert(host.clone(), HostConnection { conn, frames: 0 });
        }
        let connection = self.connections.get_mut(host).expect("it was opened");
        (connection.frames, self.frames) = (connection.frames + 1, self.frames + 1);
        batch.info.is_first = connection.frames == 1;
        let frame = write_push(&Push {
            seq_id: connection.frames,
            log_id: self.frames,
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: "gzip".into(),
            payload: zip(&write_batch(&batch)),
        });
        self.target.frame(offset, connection.conn, frame)
    }

    fn open<R: BufRead>(
        &mut self,
        lines: &LookAhead<R>,
        host: &Option<String>,
        offset: Duration,
        batch: &Batch,
    ) -> Result<u32, Error> {
        let rooms_to_come = lines.coming().filter_map(|line| match &line.content {
            Content::Message { host: next, payload, .. } if next == host => Some(common(payload).room_id),
            _ => None,
        });
        let named = batch.room_id().or_else(|| rooms_to_come.into_iter().find(|&room_id| room_id != 0));
        let given = self.options.room_id.filter(|_| host.is_none());
        let user = host.as_ref().or(self.options.user.as_ref()).unwrap_or(&self.options.name);
        self.target.open(offset, user, given.or(named).unwrap_or(0))
    }
}

fn message(method: String, payload: Bytes) -> Message {
    let msg_id = common(&payload).msg_id;
    Message { method: method.into(), payload, msg_id, is_history: false }
}

fn unix_ms(time: Time) -> Option<i64> {
    match time {
        Time::UnixMs(ms) => Some(ms),
        Time::OffsetMs(_) => None,
    }
}

/// Imports lines with complete frames of one connection.
pub(super) fn import_frames(
    lines: &mut LookAhead<impl BufRead>,
    output: impl Write,
    options: &ImportOptions,
) -> Result<Report, Error> {
    let found = look(lines, options);
    let mut target = Target::new(output, options, found.start_unix_ms)?;
    let user = options.user.as_ref().unwrap_or(&options.name);
    let conn = target.open(Duration::ZERO, user, found.room_id)?;
    while let Some(line) = lines.next()? {
        let Content::Frame(frame) = line.content else {
            lines.reject(line.number, "a message between frames".into());
            continue;
        };
        let offset = target.offset(line.time);
        if !target.frame(offset, conn, frame)? {
            lines.reject(line.number, "the frame is too large".into());
        }
    }
    target.finish()
}

/// Facts gathered from the first lines.
struct FirstLines {
    room_id: i64,
    start_unix_ms: Option<i64>,
}

fn look(lines: &LookAhead<impl BufRead>, options: &ImportOptions) -> FirstLines {
    let (mut room_id, mut start_unix_ms) = (options.room_id, None);
    for line in lines.coming() {
        if room_id.is_some() && start_unix_ms.is_some() {
            break;
        }
        let Content::Frame(frame) = &line.content else { continue };
        if let Time::UnixMs(ms) = line.time {
            start_unix_ms = start_unix_ms.or(Some(ms));
        }
        let Some(batch) = batch(frame, &mut Vec::new()) else { continue };
        room_id = room_id.or_else(|| batch.room_id());
        if let Time::OffsetMs(offset_ms) = line.time
            && batch.info.now_ms != 0
        {
            start_unix_ms = start_unix_ms.or(Some(batch.info.now_ms.saturating_sub(offset_ms as i64)));
        }
    }
    FirstLines { room_id: room_id.unwrap_or(0), start_unix_ms }
}
