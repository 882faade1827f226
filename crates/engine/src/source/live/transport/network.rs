//! Transport over the network: rustls with the root certificates that browsers trust, and proxies (HTTP CONNECT, RFC 9110
//! §9.3.6; SOCKS 5, RFC 1928 and 1929). If the setting `offline` is on, only to loopback addresses.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, LazyLock},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use livetape_core::error::{Code, Problem};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto, pki_types::ServerName},
};
use tokio_tungstenite::MaybeTlsStream;

use super::{
    super::{LiveOptions, url::is_loopback},
    BODY_BYTES_MAX, Counted, HttpResponse, OpenError, Opened, Request, Transport, Unreached, header_map,
    opened, socket_config, upgrade,
    why::{NotResolved, ProxyFailed, ProxyRefused, dial},
};

/// TLS with the root certificates that browsers trust. The provider is named explicitly, as in the server.
static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports these versions");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
});

/// Returns a TLS configuration that trusts the web's authorities.
#[must_use]
pub fn tls() -> Arc<ClientConfig> {
    Arc::clone(&TLS)
}

/// Maximum length of a proxy's response to CONNECT, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The network, optionally through a proxy.
#[derive(Clone)]
pub struct NetTransport {
    client: Client,
    proxy: Option<Url>,
    reach: Reach,
}

impl std::fmt::Debug for NetTransport {
    /// Omits the proxy's URL, which may contain a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NetTransport")
    }
}

impl NetTransport {
    /// Creates a transport with the proxy from `options`. Ignores proxies from the environment.
    ///
    /// # Errors
    /// [`Code::BadRequest`] if the proxy has an unsupported scheme, [`Code::OfflineMode`] if the options
    /// forbid its address.
    pub fn new(options: &LiveOptions) -> Result<Self, Problem> {
        let (proxy, reach) = (options.proxy.clone(), Reach::new(options.offline));
        let mut builder = Client::builder()
            .tls_backend_preconfigured(Arc::unwrap_or_clone(tls()))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(reach)));
        if let Some(url) = &proxy {
            if !matches!(url.scheme(), "http" | "socks5" | "socks5h") || url.host_str().is_none() {
                let problem = Problem::new(Code::BadRequest, "unknown kind of proxy");
                return Err(problem.hint("use http://HOST:PORT or socks5://HOST:PORT"));
            }
            reach.check(url.host_str().unwrap_or_default())?;
            let bad = |error: reqwest::Error| Problem::new(Code::BadRequest, error.without_url());
            builder = builder.proxy(reqwest::Proxy::all(url.clone()).map_err(bad)?);
        }
        let broken = |error: reqwest::Error| Problem::new(Code::Io, error.without_url());
        Ok(Self { client: builder.build().map_err(broken)?, proxy, reach })
    }

    /// Checks that the options allow requests to this address.
    ///
    /// # Errors
    /// [`Code::OfflineMode`] if they do not.
    pub fn check(&self, url: &Url) -> Result<(), Problem> {
        Ok(self.reach.check(url.host_str().unwrap_or_default())?)
    }

    /// Sends a POST request, without following redirects or reading the body of the response.
    ///
    /// # Errors
    /// If no response arrives.
    pub async fn post(&self, request: &Request, body: Bytes) -> Result<HttpResponse, Unreached> {
        let response = self.send(self.client.post(&request.url).body(body), request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(HttpResponse { status, headers, body: Bytes::new() })
    }

    /// Opens a connection to a server, with TLS if `is_tls`.
    ///
    /// # Errors
    /// If the server cannot be reached, or its certificate is not trusted.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        is_tls: bool,
    ) -> Result<MaybeTlsStream<TcpStream>, Unreached> {
        let stream = self.dial(host, port).await.map_err(|error| Unreached::of(&error))?;
        if !is_tls {
            return Ok(MaybeTlsStream::Plain(stream));
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| Unreached::new("its name is not valid in a certificate"))?;
        let stream = TlsConnector::from(tls()).connect(name, stream).await;
        stream.map(MaybeTlsStream::Rustls).map_err(|error| Unreached::of(&error))
    }

    async fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let stream = match &self.proxy {
            None => dial(self.reach, host, port).await?,
            Some(proxy) => connect_through(self.reach, proxy, host, port).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn send(&self, builder: RequestBuilder, request: &Request) -> Result<Response, Unreached> {
        // The resolver sees neither addresses nor names that a proxy resolves, so check the host here.
        let url = Url::parse(&request.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        if url.is_some() {
            self.reach.check(host).map_err(|error| Unreached::from(&error))?;
        }
        let error = match builder.headers(header_map(request)?).send().await {
            Ok(response) => match &self.proxy {
                Some(proxy) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    return Err(Unreached::new("it requires a login").of_proxy(proxy.as_str()));
                }
                _ => return Ok(response),
            },
            Err(error) => error,
        };
        let unreached = Unreached::of(&error);
        let Some(proxy) = self.proxy.as_ref().filter(|_| error.is_connect()) else { return Err(unreached) };
        // The library does not say which of the two failed.
        let port = url.as_ref().and_then(Url::port_or_known_default).unwrap_or_default();
        match connect_through(self.reach, proxy, host, port).await.map_err(|error| Unreached::of(&error)) {
            Err(of_proxy) if of_proxy.is_of_proxy => Err(of_proxy),
            _ => Err(unreached),
        }
    }
}

