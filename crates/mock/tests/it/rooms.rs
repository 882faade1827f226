//! Rooms play recordings byte for byte. At the end of a room, clients have time to read, the end happens once, and the user
//! goes offline. Users whose state changes while the mock runs, and the clock of the mock.

use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use livetape_core::{
    pace::Speed,
    recording::{Flags, Frame, Item, Opcode, What, records},
    wire::{Batch, BatchInfo, Message as WireMessage, Push, read_batch, write_batch, write_push},
};
use livetape_io::clock;
use livetape_mock::{
    After, By, Change, Clock, Compress, Happened, MEMORY_WALL_MS, Scenario, ScenarioFile, Seen, State, User,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Mock, ROOM, Received, SOCKET, Socket, batch, demo, offsets_ms, push, wait_ms};

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
    let (start, mut last) = (clock::now(), 0);
    let recorded = offsets_ms();
    for _ in &recorded {
        socket.frame().await;
        last = (clock::now() - start).as_millis();
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

/// So that it can be told what a client had when it printed something.
#[tokio::test(start_paused = true)]
async fn answers_of_the_sign_server_are_noted_at_their_time_in_the_room() {
    let rig = Mock::new(Scenario::default());
    rig.mock.keep_sent();
    let sign = "/webcast/fetch?unique_id=demo";
    rig.get(sign).await;
    let first = rig.mock.sent_until();
    assert_eq!(first, Duration::from_millis(350), "the frame with the first chats of the demo");
    let mut socket = rig.dial().await;
    for _ in 0..30 {
        assert!(matches!(socket.next_within(60_000).await, Received::Frame(_)));
    }
    let until = rig.mock.sent_until();
    assert!(until > first, "{until:?}");
    drop(socket);
    // The second one contains no batch.
    rig.get(sign).await;
    assert_eq!(rig.mock.sent_until(), until);
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
    let first = read_batch(&body, &mut vec![]).info;
    assert!(head.contains("x-room-id: 77\r\n"), "{head}");
    assert_eq!(
        (first.cursor.as_str(), first.internal_ext.as_str(), first.is_first),
        ("recorded", "ext", true)
    );
    assert_eq!(first.push_server, format!("ws://localhost:1{SOCKET}"));

    let target = format!("{SOCKET}?room_id=77");
    let mut socket = rig.try_dial(&target).await.unwrap();
    let start = clock::now();
    assert_eq!(socket.frame().await, frame("msg", 1));
    assert_eq!((clock::now() - start).as_millis(), 100);
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

// The end of a room: clients have time to read, the end happens once, and the user goes offline.

const OFFLINE: &str = "[[user]]\nname = \"demo\"\nstate = \"offline\"\n";

/// Returns all frames, the end, and the ms between the last frame and the end.
async fn to_the_end(socket: &mut Socket) -> (usize, Received, u128) {
    let (mut frames, mut last) = (0, clock::now());
    loop {
        match socket.next().await {
            Received::Frame(_) => (frames, last) = (frames + 1, clock::now()),
            end => return (frames, end, (clock::now() - last).as_millis()),
        }
    }
}

fn closed() -> Received {
    Received::Close(1000, String::new())
}

#[tokio::test(start_paused = true)]
async fn a_room_closes_a_second_after_its_last_frame_at_every_speed() {
    for (speed, end, control) in [("1", "close", 0), ("60", "close", 0), ("\"max\"", "control", 1)] {
        let rig = Mock::toml(&format!("speed = {speed}\nend = \"{end}\"\n"));
        let ended = to_the_end(&mut rig.dial().await).await;
        assert_eq!(ended, (demo().len() + control, closed(), 1000), "{speed}");
    }
    for ms in [0, 250] {
        let rig = Mock::toml(&format!("speed = \"max\"\nclose_after_ms = {ms}\n"));
        assert_eq!(to_the_end(&mut rig.dial().await).await, (demo().len(), closed(), ms), "{ms}");
    }
    let error = Scenario::parse("close_after_ms = 99999999999").unwrap_err();
    assert!(error.to_string().contains("close_after_ms"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn faults_close_the_socket_without_delay() {
    let rig = Mock::fixture("close-4404.toml");
    let (_, end, ms) = to_the_end(&mut rig.dial().await).await;
    assert_eq!((end, ms), (Received::Close(4404, "Streamer is not live".into()), 0));
    let rig = Mock::fixture("drop.toml");
    assert_eq!(to_the_end(&mut rig.dial().await).await, (20, Received::Broken, 0));
}

#[tokio::test(start_paused = true)]
async fn a_room_answers_heartbeats_until_it_closes() {
    let rig = Mock::toml("speed = \"max\"\n");
    let mut socket = rig.dial().await;
    for _ in demo() {
        socket.frame().await;
    }
    wait_ms(500).await;
    socket.send("hb", b"").await;
    assert_eq!(push(&socket.frame().await).payload_type, "hb");
    assert_eq!(to_the_end(&mut socket).await, (0, closed(), 500));
}

/// Joins the room, reads for a second, and returns the frames that need an ack.
async fn enter_and_read(socket: &mut Socket) -> Vec<Bytes> {
    socket.send("im_enter_room", b"").await;
    let mut frames = vec![];
    while let Received::Frame(frame) = socket.next_within(100).await {
        frames.push(frame);
    }
    frames.retain(|frame| push(frame).payload_type == "msg" && batch(frame).0.info.need_ack);
    frames
}

#[tokio::test(start_paused = true)]
async fn a_room_closes_a_second_after_a_slow_client_has_acked_the_last_frame() {
    let rig = Mock::toml("speed = \"max\"\nend = \"control\"\n");
    let mut socket = rig.dial().await;
    for frame in enter_and_read(&mut socket).await {
        assert_eq!(socket.next_within(9_000).await, Received::Silence);
        socket.ack(&frame).await;
    }
    assert_eq!(to_the_end(&mut socket).await, (0, closed(), 1000));
}

#[tokio::test(start_paused = true)]
async fn a_room_waits_ten_seconds_for_an_ack_and_no_longer() {
    let rig = Mock::toml("speed = \"max\"\nafter = \"again\"\n");
    for acks in [0, 2] {
        let mut socket = rig.dial().await;
        let frames = enter_and_read(&mut socket).await;
        for frame in &frames[..acks] {
            socket.ack(frame).await;
        }
        let start = clock::now();
        assert_eq!(to_the_end(&mut socket).await.1, closed());
        // The frames arrived before a tenth of a second of silence.
        let waited = (clock::now() - start).as_millis();
        assert_eq!(waited, if acks == 0 { 9_900 } else { 10_000 }, "{acks}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_first_need_not_wait() {
    let rig = Mock::toml("speed = \"max\"\n");
    let mut socket = rig.dial().await;
    for _ in demo() {
        socket.frame().await;
    }
    let start = clock::now();
    socket.0.send(Message::Close(None)).await.unwrap();
    assert!(matches!(socket.next().await, Received::Close(1005, _) | Received::Broken));
    assert!(clock::now() - start < Duration::from_millis(1000));
    let last = rig.mock.received().pop().unwrap().what;
    assert!(matches!(last, Happened::Closed { by: By::Client, .. }), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn an_open_room_ends_when_its_user_goes_offline() {
    for scenario in ["", "speed = \"max\"\nend = \"stay\"\n"] {
        let rig = Mock::toml(scenario);
        let mut socket = rig.dial().await;
        for _ in 0..3 {
            socket.frame().await;
        }
        let mut frames = vec![];
        while let Received::Frame(frame) = socket.next_within(100).await {
            frames.push(frame);
        }
        let start = clock::now();
        rig.mock.set_scenario(OFFLINE).unwrap();
        let last = socket.frame().await;
        assert_eq!((clock::now() - start).as_millis(), 0);
        assert_eq!(batch(&last).0.messages[0].method, "WebcastControlMessage");
        assert_eq!(to_the_end(&mut socket).await, (0, closed(), 1000));
        let answer = rig.json("/api-live/user/room/?aid=1988&uniqueId=demo").await;
        assert_eq!(answer["data"]["user"]["status"], 4);
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_room_continues_while_its_user_is_live() {
    let rig = Mock::new(Scenario::default());
    let mut socket = rig.dial().await;
    socket.frame().await;
    rig.mock
        .set_scenario("[[user]]\nname = \"demo\"\n\n[[user]]\nname = \"bob\"\nstate = \"offline\"\n")
        .unwrap();
    rig.mock.reset();
    assert_eq!(to_the_end(&mut socket).await, (demo().len() - 1, closed(), 1000));
}

/// Returns the frames of a socket opened after a signing response, or without one.
async fn frames(rig: &Mock, query: &str) -> Vec<Bytes> {
    let target = format!("{SOCKET}?room_id={ROOM}&compress=gzip{query}");
    rig.try_dial(&target).await.unwrap().all().await.0
}

fn firsts(frames: &[Bytes]) -> usize {
    frames.iter().filter(|frame| batch(frame).0.info.is_first).count()
}

#[tokio::test(start_paused = true)]
async fn clients_of_the_sign_server_get_the_first_batch_there_and_only_there() {
    let at_max = "speed = \"max\"\nafter = \"again\"\n";
    let direct = frames(&Mock::toml(at_max), "").await;
    assert_eq!((direct.len(), firsts(&direct)), (demo().len(), 1));
    let first = direct.iter().position(|frame| batch(frame).0.info.is_first).unwrap();

    let rig = Mock::toml(at_max);
    // The same holds for each restart of the room.
    for query in ["&cursor=t-1&internal_ext=x", "&wrss=1&imprp=2"] {
        let (_, body) = rig.get("/webcast/fetch?unique_id=demo").await;
        let signed = read_batch(&body, &mut vec![]);
        assert!(signed.info.is_first && !signed.info.need_ack && !signed.info.push_server.is_empty());
        assert_eq!(signed.messages, batch(&direct[first]).0.messages);
        let rest = frames(&rig, query).await;
        assert!(rest[..] == [&direct[..first], &direct[first + 1..]].concat(), "{query}: {}", rest.len());
    }
    // Without a signing response, or with one from the middle of the room, no frame is skipped.
    assert!(frames(&rig, "").await == direct);
    assert!(frames(&rig, "&cursor=t-1").await == direct);
}

#[tokio::test(start_paused = true)]
async fn clients_of_the_sign_server_get_the_first_batch_once() {
    let rig = Mock::new(Scenario::default());
    rig.get("/webcast/fetch?unique_id=demo").await;
    rig.dial().await.frame().await;
    wait_ms(100_000).await;
    let answers = async |query: &str| {
        let mut socket = rig.try_dial(&format!("{SOCKET}?room_id={ROOM}{query}")).await.unwrap();
        socket.send("im_enter_room", b"").await;
        loop {
            let frame = socket.frame().await;
            if push(&frame).payload_type == "im_enter_room_resp" {
                return batch(&frame).0.info.is_first;
            }
        }
    };
    assert_eq!((answers("").await, answers("&cursor=t-1").await), (true, false));
}

const LOOKUP: &str = "/api-live/user/room/?aid=1988&uniqueId=demo";
const SECOND: Duration = Duration::from_secs(1);

/// Live, offline after 10 seconds, live again in another room after 20 seconds.
/// A client that polls, as far as it has come.
struct Poller<'a> {
    rig: &'a Mock,
    cursor: String,
}

impl<'a> Poller<'a> {
    const fn new(rig: &'a Mock) -> Self {
        Self { rig, cursor: String::new() }
    }

    async fn poll(&mut self) -> Batch {
        let target = format!("/webcast/im/fetch/?aid=1988&room_id={ROOM}&cursor={}", self.cursor);
        let (head, body) = self.rig.get(&target).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let batch = read_batch(&body, &mut Vec::new());
        assert!(!batch.info.cursor.is_empty());
        self.cursor.clone_from(&batch.info.cursor);
        batch
    }

    /// Polls `count` times, every second.
    async fn polls(&mut self, count: u32) -> Vec<WireMessage> {
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.extend(self.poll().await.messages);
            wait_ms(1000).await;
        }
        messages
    }
}

fn ids(messages: &[WireMessage]) -> Vec<i64> {
    messages.iter().map(|message| message.msg_id).collect()
}

fn shown(frames: &[Bytes]) -> Vec<WireMessage> {
    frames.iter().flat_map(|frame| batch(frame).0.messages).collect()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_polls_gets_the_whole_show_once() {
    for scenario in [at_max(), Scenario::default()] {
        let is_max = scenario.speed == Speed::Max;
        let rig = Mock::new(scenario);
        let mut poller = Poller::new(&rig);
        let end_ms = *offsets_ms().last().unwrap();
        let count = if is_max { 60 } else { u32::try_from(end_ms / 1000).unwrap() + 5 };
        let polled = poller.polls(count).await;
        assert_eq!(ids(&polled), ids(&shown(&demo())), "at max: {is_max}");
        // Then there is nothing more, and the user is offline.
        assert_eq!(poller.polls(3).await, []);
        let answer = rig.json("/api-live/user/room/?aid=1988&uniqueId=host_078").await;
        assert_eq!(answer["data"]["user"]["status"], 4);
    }
}

#[tokio::test(start_paused = true)]
async fn polls_follow_the_clock_of_the_room() {
    let rig = Mock::new(Scenario::default());
    let mut poller = Poller::new(&rig);
    let before = poller.polls(60).await;
    // The clock starts with the second poll, and the last one is 58 s later.
    let due = offsets_ms().iter().filter(|ms| **ms <= 58_000).count();
    assert_eq!(ids(&before), ids(&shown(&demo()[..due])));
    let mut late = Poller::new(&rig);
    assert_eq!(late.poll().await.messages, [], "a client that joins later does not get the first batch");
    let meanwhile = poller.poll().await.messages;
    let after = poller.polls(60).await;
    let late = late.polls(60).await;
    assert!(ids(&late).starts_with(&ids(&after)) && after.len() > 10, "{} {}", late.len(), after.len());
    let all = [before, meanwhile, after].concat();
    assert!(ids(&shown(&demo())).starts_with(&ids(&all)));
}

#[tokio::test(start_paused = true)]
async fn polls_go_on_after_a_recorded_reconnect() {
    let message =
        |msg_id: i64| WireMessage { method: "WebcastChatMessage".into(), msg_id, ..WireMessage::default() };
    let batch = |msg_id: i64, cursor: &str| {
        let info = BatchInfo { cursor: cursor.into(), ..BatchInfo::default() };
        write_batch(&Batch { messages: vec![message(msg_id)], info })
    };
    let frame = |msg_id: i64| {
        write_push(&Push { payload_type: "msg".into(), payload: batch(msg_id, ""), ..Push::default() })
    };
    let open =
        || What::ConnOpen(records::ConnOpen { room_id: ROOM, unique_id: "ann".into(), ..Default::default() });
    let initial = |msg_id: i64, cursor: &str| {
        let body = batch(msg_id, cursor);
        What::Http(records::Http {
            role: records::http::Role::InitialBatch.into(),
            body,
            ..Default::default()
        })
    };
    let recording = crate::support::recording(&[
        item(1000, 1, open()),
        item(1000, 1, initial(1, "recorded")),
        received(1100, 1, frame(2)),
        item(1300, 1, What::ConnClose(records::ConnClose { code: 4404, ..Default::default() })),
        item(5000, 2, open()),
        item(5000, 2, initial(3, "recorded again")),
        received(5100, 2, frame(4)),
        received(6100, 2, frame(5)),
    ]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("two.bin"), recording).unwrap();
    let scenario = Scenario::default().user(User::new("ann").recording("two.bin"));
    let rig = Mock::new(ScenarioFile::from(scenario).in_folder(folder.path()));
    let mut poller = Poller::new(&rig);
    let first = poller.poll().await;
    assert_eq!((ids(&first.messages), poller.cursor.as_str()), (vec![1], "recorded"));
    // The clock starts with the first poll that goes on.
    wait_ms(60_000).await;
    assert_eq!(ids(&poller.polls(1).await), [0_i64; 0]);
    assert_eq!(ids(&poller.polls(3).await), [2]);
    assert_eq!(ids(&poller.polls(3).await), [3, 4, 5]);
    assert_eq!(ids(&poller.polls(3).await), [0_i64; 0]);
}

#[tokio::test(start_paused = true)]
async fn polls_tell_the_end_of_the_stream() {
    let rig = Mock::toml("speed = \"max\"\nend = \"control\"");
    let polled = Poller::new(&rig).polls(20).await;
    assert_eq!(polled.len(), shown(&demo()).len() + 1);
    assert_eq!(polled.last().unwrap().method, "WebcastControlMessage");

    // A user who is offline, and a cursor from elsewhere.
    let rig = Mock::toml("[[user]]\nname = \"demo\"\nstate = \"offline\"");
    let polled = Poller::new(&rig).polls(3).await;
    assert!(polled.iter().any(|message| message.method == "WebcastControlMessage"), "{}", polled.len());
    let rig = Mock::new(Scenario::default());
    let mut elsewhere = Poller { rig: &rig, cursor: "0".into() };
    let first = elsewhere.poll().await;
    assert!(first.info.is_first && !first.messages.is_empty());
}

fn again(room_id: Option<i64>) -> Scenario {
    let live = Change { room_id, ..Change::new(20 * SECOND, State::Live) };
    let user = User::new("demo").change(Change::new(10 * SECOND, State::Offline)).change(live);
    Scenario::default().user(user)
}

/// Returns the status and the room of the user.
async fn look_up(rig: &Mock) -> (i64, i64) {
    let user = &rig.json(LOOKUP).await["data"]["user"];
    (user["status"].as_i64().unwrap(), user["roomId"].as_str().unwrap().parse().unwrap())
}

async fn dial(rig: &Mock, room: i64) -> Socket {
    rig.try_dial(&format!("{SOCKET}?room_id={room}&compress=gzip")).await.unwrap()
}

fn is_end(frame: &Bytes) -> bool {
    batch(frame).0.messages.first().is_some_and(|message| message.method == "WebcastControlMessage")
}

#[tokio::test(start_paused = true)]
async fn states_change_at_their_time() {
    let rig = Mock::fixture("goes-live.toml");
    let mut seen = vec![look_up(&rig).await];
    for seconds in [29, 1, 59, 1, 29, 1] {
        wait_ms(seconds * 1000).await;
        seen.push(look_up(&rig).await);
    }
    let (states, rooms): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    assert_eq!(states, [4, 4, 2, 2, 4, 4, 2]);
    assert_eq!(rooms[..6], [ROOM; 6]);
    assert_ne!(rooms[6], ROOM);
    let alive = rig.json(&format!("/webcast/room/check_alive/?room_ids={ROOM},{}", rooms[6])).await;
    assert_eq!((&alive["data"][0]["alive"], &alive["data"][1]["alive"]), (&json!(false), &json!(true)));
    // The room of each LIVE is always the same.
    let rig = Mock::fixture("goes-live.toml");
    rig.mock.advance(120 * SECOND);
    assert_eq!(look_up(&rig).await, (2, rooms[6]));
}

#[tokio::test(start_paused = true)]
async fn an_open_room_ends_when_the_user_is_due_to_go_offline() {
    let rig = Mock::new(again(Some(7)));
    let mut socket = rig.dial().await;
    let start = clock::now();
    let mut frames = vec![];
    let end = loop {
        match socket.frame().await {
            frame if is_end(&frame) => break clock::now() - start,
            frame => frames.push(frame),
        }
    };
    assert_eq!(end, 10 * SECOND);
    let due = offsets_ms().iter().filter(|offset| **offset < 10_000).count();
    assert!(frames == demo()[..due] && due > 5, "{} of {due}", frames.len());
    assert_eq!(socket.all().await, (vec![], Received::Close(1000, String::new())));
    // Nobody reaches the room before it opens, or after it has ended.
    assert!(is_end(&dial(&rig, 7).await.frame().await));
    wait_ms(10_000).await;
    assert_eq!(look_up(&rig).await, (2, 7));
    assert!(is_end(&rig.dial().await.frame().await));
    let mut socket = dial(&rig, 7).await;
    assert!(socket.frame().await == demo()[0]);
}

#[tokio::test(start_paused = true)]
async fn another_room_without_a_pause_ends_the_earlier_one() {
    let live = Change::new(5 * SECOND, State::Live).room_id(7);
    let rig = Mock::new(Scenario::default().user(User::new("demo").change(live)));
    let mut socket = rig.dial().await;
    let start = clock::now();
    while !is_end(&socket.frame().await) {}
    assert_eq!((clock::now() - start, look_up(&rig).await), (5 * SECOND, (2, 7)));
}

#[tokio::test(start_paused = true)]
async fn a_paused_stream_keeps_its_room() {
    let rig =
        Mock::new(Scenario::live("demo").change(5 * SECOND, State::Paused).change(9 * SECOND, State::Live));
    let mut socket = rig.dial().await;
    wait_ms(5000).await;
    assert_eq!(look_up(&rig).await, (3, ROOM));
    wait_ms(4000).await;
    assert_eq!(look_up(&rig).await, (2, ROOM));
    assert!(socket.all().await.0 == demo());
}

/// A jump over the whole LIVE loses nothing: its frames come at once, and then its end.
#[tokio::test(start_paused = true)]
async fn advancing_the_clock_is_the_same_as_waiting() {
    let play = async |jump: bool| {
        let rig = Mock::new(again(None));
        let mut socket = rig.dial().await;
        let mut frames = vec![socket.frame().await];
        if jump {
            rig.mock.advance(300 * SECOND);
        }
        let start = clock::now();
        let (rest, end) = socket.all().await;
        frames.extend(rest);
        (frames, end, clock::now() - start < 2 * SECOND, look_up(&rig).await.1)
    };
    let (waited, jumped) = (play(false).await, play(true).await);
    assert_eq!((&waited.0, &waited.1), (&jumped.0, &jumped.1));
    assert_eq!((waited.2, jumped.2), (false, true));
    assert_eq!(waited.3, ROOM);
    assert_ne!(jumped.3, ROOM);
}

#[tokio::test(start_paused = true)]
async fn rate_limits_and_dates_follow_the_clock() {
    let rig = Mock::toml("[[limit]]\nmax = 1\nseconds = 600\nat = [\"lookup\"]\n");
    let ask = async || {
        let (head, _) = rig.get(LOOKUP).await;
        let header = |name: &str| {
            let line = head.lines().find(|line| line.starts_with(name));
            line.map(|line| line.split_once(": ").unwrap().1.to_owned()).unwrap_or_default()
        };
        (head[9..12].to_owned(), header("Retry-After"), header("X-RateLimit-Reset"), header("Date"))
    };
    let texts = |a: &str, b: &str, c: &str, d: &str| (a.into(), b.into(), c.into(), d.into());
    assert_eq!(ask().await, texts("200", "", "", "Thu, 01 Jan 2026 00:00:00 GMT"));
    assert_eq!(ask().await, texts("429", "600", "1767226200", "Thu, 01 Jan 2026 00:00:00 GMT"));
    rig.mock.advance(400 * SECOND);
    assert_eq!(ask().await, texts("429", "200", "1767226200", "Thu, 01 Jan 2026 00:06:40 GMT"));
    rig.mock.advance(200 * SECOND);
    assert_eq!(ask().await.0, "200");
    assert_eq!(rig.mock.received().last().unwrap().at_ms, 600_000);
}

#[tokio::test(start_paused = true)]
async fn programs_read_and_advance_the_clock() {
    let rig = Mock::new(again(None));
    let clock = async |request: &str, body: &str| {
        let (status, text) = rig.admin(&format!("{request} /__admin/clock"), "", body).await;
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let view = |elapsed: u64, wall: u64, advanced: u64| {
        (200, json!({ "elapsed_ms": elapsed, "wall_ms": MEMORY_WALL_MS + wall, "advanced_ms": advanced }))
    };
    assert_eq!(clock("GET", "").await, view(0, 0, 0));
    wait_ms(1500).await;
    assert_eq!(clock("POST", "{\"advance_ms\": 8500}").await, view(10_000, 10_000, 8500));
    assert_eq!(look_up(&rig).await.0, 4);
    rig.mock.reset();
    // The wall clock goes on; the others start again.
    assert_eq!((clock("GET", "").await, look_up(&rig).await.0), (view(0, 10_000, 0), 2));
    assert_eq!(clock("POST", "{\"advance_ms\": 500}").await, view(500, 10_500, 500));
    let a_year = 366 * 24 * 3600 * 1000_u64;
    for (body, says) in [
        ("", "send {\"advance_ms\": 30000}"),
        ("{\"advance_ms\": -1}", "0 or more: invalid value: integer `-1`"),
        ("{\"advance_ms\": 1.5}", "a whole number"),
        ("{\"advance\": 1}", "unknown field `advance`, expected `advance_ms`"),
        (&format!("{{\"advance_ms\": {a_year}}}"), "at most a year"),
    ] {
        let (status, answer) = clock("POST", body).await;
        assert!(status == 422 && answer["error"].as_str().unwrap().contains(says), "{body}: {answer}");
    }
    assert_eq!(clock("PUT", "").await, (405, json!({ "error": "use GET or POST" })));
    assert_eq!(clock("GET", "").await, view(500, 10_500, 500));
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_never_goes_back_unless_the_scenario_sets_it() {
    let rig = Mock::new(again(None));
    let date = async || {
        let (head, _) = rig.get("/live").await;
        head.lines().find_map(|line| Some(line.strip_prefix("Date: ")?.to_owned())).unwrap()
    };
    rig.mock.advance(60 * SECOND);
    rig.mock.reset();
    assert_eq!(date().await, "Thu, 01 Jan 2026 00:01:00 GMT");
    rig.mock.set_scenario("seed = 2").unwrap();
    wait_ms(5000).await;
    assert_eq!(date().await, "Thu, 01 Jan 2026 00:01:05 GMT");
    rig.mock.set_scenario("wall_ms = 5000").unwrap();
    for _ in 0..2 {
        rig.mock.advance(10 * SECOND);
        assert_eq!(date().await, "Thu, 01 Jan 1970 00:00:15 GMT");
        rig.mock.reset();
    }
    rig.mock.set_scenario("").unwrap();
    assert_eq!(date().await, "Thu, 01 Jan 2026 00:01:25 GMT");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "by at most a year")]
async fn the_clock_is_advanced_by_at_most_a_year() {
    Mock::new(Scenario::default()).mock.advance(Duration::MAX);
}
