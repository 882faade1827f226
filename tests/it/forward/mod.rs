//! A client's requests and sockets pass the forwarding source, on their way to a mock.

mod bad;
mod log;

use std::time::Duration;

use bytes::Bytes;
use livetape::{
    sans_io::{
        recording::{Item, What},
        redact::redact,
    },
    source::{
        forward::{Forward, Origin},
        live::{LiveOptions, Outcome, Url},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Error, client::IntoClientRequest as _},
};

use crate::support::mock::{ROOM, SOCKET, Socket, read_for, split};

/// Size of a client's pipe, in bytes.
const PIPE_BYTES: usize = 64 << 10;
/// Maximum time to wait for a response.
const PATIENCE: Duration = Duration::from_secs(60);
/// Maximum length of a response, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A forwarding source in front of a mock.
struct Rig {
    forward: Forward,
    stop: oneshot::Sender<()>,
    items: JoinHandle<(Vec<Item>, Outcome)>,
    /// Port that clients mean to connect to.
    port: u16,
}

impl Rig {
    /// Forwards to an address instead of the real hosts.
    fn to(upstream: &str) -> Self {
        let upstream = Some(Url::parse(upstream).unwrap());
        Self::with(&LiveOptions { upstream, offline: true, ..LiveOptions::new("") }, 443)
    }

    fn with(options: &LiveOptions, port: u16) -> Self {
        let (forward, mut live) = Forward::start(options).unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let items = tokio::spawn(async move {
            let (mut items, mut is_stopped) = (Vec::new(), false);
            loop {
                let item = tokio::select! { biased;
                    _ = &mut stopped, if !is_stopped => {
                        is_stopped = true;
                        live.stop();
                        continue;
                    }
                    item = live.next() => item,
                };
                match item {
                    Some(item) => items.push(redact(item)),
                    None => return (items, live.outcome().await),
                }
            }
        });
        Self { forward, stop, items, port }
    }

    /// Connects a client that means to talk to a host.
    fn connect(&self, host: &str) -> DuplexStream {
        let (client, server) = duplex(PIPE_BYTES);
        let (forward, port) = (self.forward.clone(), self.port);
        let origin = Origin { host: host.to_owned(), port, is_tls: port == 443 };
        tokio::spawn(async move { forward.serve(server, origin).await });
        client
    }

    /// Sends a request and returns head and body of the response.
    async fn get(&self, host: &str, target: &str, headers: &str) -> (String, Bytes) {
        let mut client = self.connect(host);
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        split(&read_for(&mut client, PATIENCE, ANSWER_BYTES_MAX).await)
    }

    /// Opens a socket to the room of the demo.
    async fn dial(&self) -> Socket {
        let query = format!("room_id={ROOM}&X-Bogus=planted-bogus&compress=gzip");
        self.try_dial(&format!("{SOCKET}?{query}")).await.unwrap()
    }

    async fn try_dial(&self, target: &str) -> Result<Socket, Error> {
        let host = "webcast-ws.tiktok.com";
        let mut request = format!("wss://{host}{target}").into_client_request().unwrap();
        let extensions = "permessage-deflate; client_max_window_bits".parse().unwrap();
        request.headers_mut().insert("sec-websocket-extensions", extensions);
        Ok(Socket(client_async(request, self.connect(host)).await?.0))
    }

    /// Stops the source and returns what it recorded.
    async fn end(self) -> Vec<Item> {
        // The source may have ended by itself.
        let _ = self.stop.send(());
        let (items, outcome) = self.items.await.unwrap();
        assert_eq!(outcome, Outcome::Stopped);
        assert!(items.is_sorted_by_key(|item| item.offset), "in order of time");
        items
    }
}

/// A message, and the beginning of another.
pub(crate) const CUT: &[u8] = b"\x82\x04hb:2\x82\x7e\x01\x00half";

/// The answer to an upgrade of the tests' socket. Clients check the key, so it is computed by the library.
pub(crate) fn upgraded(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// Starts a server that sends these bytes after the head of its only request, and then closes the connection.
pub(crate) async fn server(answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static) -> String {
    serve(answer, false).await
}

/// Like [`server`]; with `stays_open`, the connection stays open until the client closes it.
async fn serve(answer: impl FnOnce(&str) -> Vec<u8> + Send + 'static, stays_open: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(&answer(&String::from_utf8(head).unwrap())).await.unwrap();
        if stays_open {
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the client sends nothing");
        }
        stream.shutdown().await.unwrap();
    });
    url
}

/// Returns the reasons of the gaps.
fn gaps(items: &[Item]) -> Vec<&str> {
    let reason = |item| match item {
        &Item { what: What::Gap(ref gap), .. } => Some(gap.reason.as_str()),
        _ => None,
    };
    items.iter().filter_map(reason).collect()
}

/// Returns the close of each connection: code and reason.
fn closes(items: &[Item]) -> Vec<(u32, &str)> {
    let close = |item| match item {
        &Item { what: What::ConnClose(ref close), .. } => Some((close.code, close.reason.as_str())),
        _ => None,
    };
    items.iter().filter_map(close).collect()
}
