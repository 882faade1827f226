//! Listening on real sockets.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use livetape_core::error::Code;
use livetape_feed::{
    control::Control,
    hub::{Hub, Limits},
};
use livetape_io::{
    clock,
    net::{Listener as _, Listening},
};
use livetape_server::{Config, Server, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The client sends nothing.
#[tokio::test(start_paused = true)]
async fn a_connection_is_not_reset_before_its_request_or_ten_seconds() {
    let mut listening = Listening::bind(ANY).await.unwrap();
    let address = listening.addresses()[0];
    let started = clock::now();
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let ended = stream.read(&mut [0]).await;
        (ended.unwrap_err().kind(), clock::now() - started)
    };
    let (_, ended) = tokio::join!(listening.refuse(Duration::from_secs(3)), client);
    assert_eq!(ended.0, ErrorKind::ConnectionReset);
    assert!(ended.1 >= Duration::from_secs(10), "{:?}", ended.1);
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
