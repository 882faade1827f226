//! TLS handshakes, each with a certificate for the host that the client names.

use std::{collections::HashMap, fmt, io, sync::Arc};

use livetape_core::{
    error::{Code, Problem},
    host,
};
use parking_lot::Mutex;
use rcgen::KeyPair;
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

use super::{ca::Ca, domains::is_answered, prefixed::Prefixed, stream::Io};

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

#[cfg(test)]
mod tests;
