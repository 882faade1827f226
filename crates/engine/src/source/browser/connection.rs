//! The connection to a browser's debugging port.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::error::Problem;
use livetape_io::clock;
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Message, protocol::WebSocketConfig};

use super::{ATTACH_TIMEOUT, Browser, Page, lost};
use crate::source::live::{Stream, Unreached};

/// Maximum length of a message from the browser, in bytes: the largest frame in base64, with headroom for the
/// page's other traffic.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection to a tab. Messages are JSON of the Chrome DevTools Protocol.
pub struct Connection(WebSocketStream<Box<dyn Stream>>);

impl Connection {
    /// # Errors
    /// [`Code::TabLost`](livetape_core::error::Code::TabLost) if the browser does not respond.
    pub async fn open(browser: &Browser, page: &Page) -> Result<Self, Problem> {
        let url = format!("ws://{}{}", browser.name, page.path);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let opening = async {
            let stream = (browser.connect)().await.map_err(|error| lost(&Unreached::of(&error).why))?;
            let opened = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await;
            opened.map(|(socket, _)| Self(socket)).map_err(|error| lost(&Unreached::of(&error).why))
        };
        let opened = timeout_at(clock::now() + ATTACH_TIMEOUT, opening).await;
        opened.unwrap_or_else(|_| Err(lost("the browser did not respond within 10 s")))
    }

    /// Sends a command. Returns `false` if the browser is gone.
    pub async fn send(&mut self, command: String) -> bool {
        self.0.send(Message::text(command)).await.is_ok()
    }

    /// Returns the next message; `None` if the browser is gone. Cancel safe.
    pub async fn receive(&mut self) -> Option<String> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn close(&mut self) {
        // If the browser does not respond, drop the connection.
        let _ = timeout(CLOSE_TIMEOUT, self.0.close(None)).await;
    }
}

/// Formats a command. `params` is JSON.
#[must_use]
pub fn command(id: u64, session: Option<&str>, method: &str, params: &str) -> String {
    let session = session.map(|session| format!(r#","sessionId":{}"#, serde_json::json!(session)));
    let session = session.unwrap_or_default();
    format!(r#"{{"id":{id},"method":"{method}","params":{params}{session}}}"#)
}
