//! Users whose state changes while the mock runs, and the clock of the mock.

use std::time::Duration;

use livetape_io::clock;
use livetape_mock::{Change, MEMORY_WALL_MS, Scenario, State, User};
use serde_json::{Value, json};

use crate::support::{Mock, ROOM, Received, SOCKET, Socket, batch, demo, offsets_ms, wait_ms};

const LOOKUP: &str = "/api-live/user/room/?aid=1988&uniqueId=demo";
const SECOND: Duration = Duration::from_secs(1);

/// Live, offline after 10 seconds, live again in another room after 20 seconds.
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

fn is_end(frame: &bytes::Bytes) -> bool {
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
