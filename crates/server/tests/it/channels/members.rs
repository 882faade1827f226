//! The room of a user has the readers of all channels that show the user: the main one, and that of tokens.

use std::time::Duration;

use futures_util::SinkExt as _;
use livetape_engine::channels::LINGER;
use serde_json::{Value, json};

use crate::support::{
    As, ROOMS, Rig, Setup, Socket, chat, close, is_quiet, json as parse, read, read_all, wait,
};

async fn say(socket: &mut Socket, kind: &str) {
    let message = json!({ "type": kind, "room_id": "user:ann" }).to_string();
    socket.send(message.into()).await.unwrap();
}

/// Returns the next message of this type.
async fn next(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = parse(&read(socket, 1).await[0]);
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
