//! HTTPS and WSS, in memory and over sockets.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use livetape_feed::hub::Limits;
use livetape_server::{Bounds, Config, Tls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::client_async;

use crate::support::{Rig, chat, tcp::Served, wait};

struct Pem {
    certificate: String,
    key: String,
    trust: TlsConnector,
}

fn pem() -> Pem {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Pem {
        certificate: cert.pem(),
        key: signing_key.serialize_pem(),
        trust: TlsConnector::from(Arc::new(config)),
    }
}

fn config(pem: &Pem) -> Config {
    let tls = Tls::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes()).unwrap();
    Config { tls: Some(tls), ..Config::default() }
}

async fn shake<I: AsyncRead + AsyncWrite + Unpin>(pem: &Pem, io: I) -> TlsStream<I> {
    pem.trust.connect(ServerName::try_from("localhost").unwrap(), io).await.unwrap()
}

async fn health<I: AsyncRead + AsyncWrite + Unpin>(mut io: I) -> String {
    io.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    drop(io.read_to_string(&mut answer).await);
    answer
}

#[tokio::test(start_paused = true)]
async fn requests_and_sockets_are_served_over_tls() {
    let pem = pem();
    let rig = Rig::with(Limits::default(), config(&pem));
    let io = shake(&pem, rig.connect().await).await;
    assert!(health(io).await.starts_with("HTTP/1.1 200 OK"));
    let io = shake(&pem, rig.connect().await).await;
    let (mut socket, _) = client_async("wss://localhost/", io).await.unwrap();
    rig.hub.publish(&[chat("sealed")]);
    assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("sealed"));
    rig.control.shut_down();
    let close = socket.next().await.unwrap().unwrap();
    assert!(close.is_close(), "{close:?}");
    drop(socket);
    rig.serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn clients_without_tls_are_closed() {
    let pem = pem();
    let rig = Rig::with(Limits::default(), config(&pem));
    let answer = health(rig.connect().await).await;
    assert!(!answer.contains("HTTP"), "{answer}");
}

/// Handshakes do not block the accept loop, time out, and do not delay a shutdown.
#[tokio::test(start_paused = true)]
async fn half_open_handshakes_do_not_block_others() {
    let pem = pem();
    let bounds = Bounds { connections_max: 20, ..Bounds::default() };
    let rig = Rig::with(Limits::default(), Config { bounds, ..config(&pem) });
    let mut half_open = Vec::new();
    for _ in 0..19 {
        let mut io = rig.connect().await;
        // The start of a ClientHello.
        io.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
        half_open.push(io);
    }
    let io = shake(&pem, rig.connect().await).await;
    assert!(health(io).await.starts_with("HTTP/1.1 200 OK"), "the last place is served at once");
    wait(Duration::from_secs(9)).await;
    let mut byte = [0];
    assert!(tokio::time::timeout(Duration::ZERO, half_open[0].read(&mut byte)).await.is_err(), "still open");
    wait(Duration::from_secs(2)).await;
    for io in &mut half_open {
        assert_eq!(io.read(&mut byte).await.unwrap_or(0), 0, "closed after ten seconds");
    }
    // All slots are free again.
    let mut again = Vec::new();
    for _ in 0..20 {
        again.push(shake(&pem, rig.connect().await).await);
    }
    let mut half_open = rig.connector.connect().await;
    drop(again);
    half_open = match half_open {
        Ok(io) => Ok(io),
        Err(error) => panic!("{error}"),
    };
    let started = livetape_io::clock::now();
    rig.control.shut_down();
    rig.serving.await.unwrap();
    assert!(livetape_io::clock::now() - started < Duration::from_secs(1));
    drop(half_open);
}

#[tokio::test]
async fn tls_works_over_sockets() {
    let pem = pem();
    let Served { hub, control, address, serving, driver: _driver } = Served::start(config(&pem)).await;
    let io = shake(&pem, tokio::net::TcpStream::connect(address).await.unwrap()).await;
    let (mut socket, _) = client_async("wss://localhost/", io).await.unwrap();
    hub.publish(&[chat("over a socket")]);
    assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("over a socket"));
    control.shut_down();
    while let Some(Ok(_)) = socket.next().await {}
    serving.await.unwrap();
}

#[test]
fn invalid_certificates_are_reported() {
    let (pem, other) = (pem(), pem());
    let refused = |certificate: &str, key: &str| {
        let problem = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(problem.code.name(), "bad_config");
        assert!(!problem.message.contains("MIGHAgEA"), "no key in {}", problem.message);
        problem.message
    };
    assert!(refused("", &pem.key).starts_with("--tls-cert has no certificate"));
    assert!(refused(&pem.key, &pem.key).starts_with("--tls-cert has no certificate"));
    assert!(refused(&pem.certificate, "").starts_with("--tls-key has no private key"));
    assert!(refused(&pem.certificate, &pem.certificate).starts_with("--tls-key has no private key"));
    assert!(refused(&pem.certificate, &other.key).starts_with("--tls-key is not the key of"));
    let cut = &pem.certificate[..pem.certificate.len() / 2];
    assert!(refused(cut, &pem.key).starts_with("--tls-cert"), "{}", refused(cut, &pem.key));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(refused(garbage, &pem.key).starts_with("--tls-cert and --tls-key cannot be used"));
}
