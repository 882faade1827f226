//! The floor: epoll, and a `write` of prepared frames to each socket, one per message or one per burst.

use std::{
    io::{self, Read as _, Write as _},
    time::Duration,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

use super::{
    points::{FLOOD_WINDOW, MESSAGE_BYTES, Point, text},
    run::{await_go, now_ns, pause, say},
};
use crate::support::{Args, allow_sockets};

const LISTENER: Token = Token(usize::MAX);
/// Maximum length of a request, in bytes.
const REQUEST_BYTES_MAX: usize = 4096;
const ANSWER: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

/// A client and its unsent data.
struct Client {
    socket: TcpStream,
    waiting: Vec<u8>,
    /// Number of bursts of a flood sent to it.
    bursts: usize,
}

struct Floor {
    poll: Poll,
    clients: Vec<Client>,
    point: Point,
    is_joined: bool,
}

pub(crate) fn serve(args: &Args, is_joined: bool) -> io::Result<()> {
    let point = Point::of(args);
    allow_sockets(point.subscribers)?;
    let mut floor = Floor { poll: Poll::new()?, clients: Vec::new(), point, is_joined };
    floor.let_in()?;
    say("ready");
    await_go()?;
    if point.per_second > 0 {
        floor.at_rate()?;
    } else {
        floor.flood()?;
    }
    await_go()
}

/// Encodes a text frame.
fn frame(now_ns: u64) -> Vec<u8> {
    let text = text(now_ns, MESSAGE_BYTES);
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0x81, 126, length[0], length[1]], text.as_bytes()].concat()
}

impl Floor {
    /// Accepts all clients and answers their requests.
    fn let_in(&mut self) -> io::Result<()> {
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        say(&format!("port {}", listener.local_addr()?.port()));
        self.poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut events = Events::with_capacity(1024);
        let mut answered = 0;
        while answered < self.point.subscribers {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                if event.token() == LISTENER {
                    self.accept(&listener)?;
                } else {
                    answered += usize::from(self.answer(event.token())?);
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        while let Some((mut socket, _)) = unless_blocked(listener.accept())? {
            socket.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, Token(self.clients.len()), both)?;
            self.clients.push(Client { socket, waiting: Vec::new(), bursts: 0 });
        }
        Ok(())
    }

    /// Answers a request; returns whether it was complete.
    fn answer(&mut self, token: Token) -> io::Result<bool> {
        let socket = &mut self.clients[token.0].socket;
        let mut request = [0; REQUEST_BYTES_MAX];
        let Some(read) = unless_blocked(socket.read(&mut request))? else { return Ok(false) };
        let is_whole = request[..read].ends_with(b"\r\n\r\n");
        if is_whole {
            socket.write_all(ANSWER)?;
        }
        Ok(is_whole)
    }

    fn at_rate(&mut self) -> io::Result<()> {
        let started = now_ns();
        let mut events = Events::with_capacity(1024);
        for burst in 0..self.point.messages.div_ceil(self.point.burst) {
            let due = started + self.point.due_ns(burst);
            pause(Duration::from_nanos(due.saturating_sub(now_ns())));
            let frame = frame(now_ns());
            let (piece, pieces) =
                if self.is_joined { (frame.repeat(self.point.burst), 1) } else { (frame, self.point.burst) };
            for client in &mut self.clients {
                for _ in 0..pieces {
                    client.write(&piece)?;
                }
            }
            while self.clients.iter().any(|client| !client.waiting.is_empty()) {
                self.poll.poll(&mut events, None)?;
                self.clients.iter_mut().try_for_each(Client::write_rest)?;
            }
        }
        Ok(())
    }

    /// Sends each client the next burst when it has taken the previous one.
    fn flood(&mut self) -> io::Result<()> {
        let bursts = self.point.messages.div_ceil(FLOOD_WINDOW);
        let frame = frame(now_ns());
        let (piece, pieces) =
            if self.is_joined { (frame.repeat(FLOOD_WINDOW), 1) } else { (frame, FLOOD_WINDOW) };
        let mut events = Events::with_capacity(1024);
        loop {
            let mut is_stuck = true;
            for client in &mut self.clients {
                client.write_rest()?;
                if client.waiting.is_empty() && client.bursts < bursts {
                    is_stuck = false;
                    client.bursts += 1;
                    (0..pieces).try_for_each(|_| client.write(&piece))?;
                }
            }
            if self.clients.iter().all(|client| client.bursts == bursts && client.waiting.is_empty()) {
                return Ok(());
            }
            if is_stuck {
                self.poll.poll(&mut events, None)?;
            }
        }
    }
}

impl Client {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(piece);
            return Ok(());
        }
        let written = unless_blocked(self.socket.write(piece))?.unwrap_or(0);
        self.waiting.extend_from_slice(&piece[written..]);
        Ok(())
    }

    fn write_rest(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let Some(written) = unless_blocked(self.socket.write(&self.waiting))? else { break };
            self.waiting.drain(..written);
        }
        Ok(())
    }
}

pub(crate) fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
