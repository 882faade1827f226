//! The mock over real sockets, which can be reset.

use std::io::ErrorKind;

use futures_util::StreamExt as _;
use livetape_core::pace::Speed;
use livetape_mock::{Endpoint, Fault, FaultKind, MockTikTok, Scenario};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message},
};

use crate::support::{ROOM, SOCKET, demo, with_demo};

fn socket_url(mock: &MockTikTok) -> String {
    format!("{}{SOCKET}?room_id={ROOM}&compress=gzip", mock.url().replace("http", "ws"))
}

#[tokio::test]
async fn the_mock_behaves_the_same_over_tcp() {
    let mock = MockTikTok::start(with_demo(Scenario::default().speed(Speed::Max))).await.unwrap();
    let (mut socket, _) = connect_async(socket_url(&mock)).await.unwrap();
    let (mut frames, mut close) = (Vec::new(), None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(bytes) => frames.push(bytes),
            Message::Close(frame) => close = frame.map(|frame| u16::from(frame.code)),
            _ => {}
        }
    }
    assert!(frames == demo() && close == Some(1000), "{} frames, {close:?}", frames.len());
}

#[tokio::test]
async fn a_reset_fault_resets_the_connection_and_a_drop_ends_it() {
    let fault = |at, kind| Scenario::default().fault(Fault::new(at, kind));
    let mock = MockTikTok::start(with_demo(fault(Endpoint::Lookup, FaultKind::Reset))).await.unwrap();
    let mut stream = TcpStream::connect(mock.address().unwrap()).await.unwrap();
    stream.write_all(b"GET /api-live/user/room/?aid=1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let ended = async |kind| {
        let mock = MockTikTok::start(with_demo(fault(Endpoint::Socket, kind))).await.unwrap();
        let (mut socket, _) = connect_async(socket_url(&mock)).await.unwrap();
        match socket.next().await {
            Some(Err(Error::Io(error))) => Some(error.kind()),
            Some(Err(Error::Protocol(_))) | None => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ended(FaultKind::Reset).await, Some(ErrorKind::ConnectionReset));
    assert_eq!(ended(FaultKind::Drop).await, None);
}
