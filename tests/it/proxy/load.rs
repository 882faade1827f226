//! Many connections at once.

use std::fs;

use livetape_mock::Scenario;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Proxied, shake, trusting, tunnel_through};
use crate::support::process::{Running, text};

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

/// Few enough for the usual limit on open files.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_needs_little_memory() {
    /// Maximum growth for each connection, in KiB. A development build needs about 25.
    const KIB_MAX: u64 = 48;
    const COUNT: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let (ca, ready) = (folder.path().join("ca"), folder.path().join("ready"));
    let args = ["mock", "--proxy-listen", "0", "--ca-dir", text(&ca), "--ready-file", text(&ready)];
    let mock = Running::start(&args);
    let ready: serde_json::Value = serde_json::from_slice(&fs::read(ready).unwrap()).unwrap();
    let proxy = ready["proxy"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let trust = trusting(&fs::read_to_string(ca.join("ca.pem")).unwrap());
    let connect = async || {
        let io = tunnel_through(TcpStream::connect(&proxy).await.unwrap(), "www.tiktok.com:443").await;
        let mut io = shake(&trust, HOST, io).await.unwrap();
        io.write_all(REQUEST).await.unwrap();
        assert_eq!(io.read_u8().await.unwrap(), b'H');
        io
    };
    let mut open = vec![connect().await];
    let before = mock.own_peak_kib();
    for _ in 0..COUNT {
        open.push(connect().await);
    }
    let each = (mock.own_peak_kib() - before) / COUNT;
    assert!((1..=KIB_MAX).contains(&each), "{each} KiB for each connection");
}
