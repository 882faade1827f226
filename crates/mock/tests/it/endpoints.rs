//! Responses of each endpoint without faults.

use insta::assert_snapshot;
use livetape_core::wire::{self, BatchInfo};
use livetape_mock::Scenario;

use crate::support::{Mock, ROOM, SOCKET};

/// Formats a request and its response in one line; protobuf bodies are decoded.
async fn shown(rig: &Mock, target: &str) -> String {
    let (head, body) = rig.get(target).await;
    let status = head.split(' ').nth(1).unwrap();
    let mut headers = Vec::new();
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        match line.split(": ").next() {
            Some("Date" | "Connection" | "Content-Length") => {}
            // Random values.
            Some(name @ ("Set-Cookie" | "x-set-tt-cookie" | "x-request-id")) => headers.push(name),
            _ => headers.push(line),
        }
    }
    let body = if head.contains("protubuf") {
        let wire::Batch { messages, info } = wire::read_batch(&body, &mut vec![]);
        let methods: Vec<_> = messages.iter().map(|message| message.method.as_str()).collect();
        format!("{info:?} {}", methods.join(" "))
    } else {
        String::from_utf8(body.to_vec()).unwrap()
    };
    format!("{target} → {status} {} {body}", headers.join(", "))
}

#[tokio::test(start_paused = true)]
async fn every_endpoint_responds() {
    let rig = Mock::new(Scenario::default());
    let room = ROOM.to_string();
    let targets = [
        "/",
        "/live",
        "/@demo/live",
        "/@demo/live?",
        "/@demo",
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
        "/webcast/anchors/demo/room_info",
        "/webcast/anchors/demo/gift_gallery",
        &format!("/webcast/rooms/{room}/gifts"),
        "/webcast/sign_url?url=http%3A%2F%2Flocalhost%3A1%2Fwebcast%2Fim%2Ffetch%2F%3Froom_id%3D7",
        &format!("/webcast/im/fetch/?aid=1988&room_id={room}"),
        "/webcast/rate_limits",
        &format!("{SOCKET}?room_id={room}"),
        SOCKET,
        "/nothing",
    ];
    let mut all = Vec::new();
    for target in targets {
        all.push(shown(&rig, target).await);
    }
    assert_snapshot!(all.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn upgrades_echo_the_protocol_if_it_is_offered() {
    let rig = Mock::new(Scenario::default());
    let upgrade = async |query: &str, header: &str| {
        let head = format!(
            "GET {SOCKET}?{query} HTTP/1.1\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-extensions: permessage-deflate\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=={header}"
        );
        let bytes = rig.bytes(&head, "", std::time::Duration::from_millis(1)).await;
        crate::support::split(&bytes).0
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
    let rig = Mock::new(Scenario::default());
    let mut stream = rig.connector.connect().await.unwrap();
    let one = "GET /webcast/rate_limits HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(format!("{one}{one}").as_bytes()).await.unwrap();
    let bytes = crate::support::read_for(&mut stream, std::time::Duration::from_secs(1), 1 << 20).await;
    assert_eq!(String::from_utf8(bytes).unwrap().matches("200 OK").count(), 2);
    stream.write_all(b"\x16\x03\x01 no http").await.unwrap();
    let bytes = crate::support::read_for(&mut stream, std::time::Duration::from_secs(1), 1 << 20).await;
    assert!(bytes.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test(start_paused = true)]
async fn the_sign_response_has_the_fields_that_clients_require() {
    let rig = Mock::new(Scenario::default());
    let (head, body) = rig.get("/webcast/fetch?unique_id=demo").await;
    let mut faults = vec![];
    let BatchInfo { cursor, push_server, route_params, is_first, internal_ext, .. } =
        wire::read_batch(&body, &mut faults).info;
    assert_eq!((faults.len(), is_first), (0, true));
    assert!(!cursor.is_empty() && !internal_ext.is_empty() && !route_params.is_empty());
    assert_eq!(push_server, format!("ws://localhost:1{SOCKET}"));
    assert!(head.contains(&format!("x-room-id: {ROOM}\r\n")) && head.contains("x-set-tt-cookie: ttwid="));
}

async fn post(rig: &Mock, target: &str, body: &str) -> serde_json::Value {
    let head = format!("POST {target} HTTP/1.1\r\ncontent-type: application/json");
    let bytes = rig.bytes(&head, body, std::time::Duration::from_secs(1)).await;
    serde_json::from_slice(&crate::support::split(&bytes).1).unwrap()
}

#[tokio::test(start_paused = true)]
async fn signed_urls_match_the_request_and_lead_back_to_the_mock() {
    let rig = Mock::new(Scenario::default());
    let url = "http://localhost:1/webcast/gift/list/?aid=1988&room_id=7";
    let body = format!("{{\"url\":\"{url}\",\"method\":\"GET\",\"userAgent\":\"Test/1\"}}");
    for target in ["/tiktok/sign_url?client=ttlive-node", "/webcast/sign_url?client=ttlive-node"] {
        let answer = post(&rig, target, &body).await;
        assert_eq!((&answer["code"], &answer["response"]["userAgent"]), (&200.into(), &"Test/1".into()));
        let tokens = answer["response"]["tokens"].as_object().unwrap();
        assert!(
            tokens.contains_key("X-Bogus")
                && tokens.contains_key("X-Dynosaur")
                && tokens.contains_key("msToken"),
            "{answer}"
        );
        let signed = answer["response"]["signedUrl"].as_str().unwrap();
        assert!(signed.starts_with(&format!("{url}&")), "{signed}");
        let gifts = rig.json(signed.strip_prefix("http://localhost:1").unwrap()).await;
        assert!(!gifts["data"]["gifts"].as_array().unwrap().is_empty());
    }
    for body in ["", "{}", "[1]", "{\"url\":7}"] {
        assert_eq!(post(&rig, "/tiktok/sign_url", body).await["code"], 400, "{body}");
    }
    // Clients 1.x read the top level of the response.
    let old = rig.json("/webcast/sign_url?url=http%3A%2F%2Flocalhost%3A1%2Fx%3Fa%3Db").await;
    assert!(old["signedUrl"].as_str().unwrap().starts_with("http://localhost:1/x?a=b&"), "{old}");
    assert!(old["User-Agent"].is_string() && old["msToken"].is_string(), "{old}");
}

#[tokio::test(start_paused = true)]
async fn profiles_contain_the_cookie_and_the_state_of_the_page() {
    let rig = Mock::toml("[[user]]\nname = \"demo\"\n");
    let (head, body) = rig.get("/@Demo").await;
    assert!(head.contains("Set-Cookie: ttwid="), "{head}");
    let state = |body: &[u8]| -> serde_json::Value {
        let html = String::from_utf8(body.to_vec()).unwrap();
        let start = "<script id=\"__UNIVERSAL_DATA_FOR_REHYDRATION__\" type=\"application/json\">";
        let json = html.split_once(start).unwrap().1.split_once("</script>").unwrap().0;
        serde_json::from_str(json).unwrap()
    };
    let detail = &state(&body)["__DEFAULT_SCOPE__"]["webapp.user-detail"];
    assert_eq!((&detail["statusCode"], &detail["userInfo"]["user"]["uniqueId"]), (&0.into(), &"demo".into()));
    let detail = &state(&rig.get("/@nobody").await.1)["__DEFAULT_SCOPE__"]["webapp.user-detail"];
    assert_eq!((&detail["statusCode"], detail["userInfo"].is_null()), (&10_221.into(), true));
    let rig = Mock::toml("[[fault]]\nat = \"profile\"\nkind = \"missing_cookie\"\ntimes = 1\n");
    assert!(!rig.get("/@demo").await.0.contains("Set-Cookie"));
    assert!(rig.get("/@demo").await.0.contains("Set-Cookie"));
}

#[tokio::test(start_paused = true)]
async fn the_push_server_and_the_cookie_follow_the_scenario() {
    let sign = async |toml: &str| {
        let (head, body) = Mock::toml(toml).get("/webcast/fetch?unique_id=demo").await;
        (head, wire::read_batch(&body, &mut vec![]).info.push_server)
    };
    let (head, push_server) = sign("").await;
    assert_eq!(push_server, format!("ws://localhost:1{SOCKET}"));
    // Clients bring their own: TikTokLive 6.3.1 to 6.4.5 cannot have two.
    assert!(head.contains("x-set-tt-cookie: ttwid=") && !head.contains("tt-target-idc"), "{head}");
    let (head, push_server) =
        sign("push_server = \"wss://a.example/ws/\"\ntt_target_idc = \"eu-ttp2\"\n").await;
    assert_eq!(push_server, "wss://a.example/ws/");
    assert!(head.contains("; tt-target-idc=eu-ttp2\r\n"), "{head}");
    for wrong in ["push_server = \"a.example\"", "tt_target_idc = \"a; b\""] {
        let error = Scenario::parse(wrong).unwrap_err().to_string();
        assert!(error.contains(wrong.split(' ').next().unwrap()), "{error}");
    }
}
