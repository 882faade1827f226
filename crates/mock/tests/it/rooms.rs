//! Rooms play recordings byte for byte.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::{
    pace::Speed,
    recording::{Flags, Frame, Item, Opcode, What, records},
    wire::{Batch, BatchInfo, Push, write_batch, write_push},
};
use livetape_mock::{After, Clock, Compress, Happened, Scenario, ScenarioFile, Seen, User};

use crate::support::{Mock, ROOM, Received, SOCKET, batch, demo, push, wait_ms};

fn at_max() -> Scenario {
    Scenario::default().speed(Speed::Max)
}

#[tokio::test(start_paused = true)]
async fn the_demo_plays_as_recorded_and_closes() {
    let rig = Mock::new(at_max());
    let (frames, end) = rig.dial().await.all().await;
    assert_eq!(frames.len(), 185);
    assert!(frames == demo(), "frames differ");
    assert_eq!(end, Received::Close(1000, String::new()));
    // Then the user is offline.
    let answer = rig.json("/api-live/user/room/?aid=1988&uniqueId=host_078").await;
    assert_eq!(answer["data"]["user"]["status"], 4);
    assert_eq!(answer["data"]["user"]["roomId"], ROOM.to_string());
}

#[tokio::test(start_paused = true)]
async fn at_speed_one_frames_come_at_their_offsets() {
    let rig = Mock::new(Scenario::default());
    let mut socket = rig.dial().await;
    let (start, mut last) = (livetape_io::clock::now(), 0);
    let recorded = crate::support::offsets_ms();
    for _ in &recorded {
        socket.frame().await;
        last = (livetape_io::clock::now() - start).as_millis();
    }
    assert_eq!(last, u128::from(recorded.last().unwrap() - recorded[0]));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_joins_now_with_the_last_chats() {
    let rig = Mock::new(Scenario::default());
    let mut socket = rig.dial().await;
    let mut before = Vec::new();
    for _ in 0..40 {
        before.push(socket.frame().await);
    }
    drop(socket);
    wait_ms(200_000).await;
    let mut socket = rig.dial().await;
    let (history, faults) = batch(&socket.frame().await);
    assert_eq!((history.messages.len(), faults), (6, 0));
    assert!(history.messages.iter().all(|chat| chat.is_history && chat.method == "WebcastChatMessage"));
    // The recorded response has been used, so the mock generates one.
    socket.send("im_enter_room", b"").await;
    let entered = socket.frame().await;
    assert_eq!(push(&entered).payload_type, "im_enter_room_resp");
    assert_eq!(push(&entered).compress_type, "gzip");
    assert!(batch(&entered).0.info.is_first);
    let next = socket.frame().await;
    let recorded = demo();
    let at = recorded.iter().position(|frame| *frame == next).unwrap();
    assert!(at > 40, "{at}");
    let chats = recorded[..at].iter().flat_map(|frame| batch(frame).0.messages);
    let chats: Vec<_> = chats.filter(|message| message.method == "WebcastChatMessage").collect();
    let ids = |messages: &[livetape_core::wire::Message]| {
        messages.iter().map(|message| message.msg_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&history.messages), ids(&chats[chats.len() - 6..]));
}

#[tokio::test(start_paused = true)]
async fn only_clients_that_ask_for_gzip_get_it() {
    let recorded = demo();
    let at = recorded.iter().position(|frame| push(frame).compress_type == "gzip").unwrap();
    for (compress, query, is_gzip) in [
        (Compress::Asked, "&compress=gzip", true),
        (Compress::Asked, "", false),
        (Compress::Asked, "&compress=", false),
        (Compress::Always, "", true),
        (Compress::Never, "&compress=gzip", false),
    ] {
        let rig = Mock::new(Scenario::default().compress(compress));
        let mut socket = rig.try_dial(&format!("{SOCKET}?room_id={ROOM}{query}")).await.unwrap();
        let mut frame = socket.frame().await;
        for _ in 0..at {
            frame = socket.frame().await;
        }
        let (sent, original) = (push(&frame), push(&recorded[at]));
        assert_eq!(sent.compress_type, if is_gzip { "gzip" } else { "none" }, "{compress:?} {query}");
        assert_eq!(sent.payload == original.payload, is_gzip, "{compress:?} {query}");
        assert_eq!((sent.seq_id, sent.log_id), (original.seq_id, original.log_id));
        let ids = |frame| batch(frame).0.messages.iter().map(|message| message.msg_id).collect::<Vec<_>>();
        assert_eq!(ids(&frame), ids(&recorded[at]), "{compress:?} {query}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_separate_clock_each_connection_starts_over() {
    let rig = Mock::new(at_max().clock(Clock::Connection));
    for _ in 0..2 {
        assert!(rig.dial().await.all().await.0 == demo());
    }
    let rig = Mock::new(at_max().after(After::Again));
    for _ in 0..2 {
        assert!(rig.dial().await.all().await.0 == demo());
    }
}

/// Builds a frame of a test recording.
fn frame(payload_type: &str, log_id: u64) -> Bytes {
    let info = BatchInfo { cursor: log_id.to_string(), need_ack: true, ..BatchInfo::default() };
    let payload = write_batch(&Batch { messages: vec![], info });
    write_push(&Push { log_id, payload_type: payload_type.into(), payload, ..Push::default() })
}

fn item(ms: u64, conn: u32, what: What) -> Item {
    Item { offset: Duration::from_millis(ms), conn, flags: Flags::default(), what }
}

fn received(ms: u64, conn: u32, bytes: Bytes) -> Item {
    item(ms, conn, What::Frame(Frame { opcode: Opcode::BINARY, bytes }))
}

/// Two connections: the server closes the first; the second joins and sends heartbeats.
fn two_connections() -> Bytes {
    let open = || {
        let unique_id = "ann".to_owned();
        What::ConnOpen(records::ConnOpen { room_id: 77, unique_id, ..Default::default() })
    };
    let close = |who: records::conn_close::Who| {
        What::ConnClose(records::ConnClose {
            code: 4404,
            reason: "gone".into(),
            who: who.into(),
            ..Default::default()
        })
    };
    let initial = What::Http(records::Http {
        role: records::http::Role::InitialBatch.into(),
        body: write_batch(&Batch {
            messages: vec![],
            info: BatchInfo { cursor: "recorded".into(), internal_ext: "ext".into(), ..BatchInfo::default() },
        }),
        ..Default::default()
    });
    let mut sent = received(1200, 2, frame("hb", 0));
    sent.flags = Flags(Flags::SENT);
    crate::support::recording(&[
        item(900, 1, initial),
        item(1000, 1, open()),
        received(1100, 1, frame("msg", 1)),
        received(1200, 1, frame("msg", 2)),
        item(1300, 1, close(records::conn_close::Who::Upstream)),
        item(5000, 2, open()),
        received(5100, 2, frame("im_enter_room_resp", 3)),
        sent,
        received(5200, 2, frame("hb", 4)),
        received(5300, 2, frame("msg", 5)),
        item(9000, 2, close(records::conn_close::Who::Us)),
    ])
}

#[tokio::test(start_paused = true)]
async fn connections_play_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("two.bin"), two_connections()).unwrap();
    let scenario = Scenario::default().user(User::new("ann").recording("two.bin"));
    let rig = Mock::new(ScenarioFile::from(scenario).in_folder(folder.path()));

    let (head, body) = rig.get("/webcast/fetch?client=x&unique_id=ann").await;
    let first = livetape_core::wire::read_batch(&body, &mut vec![]).info;
    assert!(head.contains("x-room-id: 77\r\n"), "{head}");
    assert_eq!(
        (first.cursor.as_str(), first.internal_ext.as_str(), first.is_first),
        ("recorded", "ext", true)
    );
    assert_eq!(first.push_server, format!("ws://localhost:1{SOCKET}"));

    let target = format!("{SOCKET}?room_id=77");
    let mut socket = rig.try_dial(&target).await.unwrap();
    let start = livetape_io::clock::now();
    assert_eq!(socket.frame().await, frame("msg", 1));
    assert_eq!((livetape_io::clock::now() - start).as_millis(), 100);
    assert_eq!(socket.frame().await, frame("msg", 2));
    assert_eq!(socket.next().await, Received::Close(4404, "gone".into()));
    // However long a client waits, it receives all of the next recorded connection, and no history.
    wait_ms(60_000).await;
    let mut socket = rig.try_dial(&target).await.unwrap();
    socket.send("im_enter_room", b"").await;
    socket.send("hb", b"").await;
    assert_eq!(push(&socket.frame().await).payload_type, "hb");
    assert_eq!(socket.frame().await, frame("im_enter_room_resp", 3));
    assert_eq!(socket.frame().await, frame("msg", 5));
    assert_eq!(socket.next().await, Received::Close(1000, String::new()));
}

#[tokio::test(start_paused = true)]
async fn clients_are_answered_and_logged() {
    let rig = Mock::new(Scenario::default());
    let mut socket = rig.dial().await;
    socket.send("im_enter_room", b"").await;
    socket.send("hb", b"\x08\x01").await;
    socket.send("ack", b"ext").await;
    socket.send("odd", b"").await;
    assert_eq!(push(&socket.frame().await).payload_type, "im_enter_room_resp");
    let heartbeat = push(&socket.frame().await);
    assert_eq!((heartbeat.payload_type.as_str(), &heartbeat.payload[..]), ("hb", &b"\x08\x01"[..]));
    socket.0.close(None).await.unwrap();
    while !matches!(socket.next().await, Received::Broken) {}
    let what: Vec<_> = rig.mock.received().into_iter().skip(1).map(|entry| entry.what).collect();
    assert_eq!(what[0], Happened::Upgrade { room_id: ROOM, attempt: 1 });
    assert_eq!(what[1..3], [Happened::Enter, Happened::Heartbeat]);
    assert_eq!(what[3], Happened::Ack { log_id: 7, internal_ext: "ext".into() });
    assert_eq!(what[4], Happened::Other { payload_type: "odd".into() });
    assert!(matches!(&what[5], Happened::Closed { code: 1005, .. }), "{:?}", what[5]);
    rig.mock.expect(Seen::Ack, 1..);
    rig.mock.expect(Seen::Heartbeat, 1);
}
