//! The load: sockets that read frames at the lowest possible cost.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    time::Duration,
};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::{
    floor::unless_blocked,
    points::Point,
    run::{now_ns, say},
};
use crate::support::{Args, allow_sockets};

/// Size of a read, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// Maximum length of an incomplete frame that is kept, in bytes; enough for its header and timestamp.
const REST_BYTES_MAX: usize = 64 * 1024;
/// Maximum number of concurrent handshakes.
const CONNECTING_MAX: usize = 64;
/// One in this many messages is sampled for lateness.
const SAMPLED_OF: usize = 8;
/// Maximum recorded lateness, in µs.
const LATE_MAX_US: u64 = 60_000_000;
/// Maximum time without a frame, after which the load gives up.
const SILENCE_MAX: Duration = Duration::from_secs(30);

struct Client {
    socket: TcpStream,
    rest: Vec<u8>,
    is_open: bool,
    frames: usize,
}

struct Load {
    poll: Poll,
    clients: Vec<Client>,
    late: Histogram<u64>,
    buffer: Vec<u8>,
    events: Events,
}

pub(crate) fn run(args: &Args) -> io::Result<()> {
    let point = Point::of(args);
    allow_sockets(point.subscribers)?;
    let ports = args.value::<String>("--port").unwrap_or_default();
    let ports: Vec<u16> =
        ports.split(',').map(str::parse).collect::<Result<_, _>>().map_err(io::Error::other)?;
    let mut load = Load {
        poll: Poll::new()?,
        clients: Vec::new(),
        late: Histogram::new_with_bounds(1, LATE_MAX_US, 3).map_err(io::Error::other)?,
        buffer: vec![0; READ_BYTES],
        events: Events::with_capacity(4096),
    };
    let mut open = 0;
    while open < point.subscribers {
        while load.clients.len() < point.subscribers && load.clients.len() - open < CONNECTING_MAX {
            let port = ports[load.clients.len() % ports.len()];
            load.connect(([127, 0, 0, 1], port).into())?;
        }
        load.turn()?;
        open = load.clients.iter().filter(|client| client.is_open).count();
    }
    let mut begun = None;
    while load.clients.iter().any(|client| client.frames < point.messages) {
        if load.turn()? == 0 {
            return Err(io::Error::other("no more frames arrived"));
        }
        begun.get_or_insert_with(now_ns);
    }
    let took = (now_ns() - begun.unwrap_or_default()) as f64 / 1e9;
    let late = |quantile| load.late.value_at_quantile(quantile) as f64 / 1e3;
    say(&format!("{took:.6} {:.3} {:.3}", late(0.5), late(0.99)));
    Ok(())
}

impl Load {
    fn connect(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut socket = std::net::TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        write!(
            socket,
            "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let token = Token(self.clients.len());
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        self.clients.push(Client { socket, rest: Vec::new(), is_open: false, frames: 0 });
        Ok(())
    }

    /// Reads all available data. Returns the number of readable sockets.
    fn turn(&mut self) -> io::Result<usize> {
        self.poll.poll(&mut self.events, Some(SILENCE_MAX))?;
        for event in &self.events {
            let client = &mut self.clients[event.token().0];
            while let Some(read) = unless_blocked(client.socket.read(&mut self.buffer))? {
                if read == 0 {
                    return Err(io::Error::other("the server closed a socket"));
                }
                client.take(&self.buffer[..read], &mut self.late);
                // A short read means that the socket is empty; epoll reports new data.
                if read < READ_BYTES {
                    break;
                }
            }
        }
        Ok(self.events.iter().count())
    }
}

impl Client {
    fn take(&mut self, bytes: &[u8], late: &mut Histogram<u64>) {
        let mut rest = std::mem::take(&mut self.rest);
        let mut bytes = if rest.is_empty() {
            bytes
        } else {
            rest.extend_from_slice(bytes);
            &rest[..]
        };
        if !self.is_open {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                self.rest = bytes.to_vec();
                return;
            };
            assert!(bytes.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(bytes));
            self.is_open = true;
            bytes = &bytes[end + 4..];
        }
        while let Some((opcode, payload, behind)) = frame(bytes) {
            bytes = behind;
            if opcode == 1 {
                if self.frames.is_multiple_of(SAMPLED_OF)
                    && let Some(stamp) = stamp(payload)
                {
                    late.saturating_record((now_ns().saturating_sub(stamp) / 1_000).max(1));
                }
                self.frames += 1;
            }
        }
        assert!(bytes.len() <= REST_BYTES_MAX, "no frame is as long as this");
        self.rest = bytes.to_vec();
    }
}

/// Splits off the first frame, if it is complete: opcode, payload and rest.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[head, short], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match short {
        126 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        127 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(length)).ok()?, rest)
        }
        short => (usize::from(short), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((head & 0xf, payload, rest))
}

/// Reads the time when a message was written.
fn stamp(payload: &[u8]) -> Option<u64> {
    let at = payload.iter().position(|&byte| byte == b'@')? + 1;
    std::str::from_utf8(payload.get(at..at + 20)?).ok()?.parse().ok()
}
