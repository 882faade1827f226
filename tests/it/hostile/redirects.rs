//! Redirects to other hosts, which nothing follows.

#![cfg(target_os = "linux")]

use std::{io::ErrorKind, net::TcpListener};

use super::{At, Attack, check};

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
