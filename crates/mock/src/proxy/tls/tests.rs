//! Handshakes with real clients, and the lines that explain the failed ones.

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
    assert_eq!(shake(&certificates, &client, "a.tiktok.com", Some(HOST)).await, Ok("a.tiktok.com".into()));
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
    assert_explained(rejected, "www.tiktok.com: the client found the certificate expired; restart livetape");
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
        assert_explained(accept(garbage).await, "www.tiktok.com: the client sent something else than TLS");
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
