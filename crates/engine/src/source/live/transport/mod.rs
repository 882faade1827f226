//! Transports to the upstream: over the network, or to a server in the same process.

#[cfg(feature = "live")]
mod network;
mod why;

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use livetape_core::session::UNFINISHED_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::task::AbortOnDropHandle;
use tungstenite::{
    Error,
    client::IntoClientRequest as _,
    http::{self, HeaderMap, HeaderName, HeaderValue, Response, Uri},
    protocol::WebSocketConfig,
};

use super::{BODY_BYTES_MAX, FRAME_BYTES_MAX, UNSENT_BYTES_MAX, url};

#[cfg(feature = "live")]
pub use network::{NetTransport, tls};
pub use why::Unreached;

/// Size of the write buffer, in bytes.
const WRITE_BYTES: usize = 16 << 10;

/// A way to send requests to the upstream. Callers set timeouts by dropping the futures.
pub trait Transport: Send + Sync + 'static {
    /// Sends a GET request, without following redirects.
    fn get<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<HttpResponse, Unreached>>;

    /// Opens a WebSocket.
    fn open<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Opened, OpenError>>;
}

/// Any transport. Clones share it.
#[derive(Clone)]
pub struct SharedTransport(Arc<dyn Transport>);

impl<T: Transport> From<T> for SharedTransport {
    fn from(transport: T) -> Self {
        Self(Arc::new(transport))
    }
}

impl std::ops::Deref for SharedTransport {
    type Target = dyn Transport;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for SharedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedTransport")
    }
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(in crate::source::live) type Socket = WebSocketStream<MaybeTlsStream<Counted>>;

/// A request. The URL and the headers may contain secrets.
#[derive(Clone)]
pub struct Request {
    /// Full URL, encoded.
    pub url: String,
    /// Headers, except `Host` and those of the upgrade.
    pub headers: Vec<(Cow<'static, str>, String)>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({})", url::shown(&self.url))
    }
}

/// A response, whose body is limited to [`BODY_BYTES_MAX`].
#[derive(Clone, Default)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: HeaderMap,
    /// Body, as sent.
    pub body: Bytes,
}

impl HttpResponse {
    /// Returns the first value of a header, or `None` if it is missing or not ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse({}, {} bytes)", self.status, self.body.len())
    }
}

#[derive(Debug)]
pub struct Opened {
    pub socket: Socket,
    /// Headers of the 101 response.
    pub headers: HeaderMap,
    pub received: Received,
}

#[derive(Debug)]
pub enum OpenError {
    /// The server responded with a status other than 101.
    Refused(Box<HttpResponse>),
    Unreached(Unreached),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Unreached(Unreached::of(&error))
    }
}

/// Result of an upgrade in the library.
type Handshake = Result<(Socket, Response<Option<Vec<u8>>>), Error>;

/// Number of bytes read since the last call to `take`. Clones share the counter.
#[derive(Clone, Debug, Default)]
pub struct Received(Arc<AtomicUsize>);

