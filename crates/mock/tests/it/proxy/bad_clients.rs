//! Clients that ask for something else, do not trust the CA, or send garbage.

use std::time::Duration;

use livetape_io::clock;
use livetape_mock::{
    Scenario,
    proxy::{Hosts, Mode},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{Proxied, REPORTED};
use crate::support::Reserved;

#[tokio::test(start_paused = true)]
async fn every_refusal_has_a_code_a_status_and_a_reason() {
    let own = vec!["127.0.0.1:3128".parse().unwrap(), "192.0.2.1:443".parse().unwrap()];
    let pass = vec!["passed.invalid".parse().unwrap(), "localhost:3129".parse().unwrap()];
    let proxied = Proxied::with(Scenario::default(), Mode::Proxy, Hosts { pass, own, ..Hosts::default() });
    for (request, status, code, reason) in [
        (
            "CONNECT example.com:443",
            502,
            "host_refused",
            "refused example.com: livetape answers only for tiktok.com and eulerstream.com",
        ),
        ("GET http://example.com/", 502, "host_refused", "refused example.com: "),
        ("CONNECT localhost:8080", 502, "host_refused", "refused localhost: "),
        ("CONNECT nottiktok.com:443", 502, "host_refused", "refused nottiktok.com: "),
        ("CONNECT 10.0.0.1:443", 403, "address_refused", "refused 10.0.0.1: livetape answers for host names"),
        ("CONNECT [fe80::1]:443", 403, "address_refused", "refused [fe80::1]: "),
        ("CONNECT www.tiktok.com:22", 403, "port_refused", "refused port 22 of www.tiktok.com: "),
        ("CONNECT 127.0.0.1:3128", 403, "loop_refused", "refused a connection to the proxy itself"),
        ("CONNECT [::1]:3128", 403, "loop_refused", "refused a connection to the proxy itself"),
        ("CONNECT localhost:3128", 403, "loop_refused", "refused a connection to the proxy itself"),
        ("CONNECT 192.0.2.1:443", 403, "loop_refused", "refused a connection to the proxy itself"),
        ("GET /", 400, "bad_request", "not a request to a proxy: its address has no host"),
        (
            "GET ftp://www.tiktok.com/",
            400,
            "bad_request",
            "not a request to a proxy: its address is not http://",
        ),
        (
            "CONNECT www.tiktok.com",
            400,
            "bad_request",
            "not a request to a proxy: CONNECT needs a host and a port",
        ),
        (
            "GET https://passed.invalid/",
            400,
            "bad_request",
            "not a request to a proxy: https:// hosts of --pass need CONNECT",
        ),
    ] {
        let answer = proxied.answer(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} {reason}")), "{request}: {answer}");
        assert!(answer.contains(&format!("\r\nLivetape-Error: {code}\r\n")), "{request}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.lines().count(), 2, "the reason and a hint: {body}");
    }
    assert_eq!(proxied.mock.received(), []);
}

#[tokio::test(start_paused = true)]
async fn heads_that_are_too_long_or_are_not_http_are_refused() {
    let proxied = Proxied::new(Scenario::default());
    let long = format!("CONNECT www.tiktok.com:443 HTTP/1.1\r\nA: {}", "a".repeat(40 << 10));
    let answer = proxied.answer(long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("too_large"), "{answer}");
    let hello = [&[0x16, 0x03, 0x01, 0x02, 0x00][..], &[0; 64]].concat();
    let answer = proxied.answer(&hello).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("HTTPS_PROXY"), "{answer}");
}

#[tokio::test]
async fn a_passed_host_that_cannot_be_reached_is_reported() {
    let closed = Reserved::new();
    let port = closed.address.port();
    let own = vec![format!("127.0.0.1:{port}").parse().unwrap()];
    let pass = vec![format!("localhost:{port}").parse().unwrap()];
    let proxied =
        Proxied::with(Scenario::default(), Mode::Proxy, Hosts { pass: pass.clone(), ..Hosts::default() });
    let request = format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n");
    let answer = proxied.answer(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 502 cannot connect to localhost: "), "{answer}");
    assert!(answer.contains("Livetape-Error: host_unreachable"), "{answer}");
    let proxied = Proxied::with(Scenario::default(), Mode::Proxy, Hosts { pass, own, ..Hosts::default() });
    let answer = proxied.answer(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403 refused a connection to the proxy itself"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn clients_that_send_garbage_instead_of_tls_get_an_alert() {
    let proxied = Proxied::new(Scenario::default());
    let mut io = proxied.tunnel("www.tiktok.com:443", None).await;
    io.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    io.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert.first(), Some(&21), "the record type of alerts: {alert:?}");
}

#[tokio::test(start_paused = true)]
async fn silent_clients_are_closed() {
    let proxied = Proxied::new(Scenario::default());
    let started = clock::now();
    let mut silent = proxied.connect().await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!((clock::now() - started).as_secs(), 60);
    // Half a head: the reason is stated.
    let answer = proxied.answer(b"CONNECT www.tiktok.com:443 HTTP/1.1\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // Half a handshake.
    let mut half = proxied.tunnel("www.tiktok.com:443", None).await;
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let started = clock::now();
    assert_eq!(half.read(&mut [0]).await.unwrap(), 0);
    assert_eq!((clock::now() - started).as_secs(), 10);
    // They do not delay others.
    assert!(timeout(Duration::from_secs(1), proxied.secure("www.tiktok.com", None)).await.is_ok());
}

/// Some clients check pinned certificates only after the handshake.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_after_the_handshake_is_reported() {
    let proxied = Proxied::new(Scenario::default());
    drop(proxied.secure("pinned.tiktok.com", None).await);
    let is_reported = || {
        REPORTED.lock().unwrap().iter().any(|line| line.starts_with("pinned.tiktok.com: the client closed"))
    };
    for _ in 0..100_000 {
        if is_reported() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no line about the client");
}