impl Transport for NetTransport {
    fn get<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<HttpResponse, Unreached>> {
        Box::pin(async {
            let mut response = self.send(self.client.get(&request.url), request).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut body = BytesMut::new();
            while body.len() < BODY_BYTES_MAX {
                let chunk = response.chunk().await.map_err(|error| Unreached::of(&error))?;
                let Some(chunk) = chunk else { break };
                let room = BODY_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(HttpResponse { status, headers, body: body.freeze() })
        })
    }

    fn open<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async {
            let no_address = || OpenError::Unreached(Unreached::new("not an address for a WebSocket"));
            let url = Url::parse(&request.url).map_err(|_| no_address())?;
            let host = url.host_str().ok_or_else(no_address)?;
            let port = url.port_or_known_default().ok_or_else(no_address)?;
            // As it was parsed, so that the upgrade is for the host that is dialled.
            let upgrade = upgrade(&Request { url: url.to_string(), headers: request.headers.clone() })?;
            let (stream, received) = Counted::new(self.dial(host, port).await?);
            let config = Some(socket_config());
            let shaken = tokio_tungstenite::client_async_tls_with_config(upgrade, stream, config, None);
            opened(shaken.await, received)
        })
    }
}

/// Resolves names through the system, with errors that contain the unresolved name.
struct Resolver(Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            reach.check(name.as_str())?;
            // The port comes from the URL.
            let found = lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|_| NotResolved(name.as_str().to_owned()))?;
            let found: Addrs = Box::new(reach.keep(name.as_str(), found)?.into_iter());
            Ok(found)
        })
    }
}

/// Opens a connection through the proxy. Errors of the proxy are marked as such.
async fn connect_through(reach: Reach, proxy: &Url, host: &str, port: u16) -> io::Result<TcpStream> {
    // The proxy could connect to addresses that this process must not.
    reach.check(host).map_err(io::Error::other)?;
    let opened = ask_proxy(reach, proxy, host, port).await;
    opened.map_err(|error| io::Error::other(ProxyFailed(Unreached::of(&error).of_proxy(proxy.as_str()))))
}

async fn ask_proxy(reach: Reach, proxy: &Url, host: &str, port: u16) -> io::Result<TcpStream> {
    let is_http = proxy.scheme() == "http";
    let proxy_host = proxy.host_str().unwrap_or_default();
    let proxy_port = proxy.port().unwrap_or(if is_http { 80 } else { 1080 });
    let mut stream = dial(reach, proxy_host, proxy_port).await?;
    let login = (!proxy.username().is_empty())
        .then(|| (decode(proxy.username()), decode(proxy.password().unwrap_or_default())));
    if is_http {
        http(&mut stream, login, host, port).await?;
    } else {
        socks(&mut stream, login, host.trim_matches(['[', ']']), port).await?;
    }
    Ok(stream)
}

