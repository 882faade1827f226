//! Drives bounds over their edges. The numbers are repeated here, so that nobody changes one by accident.

use std::{io::Cursor, time::Duration};

use serde_json::json;

use super::{
    decoder::{Counts, Decoder, DecoderOptions, OTHER_METHODS},
    dedup::{Comment, Dedup, StreakKey},
    event::{Data, Event},
    host,
    inject::InjectRequest,
    nearest,
    observer::{self, Observer, Socket},
    offset,
    recording::{
        Flags, Frame, Item, Opcode, Reader, Snapshot, What, Writer,
        records::{ConnClose, ConnOpen, Header, Http, Marker, http::Role},
    },
    size, terminal, username,
    wire::{Batch, Message, Push, write_batch, write_push},
};

const AT: Duration = Duration::ZERO;

/// A bound: what it limits, the largest number that fits, and whether so many fit.
type Row = (&'static str, usize, fn(usize) -> bool);

const ROWS: &[Row] = &[
    ("methods that are counted by name", 512, |methods| {
        let mut counts = Counts::default();
        (0..methods).for_each(|method| counts.count_unknown(&format!("Webcast{method}")));
        // A name of TikTok's app needs no room.
        counts.count_unknown("WebcastKaraokeReqMessage");
        !counts.unknown_methods.contains_key(OTHER_METHODS)
    }),
    ("first batches held until their connection opens", 16, |batches| {
        let mut observer = Observer::new("ann");
        (0..batches).for_each(|_| observer.exchange(AT, of_room(Role::InitialBatch, 7), 0));
        observer.take_items().is_empty()
    }),
    ("rooms whose users an observer remembers", 256, |rooms| {
        let mut observer = Observer::new("");
        (1..=rooms).for_each(|room| observer.exchange(AT, of_room(Role::RoomInfo, room), 0));
        observer.take_items();
        observer.open(AT, &mut Socket::new("wss://webcast-ws.tiktok.com/?room_id=1".into()), 101, vec![]);
        matches!(&observer.take_items()[0].what, What::ConnOpen(open) if open.unique_id == "user1")
    }),
    ("message ids of a room", 20_000, |ids| {
        let mut dedup = Dedup::default();
        (1..=ids as i64).for_each(|id| _ = dedup.check_id(1, id, false));
        dedup.check_id(1, 1, false).is_some()
    }),
    ("finals of a room", 4_096, |finals| {
        let mut dedup = Dedup::default();
        let streak = |group_id| StreakKey { user_id: 1, gift_id: 2, group_id };
        (1..=finals as i64).for_each(|group| _ = dedup.check_final(1, streak(group)));
        dedup.check_final(1, streak(1)).is_some()
    }),
    ("comments of a room", 1_024, |comments| {
        let mut dedup = Dedup::default();
        let comment = |create_time| Comment { user_id: 1, create_time, text: "hi".into() };
        (1..=comments as i64).for_each(|time| _ = dedup.check_comment(1, comment(time), false));
        dedup.check_comment(1, comment(1), true).is_some()
    }),
    ("rooms with remembered messages", 1_024, |rooms| {
        let mut dedup = Dedup::default();
        (1..=rooms as i64).for_each(|room| _ = dedup.check_id(room, 1, false));
        dedup.check_id(1, 1, false).is_some()
    }),
    ("open connections of a snapshot", 65_536, |connections| {
        let mut snapshot = Snapshot::default();
        for conn in 1..=connections as u32 {
            let what = What::ConnOpen(ConnOpen::default());
            snapshot.take(&Item { offset: AT, conn, flags: Flags::default(), what });
        }
        snapshot.is_open(1)
    }),
    ("open connections of a decoder", 65_536, |connections| {
        let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        for conn in 1..=connections as u32 {
            let open = ConnOpen { unique_id: format!("user{conn}"), ..ConnOpen::default() };
            handle(&mut decoder, conn, What::ConnOpen(open));
        }
        let events = handle(&mut decoder, 1, What::ConnClose(ConnClose::default()));
        events.iter().any(|event| &*event.username == "user1")
    }),
    ("bytes of an unknown message", 256 << 10, |bytes| {
        let payload = vec![0; bytes].into();
        let message = Message { method: "WebcastNew".into(), payload, msg_id: 1, is_history: false };
        let payload = write_batch(&Batch { messages: vec![message], ..Batch::default() });
        let frame = write_push(&Push { payload_type: "msg".into(), payload, ..Push::default() });
        let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        let frame = What::Frame(Frame { opcode: Opcode::BINARY, bytes: frame });
        let is_whole = |event: &Event| matches!(&event.data, Data::Unknown(unknown) if !unknown.truncated);
        handle(&mut decoder, 1, frame).iter().any(is_whole)
    }),
    ("damaged stretches that are listed", 1_000, |stretches| {
        let mut reader = Reader::open(Cursor::new(damaged(stretches))).unwrap();
        while reader.next().unwrap().is_some() {}
        reader.report().damage.len() == stretches
    }),
    ("names in a hint", 20, |names| !nearest::choices("?", &vec!["name"; names]).contains(" more")),
    ("bytes of a host", 253, |bytes| host::name(&"a".repeat(bytes)).is_some()),
    ("characters of a user's name", 64, |chars| username::normalise(&"a".repeat(chars)).is_ok()),
    ("characters of a user's name in a URL", 64, |chars| {
        observer::user_in(&format!("https://www.tiktok.com/@{}/live", "a".repeat(chars))).is_some()
    }),
    ("characters in a terminal", 300, |chars| !terminal::printable(&"a".repeat(chars)).ends_with('…')),
    ("seconds of an offset", 366 * 24 * 60 * 60, |seconds| offset::parse(&format!("{seconds}s")).is_ok()),
    ("bytes of a size", 1 << 62, |bytes| size::parse(&bytes.to_string()).is_ok()),
    ("months of a subscription", 10_000, |months| {
        is_valid(json!({ "type": "subscribe", "user": "ann", "months": months }))
    }),
    ("answers of a poll", 10, |answers| {
        is_valid(json!({ "type": "poll", "user": "ann", "question": "?", "options": vec!["yes"; answers] }))
    }),
];

/// Returns an answer of TikTok about a room.
fn of_room(role: Role, room: usize) -> Http {
    let request_line = format!("GET https://www.tiktok.com/@user{room}/live?room_id={room}");
    Http { role: role.into(), request_line, status: 200, ..Http::default() }
}

fn handle(decoder: &mut Decoder, conn: u32, what: What) -> Vec<Event> {
    decoder.handle(&Item { offset: AT, conn, flags: Flags::default(), what });
    decoder.take_events().collect()
}

/// Returns a recording whose every other marker is damaged.
fn damaged(stretches: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    for label in ["~~~~", "intact"].into_iter().cycle().take(2 * stretches) {
        let what = What::Marker(Marker { label: label.to_owned() });
        writer.write(&Item { offset: AT, conn: 0, flags: Flags::default(), what }).unwrap();
    }
    let mut bytes = writer.finish().unwrap();
    let marks: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"~~~~")).collect();
    marks.into_iter().for_each(|at| bytes[at] = b'!');
    bytes
}

fn is_valid(request: serde_json::Value) -> bool {
    serde_json::from_value::<InjectRequest>(request).unwrap().check().is_ok()
}

#[test]
fn each_bound_holds_at_its_edge() {
    let moved = ROWS.iter().filter(|(_, bound, fits)| !fits(*bound) || fits(bound + 1));
    assert_eq!(moved.map(|(name, ..)| name).collect::<Vec<_>>(), [&""; 0]);
}
