//! The connection to a browser's debugging port.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{
    Error, Message,
    error::ProtocolError::{HandshakeIncomplete, ResetWithoutClosingHandshake},
    protocol::WebSocketConfig,
};

use super::{ATTACH_TIMEOUT, Browser, Page, lost};
use crate::source::live::{Stream, Unreached};

/// Maximum length of a message from the browser, in bytes: the largest frame in base64, with headroom for the
/// page's other traffic.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection to a tab. Messages are JSON of the Chrome DevTools Protocol.
pub struct Connection {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// Address, as in URLs.
    name: String,
    /// Why the other side is not a browser, once that is known.
    pub(super) failure: Option<Problem>,
}

impl Connection {
    /// # Errors
    /// [`Code::TabLost`](livetape_core::error::Code::TabLost) if the browser does not respond.
    pub async fn open(browser: &Browser, page: &Page) -> Result<Self, Problem> {
        let url = format!("ws://{}{}", browser.name, page.path);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let name = &browser.name;
        let unopened =
            |error: Error| other(name, &error).unwrap_or_else(|| lost(&Unreached::of_socket(&error).why));
        let opening = async {
            let stream = (browser.connect)().await.map_err(|error| lost(&Unreached::of(&error).why))?;
            let opened = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await;
            let (socket, _) = opened.map_err(unopened)?;
            Ok(Self { socket, name: name.clone(), failure: None })
        };
        let opened = timeout_at(clock::now() + ATTACH_TIMEOUT, opening).await;
        opened.unwrap_or_else(|_| Err(lost("the browser did not respond within 10 s")))
    }

    /// Sends a command. Returns `false` if the browser is gone.
    pub async fn send(&mut self, command: String) -> bool {
        self.socket.send(Message::text(command)).await.is_ok()
    }

    /// Returns the next message; `None` if the browser is gone. Cancel safe.
    pub async fn receive(&mut self) -> Option<String> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) => return None,
                Err(error) => {
                    self.failure = other(&self.name, &error);
                    return None;
                }
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn close(&mut self) {
        // If the browser does not respond, drop the connection.
        let _ = timeout(CLOSE_TIMEOUT, self.socket.close(None)).await;
    }
}

/// Returns why the other side is not a browser; `None` if the connection may only have ended.
fn other(name: &str, error: &Error) -> Option<Problem> {
    match error {
        Error::Protocol(ResetWithoutClosingHandshake | HandshakeIncomplete) => None,
        Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_) | Error::HttpFormat(_) => {
            Some(not_a_browser(name, &Unreached::of_socket(error).why))
        }
        _ => None,
    }
}

pub(super) fn not_a_browser(name: &str, why: &str) -> Problem {
    Problem::new(Code::NotABrowser, format!("what listens at {name} is not a browser: {why}"))
}

/// Formats a command. `params` is JSON.
#[must_use]
pub fn command(id: u64, session: Option<&str>, method: &str, params: &str) -> String {
    let session = session.map(|session| format!(r#","sessionId":{}"#, serde_json::json!(session)));
    let session = session.unwrap_or_default();
    format!(r#"{{"id":{id},"method":"{method}","params":{params}{session}}}"#)
}
