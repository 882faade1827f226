//! The end of a room: clients have time to read, the end happens once, and the user goes offline.

use std::time::Duration;

use futures_util::SinkExt as _;
use livetape_io::clock;
use livetape_mock::{By, Happened, Scenario};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Mock, ROOM, Received, SOCKET, Socket, batch, demo, push, wait_ms};

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
async fn enter_and_read(socket: &mut Socket) -> Vec<bytes::Bytes> {
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
async fn frames(rig: &Mock, query: &str) -> Vec<bytes::Bytes> {
    let target = format!("{SOCKET}?room_id={ROOM}&compress=gzip{query}");
    rig.try_dial(&target).await.unwrap().all().await.0
}

fn firsts(frames: &[bytes::Bytes]) -> usize {
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
        let signed = livetape_core::wire::read_batch(&body, &mut vec![]);
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
