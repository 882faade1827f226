//! A browser tab as a source: observes the tab's traffic with TikTok LIVE through the Chrome DevTools
//! Protocol.
//!
//! Only browsers on this machine are supported, because access to the debugging port means full control over
//! the browser.

mod devtools;
mod tabs;

use std::time::Duration;

use devtools::Tab;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    error::{Code, Problem},
    recording::{
        Flags, Item, USER_TAG, What,
        records::{
            Header, Status,
            header::{Privacy, Timing},
        },
    },
};
use livetape_io::clock;
pub use tabs::{Address, Page, choose, pages};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use tungstenite::{Message, protocol::WebSocketConfig};

use super::live::{Batches, Live, Outcome};

/// Maximum length of a message from the browser, in bytes: the largest frame in base64, with headroom for the
/// page's other traffic.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Maximum time for the browser to respond.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Reason in the `disconnected` event when the tab was closed.
const TAB_CLOSED: &str = "tab_closed";

type Socket = WebSocketStream<TcpStream>;

/// Attaches to a tab that shows the LIVE of `user`. No traffic is missed once this returns.
///
/// # Errors
/// [`Code::ConnectionLost`] if the browser does not respond.
pub async fn attach(address: &Address, page: &Page, user: &str) -> Result<Live, Problem> {
    let wall_anchor = clock::wall();
    let mut watch = Watch { socket: open(address, page).await?, tab: Tab::new(user), epoch: clock::now() };
    let enabled = tokio::time::timeout_at(clock::now() + ATTACH_TIMEOUT, watch.until_enabled()).await;
    match enabled {
        Ok(true) => {}
        Ok(false) => return Err(lost("the tab was closed")),
        Err(_) => return Err(lost("the tab did not respond within 10 s")),
    }
    let (sender, batches) = Batches::channel();
    let stop = CancellationToken::new();
    let task = tokio::spawn(watch.run(sender, stop.clone()));
    let header = Header {
        source: "cdp".to_owned(),
        wall_anchor_ns: i64::try_from(wall_anchor.as_nanos()).ok(),
        timing: Timing::Original.into(),
        privacy: Privacy::Private.into(),
        tags: [(USER_TAG.to_owned(), user.to_owned())].into(),
        ..Header::default()
    };
    Ok(Live::over(header, batches, task, stop))
}

async fn open(address: &Address, page: &Page) -> Result<Socket, Problem> {
    let url = format!("ws://{address}{}", page.path);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let opening = async {
        let stream = TcpStream::connect(address.0).await.map_err(|error| lost(&error.to_string()))?;
        let opened = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await;
        opened.map(|(socket, _)| socket).map_err(|error| lost(&error.to_string()))
    };
    let opened = tokio::time::timeout_at(clock::now() + ATTACH_TIMEOUT, opening).await;
    opened.unwrap_or_else(|_| Err(lost("the browser did not respond within 10 s")))
}

fn lost(why: &str) -> Problem {
    Problem::new(Code::ConnectionLost, format!("cannot attach to the tab: {why}"))
        .hint("check that the tab is open and that no other program is attached to the browser")
}

/// A tab and the connection to it.
struct Watch {
    socket: Socket,
    tab: Tab,
    epoch: tokio::time::Instant,
}

impl Watch {
    fn now(&self) -> Duration {
        clock::now().duration_since(self.epoch)
    }

    /// Sends pending commands. Returns `false` if the browser is gone.
    async fn send(&mut self) -> bool {
        for command in self.tab.take_commands() {
            if self.socket.send(Message::text(command)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Processes the next message. Returns `false` if the browser is gone.
    async fn receive(&mut self) -> bool {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let now = self.now();
                self.tab.handle(&text, now);
                self.send().await
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            Some(Ok(_)) => true,
        }
    }

    async fn until_enabled(&mut self) -> bool {
        let mut is_connected = self.send().await;
        while is_connected && !self.tab.is_enabled() {
            is_connected = self.receive().await;
        }
        is_connected
    }

    async fn run(mut self, out: mpsc::Sender<Vec<Item>>, stop: CancellationToken) -> Outcome {
        loop {
            let items = self.tab.take_items();
            if !items.is_empty() && out.send(items).await.is_err() {
                stop.cancel();
            }
            let is_connected = tokio::select! { biased;
                () = stop.cancelled() => {
                    let goodbye = self.socket.close(None);
                    // If the browser does not respond, drop the connection.
                    let _ = tokio::time::timeout_at(clock::now() + CLOSE_TIMEOUT, goodbye).await;
                    let now = self.now();
                    self.tab.finish(now);
                    self.report_unreadable();
                    // The receiver may be gone too.
                    let _ = out.send(self.tab.take_items()).await;
                    return Outcome::Stopped;
                }
                is_connected = self.receive() => is_connected,
            };
            if !is_connected {
                return self.end(&out).await;
            }
        }
    }

    fn report_unreadable(&self) {
        let messages = self.tab.unreadable();
        if messages > 0 {
            warn!(messages, "⚠️ Messages of the browser could not be read");
        }
    }

    /// Reports that the browser is gone.
    async fn end(mut self, out: &mpsc::Sender<Vec<Item>>) -> Outcome {
        let now = self.now();
        self.tab.lose(now);
        self.report_unreadable();
        let mut items = self.tab.take_items();
        let outcome = if self.tab.is_closed() {
            Outcome::Ended(TAB_CLOSED)
        } else {
            let problem = Problem::new(Code::ConnectionLost, "the browser is gone");
            let status = Status {
                code: problem.code.name().into(),
                detail: problem.message.clone(),
                ..Status::default()
            };
            items.push(Item { offset: now, conn: 0, flags: Flags::default(), what: What::Status(status) });
            Outcome::Failed(problem)
        };
        // If the source was stopped in the meantime, nobody receives these.
        let _ = out.send(items).await;
        outcome
    }
}
