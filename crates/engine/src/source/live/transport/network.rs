//! Transport over the network: rustls, with the root certificates that browsers trust.

use std::{
    io,
    sync::{Arc, LazyLock},
};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use livetape_core::error::{Code, Problem};
use reqwest::{
    Client, RequestBuilder, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto, pki_types::ServerName},
};
use tokio_tungstenite::MaybeTlsStream;

use super::{
    BODY_BYTES_MAX, Counted, HttpResponse, OpenError, Opened, Request, Transport, Unreached, header_map,
    opened, proxy,
    reach::Reach,
    socket_config, upgrade,
    why::{NotResolved, dial},
};
use crate::source::live::LiveOptions;

/// TLS with the root certificates that browsers trust. The provider is named explicitly, as in the server.
static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports these versions");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
});

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
}

impl NetTransport {
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
        let stream = self.dial(host, port).await.map_err(|error| match Unreached::of(&error) {
            refused if self.proxy.is_some() && refused.is_refused() => refused.of_proxy(),
            unreached => unreached,
        })?;
        if !is_tls {
            return Ok(MaybeTlsStream::Plain(stream));
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| Unreached::new("its name is not valid in a certificate"))?;
        let stream = TlsConnector::from(Arc::clone(&TLS)).connect(name, stream).await;
        stream.map(MaybeTlsStream::Rustls).map_err(|error| Unreached::of(&error))
    }

    async fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let stream = match &self.proxy {
            None => dial(self.reach, host, port).await?,
            Some(proxy) => proxy::connect(self.reach, proxy, host, port).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn unreached(&self, error: &reqwest::Error) -> Unreached {
        match Unreached::of(error) {
            // With a proxy, the refused connection was the one to the proxy.
            refused if self.proxy.is_some() && refused.is_refused() => refused.of_proxy(),
            unreached => unreached,
        }
    }

    async fn send(&self, builder: RequestBuilder, request: &Request) -> Result<Response, Unreached> {
        // The resolver sees neither addresses nor names that a proxy resolves, so check the host here.
        if let Ok(url) = Url::parse(&request.url) {
            self.reach.check(url.host_str().unwrap_or_default()).map_err(|error| Unreached::from(&error))?;
        }
        builder.headers(header_map(request)?).send().await.map_err(|error| self.unreached(&error))
    }
}

impl Transport for NetTransport {
    fn get<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<HttpResponse, Unreached>> {
        Box::pin(async {
            let mut response = self.send(self.client.get(&request.url), request).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut body = BytesMut::new();
            while body.len() < BODY_BYTES_MAX {
                let chunk = response.chunk().await.map_err(|error| self.unreached(&error))?;
                let Some(chunk) = chunk else { break };
                let room = BODY_BYTES_MAX - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(HttpResponse { status, headers, body: body.freeze() })
        })
    }

    fn open<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Opened, OpenError>> {
        Box::pin(async {
            let upgrade = upgrade(request)?;
            let no_address = || OpenError::Unreached(Unreached::new("not an address for a WebSocket"));
            let url = Url::parse(&request.url).map_err(|_| no_address())?;
            let host = url.host_str().ok_or_else(no_address)?;
            let port = url.port_or_known_default().ok_or_else(no_address)?;
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
