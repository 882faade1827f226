//! A client behind a proxy: a tunnel, and TLS that trusts one CA.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// Opens a tunnel over a connection to a proxy.
pub(crate) async fn tunnel_through<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, to: &str) -> I {
    io.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    assert_eq!(head, b"HTTP/1.1 200 Connection established\r\n\r\n");
    io
}

/// Returns a configuration that trusts a CA.
pub(crate) fn trusting(pem: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) async fn shake<I>(trust: &ClientConfig, host: &str, io: I) -> std::io::Result<TlsStream<I>>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let host = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(trust.clone())).connect(host, io).await
}
