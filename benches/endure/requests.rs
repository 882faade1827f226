//! Clients of REST: uploads, seeks, and connecting to the live room again after its end.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep_until,
};

use super::{Client, Problem};

/// Maximum times between two requests of a kind.
const UPLOAD_EVERY_MAX: Duration = Duration::from_secs(4);
const SEEK_EVERY_MAX: Duration = Duration::from_secs(6);
const CONNECT_EVERY_MAX: Duration = Duration::from_secs(10);
/// Positions to seek to, in seconds.
const SEEK_SECONDS_MAX: u64 = 300;

/// Uploads a recording, reads it back, deletes it.
pub(super) async fn upload(mut client: Client, recording: &[u8]) -> Result<(), Problem> {
    let address = client.load.replay.clone();
    while !client.is_over() {
        let path = format!("/recordings/soak-{}", client.random.up_to(9));
        expect(&client, &address, &format!("PUT {path}"), recording, &[201]).await?;
        expect(&client, &address, &format!("GET {path}"), b"", &[200]).await?;
        expect(&client, &address, &format!("GET {path}/file"), b"", &[200]).await?;
        expect(&client, &address, &format!("DELETE {path}"), b"", &[200]).await?;
        sleep_until(client.soon(UPLOAD_EVERY_MAX)).await;
    }
    Ok(())
}

pub(super) async fn seek(mut client: Client) -> Result<(), Problem> {
    let address = client.load.replay.clone();
    while !client.is_over() {
        sleep_until(client.soon(SEEK_EVERY_MAX)).await;
        let to = format!(r#"{{"offset":"{}s"}}"#, client.random.up_to(SEEK_SECONDS_MAX));
        expect(&client, &address, "POST /replay/seek", to.as_bytes(), &[200]).await?;
    }
    Ok(())
}

/// Connects to the room again and again, whether it is open, over, or just lost (502).
pub(super) async fn reconnect(mut client: Client) -> Result<(), Problem> {
    let address = client.load.live.clone();
    while !client.is_over() {
        expect(&client, &address, "POST /connect/demo", b"", &[200, 502]).await?;
        sleep_until(client.soon(CONNECT_EVERY_MAX)).await;
    }
    let metrics = expect(&client, &address, "GET /metrics", b"", &[200]).await?;
    let has_dropped = metrics.contains("livetape_upstream_failures_total{code=\"connection_lost\"}");
    if has_dropped { Ok(()) } else { Err("the live room never dropped".to_owned()) }
}

/// Sends a request, and returns the response if it has one of these statuses.
async fn expect(
    client: &Client,
    address: &str,
    line: &str,
    body: &[u8],
    statuses: &[u16],
) -> Result<String, Problem> {
    let problem = |error: std::io::Error| format!("{line}: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(problem)?;
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.map_err(problem)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(problem)?;
    client.count(1);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    if status.is_some_and(|status| statuses.contains(&status)) {
        return Ok(answer);
    }
    Err(format!("{line}: {}", answer.chars().take(300).collect::<String>()))
}
