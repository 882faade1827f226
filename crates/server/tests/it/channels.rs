//! All transitions of the main channel between idle, a room and a recording, and look-ups at the upstream.
//! `channels/mod.rs` of the engine has the diagram.

use std::{fmt::Write as _, io::ErrorKind, time::Duration};

use livetape_core::error::{Code, Problem};
use livetape_engine::{
    channels::ChannelOptions,
    source::{browser::Browser, live::LiveOptions},
};
use livetape_feed::control::{Mode, ReplayOrder, ReplayPhase, ReplayState, SourceState, Sources, Token};
use tokio::io::DuplexStream;

use crate::support::{As, ROOMS, Rig, Setup, json, read, short, told, wait};

// All transitions of the main channel between idle, a room and a recording. `channels/mod.rs` has the
// diagram.

async fn load(rig: &Rig, name: &str) -> Result<ReplayState, Problem> {
    rig.control.order(ReplayOrder::Load(name.to_owned())).await
}

/// Returns the code and the HTTP status of an error.
async fn refused_connect(rig: &Rig, user: &str) -> (Code, u16) {
    let code = rig.control.connect(user.to_owned()).await.unwrap_err().problem.code;
    (code, code.http_status())
}

fn mode(rig: &Rig) -> Mode {
    rig.control.status().mode
}

/// Returns the reasons of all `disconnected` events.
async fn reasons(rig: &Rig) -> Vec<String> {
    rig.hub.close(livetape_feed::hub::CloseReason::new(1000, "over"));
    let log = crate::support::read_all(&mut rig.ws("?since=0&types=disconnected").await).await;
    let reason = |text: &String| json(text)["data"]["reason"].as_str().unwrap().to_owned();
    log.texts.iter().map(reason).collect()
}

#[tokio::test(start_paused = true)]
async fn a_replay_takes_orders_before_it_runs() {
    let mut setup = Setup::default();
    setup.options.play.wait_clients = 1;
    let (rig, channel) = setup.channel();
    let show = channel.replay(short());
    assert_eq!(mode(&rig), Mode::Replay);
    assert_eq!(rig.http("GET", "/replay", "").await.json()["state"], "waiting");
    let play = rig.control.order(ReplayOrder::Play);
    let (state, _) = tokio::join!(play, async { drop(tokio::spawn(show)) });
    assert_eq!(state.unwrap().state, ReplayPhase::Playing);
}

