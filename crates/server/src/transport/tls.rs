//! TLS for `https://` and `wss://`.

use std::{fmt, sync::Arc};

use livetape_core::error::{Code, Problem};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        Error, ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    },
    server::TlsStream,
};

/// A certificate with its key.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Parses a certificate chain, the server's certificate first, and the key of that certificate, all in
    /// PEM.
    ///
    /// # Errors
    /// `bad_config` if either is invalid or they do not match.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Problem> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| bad("--tls-cert is not a PEM file", &error))?;
        if chain.is_empty() {
            return Err(bad("--tls-cert has no certificate", &"`BEGIN CERTIFICATE` is missing"));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                bad("--tls-key has no private key", &"`BEGIN PRIVATE KEY` is missing")
            }
            error => bad("--tls-key is not a PEM file", &error),
        })?;
        // Set explicitly: if a program links two providers, the process default is unpredictable.
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("TLS cannot be set up", &error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => {
                    bad("--tls-key is not the key of the first certificate in --tls-cert", &error)
                }
                error => bad("--tls-cert and --tls-key cannot be used", &error),
            })?;
        Ok(Self(Arc::new(config)))
    }

    /// Runs the server's side of the handshake, without a time limit.
    pub(crate) async fn accept<I>(&self, io: I) -> Option<TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(io).await.ok()
    }
}

fn bad(message: &str, error: &dyn fmt::Display) -> Problem {
    Problem::new(Code::BadConfig, format!("{message}: {error}")).hint("use PEM files, as openssl writes them")
}
