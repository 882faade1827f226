//! `--ca`: `watch` and `trigger` trust a server if its certificate is in the file, or signed by one in it.

use std::{fmt, path::Path, sync::Arc};

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

/// Returns a TLS configuration that trusts only the certificates in a file.
pub(crate) fn trust(path: &Path) -> Result<Arc<ClientConfig>, Problem> {
    let hint = "use the server's certificate file (its `--tls-cert`)";
    let (roots, held) = certificates(path, "--ca", hint)?;
    let bad = |error: &dyn fmt::Display| bad(path, "--ca", error, hint);
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

/// Reads the certificates in the file of a flag.
pub(crate) fn certificates(
    path: &Path,
    flag: &str,
    hint: &str,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Problem> {
    let bad = |error: &dyn fmt::Display| bad(path, flag, error, hint);
    let (mut roots, mut held) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(&serving::read(path)?) {
        let certificate = certificate.map_err(|error| bad(&error))?;
        roots.add(certificate.clone()).map_err(|error| bad(&error))?;
        held.push(certificate);
    }
    if roots.is_empty() {
        return Err(bad(&"`BEGIN CERTIFICATE` is missing"));
    }
    Ok((roots, held))
}

fn bad(path: &Path, flag: &str, error: &dyn fmt::Display, hint: &str) -> Problem {
    Problem::new(Code::BadConfig, format!("cannot use {} as {flag}: {error}", path.display())).hint(hint)
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
