//! A client's connection: its requests go to the same server, one after another.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Body as _, Incoming},
    client::conn::http1::{Builder, SendRequest},
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Mutex,
};
use tracing::warn;

use super::{
    super::live::{OPEN_TIMEOUT, Unreached},
    Forward, Origin,
    body::{Body, keep},
    headers::{accept_readable, is_upgrade, passed, unreadable_encoding},
    pump::Pump,
};
use crate::{
    clock,
    sans_io::{
        error::{Code, Problem},
        observer::{Observer, Socket},
        recognise::role_of,
        recording::{
            Flags,
            records::{Http, HttpHeader, Status, http::Role},
        },
    },
};

/// Maximum time for the head of a request, including the pause before it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time for the head of a response: longer than clients wait.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum length of a head, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A connection, and the one to the server.
pub(super) struct Connection {
    forward: Forward,
    origin: Origin,
    upstream: Mutex<Option<SendRequest<Incoming>>>,
    /// The socket that the connection became.
    socket: Mutex<Option<Pump>>,
}

/// Facts about a request, for the recording.
struct Asked {
    url: String,
    method: String,
    role: Role,
    is_upgrade: bool,
}

/// Why the proxy answers itself.
enum Refused {
    /// The server did not answer.
    Unreached(Unreached),
    /// The client left in the middle of its request.
    Left,
    /// There are too many sockets.
    Full,
}

impl From<Unreached> for Refused {
    fn from(unreached: Unreached) -> Self {
        Self::Unreached(unreached)
    }
}

impl Refused {
    /// Returns the reason of a failed exchange. The body of the request is the client's.
    fn of(error: &hyper::Error) -> Self {
        if error.is_user() { Self::Left } else { Unreached::of(error).into() }
    }
}

impl Connection {
    pub(super) fn new(forward: Forward, origin: Origin) -> Self {
        Self { forward, origin, upstream: Mutex::new(None), socket: Mutex::new(None) }
    }

