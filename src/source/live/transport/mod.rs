//! How bytes get to the upstream: over the network, or to a server in the same memory.

mod counted;
mod memory;
#[cfg(feature = "live")]
mod network;
#[cfg(feature = "live")]
mod proxy;
mod why;

use std::{fmt, future::Future, io};

use bytes::Bytes;
pub use counted::{Counted, Received};
pub use memory::MemoryTransport;
#[cfg(feature = "live")]
pub use network::NetTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
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

/// Bytes that are sent at once.
const WRITE_BYTES: usize = 16 << 10;

/// How bytes get to the upstream. Time-outs are the caller's: dropping a future ends what it does.
pub trait Transport: Clone + Send + Sync + 'static {
    /// What a WebSocket runs over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Asks with GET, and follows no redirection.
    fn get(&self, request: &Request) -> impl Future<Output = Result<Answer, Unreached>> + Send;

    /// Opens a WebSocket.
    fn open(&self, request: &Request)
    -> impl Future<Output = Result<Opened<Self::Stream>, OpenError>> + Send;
}

/// What is asked for. Both may hold secrets.
#[derive(Clone)]
pub struct Request {
    /// The whole address, encoded.
    pub url: String,
    /// The headers but for `Host` and those of the upgrade.
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({})", url::shown(&self.url))
    }
}

/// An answer, up to [`BODY_BYTES_MAX`].
#[derive(Clone, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, as it was sent.
    pub body: Bytes,
}

impl Answer {
    /// The first value of a header; `None` if there is none, or it is no ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Opened<S> {
    /// The socket.
    pub socket: WebSocketStream<S>,
    /// The headers of the 101.
    pub headers: HeaderMap,
    /// What was read on it.
    pub received: Received,
}

/// Why a WebSocket was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The server answered with something else than 101.
    Refused(Box<Answer>),
    /// There was no answer.
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

/// The request of an upgrade.
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

/// What becomes of an upgrade.
type Handshake<S> = Result<(WebSocketStream<S>, Response<Option<Vec<u8>>>), Error>;

/// Sorts out what became of an upgrade.
fn opened<S>(result: Handshake<S>, received: Received) -> Result<Opened<S>, OpenError> {
    match result {
        Ok((socket, response)) => Ok(Opened { socket, headers: response.into_parts().0.headers, received }),
        Err(Error::Http(response)) => {
            let (head, body) = response.into_parts();
            let mut body = Bytes::from(body.unwrap_or_default());
            body.truncate(BODY_BYTES_MAX);
            let answer = Answer { status: head.status.as_u16(), headers: head.headers, body };
            Err(OpenError::Refused(Box::new(answer)))
        }
        Err(error) => Err(OpenError::Unreached(Unreached::of_socket(&error))),
    }
}
