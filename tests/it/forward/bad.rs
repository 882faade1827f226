//! Servers that are gone, clients that leave, and messages that cannot be kept.

use livetape::{
    clock,
    sans_io::{
        error::Code,
        recording::{Flags, HTTP_BODY_BYTES_MAX, Item, What, records::http::Role},
        wire,
    },
    server::{Config, Tls},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{CUT, Rig, closes, gaps, serve, server, upgraded};
use crate::support::{
    mock::{ROOM, Received, SOCKET, over_tcp},
    tcp::Served,
};

/// Returns the only exchange, with its flags.
fn exchange(items: &[Item]) -> (u32, Role, usize, u8) {
    let found: Vec<_> = items
        .iter()
        .filter_map(|item| match &item.what {
            What::Http(http) => Some((http.status, http.role(), http.body.len(), item.flags.0)),
            _ => None,
        })
        .collect();
    assert_eq!(found.len(), 1, "{items:?}");
    found[0]
}

fn with_body(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_server_that_is_gone_is_answered_with_502_and_recorded() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let rig = Rig::to(&format!("http://{free}"));
    let (head, body) = rig.get("www.tiktok.com", "/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway"), "{head}");
    let why = "cannot reach www.tiktok.com: connection refused: no server listens there";
    assert!(head.contains("livetape-error: connection_lost"), "{head}");
    assert_eq!(body, format!("{why}\n{}\n", Code::ConnectionLost.hint()));
    let items = rig.end().await;
    let [Item { what: What::Status(status), .. }] = &items[..] else { panic!("{items:?}") };
    assert_eq!((status.code.as_str(), status.detail.as_str()), ("connection_lost", why));
}

#[tokio::test]
async fn a_client_that_leaves_inside_its_request_is_not_a_failure_of_the_server() {
    let rig = Rig::to(&serve(|_| Vec::new(), true).await);
    let mut client = rig.connect("www.tiktok.com");
    let request = b"POST / HTTP/1.1\r\nHost: www.tiktok.com\r\nContent-Length: 9\r\n\r\n";
    client.write_all(request).await.unwrap();
    client.shutdown().await.unwrap();
    // The answer, or the end of the connection, comes after the remark.
    let _ = client.read_to_end(&mut Vec::new()).await;
    let items = rig.end().await;
    let [Item { what: What::Marker(marker), .. }] = &items[..] else { panic!("{items:?}") };
    assert_eq!(marker.label, "the client left in the middle of its request to www.tiktok.com");
}

#[tokio::test]
async fn a_response_that_is_not_http_is_answered_with_502() {
    let rig = Rig::to(&server(|_| b"SSH-2.0-x\r\n\r\n".to_vec()).await);
    let (head, body) = rig.get("www.tiktok.com", "/", "").await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    assert!(body.starts_with(b"cannot reach www.tiktok.com: the response is not HTTP\n"), "{body:?}");
    rig.end().await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_answered_with_502() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let tls = Tls::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes()).unwrap();
    let served = Served::start(Config { tls: Some(tls), ..Config::default() }).await;
    let rig = Rig::to(&format!("https://localhost:{}", served.address.port()));
    let (head, body) = rig.get("www.tiktok.com", "/", "").await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    assert!(
        body.starts_with(b"cannot reach www.tiktok.com: its TLS certificate is not trusted\n"),
        "{body:?}"
    );
    rig.end().await;
    served.control.shut_down();
}

#[tokio::test]
async fn a_body_that_is_too_long_passes_and_is_reported_as_missing() {
    let long = vec![b'x'; HTTP_BODY_BYTES_MAX + 1];
    let sent = long.clone();
    let rig = Rig::to(&server(move |_| with_body("", &sent)).await);
    let (_, body) = rig.get("webcast.tiktok.com", "/webcast/room/info/?room_id=7", "").await;
    assert!(body == long, "{} bytes", body.len());
    let items = rig.end().await;
    assert_eq!(exchange(&items), (200, Role::RoomInfo, 0, Flags::TRUNCATED));
    assert_eq!(gaps(&items), ["the body of a response is longer than 1 MiB"]);
}

#[tokio::test]
async fn only_bodies_that_a_replay_needs_are_kept() {
    let rig = Rig::to(&server(|_| with_body("", &vec![b'x'; HTTP_BODY_BYTES_MAX + 1])).await);
    let (_, body) = rig.get("www.tiktok.com", "/video.mp4", "").await;
    assert_eq!(body.len(), HTTP_BODY_BYTES_MAX + 1);
    let items = rig.end().await;
    assert_eq!(exchange(&items), (200, Role::Unknown, 0, Flags::TRUNCATED));
    assert_eq!(gaps(&items), [""; 0], "nothing that matters is missing");
}

#[tokio::test]
async fn bodies_in_other_encodings_pass_and_are_reported_as_missing() {
    let rig = Rig::to(&server(|_| with_body("Content-Encoding: br\r\n", b"packed")).await);
    let (head, body) = rig.get("webcast.tiktok.com", "/webcast/gift/list/", "").await;
    assert!(head.to_ascii_lowercase().contains("content-encoding: br") && body == "packed", "{head}");
    let items = rig.end().await;
    assert_eq!(exchange(&items), (200, Role::Gifts, 0, Flags::TRUNCATED));
    assert_eq!(gaps(&items), ["the encoding `br` of a response cannot be read"]);
}

