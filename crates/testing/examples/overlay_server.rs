//! The server behind a goal overlay, and its tests: run them with `cargo test --example overlay_server`.
//!
//! It adds up diamonds from the feed, and answers every HTTP request with the sum.

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Adds up the diamonds of `feed` until it ends.
async fn add_up(feed: String, sum: watch::Sender<i64>) {
    // `delta`: each event of a streak has the diamonds that it adds.
    let (mut socket, _) = connect_async(feed + "?gifts=delta").await.expect("a server");
    while let Some(Ok(Message::Text(json))) = socket.next().await {
        let event: Value = serde_json::from_str(&json).expect("JSON");
        sum.send_modify(|sum| *sum += event["data"]["diamonds"].as_i64().unwrap_or_default());
    }
}

/// Answers HTTP requests with the sum.
async fn serve(listener: TcpListener, sum: watch::Receiver<i64>) {
    while let Ok((client, _)) = listener.accept().await {
        let sum = *sum.borrow();
        // A client that breaks off its request gets no response.
        drop(answer(client, sum).await);
    }
}

async fn answer(mut client: TcpStream, sum: i64) -> std::io::Result<()> {
    let _head = client.read(&mut [0; 4096]).await?;
    let body = format!(r#"{{"diamonds":{sum}}}"#);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await
}

#[tokio::main]
async fn main() {
    let feed = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:3000/".into());
    let listener = TcpListener::bind("127.0.0.1:8080").await.expect("a free port");
    let (sender, sum) = watch::channel(0);
    tokio::join!(add_up(feed, sender), serve(listener, sum));
}

#[cfg(test)]
mod tests {
    use livetape_testing::{Speed, Tape};

    use super::*;

    #[tokio::test]
    async fn it_shows_every_diamond_of_the_show() {
        let tape = Tape::replay("demo").speed(Speed::Max).start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, sum) = watch::channel(0);
        tokio::spawn(serve(listener, sum));
        let adding = tokio::spawn(add_up(tape.ws_url(), sender));
        let finished = tape.finished().await;
        drop(tape); // ends the feed
        adding.await.unwrap();

        let mut page = TcpStream::connect(address).await.unwrap();
        page.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut response = String::new();
        page.read_to_string(&mut response).await.unwrap();
        assert!(response.ends_with(&format!(r#"{{"diamonds":{}}}"#, finished.diamonds)), "{response}");
    }
}
