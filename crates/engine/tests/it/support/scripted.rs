//! A minimal TikTok in memory, with scripted responses and a log of requests.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_engine::source::live::MemoryTransport;
use livetape_io::clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::Instant,
};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Message, handshake::derive_accept_key, protocol::CloseFrame, protocol::Role};

/// The server's reaction to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Http(u16, Vec<(&'static str, String)>, Bytes),
    /// Opens a WebSocket and runs these steps.
    Socket(Vec<Act>),
    /// Sends a start, then the same bytes again every second.
    Dribble(&'static str, &'static str),
    /// Never responds.
    Silence,
}

/// A step of the server on a socket.
#[derive(Clone)]
pub(crate) enum Act {
    Send(Bytes),
    /// Sends any message, or a single frame.
    Message(Message),
    Wait(u64),
    Close(u16, &'static str),
    /// Keeps reading without writing.
    Hang,
    /// Stops reading.
    Deafen,
    /// Neither reads nor writes.
    Freeze,
}

pub(crate) fn ok(body: impl Into<Bytes>) -> Reply {
    Reply::Http(200, vec![], body.into())
}

pub(crate) fn status(status: u16, headers: &[(&'static str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Reply::Http(status, headers, Bytes::from(body.to_owned()))
}

/// Path up to `?`, and its replies in order; the last one repeats.
type Script = HashMap<&'static str, Vec<Reply>>;

/// Log of requests: virtual time in ms, and the request head or the bytes of a frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Request(u64, String),
    Frame(u64, Bytes),
}

#[derive(Clone)]
pub(crate) struct Server {
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    epoch: Instant,
}

impl Server {
    pub(crate) fn new(script: impl IntoIterator<Item = (&'static str, Vec<Reply>)>) -> Self {
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        Self { script, seen: Arc::default(), epoch: clock::now() }
    }

    pub(crate) fn transport(&self) -> MemoryTransport {
        let server = self.clone();
        MemoryTransport::new(move || {
            let (ours, theirs) = duplex(64 << 10);
            let server = server.clone();
            tokio::spawn(async move { drop(server.serve(ours).await) });
            std::future::ready(Ok(theirs))
        })
    }

    /// Whether the script has replies for a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.script.lock().unwrap().contains_key(path)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn now(&self) -> u64 {
        clock::now().duration_since(self.epoch).as_millis() as u64
    }

    async fn serve(&self, mut stream: DuplexStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(['?', ' ']).nth(1).unwrap().to_owned();
        self.seen.lock().unwrap().push(Seen::Request(self.now(), head.clone()));
        let reply = {
            let mut script = self.script.lock().unwrap();
            let none = &mut vec![status(404, &[], "")];
            let replies = match script.get_mut(path.as_str()) {
                None if path.ends_with("/room/info/") => none,
                replies => replies.unwrap_or_else(|| panic!("no reply to {path}")),
            };
            if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
        };
        match reply {
            Reply::Http(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    text += &format!("{name}: {value}\r\n");
                }
                stream.write_all((text + "\r\n").as_bytes()).await?;
                stream.write_all(&body).await
            }
            Reply::Socket(acts) => self.talk(stream, &head, acts).await,
            Reply::Dribble(start, again) => {
                stream.write_all(start.as_bytes()).await?;
                let mut due = clock::now();
                loop {
                    stream.write_all(again.as_bytes()).await?;
                    due += Duration::from_secs(1);
                    tokio::time::sleep_until(due).await;
                }
            }
            Reply::Silence => std::future::pending().await,
        }
    }

    async fn talk(&self, mut stream: DuplexStream, head: &str, acts: Vec<Act>) -> io::Result<()> {
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-key: "))
            .or_else(|| head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")));
        let accept = derive_accept_key(key.unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Handshake-Options: ping-interval=10\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await?;
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let (mut sink, mut frames) = socket.split();
        let server = self.clone();
        let read = tokio::spawn(async move {
            while let Some(Ok(message)) = frames.next().await {
                if let Message::Binary(bytes) = message {
                    server.seen.lock().unwrap().push(Seen::Frame(server.now(), bytes));
                }
            }
        });
        for act in acts {
            match act {
                Act::Send(bytes) => drop(sink.send(Message::Binary(bytes)).await),
                Act::Message(message) => drop(sink.send(message).await),
                Act::Wait(millis) => {
                    tokio::time::sleep_until(clock::now() + Duration::from_millis(millis)).await;
                }
                Act::Close(code, reason) => {
                    let frame = CloseFrame { code: code.into(), reason: reason.into() };
                    drop(sink.send(Message::Close(Some(frame))).await);
                    drop(read.await);
                    return Ok(());
                }
                Act::Hang => {
                    drop(read.await);
                    return Ok(());
                }
                Act::Deafen => read.abort(),
                Act::Freeze => {
                    read.abort();
                    std::future::pending::<()>().await;
                }
            }
        }
        read.abort();
        Ok(())
    }
}