    /// Answers requests until the connection ends or becomes a socket.
    pub(super) async fn serve<I>(self: &Arc<Self>, io: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let connection = Arc::clone(self);
            async move { Ok::<_, Infallible>(connection.answer(request).await) }
        });
        let serving = http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .max_buf_size(HEAD_BYTES_MAX)
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        // A client that leaves or sends no HTTP ends its connection.
        let _ = serving.await;
    }

    pub(super) async fn take_socket(&self) -> Option<Pump> {
        self.socket.lock().await.take()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let asked = self.asked(&request);
        self.forward.0.watch.note_request(&asked.url).await;
        match self.exchange(request, &asked).await {
            Ok(response) => response,
            Err(refused) => self.refuse(refused).await,
        }
    }

    fn asked(&self, request: &Request<Incoming>) -> Asked {
        let Origin { host, port, is_tls } = &self.origin;
        let is_upgrade = is_upgrade(request.headers());
        let (scheme, usual) = match (is_upgrade, is_tls) {
            (false, false) => ("http", 80),
            (false, true) => ("https", 443),
            (true, false) => ("ws", 80),
            (true, true) => ("wss", 443),
        };
        let port = if *port == usual { String::new() } else { format!(":{port}") };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{scheme}://{host}{port}{path}");
        let role = role_of(&url).unwrap_or_default();
        Asked { method: request.method().to_string(), url, role, is_upgrade }
    }

    async fn exchange(
        &self,
        mut request: Request<Incoming>,
        asked: &Asked,
    ) -> Result<Response<Body>, Refused> {
        let place = match asked.is_upgrade {
            true => Some(self.forward.0.places.clone().try_acquire_owned().map_err(|_| Refused::Full)?),
            false => None,
        };
        let client = hyper::upgrade::on(&mut request);
        let response = self.send(outgoing(request, asked)).await?;
        let (mut parts, body) = response.into_parts();
        if let Some(place) = place.filter(|_| parts.status == StatusCode::SWITCHING_PROTOCOLS) {
            let mut response = Response::from_parts(parts, body);
            let upstream = hyper::upgrade::on(&mut response);
            let socket = self.opened(asked, &response).await;
            let forward = self.forward.clone();
            *self.socket.lock().await = Some(Pump { forward, socket, client, upstream, place });
            return Ok(response.map(|_| Empty::new().map_err(Into::into).boxed_unsync()));
        }
        let http = asked.http(parts.status, headers(&parts.headers));
        let unread = unreadable_encoding(&parts.headers);
        let unread = unread.map(|encoding| format!("the encoding `{encoding}` of a response cannot be read"));
        parts.headers = passed(&parts.headers, false);
        if asked.is_kept() {
            return Ok(Response::from_parts(parts, keep(self.forward.clone(), http, unread, body)));
        }
        let flags = if body.is_end_stream() { 0 } else { Flags::TRUNCATED };
        self.forward.note(|observer, offset| observer.exchange(offset, http, flags)).await;
        Ok(Response::from_parts(parts, body.map_err(Into::into).boxed_unsync()))
    }

    /// Reports an open socket.
    async fn opened(&self, asked: &Asked, response: &Response<Incoming>) -> Socket {
        let mut socket = Socket::new(asked.url.clone());
        if socket.is_webcast() {
            let (status, headers) = (response.status().as_u16(), headers(response.headers()));
            let open = |observer: &mut Observer, offset| {
                observer.open(offset, &mut socket, status.into(), headers);
            };
            self.forward.note(open).await;
        }
        socket
    }

    /// Sends a request to the server, over the open connection if there is one.
    async fn send(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>, Refused> {
        let mut upstream = self.upstream.lock().await;
        // The server may have closed an idle connection. Then nothing was sent.
        if let Some(sender) = upstream.as_mut()
            && sender.ready().await.is_ok()
        {
            match timely(RESPONSE_TIMEOUT, sender.try_send_request(request)).await? {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Refused::of(error.error())),
                },
            }
        }
        let sender = upstream.insert(timely(OPEN_TIMEOUT, self.connect()).await??);
        let response = timely(RESPONSE_TIMEOUT, sender.send_request(request)).await?;
        response.map_err(|error| Refused::of(&error))
    }

    async fn connect(&self) -> Result<SendRequest<Incoming>, Unreached> {
        let shared = &self.forward.0;
        let (host, port, is_tls) = match &shared.upstream {
            None => (self.origin.host.as_str(), self.origin.port, self.origin.is_tls),
            Some(url) => {
                let port = url.port_or_known_default().unwrap_or_default();
                (url.host_str().unwrap_or_default(), port, url.scheme() == "https")
            }
        };
        let io = TokioIo::new(shared.transport.connect(host, port, is_tls).await?);
        let mut builder = Builder::new();
        let handshake = builder.preserve_header_case(true).max_buf_size(HEAD_BYTES_MAX).handshake(io);
        let (sender, connection) = handshake.await.map_err(|error| Unreached::of(&error))?;
        // Ends when the sender is dropped, or the connection is lost: then the next request fails.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Ok(sender)
    }

    /// Reports that a request was not answered, and answers it.
    async fn refuse(&self, refused: Refused) -> Response<Body> {
        let (host, has_left) = (&self.origin.host, matches!(refused, Refused::Left));
        let (status, problem) = match refused {
            Refused::Full => {
                let why = format!("livetape records at most {} sockets at a time", super::SOCKETS_MAX);
                (StatusCode::SERVICE_UNAVAILABLE, Problem::new(Code::Capacity, why))
            }
            Refused::Left => {
                let why = format!("the client left in the middle of its request to {host}");
                (StatusCode::BAD_REQUEST, Problem::new(Code::BadRequest, why))
            }
            Refused::Unreached(Unreached { code, why }) => {
                (StatusCode::BAD_GATEWAY, Problem::new(code, format!("cannot reach {host}: {why}")))
            }
        };
        warn!(host, why = %problem, "❌ Request not answered");
        let Problem { code, message, hint } = problem;
        let body = Full::from(format!("{message}\n{hint}\n")).map_err(Into::into).boxed_unsync();
        let failed = Status { code: code.name().into(), detail: message, ..Status::default() };
        let observe = |observer: &mut Observer, offset| match has_left {
            true => observer.remark(offset, failed.detail),
            false => observer.failed(offset, failed),
        };
        self.forward.note(observe).await;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        // As in the refusals of the proxy itself.
        response.headers_mut().insert("livetape-error", HeaderValue::from_static(code.name()));
        response
    }
}

impl Asked {
    /// Whether the body of the response is recorded. Others are pages and their parts, which no replay needs.
    fn is_kept(&self) -> bool {
        self.role != Role::Unknown || self.is_upgrade
    }

    fn http(&self, status: StatusCode, headers: Vec<HttpHeader>) -> Http {
        let role = match self.role {
            // An answer without a batch, such as a refusal of the sign server.
            Role::InitialBatch if !status.is_success() => Role::Sign,
            role => role,
        };
        let request_line = format!("{} {}", self.method, self.url);
        Http { role: role.into(), request_line, status: status.as_u16().into(), headers, body: Bytes::new() }
    }
}

/// Returns the request to send to the server.
fn outgoing(mut request: Request<Incoming>, asked: &Asked) -> Request<Incoming> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    let mut headers = passed(request.headers(), asked.is_upgrade);
    if asked.is_kept() {
        accept_readable(&mut headers);
    }
    *request.headers_mut() = headers;
    *request.version_mut() = hyper::Version::HTTP_11;
    request
}

fn headers(map: &hyper::HeaderMap) -> Vec<HttpHeader> {
    let header = |(name, value): (&HeaderName, &HeaderValue)| HttpHeader {
        name: name.to_string(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    map.iter().map(header).collect()
}

async fn timely<F: Future>(limit: Duration, future: F) -> Result<F::Output, Unreached> {
    let late = |_| Unreached::new(format!("no response within {} s", limit.as_secs()));
    tokio::time::timeout_at(clock::now() + limit, future).await.map_err(late)
}
