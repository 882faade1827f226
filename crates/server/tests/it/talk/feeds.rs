//! The feed on `/ws`, alongside client messages. Joining and leaving its user's room turns it on and off.

use futures_util::SinkExt as _;
use livetape_feed::hub::CloseReason;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{client, next, next_said};
use crate::support::{Rig, chat, chats, is_quiet, read, read_all, seqs};

fn join(room: &str) -> Message {
    json!({"type": "join_room", "room_id": room}).to_string().into()
}

fn leave(room: &str) -> Message {
    json!({"type": "leave_room", "room_id": room}).to_string().into()
}

fn show(rig: &Rig) {
    rig.driver().update_status(|status| status.username = Some("ann".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn ws_offers_the_feed_with_the_same_queries() {
    let rig = Rig::start();
    rig.hub.publish(&chats(600));
    let mut all = rig.ws("ws?since=0&types=chat").await;
    assert_eq!(next(&mut all).await["feed"], true);
    assert_eq!(seqs(&read(&mut all, 600).await), (1..=600).collect::<Vec<_>>());
    let mut some = rig.ws("ws?since=s:598").await;
    next(&mut some).await;
    assert_eq!(seqs(&read(&mut some, 2).await), [599, 600]);
    let log = read_all(&mut rig.ws("ws?since=t:1").await).await;
    assert_eq!(log.close, Some((4001, "unknown_position".to_owned())));
    assert_eq!(log.texts.len(), 1, "an error that says why");
    rig.hub.close(CloseReason { code: 1000, reason: "recording_ended".into() });
    assert_eq!(read_all(&mut some).await.close, Some((1000, "recording_ended".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn joining_and_leaving_the_users_room_turns_the_feed_on_and_off() {
    let rig = Rig::start();
    show(&rig);
    let mut socket = client(&rig, "bob").await;
    rig.hub.publish(&[chat("unheard")]);
    socket.send(join("user:ann")).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "room_joined");
    rig.hub.publish(&[chat("heard")]);
    assert_eq!(next(&mut socket).await["seq"], 2);
    socket.send(leave("user:ann")).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "room_left");
    rig.hub.publish(&[chat("unheard")]);
    assert_eq!(rig.hub.subscriber_count(), 0);
    socket.send(leave("user:ann")).await.unwrap();
    assert_eq!(next(&mut socket).await["code"], "not_in_room");
    assert!(is_quiet(&mut socket));
}

#[tokio::test(start_paused = true)]
async fn current_users_are_rooms() {
    let rig = Rig::start();
    let mut before = rig.ws("ws?client_id=before").await;
    assert_eq!(next(&mut before).await["rooms"], json!([]));
    show(&rig);
    let mut after = rig.ws("ws?client_id=after").await;
    assert_eq!(next(&mut after).await["rooms"], json!(["user:ann"]));
    let _reader = rig.ws("").await;
    let room = rig.http("GET", "/rooms/user:ann", "").await.json();
    assert_eq!((&room["readOnly"], &room["connectionsCount"]), (&json!(true), &json!(3)));
    after.send(b"\0".to_vec().into()).await.unwrap();
    assert_eq!(next_said(&mut after).await["code"], "read_only_room");
    rig.driver().forget_user();
    assert_eq!(rig.http("GET", "/rooms/user:ann", "").await.code(), "unknown_room");
    rig.hub.publish(&[chat("of the next user")]);
    assert_eq!(next_said(&mut after).await["seq"], 1, "the channel outlives its users");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_the_feed_is_closed_here_too() {
    let rig = Rig::ring(128);
    let mut slow = rig.ws("ws").await;
    for frame in chats(400).chunks(4) {
        rig.hub.publish(frame);
        crate::support::wait(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(read_all(&mut slow).await.close, Some((4101, "slow_consumer".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn rest_turns_the_feed_of_a_client_on_and_off() {
    let rig = Rig::start();
    show(&rig);
    let mut ann = rig.ws("ws?client_id=ann&feed=0").await;
    assert_eq!(next(&mut ann).await["type"], "welcome");
    let room = "/connections/ann/rooms/user:ann";
    assert_eq!(rig.http("PUT", room, "").await.json()["rooms"], json!(["user:ann"]));
    assert_eq!(next(&mut ann).await["type"], "room_joined");
    rig.hub.publish(&[chat("on")]);
    assert_eq!(next(&mut ann).await["data"]["comment"], "on");
    assert_eq!(rig.http("DELETE", room, "").await.json()["rooms"], json!([]));
    let left = next(&mut ann).await;
    assert_eq!((&left["type"], &left["reason"]), (&json!("room_left"), &json!("removed")));
    assert_eq!(rig.http("DELETE", room, "").await.code(), "not_in_room");
}

#[tokio::test(start_paused = true)]
async fn rest_changes_no_rooms_of_connections_without_messages() {
    let rig = Rig::start();
    let _feed = rig.ws("").await;
    let id = rig.http("GET", "/connections", "").await.json()["connections"][0]["id"].clone();
    let id = id.as_str().unwrap();
    for (method, path, body) in
        [("POST", "messages", r#"{"message":1}"#), ("PUT", "rooms/a", ""), ("DELETE", "rooms/a", "")]
    {
        let answer = rig.http(method, &format!("/connections/{id}/{path}"), body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{method} {path}");
    }
    assert_eq!(rig.http("GET", "/rooms", "").await.json()["rooms"], json!([]));
}
