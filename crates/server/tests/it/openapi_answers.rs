//! Responses and messages of busy servers match `/openapi.json`.

use std::{collections::BTreeSet, time::Duration};

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    openapi::{document, fits},
    schema::Schema,
    support::{As, HttpResponse, Rig, read_all, wait},
};

use crate::support::{ROOMS, Setup};

async fn ask(rooms: &Rig, method: &str, path: &str, body: &str) -> HttpResponse {
    let mut io = rooms.connector.connect().await.unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
    io.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await.unwrap();
    HttpResponse::parse(&answer)
}

/// A user who is live, one who is offline, and injected messages.
#[tokio::test(start_paused = true)]
async fn room_responses_match_their_schemas() {
    let rooms = Setup::channels(ROOMS).start(As::Serve);
    let api = ask(&rooms, "GET", "/openapi.json", "").await.json();
    let chat = r#"{"type":"chat","user":"zoe","comment":"hi"}"#;
    let requests = [
        (200, "GET", "/test/ann", "/test/{user}", ""),
        (200, "GET", "/test/offline", "/test/{user}", ""),
        (400, "POST", "/connect/a%20b", "/connect/{user}", ""),
        (200, "POST", "/inject", "/inject", chat),
        (200, "POST", "/connect/ann", "/connect/{user}", ""),
        (200, "GET", "/status", "/status", ""),
        (200, "GET", "/status/ann", "/status/{user}", ""),
        (200, "GET", "/health", "/health", ""),
        (409, "POST", "/inject", "/inject", chat),
        (404, "DELETE", "/connect/ben", "/connect/{user}", ""),
        (200, "DELETE", "/connect/ann", "/connect/{user}", ""),
        (409, "POST", "/connect/offline", "/connect/{user}", ""),
    ];
    for (status, method, path, route, body) in requests {
        let answer = ask(&rooms, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        let responses = &api["paths"][route][method.to_lowercase()]["responses"];
        fits(&api, responses.get(status.to_string()).unwrap_or(&responses["default"]), &answer);
    }
    rooms.end().await;
}

/// Messages in both directions on `/ws` match the document.
#[tokio::test(start_paused = true)]
async fn messages_between_clients_match_their_schemas() {
    let rig = Rig::start();
    let api = document(&rig, "/openapi.json").await;
    let of = |name: &str| {
        let mut schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        schema["components"] = json!({ "schemas": api["components"]["schemas"] });
        Schema::new(&schema)
    };
    let (said, asked) = (of("ServerMessage"), of("ClientMessage"));
    let mut ann = rig.try_ws("ws?feed=0&client_id=ann").await.unwrap();
    let mut ben = rig.try_ws("ws?feed=0&client_id=ben").await.unwrap();
    let messages = [
        json!({ "type": "join_room", "room_id": "a" }),
        json!({ "type": "room_message", "room_id": "a", "message": { "x": [1] } }),
        json!({ "type": "set_metadata", "key": "k", "value": [1] }),
        json!({ "type": "ping", "timestamp": 5 }),
        json!({ "type": "leave_room", "room_id": "a" }),
        json!({ "type": "join_room", "room_id": "user:nobody" }),
        json!({ "type": "leave_room", "room_id": "none" }),
    ];
    for message in messages {
        asked.check(&message).unwrap();
        ann.send(Message::text(message.to_string())).await.unwrap();
    }
    ann.send(Message::text(r#"{"type":"anything","a":1}"#)).await.unwrap();
    assert!(asked.check(&json!({ "type": "join_room" })).is_err(), "a room is named");
    wait(Duration::from_secs(31)).await;
    drop(ann);
    wait(Duration::from_secs(1)).await;
    rig.control.shut_down();
    let mut seen = BTreeSet::new();
    for text in read_all(&mut ben).await.texts {
        let message: Value = serde_json::from_str(&text).unwrap();
        said.check(&message).unwrap();
        seen.insert(message["type"].as_str().unwrap().to_owned());
    }
    let expected = ["broadcast", "client_disconnected", "system", "welcome"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
