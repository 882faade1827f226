//! Transport to a server in the same process, exact to the millisecond with a paused clock.

use std::{fmt, future::Future, io};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::MaybeTlsStream;
use tokio_util::task::AbortOnDropHandle;
use tungstenite::http::{self, Uri};

use super::{
    BODY_BYTES_MAX, Counted, HttpResponse, OpenError, Opened, Request, Stream, Transport, Unreached,
    header_map, opened, socket_config, upgrade,
};

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
