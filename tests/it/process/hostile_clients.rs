//! Clients that never read: for each client, the server keeps at most one copy of the message that it echoes. And more
//! clients than the system lets the server have.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
};

use crate::support::process::{Running, program};

/// Maximum length of a message on `/ws/echo`, in bytes.
const MESSAGE_BYTES: usize = 16 << 20;
const SOCKETS: usize = 6;
/// Maximum memory per socket: one copy of its message, and memory that the system does not reclaim at once.
const SOCKET_KIB_MAX: u64 = 24 << 10;
/// Maximum memory of the server without them.
const IDLE_KIB_MAX: u64 = 8 << 10;

/// Opens a socket whose messages come back.
fn open(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "GET /ws/echo HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// Sends the longest message to the echo and reads only the start of the answer.
fn stuck(address: &str) -> TcpStream {
    let mut stream = open(address);
    // A binary message, masked with zeros.
    let frame = [&[0x82, 0xff][..], &(MESSAGE_BYTES as u64).to_be_bytes(), &[0; 4], &vec![7; MESSAGE_BYTES]];
    stream.write_all(&frame.concat()).unwrap();
    // By now, all copies of the message exist.
    let mut head = [0; 10];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[..2], [0x82, 127]);
    stream
}

#[cfg(target_os = "linux")]
#[test]
fn an_unread_echo_is_stored_only_once() {
    let server = Running::start(&["serve"]);
    let sockets = Vec::from_iter((0..SOCKETS).map(|_| stuck(&server.address)));
    let kib = server.own_peak_kib();
    drop(sockets);
    println!("{} MiB for {SOCKETS} sockets", kib >> 10);
    assert!(kib <= IDLE_KIB_MAX + SOCKETS as u64 * SOCKET_KIB_MAX, "{} MiB", kib >> 10);
}

/// Maximum number of files that the server may have open.
const FILES_MAX: usize = 64;

#[cfg(target_os = "linux")]
#[test]
fn a_server_without_free_file_descriptors_goes_on_and_accepts_again_later() {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {FILES_MAX}; exec {} serve --port 0", program())]);
    let mut server = Running::spawn(&mut command, "Press Ctrl+C");
    let mut socket = open(&server.address);
    // The system accepts those for which the server has no descriptor.
    let waiting = Vec::from_iter((0..FILES_MAX).map(|_| TcpStream::connect(&server.address).unwrap()));
    let mut echo = |message: &[u8; 2]| {
        socket.write_all(&[&[0x82, 0x82, 0, 0, 0, 0], &message[..]].concat()).unwrap();
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer[2..], *message);
    };
    server.wait_until_logged("New connections wait");
    echo(b"on");
    drop(waiting);
    open(&server.address);
    echo(b"ok");
}
