//! Listening on real sockets; HTTPS and WSS, in memory and over sockets.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::StreamExt as _;
use livetape_core::error::Code;
use livetape_feed::{
    control::Control,
    hub::{Hub, Limits},
};
use livetape_io::{
    clock,
    net::{Listener as _, Listening},
};
use livetape_server::{Bounds, Config, Server, Tls, serve};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::client_async;

use crate::support::{Rig, Served, chat, wait};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The client sends nothing, to either of two listeners.
#[tokio::test(start_paused = true)]
async fn a_connection_is_not_reset_before_its_request_or_ten_seconds() {
    for is_first in [true, false] {
        let [mut listening, mut other] =
            [Listening::bind(ANY).await.unwrap(), Listening::bind(ANY).await.unwrap()];
        let address = if is_first { &listening } else { &other }.addresses()[0];
        let started = clock::now();
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let ended = stream.read(&mut [0]).await;
            (ended.unwrap_err().kind(), clock::now() - started)
        };
        let refused = listening.refuse(Some(&mut other), Duration::from_secs(3), || ());
        let (_, ended) = tokio::join!(refused, client);
        assert_eq!(ended.0, ErrorKind::ConnectionReset);
        assert!(ended.1 >= Duration::from_secs(10), "{:?}", ended.1);
    }
}

#[tokio::test]
async fn loopback_listens_on_both_addresses() {
    let listening = Listening::bind(ANY).await.unwrap();
    let addresses = listening.addresses();
    assert!(
        addresses.iter().all(|address| address.ip().is_loopback() && address.port() == addresses[0].port())
    );
    let (control, _driver) = Control::new();
    let hub = Hub::new("s".to_owned(), Limits::default());
    let serving =
        tokio::spawn(serve(listening, Server { hub, control: control.clone(), config: Config::default() }));
    for address in addresses {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{address}: {answer}");
    }
    control.shut_down();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let listening = Listening::bind(ANY).await.unwrap();
    let address = listening.addresses()[0];
    let problem = Listening::bind(address).await.unwrap_err();
    assert_eq!(problem.code, Code::PortInUse);
    assert_eq!(problem.message, format!("port {} is in use on 127.0.0.1", address.port()));
}

// Only Linux keeps an address from all who ask for any port, and shares it with those who name the port.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_port_taken_on_one_loopback_address_counts_as_in_use() {
    let (port, _free, _taken) = loop {
        let Ok(taken) = TcpListener::bind("[::1]:0").await else { return };
        let port = taken.local_addr().unwrap().port();
        let free = TcpSocket::new_v4().unwrap();
        free.set_reuseaddr(true).unwrap();
        if free.bind(SocketAddr::new(ANY.ip(), port)).is_ok() {
            break (port, free, taken);
        }
    };
    let problem = Listening::bind(SocketAddr::new(ANY.ip(), port)).await.unwrap_err();
    assert_eq!(problem.message, format!("port {port} is in use on ::1"));
}

/// Maximum number of bytes that the system holds for a client that never reads: unsent data and the client's
/// own buffer.
#[cfg(target_os = "linux")]
const HELD_BYTES_MAX: usize = 1 << 20;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_buffers_little_for_stalled_clients() {
    let mut listening = Listening::bind(ANY).await.unwrap();
    let client = TcpStream::connect(listening.addresses()[0]).await.unwrap();
    let (server, _) = listening.accept().await;
    let (piece, mut held) = ([0; 16 << 10], 0);
    server.writable().await.unwrap();
    while let Ok(written) = server.try_write(&piece) {
        held += written;
    }
    assert!(held > 0 && held <= HELD_BYTES_MAX, "{held}");
    drop(client);
}

// HTTPS and WSS, in memory and over sockets.

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
    let started = clock::now();
    rig.control.shut_down();
    rig.serving.await.unwrap();
    assert!(clock::now() - started < Duration::from_secs(1));
    drop(half_open);
}

#[tokio::test]
async fn tls_works_over_sockets() {
    let pem = pem();
    let Served { hub, control, address, serving, driver: _driver } = Served::start(config(&pem)).await;
    let io = shake(&pem, TcpStream::connect(address).await.unwrap()).await;
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
