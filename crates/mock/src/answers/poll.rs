//! Polls: a client that opens no socket requests `/webcast/im/fetch` again and again, each time with the cursor of the last answer
//! (docs/protocol.md §2).

use bytes::Bytes;
use livetape_core::{
    event::compose,
    wire::{self, Batch, BatchInfo},
};

use super::sign::{PROTOBUF, internal_ext};
use crate::{
    http::{Request, Response},
    room::{Position, script::Resolved, show::RoomShow},
    state::{
        MockState,
        journal::{Push, Sent},
    },
};

/// Action of the control message at the end of a stream.
const ENDED: i32 = 3;
/// Field 3, `fetch_interval`: 1000 ms.
const FETCH_INTERVAL: &[u8] = &[0x18, 0xe8, 0x07];
const HEARTBEAT_MS: i64 = 10_000;

/// Returns the cursor with which a client goes on at this position.
pub(super) fn cursor(now_ms: i64, position: Position) -> String {
    format!("t-{now_ms}_r-1_d-1_u-1_h-{}", position.encode())
}

/// Returns the position of a cursor: one of this mock, or that of a recorded first batch. A client that has none, or one from elsewhere, did
/// not poll before.
fn position(cursor: &str, show: &RoomShow) -> Option<Position> {
    let encoded = || cursor.strip_prefix("t-")?.rsplit_once("_h-")?.1.parse().ok().map(Position::decode);
    if cursor.is_empty() {
        return None;
    }
    encoded().or_else(|| {
        let segments = 0..show.segments.len();
        let first = segments.into_iter().find(|segment| {
            let batch = show.sign_batch(*segment).map(|(_, batch)| wire::read_batch(&batch, &mut Vec::new()));
            batch.is_some_and(|batch| batch.info.cursor == cursor)
        });
        first.map(|segment| Position { segment, frame: 0, is_first_sent: true })
    })
}

/// Returns what was sent since the cursor of the request; `None` if it has no cursor to go on from.
pub(super) fn poll(mock: &MockState, request: &Request, known: &Resolved) -> Option<Response> {
    let position = position(request.param("cursor")?, &known.settings.show)?;
    let (polled, mut random) = {
        let mut state = mock.memory.lock();
        let is_away = known.is_away();
        (state.room(known).poll(mock.clock.now(), position, is_away), state.random())
    };
    let show = &known.settings.show;
    let mut messages = Vec::new();
    for batch in polled.batches {
        messages.extend(wire::read_batch(&batch, &mut Vec::new()).messages);
    }
    let now_ms = show.wall_ms.saturating_add(i64::try_from(polled.offset.as_millis()).unwrap_or(i64::MAX));
    if polled.ends {
        let (msg_id, create_time) = (random.id(), now_ms);
        messages
            .push(compose::control(compose::Stamp { msg_id, room_id: known.room_id, create_time }, ENDED));
    }
    let info = BatchInfo {
        cursor: cursor(now_ms, polled.position),
        internal_ext: internal_ext(known, now_ms),
        now_ms,
        heartbeat_ms: HEARTBEAT_MS,
        ..BatchInfo::default()
    };
    let body = wire::write_batch(&Batch { messages, info });
    let carried = wire::Push { payload_type: "msg".into(), payload: body.clone(), ..wire::Push::default() };
    let push = Push::Made(wire::write_push(&carried));
    mock.memory.lock().keep(Sent { connection: 0, offset: polled.offset, push, is_whole: true });
    let body = Bytes::from([&body[..], FETCH_INTERVAL].concat());
    Some(Response::new(200, PROTOBUF, body).with("x-room-id", known.room_id.to_string()))
}
