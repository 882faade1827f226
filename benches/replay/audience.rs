//! Runs the program at speed 1, with subscribers in another process.

use std::{
    io::{ErrorKind, Read as _},
    path::Path,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token};

use super::reader::{ask, start};
use crate::support::allow_sockets;

const READ_BYTES: usize = 64 << 10;
/// Maximum time without data, after which the program counts as hanging.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Lateness in ms, as the program reports it at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) drift: f64,
}

/// Plays a recording to `sockets` sockets up to `end`.
pub(crate) fn play(recording: &Path, sockets: usize, end: &str) -> Late {
    allow_sockets(sockets).expect("the system allows enough sockets");
    let wait = sockets.to_string();
    let mut program = start(recording, &["--end", end, "--wait-clients", &wait]);
    let mut display = program.display;
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        display.read_to_string(&mut told).map(|_| told)
    });
    read_along(&program.address, sockets);
    program.process.wait().expect("it ends");
    let told = told.join().expect("no panic").expect("it reads");
    let number = |name: &str| {
        let (_, rest) = told.split_once(name).expect("it reports its lateness");
        rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    Late { p50: number("lateness p50 "), p99: number(", p99 "), drift: number(", drift ") }
}

/// Opens the sockets and reads from them until all are closed.
fn read_along(address: &str, sockets: usize) {
    let mut poll = Poll::new().expect("the system has epoll");
    let mut open: Vec<_> = (0..sockets).map(|_| connect(address)).collect();
    for (number, socket) in open.iter_mut().enumerate() {
        poll.registry().register(socket, Token(number), Interest::READABLE).expect("a socket");
    }
    let mut open: Vec<_> = open.into_iter().map(Some).collect();
    let (mut buffer, mut events) = (vec![0; READ_BYTES], Events::with_capacity(1024));
    while open.iter().any(Option::is_some) {
        poll.poll(&mut events, Some(SILENCE_MAX)).expect("the system has epoll");
        assert!(!events.is_empty(), "no more data arrives");
        for event in &events {
            let slot = &mut open[event.token().0];
            // Ignores late readiness events of closed sockets.
            if slot.as_mut().is_some_and(|socket| is_over(socket, &mut buffer)) {
                *slot = None;
            }
        }
    }
}

/// Reads all available data.
fn is_over(socket: &mut mio::net::TcpStream, buffer: &mut [u8]) -> bool {
    loop {
        match socket.read(buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

fn connect(address: &str) -> mio::net::TcpStream {
    let socket = ask(address);
    socket.set_nonblocking(true).expect("a socket");
    mio::net::TcpStream::from_std(socket)
}
