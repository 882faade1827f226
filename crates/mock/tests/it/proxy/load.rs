//! Many connections at once.

use livetape_mock::Scenario;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Proxied;

const HOST: &str = "www.tiktok.com";
const REQUEST: &[u8] = b"GET /webcast/room/check_alive/?room_ids=1 HTTP/1.1\r\nHost: www.tiktok.com\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

#[tokio::test(start_paused = true)]
async fn a_thousand_connections_are_answered_at_once() {
    let proxied = Proxied::new(Scenario::default());
    let mut open = Vec::new();
    for _ in 0..1000 {
        open.push(proxied.secure(HOST, None).await);
    }
    for io in open.iter_mut().rev() {
        io.write_all(REQUEST).await.unwrap();
        let mut answer = [0; OK.len()];
        io.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, OK);
    }
}
