//! A token for the user of the main channel shares its source, and the user's room has the readers of both
//! channels.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use livetape_core::error::Code;
use livetape_engine::channels::{ChannelOptions, LINGER};
use livetape_feed::control::{Mode, SourceState};
use livetape_mock::Happened;
use serde_json::{Value, json};

use crate::support::{
    As, Log, ROOMS, Rig, Setup, Socket, chat, close, is_quiet, json, read, read_all, told, wait,
};

/// Parts that are the same on both channels.
fn alike(texts: &[String]) -> Vec<Value> {
    let mut events: Vec<Value> = texts.iter().map(|text| json(text)).collect();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("stream");
    }
    events
}

fn reason(log: &Log) -> Value {
    json(log.texts.last().unwrap())["data"]["reason"].clone()
}

#[tokio::test(start_paused = true)]
async fn tokens_are_served_while_the_main_channel_waits_for_clients() {
    let setup = Setup::channels(ROOMS).places(2);
    let rig = setup.options(|options| ChannelOptions { wait_clients: 1, ..options }).start(As::Live);
    let mut token = rig.ws("ws/t-ben?since=0").await;
    read(&mut token, 10).await;
    // The last slot is that of the main channel.
    assert_eq!(told(&rig.refusal("ws/t-cid").await), "\"capacity\" retrying=false 4102 capacity");
    read(&mut rig.ws("?since=0").await, 10).await;
    assert_eq!(rig.upgrades(), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_share_the_room_of_the_main_channel() {
    for start in [As::Serve, As::Live] {
        let rig = Setup::channels(ROOMS).start(start);
        let mut main = rig.ws("?since=0").await;
        if start == As::Serve {
            rig.control.connect("ANN".into()).await.unwrap();
        }
        let ours = read(&mut main, 100).await;
        let requests = rig.requests();
        // The main channel occupies the only slot, which is enough.
        let mut token = rig.ws("ws/t-ann?since=0").await;
        let theirs = read(&mut token, 100).await;
        assert_eq!(alike(&ours), alike(&theirs));
        assert_ne!(json(&ours[0])["stream"], json(&theirs[0])["stream"]);
        assert_eq!((rig.requests(), rig.upgrades()), (requests, 1));
        assert_eq!(
            rig.control.channels().users(),
            ["ANN".to_owned()].map(|name| match start {
                As::Serve => name,
                _ => name.to_lowercase(),
            })
        );
        // The token cannot disconnect it.
        drop(token);
        wait(2 * LINGER).await;
        assert_eq!(rig.control.channels().users().len(), 1);
        read(&mut rig.ws("ws/t-ann?since=0").await, 100).await;
        assert_eq!(rig.upgrades(), 1);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_room_ends_for_both_when_replaced_or_deleted() {
    for replaced in [true, false] {
        let rig = Setup::channels(ROOMS).start(As::Serve);
        rig.control.connect("ann".into()).await.unwrap();
        let mut token = rig.ws("ws/t-ann").await;
        read(&mut token, 1).await;
        let expected = if replaced {
            rig.control.connect("ben".into()).await.unwrap();
            "replaced"
        } else {
            rig.control.disconnect("ann".into()).await.unwrap();
            "deleted"
        };
        let log = read_all(&mut token).await;
        assert_eq!((reason(&log), close(&log)), (expected.into(), (1000, expected)));
        let mut again = rig.ws("ws/t-ann").await;
        if replaced {
            assert_eq!(close(&read_all(&mut again).await), (4102, "capacity"), "the place is ben's now");
        } else {
            assert_eq!(json(&read(&mut again, 1).await[0])["type"], "connection_created");
        }
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_main_channel_follows_the_room_of_a_token() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 100).await;
    let mut main = rig.ws("?since=0").await;
    let requests = rig.requests();
    // The token occupies the only slot, which is enough.
    let status = rig.control.connect("@Ann".into()).await.unwrap();
    assert_eq!((status.state, status.source), (SourceState::Connected, Some("live")));
    let created = json(&read(&mut main, 1).await[0]);
    assert_eq!((&created["type"], &created["username"]), (&"connection_created".into(), &"ann".into()));
    assert_eq!((rig.requests(), rig.upgrades()), (requests, 1));
    // The main channel keeps the room after the token's last socket has closed.
    drop(token);
    wait(2 * LINGER).await;
    assert_eq!(rig.control.status().state, SourceState::Connected);
    let mut token = rig.ws("ws/t-ann").await;
    assert_eq!(json(&read(&mut token, 1).await[0])["type"], "connection_created");
    // Another user would need the slot, so the room stays connected for both.
    let refusal = rig.control.connect("ben".into()).await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::Capacity);
    assert_eq!(rig.control.status().username.as_deref(), Some("Ann"));
    // The token keeps the room after the main channel has left it.
    rig.control.disconnect("ann".into()).await.unwrap();
    let mut main = rig.ws("?since=0&types=disconnected").await;
    assert_eq!(json(&read(&mut main, 1).await[0])["data"]["reason"], "deleted");
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.control.channels().users(), ["ann"]);
    rig.control.connect("ann".into()).await.unwrap();
    assert_eq!(rig.upgrades(), 1);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tokens_channel_without_clients_ends_after_the_main_channel_has_left() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let stream = rig.control.channels().find("ann").unwrap().stream();
    rig.control.connect("ann".into()).await.unwrap();
    drop(token);
    wait(10 * LINGER).await;
    assert_eq!(rig.control.channels().find("ann").unwrap().stream(), stream);
    rig.control.disconnect("ann".into()).await.unwrap();
    wait(2 * LINGER).await;
    assert!(rig.control.channels().users().is_empty());
    let last = rig.mock().received().pop().unwrap();
    assert!(matches!(last.what, Happened::Closed { .. }), "{last:?}");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn injected_events_reach_both_channels_whichever_was_first() {
    for is_token_first in [true, false] {
        let allow = |options| ChannelOptions { allow_inject: true, ..options };
        let rig = Setup::channels(ROOMS).options(allow).start(As::Serve);
        if !is_token_first {
            rig.control.connect("ann".into()).await.unwrap();
        }
        let mut token = rig.ws("ws/t-ann").await;
        read(&mut token, 1).await;
        rig.control.connect("ann".into()).await.unwrap();
        let mut main = rig.ws("").await;
        let request = serde_json::json!({ "type": "chat", "user": "eve", "comment": "hi" });
        let injected = rig.control.inject(serde_json::from_value(request).unwrap()).await.unwrap();
        assert_eq!(injected.delivered, 1, "the token's client does not count");
        let mut ids = Vec::new();
        for socket in [&mut main, &mut token] {
            let event = loop {
                let event = json(&read(socket, 1).await[0]);
                if event["injected"] == true {
                    break event;
                }
            };
            ids.push(event["id"].clone());
        }
        assert_eq!(ids[0], ids[1]);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_followed_room_fails_and_ends_for_both() {
    let fault = "[[fault]]\nat = \"socket\"\nkind = \"drop\"\nafter_frames = 2\ntimes = 1\n";
    let scenario = format!("speed = 10\nend = \"control\"\n{fault}");
    let rig = Setup::channels(&scenario).start(As::Serve);
    let mut token = rig.ws("ws/t-ann?since=0").await;
    let first = read(&mut token, 1).await;
    rig.control.connect("ann".into()).await.unwrap();
    let mut main = rig.ws("?since=0").await;
    let (token, main) = tokio::join!(read_all(&mut token), async {
        let mut texts = read(&mut main, 1).await;
        while json(texts.last().unwrap())["type"] != "disconnected" {
            texts.extend(read(&mut main, 1).await);
        }
        texts
    });
    assert_eq!(close(&token), (1000, "stream_ended"));
    let kinds = |texts: &[String]| {
        let events = texts.iter().map(|text| json(text)["type"].as_str().unwrap().to_owned());
        events.filter(|kind| kind.starts_with("conn") || kind.starts_with("dis")).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&main), kinds(&[first, token.texts].concat()));
    let upstream = rig.control.upstream();
    assert_eq!((upstream.reconnects, upstream.failures), (1, [(Code::ConnectionLost, 1)].into()));
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.control.status().mode, Mode::Idle);
    assert!(rig.control.channels().users().is_empty());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_room_is_followed_with_its_remaining_wait() {
    let fault = "[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 60\ntimes = 1\n";
    let rig = Setup::channels(&format!("{ROOMS}\n{fault}")).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let requests = rig.requests();
    wait(Duration::from_secs(20)).await;
    let refusal = rig.control.connect("ann".into()).await.unwrap_err();
    assert_eq!((refusal.problem.code, refusal.retrying), (Code::RateLimited, true));
    assert!(refusal.retry_after.is_some_and(|wait| (38..=40).contains(&wait.as_secs())), "{refusal:?}");
    assert_eq!(rig.requests(), requests);
    wait(Duration::from_secs(60)).await;
    assert_eq!(rig.control.status().state, SourceState::Connected);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn under_serve_a_failure_closes_only_the_token() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut main = rig.ws("?since=0").await;
    assert!(rig.control.connect("nobody".into()).await.unwrap_err().retrying, "it is asked for once more");
    let refusal = rig.refusal("ws/t-nobody").await;
    assert_eq!(told(&refusal), "\"user_not_found\" retrying=false 1011 user_not_found");
    let kinds: Vec<_> = read(&mut main, 3).await.iter().map(|text| json(text)["type"].clone()).collect();
    assert_eq!(kinds, ["error", "error", "disconnected"]);
    assert_eq!(rig.requests(), 2, "asked for twice, and not again for the token");
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.hub.subscriber_count(), 1, "`/` stays open");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn under_live_the_end_of_the_room_ends_everything() {
    let rig = Setup::channels("speed = \"max\"\nend = \"control\"\n").start(As::Live);
    let log = read_all(&mut rig.ws("ws/t-ann?since=0").await).await;
    assert_eq!(close(&log), (1000, "stream_ended"));
    assert_eq!(rig.end().await.exit_code(), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_switches_rooms_reads_only_the_new_one() {
    let rig = Setup::channels(ROOMS).places(2).start(As::Serve);
    for token in ["ws/t-ann", "ws/t-ben"] {
        let mut reader = rig.ws(token).await;
        tokio::spawn(async move { read_all(&mut reader).await });
    }
    wait(Duration::from_secs(1)).await;
    let [ann, ben] = ["ann", "ben"].map(|user| rig.control.channels().find(user).unwrap());
    assert_eq!(ann.head(), ben.head(), "both stand at the same number");
    let mut socket = rig.ws("ws?feed=0").await;
    for room in ["user:ann", "user:ben"] {
        let join = serde_json::json!({ "type": "join_room", "room_id": room });
        socket.send(join.to_string().into()).await.unwrap();
        wait(Duration::from_secs(1)).await;
    }
    // Both writers are woken, first that of the room which the socket left.
    ann.publish(&[chat("of ann")]);
    ben.publish(&[chat("of ben")]);
    wait(Duration::from_secs(1)).await;
    let mut comments = Vec::new();
    while let Some(Some(Ok(message))) = socket.next().now_or_never() {
        comments.extend(message.to_text().ok().filter(|text| text.contains("of ")).map(str::to_owned));
    }
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("of ben"), "{comments:?}");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_connect_that_a_later_one_replaces_is_a_conflict() {
    let rig = Setup::channels(ROOMS).places(3).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let connect = |user: &str| rig.control.connect(user.into());
    // `offline` waits for its first attempt and `nobody` for its look-up. `ann` needs neither.
    let (first, second, last) = tokio::join!(connect("offline"), connect("nobody"), connect("ann"));
    for (user, refused) in [("offline", first), ("nobody", second)] {
        let problem = refused.unwrap_err().problem;
        assert_eq!((problem.code, problem.code.http_status()), (Code::RoomRunning, 409), "{problem}");
        let message = format!("the attempt to connect to `{user}` was replaced by one to `ann`");
        assert_eq!(problem.message, message);
        assert_eq!(problem.hint, format!("connect again: POST /connect/{user}"));
    }
    assert_eq!(last.unwrap().username.as_deref(), Some("ann"));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_connect_that_is_disconnected_is_a_conflict() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let connect = rig.control.connect("ben".into());
    let (connected, deleted) = tokio::join!(connect, rig.control.disconnect("ben".into()));
    assert_eq!(deleted.unwrap().mode, Mode::Idle);
    let problem = connected.unwrap_err().problem;
    assert_eq!((problem.code, problem.code.http_status()), (Code::RoomRunning, 409), "{problem}");
    assert_eq!(problem.message, "the attempt to connect to `ben` was cancelled by a request to disconnect");
    assert_eq!(problem.hint, "connect again: POST /connect/ben");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_order_of_simultaneous_requests_looks_like_a_shutdown() {
    for order in 0..24 {
        let rig = Setup::channels(ROOMS).places(2).start(As::Serve);
        let mut token = rig.ws("ws/t-ann").await;
        read(&mut token, 1).await;
        let mut waiting = vec!["offline", "nobody", "ann", "DELETE ann"];
        let mut left = order;
        let mut requests = Vec::new();
        for count in (1..=waiting.len()).rev() {
            let request = waiting.remove(left % count);
            left /= count;
            let control = &rig.control;
            requests.push(async move {
                let answer = match request.strip_prefix("DELETE ") {
                    Some(user) => control.disconnect(user.into()).await,
                    None => control.connect(request.into()).await,
                };
                (request, answer.err().map(|refusal| refusal.problem.code))
            });
        }
        let answers = futures_util::future::join_all(requests).await;
        assert!(answers.iter().all(|(_, code)| *code != Some(Code::ShuttingDown)), "{answers:?}");
        rig.end().await;
    }
}

// The room of a user has the readers of all channels that show the user: the main one, and that of tokens.

async fn say(socket: &mut Socket, kind: &str) {
    let message = json!({ "type": kind, "room_id": "user:ann" }).to_string();
    socket.send(message.into()).await.unwrap();
}

/// Returns the next message of this type.
async fn next(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = json(&read(socket, 1).await[0]);
        if message["type"] == kind {
            return message;
        }
    }
}

/// Connects a client to `/ws` without a feed.
async fn client(rig: &Rig, name: &str) -> Socket {
    rig.ws(&format!("ws?feed=0&client_id={name}")).await
}

async fn enter(socket: &mut Socket) {
    say(socket, "join_room").await;
    next(socket, "room_joined").await;
}

/// Connects a client of a token that has read an event.
async fn reader(rig: &Rig, token: &str) -> Socket {
    let mut socket = rig.ws(token).await;
    read(&mut socket, 1).await;
    socket
}

/// Asserts that every list and count has this number of clients in ann's room.
async fn assert_members(rig: &Rig, count: usize) {
    let get = async |path: &str| rig.http("GET", path, "").await.json();
    let rooms = get("/rooms").await;
    let of_ann = |room: &&Value| room["name"].as_str().unwrap().eq_ignore_ascii_case("ann");
    let of_ann: Vec<&Value> = rooms["rooms"].as_array().unwrap().iter().filter(of_ann).collect();
    let [room] = of_ann[..] else { panic!("one room, not {rooms}") };
    let listed = get("/connections?room=user:ann").await["connections"].as_array().unwrap().len();
    let all = get("/connections").await;
    let all = all["connections"].as_array().unwrap().iter();
    let in_room = all.filter(|it| it["rooms"].as_array().unwrap().contains(&room["id"])).count();
    let by_room = get("/stats").await["connectionsByRoom"][room["id"].as_str().unwrap()].clone();
    let clients = get("/status/ann").await["clients"].clone();
    let counts = [&room["connectionsCount"], &by_room, &clients].map(|it| it.as_u64().unwrap());
    assert_eq!((counts, listed, in_room), ([count as u64; 3], count, count));
}

#[tokio::test(start_paused = true)]
async fn a_client_leaves_the_room_of_a_token_while_the_main_channel_shows_it_too() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let _tokens = [reader(&rig, "ws/t-ann").await, reader(&rig, "ws/t2-ann").await];
    let mut bob = client(&rig, "bob").await;
    enter(&mut bob).await;
    assert_members(&rig, 3).await;
    rig.control.connect("ann".into()).await.unwrap();
    assert_members(&rig, 3).await;
    let _main = rig.ws("").await;
    assert_members(&rig, 4).await;
    // Joining again changes nothing.
    enter(&mut bob).await;
    assert_members(&rig, 4).await;
    say(&mut bob, "leave_room").await;
    next(&mut bob, "room_left").await;
    assert_members(&rig, 3).await;
    let publish = || {
        rig.hub.publish(&[chat("to the main channel")]);
        rig.control.channels().find("ann").unwrap().publish(&[chat("to that of tokens")]);
    };
    publish();
    wait(Duration::from_secs(1)).await;
    assert!(is_quiet(&mut bob), "the feed is off");
    say(&mut bob, "leave_room").await;
    assert_eq!(next(&mut bob, "error").await["code"], "not_in_room");
    enter(&mut bob).await;
    assert_members(&rig, 4).await;
    publish();
    assert_eq!(next(&mut bob, "chat").await["stream"], rig.hub.stream().to_string(), "of one channel");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn rest_removes_a_client_from_the_room_of_a_token_that_the_main_channel_shows_too() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let _token = reader(&rig, "ws/t-ann").await;
    let _bob = client(&rig, "bob").await;
    let room = "/connections/bob/rooms/user:ann";
    assert_eq!(rig.http("PUT", room, "").await.json()["rooms"], json!(["user:ann"]));
    rig.control.connect("ann".into()).await.unwrap();
    assert_eq!(rig.http("GET", "/connections/bob", "").await.json()["rooms"], json!(["user:ann"]));
    assert_members(&rig, 2).await;
    assert_eq!(rig.http("DELETE", room, "").await.json()["rooms"], json!([]));
    assert_eq!(rig.http("DELETE", room, "").await.code(), "not_in_room");
    assert_members(&rig, 1).await;
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn members_come_and_go_with_the_channels_that_show_the_user() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let token = reader(&rig, "ws/t-ann").await;
    let created = rig.http("GET", "/rooms/user:ann", "").await.json()["createdAt"].clone();
    let mut main = rig.ws("").await;
    tokio::spawn(async move { read_all(&mut main).await });
    assert_members(&rig, 1).await;
    for _ in 0..2 {
        wait(Duration::from_secs(1)).await;
        rig.control.connect("ANN".into()).await.unwrap();
        assert_members(&rig, 2).await;
        rig.control.disconnect("ann".into()).await.unwrap();
        assert_members(&rig, 1).await;
    }
    rig.control.connect("ann".into()).await.unwrap();
    drop(token);
    wait(2 * LINGER).await;
    assert_members(&rig, 1).await;
    let _token = reader(&rig, "ws/t2-ann").await;
    assert_members(&rig, 2).await;
    assert_eq!(rig.http("GET", "/rooms/user:ann", "").await.json()["createdAt"], created, "one room");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_each_client_in_the_room_of_a_user_once() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let _token = reader(&rig, "ws/t-ann").await;
    let mut bob = client(&rig, "bob").await;
    enter(&mut bob).await;
    rig.control.connect("ann".into()).await.unwrap();
    let mut cid = client(&rig, "cid").await;
    enter(&mut cid).await;
    let mut dan = client(&rig, "dan").await;
    assert_members(&rig, 3).await;
    let sent = rig.http("POST", "/broadcast", r#"{"message":"first","room":"user:ann"}"#).await;
    assert_eq!(sent.json()["recipients"], 2);
    let sent = rig.http("POST", "/broadcast", r#"{"message":"last"}"#).await;
    assert_eq!(sent.json()["recipients"], 3);
    for (socket, expected) in [(&mut bob, "first"), (&mut cid, "first"), (&mut dan, "last")] {
        assert_eq!(next(socket, "broadcast").await["message"], expected);
    }
    for socket in [&mut bob, &mut cid] {
        assert_eq!(next(socket, "broadcast").await["message"], "last", "`first` came once");
    }
    for (method, path, body) in
        [("DELETE", "/rooms/user:ann", ""), ("POST", "/rooms/user:ann/messages", r#"{"message":1}"#)]
    {
        assert_eq!(rig.http(method, path, body).await.code(), "read_only_room", "{method}");
    }
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_that_the_main_channel_ends_has_no_members_any_more() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    let mut token = reader(&rig, "ws/t-ann").await;
    let (mut bob, _cid) = (client(&rig, "bob").await, client(&rig, "cid").await);
    enter(&mut bob).await;
    assert_members(&rig, 2).await;
    assert_eq!(rig.http("DELETE", "/connect/ann", "").await.status, 200);
    assert_eq!(close(&read_all(&mut token).await), (1000, "deleted"));
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.http("GET", "/rooms", "").await.json()["rooms"], json!([]));
    assert_eq!(rig.http("GET", "/status/ann", "").await.code(), "not_found");
    // The next token opens the room anew.
    let _token = reader(&rig, "ws/t-ann").await;
    assert_members(&rig, 1).await;
    enter(&mut bob).await;
    assert_members(&rig, 2).await;
    say(&mut bob, "leave_room").await;
    next(&mut bob, "room_left").await;
    assert_members(&rig, 1).await;
    rig.end().await;
}
