//! Memory of connections through the proxy.

use std::fs;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    process::{Running, text},
    tunnel::{shake, trusting, tunnel_through},
};

const HOST: &str = "www.tiktok.com";
const REQUEST: &[u8] = b"GET /webcast/room/check_alive/?room_ids=1 HTTP/1.1\r\nHost: www.tiktok.com\r\n\r\n";

/// Few enough for the usual limit on open files.
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