#[tokio::test(start_paused = true)]
async fn one_process_loads_disconnects_connects_and_loads_again() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    assert_eq!(mode(&rig), Mode::Idle);
    assert_eq!(rig.control.disconnect("ann".into()).await.unwrap_err().problem.code, Code::NotFound);
    assert_eq!(load(&rig, "nowhere").await.unwrap_err().code, Code::RecordingNotFound);
    assert_eq!(mode(&rig), Mode::Idle);

    let state = load(&rig, "short").await.unwrap();
    assert_eq!((state.recording.as_str(), state.state), ("short", ReplayPhase::Playing));
    assert_eq!(mode(&rig), Mode::Replay);
    assert_eq!(refused_connect(&rig, "ann").await, (Code::ReplayRunning, 409));
    assert!(rig.control.test("ann".into()).await.unwrap().can_connect, "a test connects nobody");
    for bad in ["", " ", "../etc", "a b"] {
        assert_eq!(rig.control.test(bad.into()).await.unwrap().code, Some(Code::InvalidUsername), "{bad}");
    }
    assert_eq!(load(&rig, "demo").await.unwrap().recording, "demo");
    assert_eq!(rig.control.disconnect("short".into()).await.unwrap_err().problem.code, Code::NotFound);
    assert_eq!(rig.control.disconnect("demo".into()).await.unwrap().mode, Mode::Idle);
    assert_eq!(rig.control.replay(), None);
    assert_eq!(rig.control.order(ReplayOrder::Play).await.unwrap_err().code, Code::NoReplay);

    assert_eq!(rig.control.connect("ann".into()).await.unwrap().mode, Mode::Live);
    let problem = load(&rig, "short").await.unwrap_err();
    assert_eq!((problem.code, problem.code.http_status()), (Code::RoomRunning, 409));
    assert!(problem.hint.contains("DELETE /connect/ann"), "{problem:?}");
    // Connecting to the same user again changes nothing.
    let same = rig.control.connect("https://www.tiktok.com/@Ann/live".into()).await.unwrap();
    assert_eq!(same.username.as_deref(), Some("ann"));
    assert_eq!(rig.control.connect("ben".into()).await.unwrap().username.as_deref(), Some("ben"));
    assert_eq!(rig.control.disconnect("@BEN".into()).await.unwrap().mode, Mode::Idle);

    let again = load(&rig, "short").await.unwrap();
    assert!(again.generation > state.generation, "ids are new: {again:?}");
    let user = rig.control.status().username;
    wait(Duration::from_secs(1)).await;
    let user = user.or(rig.control.status().username).unwrap();
    assert_eq!(rig.control.disconnect(user).await.unwrap().mode, Mode::Idle);
    assert_eq!(reasons(&rig).await, ["replaced", "deleted", "replaced", "deleted", "deleted"]);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_is_left_only_after_the_next_user_was_found() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    for (user, code) in [
        ("offline", Code::UserOffline),
        ("nobody", Code::UserNotFound),
        ("adult", Code::AgeRestricted),
        ("a b", Code::InvalidUsername),
    ] {
        assert_eq!(refused_connect(&rig, user).await.0, code, "{user}");
        let status = rig.control.status();
        assert_eq!((status.state, status.username.as_deref()), (SourceState::Connected, Some("ann")));
    }
    assert_eq!(rig.upgrades(), 1);
    assert!(reasons(&rig).await.is_empty());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_look_up_runs_at_a_time_and_outlives_the_room() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    // A user who is not found is looked up once more.
    let control = rig.control.clone();
    let first = tokio::spawn(async move { control.connect("nobody".into()).await });
    wait(Duration::from_millis(1)).await;
    assert_eq!(refused_connect(&rig, "ben").await, (Code::Capacity, 503));
    assert_eq!(rig.control.disconnect("ann".into()).await.unwrap().username, None);
    // There is nothing to replace, so this connects as from idle.
    assert_eq!(first.await.unwrap().unwrap_err().problem.code, Code::UserNotFound);
    assert_eq!(rig.control.status().username.as_deref(), Some("nobody"));
    rig.end().await;
}