impl Received {
    /// Error kind of a read after more than [`UNFINISHED_BYTES_MAX`] bytes without a message.
    pub(super) const TOO_MUCH: io::ErrorKind = io::ErrorKind::QuotaExceeded;

    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

pub struct Counted {
    io: Box<dyn Stream>,
    received: Received,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Counted {
    fn new(io: impl Stream + 'static) -> (Self, Received) {
        let received = Received::default();
        (Self { io: Box::new(io), received: received.clone() }, received)
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        if this.received.0.fetch_add(read, Ordering::Relaxed) > UNFINISHED_BYTES_MAX {
            return Poll::Ready(Err(Received::TOO_MUCH.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

type Connecting = BoxFuture<'static, io::Result<Box<dyn Stream>>>;

/// A transport that gets each connection from a function. Ignores hosts and TLS.
///
/// ```
/// use livetape_engine::source::live::MemoryTransport;
///
/// let transport = MemoryTransport::new(|| async {
///     let (_server, client) = tokio::io::duplex(64 << 10);
///     Ok(client)
/// });
/// # drop(transport);
/// ```
pub struct MemoryTransport {
    connect: Box<dyn Fn() -> Connecting + Send + Sync>,
}

impl MemoryTransport {
    pub fn new<F, S>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        Self {
            connect: Box::new(move || {
                let connecting = connect();
                Box::pin(async { Ok(Box::new(connecting.await?) as Box<dyn Stream>) })
            }),
        }
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTransport")
    }
}

impl Transport for MemoryTransport {
    fn get<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<HttpResponse, Unreached>> {
        Box::pin(async {
            let stream = (self.connect)().await.map_err(|error| Unreached::of(&error))?;
            let request = request_of(request)?;
            let text = |error: hyper::Error| Unreached::of(&error);
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
            let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
            let response = sender.send_request(request).await.map_err(text)?;
            let (head, body) = response.into_parts();
            let body = read(body).await.map_err(text)?;
            Ok(HttpResponse { status: head.status.as_u16(), headers: head.headers, body })
        })
    }

    fn open<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async {
            let upgrade = upgrade(request)?;
            let (stream, received) = Counted::new((self.connect)().await?);
            let (stream, config) = (MaybeTlsStream::Plain(stream), Some(socket_config()));
            opened(tokio_tungstenite::client_async_with_config(upgrade, stream, config).await, received)
        })
    }
}

fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(UNSENT_BYTES_MAX)
}

fn upgrade(request: &Request) -> Result<tungstenite::handshake::client::Request, OpenError> {
    let no_address = |_| OpenError::Unreached(Unreached::new("not an address for a WebSocket"));
    let mut upgrade = request.url.as_str().into_client_request().map_err(no_address)?;
    upgrade.headers_mut().extend(header_map(request).map_err(OpenError::Unreached)?);
    Ok(upgrade)
}

fn header_map(request: &Request) -> Result<HeaderMap, Unreached> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Unreached::new(format!("the header {name} is not one line")))?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Unreached::new(format!("`{name}` is not the name of a header")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn opened(result: Handshake, received: Received) -> Result<Opened, OpenError> {
    match result {
        Ok((socket, response)) => Ok(Opened { socket, headers: response.into_parts().0.headers, received }),
        Err(Error::Http(response)) => {
            let (head, body) = response.into_parts();
            let mut body = Bytes::from(body.unwrap_or_default());
            body.truncate(BODY_BYTES_MAX);
            let answer = HttpResponse { status: head.status.as_u16(), headers: head.headers, body };
            Err(OpenError::Refused(Box::new(answer)))
        }
        Err(error) => Err(OpenError::Unreached(Unreached::of_socket(&error))),
    }
}

fn request_of(request: &Request) -> Result<http::Request<Empty<Bytes>>, Unreached> {
    let uri: Uri = request.url.parse().map_err(|_| Unreached::new("not an address"))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut made = http::Request::get(path)
        .header("host", uri.authority().map_or("", |authority| authority.as_str()))
        .body(Empty::new())
        .map_err(|_| Unreached::new("not an address"))?;
    made.headers_mut().extend(header_map(request)?);
    Ok(made)
}

async fn read(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = BODY_BYTES_MAX - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
        }
        if bytes.len() == BODY_BYTES_MAX {
            break;
        }
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tungstenite::protocol::Role;

    use super::*;

    /// Pings slow enough to stay below the rate limit could fill the memory with answers.
    #[tokio::test]
    async fn answers_that_the_upstream_does_not_read_are_bounded() {
        const PIPE_BYTES: usize = 1 << 10;
        let ping = [&[0x89, 125][..], &[b'x'; 125]].concat();
        let count = 2 * UNSENT_BYTES_MAX / ping.len();
        let (ours, mut theirs) = duplex(PIPE_BYTES);
        let mut socket = WebSocketStream::from_raw_socket(ours, Role::Client, Some(socket_config())).await;
        let answer = async {
            for _ in 0..count {
                // Whether it reports that nobody reads does not matter here.
                drop(socket.next().await);
            }
        };
        let flood = async {
            for _ in 0..count {
                theirs.write_all(&ping).await.unwrap();
            }
        };
        tokio::join!(answer, flood);
        let mut answers = Vec::new();
        let flush = async {
            drop(socket.flush().await);
            drop(socket);
        };
        let (_, read) = tokio::join!(flush, theirs.read_to_end(&mut answers));
        read.unwrap();
        // The library holds one more: a head of 2 bytes, a mask of 4, and the payload.
        let most = UNSENT_BYTES_MAX + PIPE_BYTES + 131;
        assert!((UNSENT_BYTES_MAX / 2..=most).contains(&answers.len()), "{} bytes", answers.len());
    }
}
