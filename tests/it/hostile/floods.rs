//! Floods: endless frames, messages, headers and bodies, and small data that unpacks to large data.

use std::io::Read as _;

use livetape_core::wire::{self, Batch, Message, Push};

#[cfg(target_os = "linux")]
use super::check;
use super::{At, Attack, BINARY, PING, ask, frame, serve, upstream};
use crate::support::process::{run, text};

fn batch(plain: &[u8]) -> Vec<u8> {
    let push =
        Push { log_id: 1, payload_type: "msg".into(), payload: wire::zip(plain), ..Default::default() };
    frame(BINARY, &wire::write_push(&push))
}

fn messages(method: &str, payload: Vec<u8>, count: usize) -> Vec<u8> {
    let message = Message { method: method.into(), payload: payload.into(), ..Default::default() };
    batch(&wire::write_batch(&Batch { messages: vec![message; count], ..Default::default() }))
}

/// Returns a field whose value is a message of more than 16 KiB.
fn within(key: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let length = [length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
    [&[key], &length[..], value].concat()
}

fn socket(again: Vec<u8>) -> Attack {
    Attack { at: At::Socket, begin: vec![], again }
}

/// Name, attack, and the code with which livetape gives up.
#[cfg(target_os = "linux")]
fn floods() -> Vec<(&'static str, Attack, &'static str)> {
    // Control characters in a comment take six times as many bytes in JSON.
    let comment = [&[0x1a, 0x80, 0x20][..], &[1; 4096]].concat();
    // An unknown field of 150 bytes.
    let like = [&[0x7a, 0x96, 1][..], &[7; 150]].concat();
    // The largest entry of a list: a text's piece with an empty user, of five bytes.
    let pieces = [0x22, 3, 0xaa, 1, 0].repeat(49_999);
    let toast = within(0x0a, &within(0x42, &pieces));
    let ended = [frame(2, b""), frame(0, b"").repeat(1000), frame(0x80, b"")].concat();
    vec![
        ("pings", socket(frame(PING, &[b'x'; 125]).repeat(1000)), "upstream_flood"),
        ("pings of nothing", socket(frame(PING, b"").repeat(1000)), "upstream_flood"),
        ("texts of nothing", socket(frame(0x81, b"").repeat(1000)), "upstream_flood"),
        (
            "frames of nothing",
            Attack { begin: frame(2, b""), ..socket(frame(0, b"").repeat(1000)) },
            "upstream_flood",
        ),
        ("messages of frames of nothing", socket(ended), "upstream_flood"),
        ("nothing", socket(frame(BINARY, b"").repeat(1000)), "upstream_flood"),
        ("1 MiB messages", socket(frame(BINARY, &vec![7; 1 << 20])), "upstream_flood"),
        ("15 MiB messages", socket(frame(BINARY, &vec![7; 15 << 20])), "connection_lost"),
        (
            "a message without an end",
            Attack { begin: frame(2, b"x"), ..socket(frame(0, &vec![7; 64 << 10])) },
            "connection_lost",
        ),
        ("bombs", socket(batch(&vec![0; 64 << 20])), "upstream_flood"),
        ("the largest batch", socket(batch(&vec![0; 2 << 20])), "upstream_flood"),
        ("comments", socket(messages("WebcastChatMessage", comment, 500)), "upstream_flood"),
        ("many messages", socket(messages("WebcastLikeMessage", like, 10_000)), "upstream_flood"),
        ("pieces of a text", socket(messages("WebcastToastMessage", toast, 1)), "upstream_flood"),
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn floods_cannot_exhaust_memory() {
    for (name, attack, code) in floods().into_iter().step_by(4) {
        check(name, attack, code);
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes 20 s of a processor: of `cargo xtask nightly soak`"]
fn no_flood_can_exhaust_memory() {
    for (name, attack, code) in floods() {
        check(name, attack, code);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_response_cannot_exhaust_memory() {
    let ok = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}").into_bytes();
    let bomb = wire::zip(&vec![b' '; 64 << 20]);
    let head = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let packed = [ok(&head), bomb.to_vec()].concat();
    let endless = |at| Attack { at, begin: ok("\r\n"), again: vec![b' '; 1 << 20] };
    check("a body without an end, Cookie", endless(At::Cookie), "blocked");
    for (at, of_body, of_head) in
        [(At::Lookup, "blocked", "connection_lost"), (At::Sign, "sign_empty", "sign_failed")]
    {
        let check = |name: &str, begin: &[u8], again: Vec<u8>, code: &str| {
            check(&format!("{name}, {at:?}"), Attack { at, begin: begin.to_vec(), again }, code);
        };
        check("a body without an end", &ok("\r\n"), vec![b' '; 1 << 20], of_body);
        check("headers without an end", &ok(""), b"x-header: value\r\n".repeat(1000), of_head);
        check("a packed body", &packed, vec![0; 1 << 20], of_body);
    }
    let head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    let handshake = Attack { at: At::Upgrade, begin: head, again: b"x-header: value\r\n".repeat(1000) };
    check("a handshake without an end", handshake, "connection_lost");
    check("a refusal without an end", endless(At::Upgrade), "handshake_refused");
}

/// After `shutdown_time`, the process would exit with 130.
#[cfg(unix)]
#[test]
fn a_signal_stops_it_gracefully_during_an_attack() {
    for bytes in [64 << 20, 2 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("show.bin");
        let (address, _ended) = upstream(socket(batch(&vec![0; bytes])));
        let server = serve(&address, false, &file);
        // The server answers as soon as the socket is open.
        ask(&server, "POST /connect/demo").read_to_end(&mut Vec::new()).unwrap();
        server.signal("TERM");
        let (status, lines) = server.wait();
        assert!(matches!(status.code(), Some(0 | 1 | 3)), "{bytes}: {status} {lines:?}");
        let info = run(&["info", text(&file), "--json"]);
        let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
        assert_eq!(info["sealed"], true, "{bytes}");
    }
}
