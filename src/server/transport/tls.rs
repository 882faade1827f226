//! TLS, so that `https://` and `wss://` work.

use std::{fmt, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        Error, ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    },
    server::TlsStream,
};

use crate::sans_io::error::{Code, Problem};

/// A certificate with its key.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Takes certificates (the server's first, then those that vouch for it) and the key of the first, in PEM.
    ///
    /// # Errors
    /// `bad_config`, if one of them is none, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Problem> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| bad("--tls-cert is no PEM file", &error))?;
        if chain.is_empty() {
            return Err(bad("--tls-cert holds no certificate", &"no `BEGIN CERTIFICATE` in it"));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                bad("--tls-key holds no private key", &"no `BEGIN PRIVATE KEY` in it")
            }
            error => bad("--tls-key is no PEM file", &error),
        })?;
        // Named: with two providers in a program, the default of the process would be anybody's guess.
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

    /// The server's part of a handshake. It takes as long as the client likes.
    pub(crate) async fn accept<I>(&self, io: I) -> Option<TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(Arc::clone(&self.0)).accept(io).await.ok()
    }
}

fn bad(message: &str, error: &dyn fmt::Display) -> Problem {
    Problem::new(Code::BadConfig, format!("{message}: {error}"))
        .hint("both are files in PEM, as openssl writes them")
}
