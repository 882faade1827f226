//! The same seed and scenario produce the same bytes in the same order.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::support::{Mock, ROOM, SOCKET, read_for, scenarios::names, wait_ms};

/// Returns all bytes for a client that uses every feature.
async fn visit(rig: &Mock) -> Vec<u8> {
    let mut all = Vec::new();
    let targets = [
        "/",
        "/@demo/live",
        "/api-live/user/room/?aid=1988&uniqueId=demo",
        "/api-live/user/room/?uniqueId=demo",
        "/webcast/fetch?client=test&unique_id=demo",
        "/webcast/fetch?client=test&unique_id=demo",
    ];
    for target in targets {
        let head = format!("GET {target} HTTP/1.1\r\nx-api-key: secret");
        all.extend(rig.bytes(&head, "", Duration::from_secs(60)).await);
    }
    for seconds in [30, 10, 500] {
        let mut stream = rig.connector.connect().await.unwrap();
        let target = format!("{SOCKET}?room_id={ROOM}&compress=gzip");
        let head = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        );
        let key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        // A heartbeat and a join, masked with zeros.
        let said = b"\x82\x84\0\0\0\0\x3a\x02hb\x82\x8f\0\0\0\0\x3a\x0dim_enter_room";
        stream.write_all(&[head.as_bytes(), key.as_bytes(), said].concat()).await.unwrap();
        all.extend(read_for(&mut stream, Duration::from_secs(seconds), 16 << 20).await);
    }
    // The log also contains the end of the last connection.
    wait_ms(1).await;
    all
}

#[tokio::test(start_paused = true)]
async fn every_scenario_gives_the_same_bytes_twice() {
    let mut sums = std::collections::BTreeSet::new();
    for name in names() {
        // Each mock starts right before its visit, because `Date` shows the time since its start.
        let first = Mock::fixture(&name);
        let one = visit(&first).await;
        let second = Mock::fixture(&name);
        let other = visit(&second).await;
        assert!(one == other, "{name}: {} and {} bytes", one.len(), other.len());
        assert_eq!(first.mock.received(), second.mock.received(), "{name}");
        sums.insert(crc32fast::hash(&one));
    }
    // Scenarios send different bytes, except some such as `paused` and `age-restricted`, which differ
    // elsewhere.
    assert!(sums.len() + 8 >= names().len(), "{} of {}", sums.len(), names().len());
}

#[tokio::test(start_paused = true)]
async fn another_seed_gives_other_bytes() {
    let of = async |seed: u64| visit(&Mock::toml(&format!("seed = {seed}\nspeed = \"max\"\n"))).await;
    let (one, same, other) = (of(1).await, of(1).await, of(2).await);
    assert!(one == same && one != other);
}
