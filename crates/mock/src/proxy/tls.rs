//! TLS handshakes, each with a certificate for the host that the client names, and the decrypted connection.

use std::{
    collections::HashMap,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Buf as _, BytesMut};
use livetape_core::{
    error::{Code, Problem},
    host,
};
use parking_lot::Mutex;
use rcgen::KeyPair;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        AlertDescription, Error, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        server::{Acceptor, NoServerSessionStorage, ProducesTickets, ResolvesServerCertUsingSni},
    },
    server::TlsStream,
};

use super::{ca::Ca, hosts::is_answered};
use crate::Wire;

/// Maximum number of certificates that are kept.
const KEPT_MAX: usize = 64;

/// Makes a certificate for each host, all with one key that exists only in memory.
pub(super) struct Certificates {
    ca: Ca,
    key: KeyPair,
    provider: Arc<CryptoProvider>,
    ticketer: Arc<dyn ProducesTickets>,
    kept: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

impl Certificates {
    pub(super) fn new(ca: Ca) -> Result<Self, Problem> {
        let failed = |error: &dyn fmt::Display| {
            Problem::new(Code::Io, format!("cannot generate a key for certificates: {error}"))
        };
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let ticketer = ring::Ticketer::new().map_err(|error| failed(&error))?;
        Ok(Self { ca, key, provider: Arc::new(ring::default_provider()), ticketer, kept: Mutex::default() })
    }

    /// Runs the server's side of a handshake, and returns the stream with its host. `asked_host` is the one
    /// in CONNECT. Returns a line for the log on failure, unless the client sent nothing.
    pub(super) async fn accept<I: Io>(
        &self,
        io: Prefixed<I>,
        asked_host: Option<&str>,
    ) -> Result<(String, TlsStream<Prefixed<I>>), Option<String>> {
        let asked = asked_host.unwrap_or("a TLS client");
        let start = match LazyConfigAcceptor::new(Acceptor::default(), io).await {
            Ok(start) => start,
            Err(error) if tls_error(&error).is_none() => return Err(None),
            Err(error) => return Err(Some(explain(asked, &error))),
        };
        let named = start.client_hello().server_name().map(|name| host::name(name).unwrap_or_default());
        let (config, host, refused) = match named.as_deref().or(asked_host) {
            Some(host) if is_answered(host) => (self.config(host), host, None),
            Some(host) => {
                (self.refusing(), host, Some(format!("{host}: livetape does not answer for this host")))
            }
            None => (self.refusing(), asked, Some(format!("{asked}: the client sent no host name (SNI)"))),
        };
        let config = config.map_err(|error| Some(format!("{host}: cannot make a certificate: {error}")))?;
        match start.into_stream(config).await {
            Ok(stream) => Ok((host.to_owned(), stream)),
            Err(error) => Err(Some(refused.unwrap_or_else(|| explain(host, &error)))),
        }
    }

