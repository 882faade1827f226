//! Transports to the upstream: over the network, or to a server in the same process.

mod counted;
mod memory;
#[cfg(feature = "live")]
mod network;
#[cfg(feature = "live")]
mod proxy;
#[cfg(feature = "live")]
mod reach;
mod why;

use std::{fmt, io, sync::Arc};

use bytes::Bytes;
pub use counted::{Counted, Received};
use futures_util::future::BoxFuture;
pub use memory::MemoryTransport;
#[cfg(feature = "live")]
pub use network::NetTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tungstenite::{
    Error,
    client::IntoClientRequest as _,
    http::{HeaderMap, HeaderName, HeaderValue, Response},
    protocol::WebSocketConfig,
};

pub use why::Unreached;

use super::{
    bounds::{BODY_BYTES_MAX, FRAME_BYTES_MAX, UNSENT_BYTES_MAX},
    url,
};

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
    pub headers: Vec<(&'static str, String)>,
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
        headers.append(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

/// Result of an upgrade in the library.
type Handshake = Result<(Socket, Response<Option<Vec<u8>>>), Error>;

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