async fn http(
    stream: &mut TcpStream,
    login: Option<(Vec<u8>, Vec<u8>)>,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some((user, password)) = login {
        let login = STANDARD.encode([user, password].join(&b':'));
        head += &format!("Proxy-Authorization: Basic {login}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    // Read byte by byte, because everything after the head belongs to the tunnel.
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
        if answer.len() > HEAD_BYTES_MAX {
            return Err(refused("its response does not end"));
        }
    }
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status.first() != Some(&b'2') {
        return Err(refused(&format!("status {}", String::from_utf8_lossy(status))));
    }
    Ok(())
}

async fn socks(
    stream: &mut TcpStream,
    login: Option<(Vec<u8>, Vec<u8>)>,
    host: &str,
    port: u16,
) -> io::Result<()> {
    const NO_LOGIN: u8 = 0;
    const PASSWORD: u8 = 2;
    let method = if login.is_some() { PASSWORD } else { NO_LOGIN };
    stream.write_all(&[5, 1, method]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [5, method] {
        return Err(refused("it requires a different login method"));
    }
    if let Some((user, password)) = login {
        let mut message = vec![1];
        for part in [user, password] {
            message.push(u8::try_from(part.len()).map_err(|_| refused("the login is too long"))?);
            message.extend(part);
        }
        stream.write_all(&message).await?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await?;
        if answer[1] != 0 {
            return Err(refused("the login is wrong"));
        }
    }
    // Send the name, so that the proxy resolves it.
    let mut message =
        vec![5, 1, 0, 3, u8::try_from(host.len()).map_err(|_| refused("the host is too long"))?];
    message.extend(host.as_bytes());
    message.extend(port.to_be_bytes());
    stream.write_all(&message).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return Err(refused(&format!("reply {}", answer[1])));
    }
    let address_bytes = match answer[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await?),
    };
    stream.read_exact(&mut vec![0; address_bytes + 2]).await?;
    Ok(())
}

fn refused(why: &str) -> io::Error {
    io::Error::other(ProxyRefused(why.to_owned()))
}

/// Percent-decodes a user or password from a URL.
fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

/// Addresses that connections are allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Everywhere,
    Loopback,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a loopback address, and livetape runs offline")]
pub(super) struct NotLoopback(String);

impl From<NotLoopback> for Problem {
    fn from(error: NotLoopback) -> Self {
        Self::new(Code::OfflineMode, error)
    }
}

impl Reach {
    pub(super) fn new(offline: bool) -> Self {
        if offline { Self::Loopback } else { Self::Everywhere }
    }

    /// Checks the host of a URL before its name is resolved.
    pub(super) fn check(self, host: &str) -> Result<(), NotLoopback> {
        self.allow(is_loopback(host), host)
    }

    /// Returns the allowed addresses of `host`, because a hosts file can give `localhost` any address.
    pub(super) fn keep(
        self,
        host: &str,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, NotLoopback> {
        let is_allowed = |ip: IpAddr| self == Self::Everywhere || ip.to_canonical().is_loopback();
        let kept: Vec<_> = found.filter(|address| is_allowed(address.ip())).collect();
        self.allow(!kept.is_empty(), host)?;
        Ok(kept)
    }

    fn allow(self, is_loopback: bool, host: &str) -> Result<(), NotLoopback> {
        if is_loopback || self == Self::Everywhere { Ok(()) } else { Err(NotLoopback(host.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_decoded() {
        assert_eq!(decode("a%40b%3Ac%"), b"a@b:c%");
        assert_eq!(decode("%zz%4"), b"%zz%4");
    }

    #[test]
    fn offline_only_loopback_addresses_and_localhost_are_allowed() {
        for host in ["127.0.0.1", "127.9.8.7", "[::1]", "::1", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"]
        {
            assert_eq!(Reach::Loopback.check(host), Ok(()), "{host}");
        }
        for host in [
            "www.tiktok.com",
            "a.localhost",
            "localhost.evil.example",
            "0.0.0.0",
            "[::]",
            "10.0.0.1",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert!(Reach::Loopback.check(host).is_err(), "{host}");
            assert_eq!(Reach::Everywhere.check(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn offline_localhost_must_resolve_to_loopback() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (near, far) = (address("127.0.0.1:80"), address("192.0.2.1:80"));
        let kept = |reach: Reach, found: Vec<SocketAddr>| reach.keep("localhost", found.into_iter()).ok();
        assert_eq!(kept(Reach::Loopback, vec![far, near]), Some(vec![near]));
        assert_eq!(kept(Reach::Loopback, vec![far]), None);
        assert_eq!(kept(Reach::Everywhere, vec![far]), Some(vec![far]));
    }
}