    /// Returns the configuration with the certificate of a host.
    fn config(&self, host: &str) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
        // Held while a certificate is signed, a tenth of a millisecond, and never across an `.await`.
        let mut kept = self.kept.lock();
        if let Some(config) = kept.get(host) {
            return Ok(Arc::clone(config));
        }
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let certificate = self.ca.sign(host, &self.key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        // Sessions are resumed from the client's memory, not ours. Without tickets, the delayed
        // acknowledgement of the handshake would delay the first request of many clients by 40 ms.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::clone(&self.ticketer);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let config = Arc::new(config);
        kept.insert(host.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    /// Returns a configuration without certificates, which rejects the client with an alert.
    fn refusing(&self) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Ok(Arc::new(config))
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Explains in one line that a client left after the handshake. Some check pins only then.
pub(super) fn without_request(host: &str) -> String {
    format!(
        "{host}: the client closed the connection after the TLS handshake, without a request; browsers that connect in advance do \
         so, and clients that pin TikTok's certificates, which cannot be used"
    )
}

/// Explains a failed handshake in one line.
fn explain(host: &str, error: &io::Error) -> String {
    use AlertDescription as Alert;
    match tls_error(error) {
        Some(Error::AlertReceived(Alert::CertificateExpired)) => {
            format!(
                "{host}: the client found the certificate expired; restart livetape, and trust the CA again: `livetape ca`"
            )
        }
        Some(Error::AlertReceived(
            alert @ (Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
            | Alert::DecryptError),
        )) => format!(
            "{host}: the client rejected the certificate ({alert:?}); `livetape ca`, with the same --ca-dir, shows how to trust it; a client that \
             pins TikTok's certificates cannot be used"
        ),
        Some(Error::AlertReceived(alert)) => {
            format!("{host}: the client ended the TLS handshake ({alert:?})")
        }
        Some(Error::NoApplicationProtocol) => {
            format!("{host}: the client supports only HTTP/2; livetape answers with HTTP/1.1")
        }
        Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => {
            format!("{host}: the client sent something else than TLS")
        }
        Some(error) => format!("{host}: the TLS handshake failed: {error}"),
        None => format!(
            "{host}: the client closed the connection during the TLS handshake, probably because it does not trust the CA; \
             `livetape ca`, with the same --ca-dir, shows how to trust it"
        ),
    }
}

/// A connection that carries plain HTTP/1.1, whether or not the client used TLS.
#[derive(Debug)]
pub(super) struct Stream<I: Io>(Form<I>);

/// Any transport.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<I: AsyncRead + AsyncWrite + Unpin> Io for I {}

#[derive(Debug)]
enum Form<I: Io> {
    Plain(Prefixed<I>),
    Tls(Tls<I>),
}

/// Boxed, because it is large; `None` only after a reset.
#[derive(Debug)]
struct Tls<I: Io>(Option<Box<TlsStream<Prefixed<I>>>>);

impl<I: Io> Stream<I> {
    pub(super) fn plain(io: Prefixed<I>) -> Self {
        Self(Form::Plain(io))
    }

    pub(super) fn tls(io: TlsStream<Prefixed<I>>) -> Self {
        Self(Form::Tls(Tls(Some(Box::new(io)))))
    }

    fn inner(&mut self) -> Pin<&mut dyn Both> {
        match &mut self.0 {
            Form::Plain(stream) => Pin::new(stream),
            Form::Tls(Tls(stream)) => Pin::new(stream.as_mut().expect("a reset consumes the stream")),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<I: AsyncRead + AsyncWrite + Unpin> Both for I {}

/// Handlers close a connection by dropping it, but clients of TLS take a connection without this message for
/// a truncated one.
impl<I: Io> Drop for Tls<I> {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.0 {
            // Without waiting: if the client does not read, the message is lost with the rest.
            let _ = Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl<I: Wire> Wire for Stream<I> {
    fn reset(self) {
        match self.0 {
            Form::Plain(stream) => stream.io.reset(),
            Form::Tls(mut tls) => {
                if let Some(stream) = tls.0.take() {
                    stream.into_inner().0.io.reset();
                }
            }
        }
    }
}

impl<I: Io> AsyncRead for Stream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, to)
    }
}

impl<I: Io> AsyncWrite for Stream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }
}

/// Returns the bytes in `read` first, and then those of `io`.
#[derive(Debug)]
pub(super) struct Prefixed<I> {
    pub(super) read: BytesMut,
    pub(super) io: I,
}

impl<I: AsyncRead + Unpin> AsyncRead for Prefixed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, to);
        }
        let count = self.read.len().min(to.remaining());
        to.put_slice(&self.read[..count]);
        self.read.advance(count);
        if self.read.is_empty() {
            // Frees the buffer: connections are many, and some stay open for hours.
            self.read = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Prefixed<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use livetape_io::clock;
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
    use tokio_rustls::{
        TlsConnector,
        rustls::{
            ClientConfig, RootCertStore,
            pki_types::{CertificateDer, ServerName, pem::PemObject as _},
        },
    };

    use super::*;

    const BUFFER_BYTES: usize = 1 << 16;
    const HOST: &str = "www.tiktok.com";

    /// Returns certificates, and a client that trusts them.
    fn certificates(age: Duration) -> (Certificates, ClientConfig) {
        let ca = Ca::generate(clock::wall() - age).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Certificates::new(ca).unwrap(), client)
    }

