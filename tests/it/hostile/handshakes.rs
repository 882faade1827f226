//! Handshakes and frames that break the protocol of WebSockets, and redirects to other hosts, which nothing follows.

#![cfg(target_os = "linux")]

use std::{io::ErrorKind, net::TcpListener};

use super::{At, Attack, BINARY, check, frame};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\n";
const UPGRADE: &str = "upgrade: websocket\r\n";
const CONNECTION: &str = "connection: upgrade\r\n";
const ACCEPT: &str = "sec-websocket-accept: {accept}\r\n";

#[test]
fn malformed_handshakes_are_rejected() {
    let wrong = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let long = format!("x: {}\r\n", "y".repeat(1 << 20));
    let many = "x: y\r\n".repeat(200);
    let cases: &[(&str, &[&str], &str)] = &[
        ("the accept key of another request", &[SWITCHING, UPGRADE, CONNECTION, wrong], "connection_lost"),
        (
            "an empty accept key",
            &[SWITCHING, UPGRADE, CONNECTION, "sec-websocket-accept:\r\n"],
            "connection_lost",
        ),
        ("no accept key", &[SWITCHING, UPGRADE, CONNECTION], "connection_lost"),
        ("no upgrade", &[SWITCHING, CONNECTION, ACCEPT], "connection_lost"),
        ("another upgrade", &[SWITCHING, "upgrade: h2c\r\n", CONNECTION, ACCEPT], "connection_lost"),
        ("no connection", &[SWITCHING, UPGRADE, ACCEPT], "connection_lost"),
        ("another connection", &[SWITCHING, UPGRADE, "connection: close\r\n", ACCEPT], "connection_lost"),
        (
            "a protocol that nobody asked for",
            &[SWITCHING, UPGRADE, CONNECTION, ACCEPT, "sec-websocket-protocol: soap\r\n"],
            "connection_lost",
        ),
        (
            "status 200",
            &["HTTP/1.1 200 OK\r\n", UPGRADE, CONNECTION, ACCEPT, "content-length: 0\r\n"],
            "handshake_refused",
        ),
        (
            "HTTP/1.0",
            &["HTTP/1.0 101 Switching Protocols\r\n", UPGRADE, CONNECTION, ACCEPT],
            "connection_lost",
        ),
        (
            "HTTP/9.9",
            &["HTTP/9.9 101 Switching Protocols\r\n", UPGRADE, CONNECTION, ACCEPT],
            "connection_lost",
        ),
        ("no status line", &["hello\r\n"], "connection_lost"),
        ("binary", &["\0\u{1}\u{2}\r\n"], "connection_lost"),
        ("a header without a name", &[SWITCHING, ": websocket\r\n", CONNECTION, ACCEPT], "connection_lost"),
        ("200 headers", &[SWITCHING, UPGRADE, CONNECTION, ACCEPT, &many], "connection_lost"),
        ("a header of 1 MiB", &[SWITCHING, UPGRADE, CONNECTION, ACCEPT, &long], "connection_lost"),
    ];
    for (name, lines, code) in cases {
        let begin = (lines.concat() + "\r\n").into_bytes();
        check(name, Attack { at: At::Upgrade, begin, again: vec![] }, code);
    }
}

#[test]
fn malformed_frames_end_the_connection() {
    let text = |payload: &[u8]| frame(0x81, payload);
    let cases: &[(&str, Vec<u8>)] = &[
        ("a masked frame", vec![BINARY, 0x81, 0, 0, 0, 0, 7]),
        ("a reserved bit", vec![BINARY | 0x40, 0]),
        ("a reserved opcode", vec![0x83, 0]),
        ("a reserved control opcode", vec![0x8b, 0]),
        ("a ping in two frames", vec![0x09, 0]),
        ("a ping of 126 bytes", [vec![0x89, 126, 0, 126], vec![0; 126]].concat()),
        ("a continuation of nothing", vec![0x80, 0]),
        ("a message inside a message", [frame(2, b"x"), frame(BINARY, b"y")].concat()),
        ("a text that is not UTF-8", text(b"\xff\xfe")),
        ("a length of 2^63", [vec![BINARY, 127, 0x80], vec![0; 7]].concat()),
        ("a length of 2^62", [vec![BINARY, 127, 0x40], vec![0; 7]].concat()),
        ("a close frame of one byte", frame(0x88, b"x")),
        ("a close frame with a reserved code", frame(0x88, &[0, 1])),
        ("a close frame whose reason is not UTF-8", frame(0x88, b"\x03\xe8\xff")),
    ];
    for (name, begin) in cases {
        check(name, Attack { at: At::Socket, begin: begin.clone(), again: vec![] }, "connection_lost");
    }
}

#[test]
fn no_redirect_to_another_host_is_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap();
    for (at, scheme, code) in [
        (At::Lookup, "http", "blocked"),
        (At::Cookie, "http", "blocked"),
        (At::Sign, "http", "sign_failed"),
        (At::Upgrade, "ws", "handshake_refused"),
    ] {
        // The cookie is requested eight times.
        for status in if at == At::Cookie { &[302][..] } else { &[301, 302, 303, 307, 308] } {
            let begin = format!(
                "HTTP/1.1 {status} X\r\nlocation: {scheme}://{address}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let attack = Attack { at, begin: begin.into_bytes(), again: vec![] };
            check(&format!("{status}, {at:?}"), attack, code);
        }
    }
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody connected");
}