#[tokio::test]
async fn bodies_in_gzip_are_recorded_unpacked() {
    let packed = wire::zip(b"the gifts");
    let sent = packed.clone();
    let rig = Rig::to(&server(move |_| with_body("Content-Encoding: gzip\r\n", &sent)).await);
    let (_, body) =
        rig.get("webcast.tiktok.com", "/webcast/gift/list/", "Accept-Encoding: br, gzip\r\n").await;
    assert!(body == packed, "the client gets it as sent");
    let items = rig.end().await;
    assert_eq!(exchange(&items), (200, Role::Gifts, b"the gifts".len(), 0));
}

#[tokio::test]
async fn bodies_in_gzip_are_recorded_whole_or_reported_as_missing() {
    let long = wire::zip(&vec![b'x'; 3 << 20]);
    let members = [wire::zip(b"the "), wire::zip(b"gifts")].concat();
    let mut damaged = wire::zip(b"the gifts").to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    for (packed, kept, flags, missing) in [
        (long.to_vec(), 0, Flags::TRUNCATED, &["the body of a response is longer than 1 MiB"][..]),
        (members, b"the gifts".len(), 0, &[]),
        (damaged, b"the gifts".len(), Flags::TRUNCATED, &["the compression of a response is damaged"]),
    ] {
        let rig = Rig::to(&server(move |_| with_body("Content-Encoding: gzip\r\n", &packed)).await);
        rig.get("webcast.tiktok.com", "/webcast/gift/list/", "Accept-Encoding: gzip\r\n").await;
        let items = rig.end().await;
        assert_eq!(exchange(&items), (200, Role::Gifts, kept, flags));
        assert_eq!(gaps(&items), missing);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_does_so_for_the_client_too() {
    let rig = Rig::to(&server(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()).await);
    let (head, body) = rig.get("webcast.tiktok.com", "/webcast/room/info/", "").await;
    assert!(head.to_ascii_lowercase().contains("content-length: 100") && body == "half", "{head}{body:?}");
    let items = rig.end().await;
    assert_eq!(exchange(&items), (200, Role::RoomInfo, 4, Flags::TRUNCATED));
}

#[tokio::test]
async fn a_rejected_socket_is_recorded_with_its_answer() {
    let blocked = "HTTP/1.1 200 OK\r\nHandshake-Msg: DEVICE_BLOCKED\r\nContent-Length: 2\r\n\r\nno";
    let rig = Rig::to(&server(|_| blocked.into()).await);
    assert!(rig.try_dial(&format!("{SOCKET}?room_id=7")).await.is_err());
    let items = rig.end().await;
    let What::Http(http) = &items[0].what else { panic!("{items:?}") };
    assert_eq!((http.status, &http.body[..], items.len()), (200, &b"no"[..], 1));
    assert!(http.headers.iter().any(|header| header.value == "DEVICE_BLOCKED"), "{:?}", http.headers);
}

#[tokio::test]
async fn a_socket_that_is_cut_inside_a_message_lacks_it() {
    let rig = Rig::to(&server(|head| [upgraded(head).as_bytes(), CUT].concat()).await);
    let mut socket = rig.try_dial(&format!("{SOCKET}?room_id=7")).await.unwrap();
    let (frames, end) = socket.all().await;
    assert_eq!((frames.len(), end), (1, Received::Broken));
    let items = rig.end().await;
    assert_eq!(gaps(&items), ["the socket was cut in the middle of a message"]);
    assert_eq!(closes(&items), [(1006, "closed without a close frame")]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_socket() {
    let mock = over_tcp("end = \"stay\"\n").await;
    let rig = Rig::to(&mock.url());
    let mut socket = rig.dial().await;
    socket.frame().await;
    drop(socket);
    while !mock.received().iter().any(|entry| entry.what.name() == "closed") {
        tokio::task::yield_now().await;
    }
    let items = rig.end().await;
    assert_eq!(closes(&items), [(1006, "the client left without a close frame")]);
    assert_eq!(gaps(&items), [""; 0]);
}

#[tokio::test]
async fn a_silent_socket_ends_after_ten_minutes() {
    let rig = Rig::to(&serve(|head| upgraded(head).into(), true).await);
    let mut socket = rig.try_dial(&format!("{SOCKET}?room_id=7")).await.unwrap();
    tokio::time::pause();
    let before = clock::now();
    assert_eq!(socket.next().await, Received::Broken);
    let took = clock::now() - before;
    assert!(took.as_secs().abs_diff(600) <= 1, "{took:?}");
    assert_eq!(closes(&rig.end().await), [(1006, "closed without a close frame")]);
}

#[tokio::test]
async fn stopping_ends_open_sockets() {
    let mock = over_tcp("end = \"stay\"\n").await;
    let rig = Rig::to(&mock.url());
    let mut socket = rig.dial().await;
    socket.frame().await;
    let items = rig.end().await;
    assert_eq!(closes(&items), [(1000, "stopped")]);
    assert_eq!(socket.all().await.1, Received::Broken);
}

#[tokio::test]
async fn sockets_beyond_the_limit_are_refused() {
    let mock = over_tcp("end = \"stay\"\n").await;
    let rig = Rig::to(&mock.url());
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(rig.dial().await);
    }
    let target = format!("{SOCKET}?room_id={ROOM}");
    let refused = rig.try_dial(&target).await.unwrap_err().to_string();
    assert!(refused.contains("503"), "{refused}");
    open.pop();
    while rig.try_dial(&target).await.is_err() {
        tokio::task::yield_now().await;
    }
    rig.end().await;
}
