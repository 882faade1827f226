//! What each endpoint answers when all is well.

use insta::assert_snapshot;
use livetape::{
    mock::Scenario,
    sans_io::wire::{self, BatchInfo},
};

use super::client::{ROOM, Rig, SOCKET};

/// Request and answer; bodies of protobuf as what is in them.
async fn shown(rig: &Rig, target: &str) -> String {
    let (head, body) = rig.get(target).await;
    let head = head.trim_end().replace("\r\n", "\n");
    let body = match std::str::from_utf8(&body) {
        Ok(text) if !target.contains("/fetch") && !target.ends_with("/connect") => text.to_owned(),
        _ => format!("{:#?}", wire::read_batch(&body, &mut vec![])),
    };
    format!("GET {target}\n\n{head}\n\n{body}")
}

#[tokio::test(start_paused = true)]
async fn all_of_them() {
    let rig = Rig::new(Scenario::default());
    let room = ROOM.to_string();
    let targets = [
        "/",
        "/live",
        "/@demo/live",
        "/@demo/live?",
        "/api-live/user/room/?aid=1988&uniqueId=demo&sourceType=54",
        "/api-live/user/room?aid=1988&uniqueId=demo",
        "/api-live/user/room/?uniqueId=demo",
        &format!("/webcast/room/check_alive/?aid=1988&room_ids={room},1"),
        &format!("/webcast/room/info/?aid=1988&room_id={room}"),
        "/webcast/room/info_by_user/?unique_id=demo",
        "/webcast/room/info/",
        "/webcast/gift/list/",
        &format!("/webcast/fetch?client=ttlive-node&room_id={room}&unique_id=&cursor="),
        "/webcast/fetch/?client=ttlive-python&unique_id=demo",
        "/webcast/fetch?client=ttlive-node",
        &format!("/webcast/rooms/{room}/connect?client=ttlive-node"),
        "/webcast/room_id?uniqueId=demo",
        "/webcast/anchors/demo/room_id",
        "/webcast/rate_limits",
        &format!("{SOCKET}?room_id={room}"),
        SOCKET,
        "/nothing",
    ];
    let mut all = Vec::new();
    for target in targets {
        all.push(shown(&rig, target).await);
    }
    assert_snapshot!(all.join("\n\n----------------\n\n"));
}

#[tokio::test(start_paused = true)]
async fn upgrades_echo_the_protocol_if_it_is_offered() {
    let rig = Rig::new(Scenario::default());
    let upgrade = async |query: &str, header: &str| {
        let head = format!(
            "GET {SOCKET}?{query} HTTP/1.1\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-extensions: permessage-deflate\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=={header}"
        );
        let bytes = rig.bytes(&head, "", std::time::Duration::from_millis(1)).await;
        super::client::split(&bytes).0
    };
    let head = upgrade("version_code=180800&room_id=5&internal_ext=a|b%7Cc&version_code=270000", "").await;
    assert_eq!(
        head,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    let head = upgrade("room_id=5", "\r\nsec-websocket-protocol: x, echo-protocol").await;
    assert!(head.contains("Sec-WebSocket-Protocol: echo-protocol\r\n"), "{head}");
    assert!(upgrade("room_id=x", "").await.contains("Handshake-Status: 400\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_the_next_request() {
    use tokio::io::AsyncWriteExt as _;
    let rig = Rig::new(Scenario::default());
    let mut stream = rig.connector.connect().await.unwrap();
    let one = "GET /webcast/rate_limits HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(format!("{one}{one}").as_bytes()).await.unwrap();
    let bytes = super::client::read_for(&mut stream, std::time::Duration::from_secs(1), 1 << 20).await;
    assert_eq!(String::from_utf8(bytes).unwrap().matches("200 OK").count(), 2);
    stream.write_all(b"\x16\x03\x01 no http").await.unwrap();
    let bytes = super::client::read_for(&mut stream, std::time::Duration::from_secs(1), 1 << 20).await;
    assert!(bytes.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test(start_paused = true)]
async fn the_sign_answer_has_what_clients_insist_on() {
    let rig = Rig::new(Scenario::default());
    let (head, body) = rig.get("/webcast/fetch?unique_id=demo").await;
    let mut faults = vec![];
    let BatchInfo { cursor, push_server, route_params, is_first, internal_ext, .. } =
        wire::read_batch(&body, &mut faults).info;
    assert_eq!((faults.len(), is_first), (0, true));
    assert!(!cursor.is_empty() && !internal_ext.is_empty() && !route_params.is_empty());
    assert_eq!(push_server, format!("ws://localhost:1{SOCKET}"));
    assert!(head.contains(&format!("x-room-id: {ROOM}\r\n")) && head.contains("x-set-tt-cookie: ttwid="));
}
