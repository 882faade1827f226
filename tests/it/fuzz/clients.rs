//! Clients of the server and of the mock, in memory: whatever they send, their connections end and nothing
//! panics.

use std::{
    cell::Cell,
    panic::{set_hook, take_hook},
    sync::Once,
    time::Duration,
};

use livetape_engine::demo::{DEMO, DEMO_BYTES};
use livetape_feed::{
    control::{Control, Sources},
    hub::{self, Hub},
};
use livetape_io::net::memory;
use livetape_mock::{MockTikTok, Scenario, ScenarioFile};
use livetape_samples::paused_clock;
use livetape_server::{Config, Server, serve};
use proptest::{prelude::*, test_runner::TestCaseError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::timeout,
};

/// Capacity of a connection, in bytes.
const SOCKET_BYTES: usize = 4 << 10;
/// Maximum time until a connection ends that the client has closed, by the simulated clock.
const CONNECTION_TIME_MAX: Duration = Duration::from_hours(1);

/// Sends frames to all WebSockets of the server.
pub(super) fn websocket(frames: &[u8]) -> Result<(), TestCaseError> {
    without_panics(async {
        let hub = Hub::new("s".to_owned(), hub::Limits::default());
        let (control, _driver) = Control::with(Sources::default()).unwrap();
        let (listener, connector) = memory::listener(SOCKET_BYTES);
        tokio::spawn(serve(listener, Server { hub, control, config: Config::default() }));
        for path in ["/", "/ws", "/ws/echo"] {
            let mut stream = connector.connect().await.unwrap();
            stream.write_all(upgrade(path).as_bytes()).await.unwrap();
            let mut answer = [0; SOCKET_BYTES];
            let length = stream.read(&mut answer).await.unwrap();
            prop_assert!(
                answer[..length].starts_with(b"HTTP/1.1 101 "),
                "{}",
                answer[..length].escape_ascii()
            );
            talk(stream, frames).await?;
        }
        Ok(())
    })
}

/// Sends a request to the mock.
pub(super) fn request(bytes: &[u8]) -> Result<(), TestCaseError> {
    without_panics(async {
        let scenario = ScenarioFile::from(Scenario::default()).with_recording(DEMO, DEMO_BYTES);
        let mock = MockTikTok::in_memory(scenario).unwrap();
        talk(mock.connector().unwrap().connect().await.unwrap(), bytes).await
    })
}

/// Returns a request for a WebSocket.
pub(super) fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Sends bytes, closes that direction, and reads until the server has closed the other.
async fn talk(stream: DuplexStream, bytes: &[u8]) -> Result<(), TestCaseError> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sending = async {
        // Fails if the server has closed the connection by then.
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
    };
    let mut sink = tokio::io::sink();
    let reading = tokio::io::copy(&mut reader, &mut sink);
    let ended = timeout(CONNECTION_TIME_MAX, async { tokio::join!(sending, reading) }).await;
    prop_assert!(ended.is_ok(), "the connection stays open");
    Ok(())
}

thread_local! {
    /// Number of panics of this thread. The runtime would catch those of tasks.
    static PANICS: Cell<u32> = Cell::default();
}

fn without_panics(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    static COUNTING: Once = Once::new();
    COUNTING.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            print(panic);
        }));
    });
    let result = paused_clock().block_on(test);
    prop_assert_eq!(PANICS.take(), 0, "a task panics");
    result
}