/// Asserts that nobody is the current user, as soon as a room of `user` is over.
async fn assert_nobody_is_left(rig: &Rig, user: &str, attempt: u32) {
    let status = rig.http("GET", "/status", "").await.json();
    let shown = ["mode", "state", "source", "username", "roomId", "nextRetryMs", "attempt"];
    let expected = serde_json::json!(["idle", "ended", "live", null, null, null, attempt]);
    assert_eq!(serde_json::json!(shown.map(|key| &status[key])), expected, "{user}");
    assert_eq!(rig.http("GET", "/health", "").await.json()["user"], serde_json::Value::Null);
    assert_eq!(rig.http("GET", "/rooms", "").await.json()["rooms"], serde_json::json!([]), "{user}");
    for (method, path) in [("GET", "status"), ("DELETE", "connect")] {
        assert_eq!(rig.http(method, &format!("/{path}/{user}"), "").await.code(), "not_found", "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_fails_or_ends_has_no_user_any_more() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    for user in ["offline", "adult"] {
        rig.control.connect(user.into()).await.unwrap_err();
        assert_nobody_is_left(&rig, user, 1).await;
        wait(Duration::from_secs(1)).await;
        assert_nobody_is_left(&rig, user, 1).await;
    }
    rig.end().await;
    let rig = Setup::channels("speed = \"max\"\nend = \"control\"\n").start(As::Serve);
    let mut main = rig.ws("?types=disconnected").await;
    rig.control.connect("ann".into()).await.unwrap();
    read(&mut main, 1).await;
    assert_nobody_is_left(&rig, "ann", 1).await;
    // An order that is refused before the first attempt changes nothing.
    rig.control.connect("a b".into()).await.unwrap_err();
    assert_nobody_is_left(&rig, "ann", 1).await;
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_who_gives_way_to_one_who_cannot_be_had_is_gone() {
    let setup = Setup::channels(ROOMS);
    let rig = setup.options(|options| ChannelOptions { wait_clients: 1, ..options }).start(As::Live);
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.control.status().username.as_deref(), Some("ann"));
    assert_eq!(refused_connect(&rig, "a b").await.0, Code::InvalidUsername);
    assert_eq!(rig.control.status().username, None);
    assert_eq!(rig.http("GET", "/rooms", "").await.json()["rooms"], serde_json::json!([]));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_ended_source_can_be_replaced() {
    let rig = Setup::channels("speed = \"max\"\nend = \"control\"\n").start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    wait(Duration::from_secs(1)).await;
    let status = rig.control.status();
    assert_eq!((status.mode, status.state), (Mode::Idle, SourceState::Ended));
    load(&rig, "short").await.unwrap();
    assert_eq!(rig.control.status().attempt, 0);
    // A recording that has ended can be played again.
    rig.control.order(ReplayOrder::Speed(livetape_feed::control::Speed::Max)).await.unwrap();
    // A thread reads the whole file, and the paused clock does not wait for it.
    while rig.control.replay().unwrap().state != ReplayPhase::Ended {
        tokio::task::yield_now().await;
    }
    assert_eq!(mode(&rig), Mode::Replay);
    assert_eq!(refused_connect(&rig, "ann").await.0, Code::ReplayRunning);
    assert_eq!(load(&rig, "demo").await.unwrap().state, ReplayPhase::Playing);
    rig.control.disconnect("demo".into()).await.unwrap();
    // The requested user is no longer live.
    assert_eq!(refused_connect(&rig, "ann").await.0, Code::UserOffline);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn every_start_mode_allows_the_same_orders() {
    let rig = Setup::channels(ROOMS).start(As::Replay);
    wait(Duration::from_secs(1)).await;
    assert_eq!(mode(&rig), Mode::Replay);
    rig.control.disconnect("short".into()).await.unwrap();
    load(&rig, "demo").await.unwrap();
    rig.control.disconnect("demo".into()).await.unwrap();
    rig.control.connect("ann".into()).await.unwrap();
    rig.end().await;

    let rig = Setup::channels(ROOMS).start(As::Live);
    read(&mut rig.ws("?since=0").await, 1).await;
    assert_eq!(mode(&rig), Mode::Live);
    rig.control.disconnect("ann".into()).await.unwrap();
    load(&rig, "short").await.unwrap();
    rig.end().await;
}

// Look-ups at the upstream: one budget over time, and answers that are remembered.

/// Sets the number of look-ups per minute: the upstream of the tests is on loopback, so it has none by
/// default.
fn limited(setup: Setup, per_minute: u32) -> Setup {
    setup.options(|options| ChannelOptions {
        live: LiveOptions { lookups_per_minute: Some(per_minute), ..options.live },
        ..options
    })
}

/// The state of the budget in `/status`: available, waiting, made, refused, remembered.
async fn lookups(rig: &Rig) -> [u64; 5] {
    let status = rig.http("GET", "/status", "").await.json();
    ["available", "waiting", "made", "refused", "remembered"]
        .map(|key| status["lookups"][key].as_u64().unwrap_or_else(|| panic!("{key}: {status}")))
}

#[tokio::test(start_paused = true)]
async fn a_tab_is_followed_until_it_is_disconnected() {
    let follow = r#"{"source":"tab","user":"@ann"}"#;
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let answer = rig.http("POST", "/connect", follow).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"));
    assert!(answer.body.contains("live.cdp"), "{}", answer.body);
    rig.end().await;

    let refused = || async { Err::<DuplexStream, _>(ErrorKind::ConnectionRefused.into()) };
    let browser = Some(Browser::new("127.0.0.1:9222", refused));
    let setup = Setup::channels(ROOMS).options(|options| ChannelOptions { browser, ..options });
    let rig = setup.start(As::Serve);
    let answer = rig.http("POST", "/connect", follow).await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "browser_unreachable"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert!(answer.body.contains(r#""retrying":true"#), "{}", answer.body);
    let status = rig.control.status();
    assert_eq!((status.source, status.state, status.mode), (Some("tab"), SourceState::Retrying, Mode::Live));
    assert_eq!(status.username.as_deref(), Some("ann"));
    // The tab has the only slot, and nothing replaces it but a room.
    assert_eq!(rig.http("POST", "/connect", follow).await.code(), "room_running");
    assert_eq!(load(&rig, "short").await.unwrap_err().code, Code::RoomRunning);
    assert_eq!(rig.control.connect("ben".into()).await.unwrap().source, Some("live"));
    rig.control.disconnect("ben".into()).await.unwrap();
    assert_eq!(rig.http("POST", "/connect", follow).await.status, 502);
    assert_eq!(rig.control.disconnect("ann".into()).await.unwrap().mode, Mode::Idle);
    load(&rig, "short").await.unwrap();
    assert_eq!(rig.http("POST", "/connect", follow).await.code(), "replay_running");
    rig.end().await;
}

/// Such requests could use up the budget of the tokens.
#[tokio::test(start_paused = true)]
async fn requests_that_are_rejected_before_the_look_up_cost_none() {
    let rig = limited(Setup::channels(ROOMS).places(1), 30).start(As::Serve);
    let mut room = rig.ws("ws/t-ann").await;
    assert_eq!(json(&read(&mut room, 1).await[0])["type"], "connection_created");
    let before = lookups(&rig).await;
    for _ in 0..20 {
        let answer = rig.http("POST", "/connect/ben", "").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "capacity"));
        assert!(answer.body.contains("another live room is already connected"), "{}", answer.body);
    }
    assert_eq!(lookups(&rig).await, before);
    rig.end().await;
}

/// What `GET /test/{user}` found a moment ago is told as what an order to connect finds.
#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_told_as_what_is_new() {
    let mut told = Vec::new();
    for asks_first in [false, true] {
        let rig = Setup::channels(ROOMS).start(As::Serve);
        let mut main = rig.ws("").await;
        if asks_first {
            assert_eq!(rig.http("GET", "/test/offline", "").await.json()["canConnect"], false);
        }
        let before = rig.requests();
        let answer = rig.http("POST", "/connect/offline", "").await;
        assert_eq!((answer.status, rig.requests() == before), (409, asks_first));
        assert_eq!(answer.header("retry-after").is_some(), asks_first, "{answer:?}");
        let events = read(&mut main, 2).await;
        let outline = |text: &String| {
            let event = json(text);
            let keys = ["code", "title", "message", "attempt", "retrying", "reason"];
            (event["type"].clone(), event["username"].clone(), keys.map(|key| event["data"][key].clone()))
        };
        assert_eq!(json(&events[0])["data"]["retryAfterMs"].is_u64(), asks_first, "{events:?}");
        assert_nobody_is_left(&rig, "offline", 1).await;
        told.push(Vec::from_iter(events.iter().map(outline)));
        rig.end().await;
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(Vec::from_iter(told[0].iter().map(|(kind, ..)| kind)), ["error", "disconnected"]);
}

/// An overlay that reconnects after 1011, as documented.
#[tokio::test(start_paused = true)]
async fn sockets_that_reconnect_to_a_user_who_is_offline_cause_one_look_up_in_fifteen_seconds() {
    let rig = limited(Setup::channels(ROOMS), 30).start(As::Serve);
    for n in 0..1_500 {
        let refusal = rig.refusal("ws/t-offline").await;
        assert_eq!(told(&refusal), "\"user_offline\" retrying=false 1011 user_offline");
        assert!(n == 0 || (1..=15_000).contains(&refusal.0["retryAfterMs"].as_u64().unwrap()), "{refusal:?}");
        wait(Duration::from_millis(3)).await;
    }
    assert_eq!((rig.requests(), lookups(&rig).await), (1, [10, 0, 1, 0, 1_499]));
    // It is asked again later, also for users whom the upstream does not know: twice, because that answer may
    // be wrong.
    wait(Duration::from_secs(15)).await;
    assert_eq!(told(&rig.refusal("ws/t-offline").await), "\"user_offline\" retrying=false 1011 user_offline");
    assert_eq!(rig.requests(), 2);
    for _ in 0..20 {
        assert_eq!(rig.refusal("ws/t-nobody").await.0["code"], "user_not_found");
    }
    assert_eq!(rig.requests(), 4);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn tests_and_orders_share_the_budget() {
    let mut rooms = ROOMS.replace("]\n", "");
    for n in 0..60 {
        writeln!(rooms, "    {{ name = \"u{n}\" }},").unwrap();
    }
    let rig = limited(Setup::channels(&(rooms + "]\n")), 30).start(As::Serve);
    let (mut tested, mut connected) = (0, 0);
    for n in 0..60 {
        let check = rig.http("GET", &format!("/test/u{n}"), "").await;
        let check = (check.status, check.json());
        tested += usize::from(check.1["canConnect"] == true);
        if check.1["canConnect"] != true {
            assert_eq!((check.0, &check.1["code"]), (200, &"capacity".into()));
            assert!((1..=6_000).contains(&check.1["retryAfterMs"].as_u64().unwrap()), "{check:?}");
        }
        let answer = rig.http("POST", &format!("/connect/u{n}"), "").await;
        connected += usize::from(answer.status == 200);
        if answer.status != 200 {
            assert_eq!((answer.status, answer.code().as_str()), (503, "capacity"));
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=6).contains(&wait), "{wait} {:?}", answer.body);
        }
    }
    // An order that replaces a room looks twice: before it leaves the room, and to connect.
    assert!(tested + connected <= 10, "{tested} {connected}");
    let [available, _, made, refused, _] = lookups(&rig).await;
    assert_eq!((available, refused), (0, 120 - tested as u64 - connected as u64));
    assert!((10..=12).contains(&made), "{made}");
    // The page of a room, its age, the cookie.
    assert!(rig.requests() <= 3 * 12, "{}", rig.requests());
    // Two more a few seconds later.
    wait(Duration::from_secs(10)).await;
    assert_eq!(rig.http("GET", "/test/u1", "").await.json()["canConnect"], true);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_known_answer_is_that_of_the_look_up() {
    let rig = limited(Setup::channels(ROOMS), 30).start(As::Serve);
    for user in ["offline", "nobody"] {
        let mut first = rig.http("GET", &format!("/test/{user}"), "").await.json();
        let requests = rig.requests();
        let mut second = rig.http("GET", &format!("/test/@{}", user.to_uppercase()), "").await.json();
        let answer = rig.http("POST", &format!("/connect/{user}"), "").await;
        assert_eq!(rig.requests(), requests, "{user}");
        assert_eq!(answer.code(), second["code"].as_str().unwrap());
        assert_eq!(answer.header("retry-after"), Some("15"));
        assert!(second["retryAfterMs"].as_u64().is_some_and(|wait| wait <= 15_000), "{second}");
        for check in [&mut first, &mut second] {
            let keys = check.as_object_mut().unwrap();
            keys.remove("retryAfterMs");
            keys.remove("username");
        }
        assert_eq!(first, second);
    }
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_of_tokens_that_open_together_queue() {
    let users: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let names: String = users.iter().map(|user| format!("{{ name = \"{user}\" }},")).collect();
    let token = |user: &String| Token {
        secret: format!("t-{user}").into(),
        client: user.clone(),
        user: Some(user.clone()),
        recording: None,
    };
    let tokens = users.iter().map(token).collect();
    let setup = Setup::channels(&format!("speed = \"max\"\nend = \"stay\"\nuser = [{names}]"));
    let setup = setup.sources(|sources| Sources { tokens, max_live: 20, ..sources });
    let rig = limited(setup, 30).start(As::Serve);
    let started = livetape_io::clock::now();
    let mut sockets = Vec::new();
    for user in &users {
        sockets.push(rig.ws(&format!("ws/t-{user}")).await);
    }
    wait(Duration::from_millis(1)).await;
    assert_eq!(lookups(&rig).await, [0, 10, 10, 0, 0]);
    for (n, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(json(&read(socket, 1).await[0])["type"], "connection_created");
        let expected = 2 * n.saturating_sub(9) as u64;
        let took = started.elapsed().as_secs();
        assert!((expected..=expected + 1).contains(&took), "{n}: {took} s, not {expected}");
    }
    rig.end().await;
}
