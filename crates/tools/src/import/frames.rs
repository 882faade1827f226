//! Imports lines with complete frames of one connection.

use std::{
    io::{BufRead, Write},
    time::Duration,
};

use super::{Content, Error, ImportOptions, LookAhead, Report, Target, lines::Time};
use crate::payload::{batch, room_of};

pub(super) fn import(
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
        room_id = room_id.or_else(|| room_of(&batch));
        if let Time::OffsetMs(offset_ms) = line.time
            && batch.info.now_ms != 0
        {
            start_unix_ms = start_unix_ms.or(Some(batch.info.now_ms.saturating_sub(offset_ms as i64)));
        }
    }
    FirstLines { room_id: room_id.unwrap_or(0), start_unix_ms }
}
