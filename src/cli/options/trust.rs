//! `SSL_CERT_FILE`: `watch` and `trigger` trust a server if its certificate is signed by one in the file, as OpenSSL does,
//! or is itself there.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use livetape_core::error::{Code, Problem};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};

use super::serving;

/// Names a file with the certificates to trust, as for OpenSSL.
const VARIABLE: &str = "SSL_CERT_FILE";

/// Returns the file whose certificates to trust; `None` for those of the web's authorities.
pub(crate) fn trusted() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Returns a TLS configuration that trusts only the certificates in a file.
pub(crate) fn trust(path: &Path) -> Result<Arc<ClientConfig>, Problem> {
    let hint = "use the server's certificate file (its `--tls-cert`)";
    let bad = |error: &dyn fmt::Display| {
        let message = format!("cannot use {} as {VARIABLE}: {error}", path.display());
        Problem::new(Code::BadConfig, message).hint(hint)
    };
    let (mut roots, mut held) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(serving::read_text(path)?.as_bytes()) {
        let certificate = certificate.map_err(|error| bad(&error))?;
        // A system's file may have certificates that this library rejects.
        if roots.add(certificate.clone()).is_ok() {
            held.push(certificate);
        }
    }
    if roots.is_empty() {
        return Err(bad(&"it has no certificate"));
    }
    // Named explicitly, as in the server.
    let provider = Arc::new(crypto::ring::default_provider());
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| bad(&error))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { authorities, held }))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Also accepts a certificate that is itself in the file, whatever names it contains. `openssl req -x509`
/// creates the certificate of an authority, which verifiers reject for servers. Only the intended server has
/// its key, so it is safe to accept.
#[derive(Debug)]
struct Verifier {
    authorities: Arc<WebPkiServerVerifier>,
    held: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(error)) if self.held.contains(end_entity) && !is_dated(&error) => {
                Ok(ServerCertVerified::assertion())
            }
            decided => decided,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Returns whether the certificate has expired, or is not valid yet.
fn is_dated(error: &CertificateError) -> bool {
    use CertificateError as Why;
    matches!(
        error,
        Why::Expired | Why::ExpiredContext { .. } | Why::NotValidYet | Why::NotValidYetContext { .. }
    )
}