    /// Runs a handshake for `host`, and returns the host of the connection or the line for the log.
    async fn shake(
        certificates: &Certificates,
        client: &ClientConfig,
        host: &str,
        asked: Option<&str>,
    ) -> Result<String, Option<String>> {
        let (near, far) = duplex(BUFFER_BYTES);
        let name = ServerName::try_from(host.to_owned()).unwrap();
        // A failed client closes the connection; a successful one keeps it until both are done.
        let client = TlsConnector::from(Arc::new(client.clone())).connect(name, near);
        let server = certificates.accept(Prefixed { read: BytesMut::new(), io: far }, asked);
        tokio::join!(client, server).1.map(|(host, _)| host)
    }

    #[track_caller]
    fn assert_explained(result: Result<String, Option<String>>, expected: &str) {
        let line = result.unwrap_err().expect("an explanation");
        assert!(line.starts_with(expected), "{line}");
    }

    #[tokio::test]
    async fn the_host_is_that_of_the_handshake_or_else_that_of_connect() {
        let (certificates, mut client) = certificates(Duration::ZERO);
        assert_eq!(shake(&certificates, &client, "tiktok.com", None).await, Ok("tiktok.com".into()));
        assert_eq!(
            shake(&certificates, &client, "a.tiktok.com", Some(HOST)).await,
            Ok("a.tiktok.com".into())
        );
        client.enable_sni = false;
        assert_eq!(shake(&certificates, &client, HOST, Some(HOST)).await, Ok(HOST.into()));
        let nameless = shake(&certificates, &client, HOST, None).await;
        assert_explained(nameless, "a TLS client: the client sent no host name (SNI)");
    }

    #[tokio::test]
    async fn other_hosts_get_no_certificate() {
        let (certificates, client) = certificates(Duration::ZERO);
        for asked in [None, Some(HOST)] {
            let refused = shake(&certificates, &client, "example.com", asked).await;
            assert_explained(refused, "example.com: livetape does not answer for this host");
        }
    }

    #[tokio::test]
    async fn a_client_that_rejects_the_certificate_is_explained() {
        let (ours, trusting) = certificates(Duration::ZERO);
        let (_, other) = certificates(Duration::ZERO);
        let rejected = shake(&ours, &other, HOST, None).await;
        assert_explained(rejected.clone(), "www.tiktok.com: the client rejected the certificate (");
        assert!(
            rejected
                .unwrap_err()
                .unwrap()
                .contains("`livetape ca`, with the same --ca-dir, shows how to trust it")
        );
        let (expired, trusting_expired) = certificates(Duration::from_secs(40 * 24 * 60 * 60));
        let rejected = shake(&expired, &trusting_expired, HOST, None).await;
        assert_explained(
            rejected,
            "www.tiktok.com: the client found the certificate expired; restart livetape",
        );
        let mut only_h2 = trusting;
        only_h2.alpn_protocols = vec![b"h2".to_vec()];
        let rejected = shake(&ours, &only_h2, HOST, None).await;
        assert_explained(rejected, "www.tiktok.com: the client supports only HTTP/2");
    }

    #[tokio::test]
    async fn clients_without_tls_are_explained_unless_they_sent_nothing() {
        let (certificates, _) = certificates(Duration::ZERO);
        let accept = async |bytes: &[u8]| {
            let (mut near, far): (DuplexStream, _) = duplex(BUFFER_BYTES);
            near.write_all(bytes).await.unwrap();
            near.shutdown().await.unwrap();
            let accepted = certificates.accept(Prefixed { read: BytesMut::new(), io: far }, Some(HOST)).await;
            accepted.map(|(host, _)| host)
        };
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &[0xff; 100]] {
            assert_explained(
                accept(garbage).await,
                "www.tiktok.com: the client sent something else than TLS",
            );
        }
        assert_eq!(accept(b"").await, Err(None));
    }

    #[tokio::test]
    async fn the_number_of_kept_certificates_is_limited() {
        let (certificates, client) = certificates(Duration::ZERO);
        for number in 0..KEPT_MAX + 2 {
            let host = format!("h{number}.tiktok.com");
            assert_eq!(shake(&certificates, &client, &host, None).await, Ok(host));
        }
        assert_eq!(certificates.kept.lock().len(), 2);
        assert_eq!(format!("{certificates:?}"), "Certificates");
    }
}
