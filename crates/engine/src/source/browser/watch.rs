//! Connects to a browser's debugging port, watches a tab while it is reloaded, crashes and shows something else, and finds it
//! again when it is gone.
//!
//! ```text
//!   find ──► attach ──► watch ⟲ messages → items
//!    ▲                    │ the tab or its browser is gone
//!    └───── wait ◄────────┘
//! ```

use std::{collections::BTreeMap, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    error::{Code, Problem, close},
    recording::{
        Flags, Item, What,
        records::{ConnClose, Status, conn_close::Who},
    },
    retry::{Decision, Retries, Retry, SplitMix, retries},
    session::{self, Session},
};
use livetape_io::clock;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_tungstenite::WebSocketStream;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use tungstenite::{
    Error, Message,
    error::ProtocolError::{HandshakeIncomplete, ResetWithoutClosingHandshake},
    protocol::WebSocketConfig,
};

use super::{
    ATTACH_TIMEOUT, Browser, Page, TabOptions,
    devtools::{Change, Tab, broken},
    find, lost,
};
use crate::source::live::{LiveOptions, Outcome, Stream, Unreached};

/// Reason in the `disconnected` event when the tab was closed.
const TAB_CLOSED: &str = "tab_closed";
/// Reason in the `disconnected` event when the room has ended.
const STREAM_ENDED: &str = "stream_ended";
/// Time in which a person can start the browser, open the tab, or reload it, and for which a tab may have no connection.
/// Each counts as an attempt.
const ATTEMPT: Duration = Duration::from_secs(30);
/// Interval at which a browser is asked for the tab.
const LOOK: Duration = Duration::from_secs(1);

/// A tab, and where its items go.
pub(super) struct Watch {
    wanted: TabOptions,
    tab: Tab,
    /// Path of the tab that was attached last.
    path: Option<String>,
    retry: Retry,
    /// Whether it waits without limit.
    waits: bool,
    /// What was said on each open connection, which tells when the room ends.
    talks: BTreeMap<u32, Session>,
    /// Time for which a connection was healthy since the last failure.
    healthy: Duration,
    epoch: Instant,
    out: mpsc::Sender<Vec<Item>>,
    stop: CancellationToken,
}

/// Why a tab is no longer watched.
enum End {
    Over(Outcome),
    Lost(Problem),
    /// Another tab shows the LIVE.
    Moved,
}

impl Watch {
    pub(super) fn new(
        wanted: TabOptions,
        options: &LiveOptions,
        out: mpsc::Sender<Vec<Item>>,
        stop: CancellationToken,
    ) -> Self {
        let only = wanted.user.as_deref().filter(|_| wanted.number.is_none());
        Self {
            tab: Tab::new(wanted.user(), only),
            wanted,
            path: None,
            retry: Retry::new(options.attempts_max, SplitMix(options.seed).next_bits()),
            waits: options.wait_live.is_some(),
            talks: BTreeMap::new(),
            healthy: Duration::ZERO,
            epoch: clock::now(),
            out,
            stop,
        }
    }

    /// Watches a tab until it is gone, whatever it shows. `attached` tells when, or why not.
    pub(super) async fn once(
        mut self,
        page: Page,
        attached: oneshot::Sender<Result<(), Problem>>,
    ) -> Outcome {
        let connection = match self.attach(&page).await {
            Ok(connection) => connection,
            Err(problem) => {
                drop(attached.send(Err(problem)));
                return Outcome::Stopped;
            }
        };
        drop(attached.send(Ok(())));
        match self.watch(connection, false).await {
            End::Over(outcome) => outcome,
            End::Lost(_) if self.tab.is_closed => {
                self.send(Vec::new(), false).await;
                Outcome::Ended(TAB_CLOSED)
            }
            End::Lost(problem) => {
                self.note(&problem, None).await;
                Outcome::Failed(problem)
            }
            End::Moved => Outcome::Stopped,
        }
    }

    /// Finds the tab and watches it, again and again, until the room ends or the attempts are used up.
    pub(super) async fn follow(mut self) -> Outcome {
        let stop = self.stop.clone();
        loop {
            let attached = tokio::select! { biased;
                () = stop.cancelled() => return Outcome::Stopped,
                attached = self.find_and_attach() => attached,
            };
            let end = match attached {
                Ok(connection) => self.watch(connection, true).await,
                Err(problem) => End::Lost(problem),
            };
            let problem = match end {
                End::Over(outcome) => return outcome,
                End::Lost(problem) => problem,
                End::Moved => continue,
            };
            if !self.report(&problem).await {
                return Outcome::Failed(problem);
            }
            tokio::select! { biased;
                () = stop.cancelled() => return Outcome::Stopped,
                () = self.until_found() => {}
            }
        }
    }

    async fn find(&self) -> Result<Page, Problem> {
        let pages = self.wanted.browser.pages().await?;
        let TabOptions { user, number, .. } = &self.wanted;
        find(&pages, user.as_deref(), *number, self.path.as_deref()).cloned()
    }

    async fn find_and_attach(&mut self) -> Result<Connection, Problem> {
        let page = self.find().await?;
        self.attach(&page).await
    }

    /// Asks for the tab until it is there, for the time of an attempt.
    async fn until_found(&self) {
        let end = clock::now() + ATTEMPT;
        while clock::now() < end {
            sleep_until(end.min(clock::now() + LOOK)).await;
            if self.find().await.is_ok() {
                return;
            }
        }
    }

    /// Attaches to a tab. No traffic is missed once this returns.
    async fn attach(&mut self, page: &Page) -> Result<Connection, Problem> {
        let mut connection = Connection::open(&self.wanted.browser, page).await?;
        // The sockets of another tab may have the same ids.
        let now = self.now();
        self.tab.lose(now, &broken("the tab was left"));
        self.tab.attach(&page.url, page.id());
        let enabling = async {
            let mut is_connected = self.command(&mut connection).await;
            while is_connected && !self.tab.is_enabled {
                let message = connection.receive().await;
                is_connected = self.take(message, &mut connection).await;
            }
            is_connected
        };
        match timeout_at(clock::now() + ATTACH_TIMEOUT, enabling).await {
            Ok(true) => {}
            Ok(false) => return Err(connection.failure.unwrap_or_else(|| lost("the tab was closed"))),
            Err(_) if self.tab.take_unreadable() > 0 => {
                let name = &self.wanted.browser.name;
                return Err(not_a_browser(name, "its messages are not of the DevTools protocol"));
            }
            Err(_) => return Err(lost("the tab did not respond within 10 s")),
        }
        info!("🔗 Attached to the tab {}", page.shown());
        self.path = Some(page.path.clone());
        Ok(connection)
    }

    /// Passes on what the tab receives. A tab that is followed ends with its room, and must open a connection in time.
    async fn watch(&mut self, mut connection: Connection, is_followed: bool) -> End {
        let stop = self.stop.clone();
        let mut due = None;
        loop {
            let changed = self.tab.news.take().filter(|_| is_followed);
            if let Some(problem) = changed.map(changed_to) {
                due = None;
                if !self.report(&problem).await {
                    return End::Over(Outcome::Failed(problem));
                }
            }
            if self.send(Vec::new(), true).await && is_followed {
                self.end_room().await;
                connection.close().await;
                return End::Over(Outcome::Ended(STREAM_ENDED));
            }
            let is_silent = is_followed && self.tab.observer.open_count() == 0;
            due = is_silent.then(|| due.unwrap_or_else(|| clock::now() + ATTEMPT));
            let message = tokio::select! { biased;
                () = stop.cancelled() => {
                    connection.close().await;
                    let now = self.now();
                    self.tab.finish(now);
                    self.warn_of_unreadable();
                    // The receiver may be gone too.
                    self.send(Vec::new(), false).await;
                    return End::Over(Outcome::Stopped);
                }
                () = clock::passed(due) => {
                    due = None;
                    let moved = tokio::select! { biased;
                        () = stop.cancelled() => continue,
                        found = self.find() => found.is_ok_and(|page| Some(page.path) != self.path),
                    };
                    if moved {
                        connection.close().await;
                        return End::Moved;
                    }
                    let problem = self.tab.change().map_or_else(silent, changed_to);
                    if !self.report(&problem).await {
                        return End::Over(Outcome::Failed(problem));
                    }
                    continue;
                }
                message = connection.receive() => message,
            };
            if !self.take(message, &mut connection).await {
                let now = self.now();
                let why = if self.tab.is_closed { "the tab was closed" } else { "the browser is gone" };
                self.tab.lose(now, &broken(why));
                self.tab.finish(now);
                self.warn_of_unreadable();
                return End::Lost(connection.failure.unwrap_or_else(|| Problem::new(Code::TabLost, why)));
            }
        }
    }

    /// Processes the next message. Returns `false` if the tab is gone.
    async fn take(&mut self, message: Option<String>, connection: &mut Connection) -> bool {
        let Some(text) = message else { return false };
        let now = self.now();
        self.tab.handle(&text, now);
        self.command(connection).await
    }

    /// Sends pending commands. Returns `false` if the tab is gone.
    async fn command(&mut self, connection: &mut Connection) -> bool {
        for command in self.tab.take_commands() {
            if !connection.send(command).await {
                return false;
            }
        }
        true
    }

    /// Sends the items of the tab, and these. Returns whether the room has ended.
    async fn send(&mut self, more: Vec<Item>, will_retry: bool) -> bool {
        let mut items = self.tab.take_items(will_retry);
        let has_ended = items.iter().filter(|item| self.ends(item)).count() > 0;
        items.extend(more);
        if !items.is_empty() && self.out.send(items).await.is_err() {
            self.stop.cancel();
        }
        has_ended
    }

    /// Whether the room ends with this item.
    fn ends(&mut self, item: &Item) -> bool {
        match &item.what {
            What::ConnOpen(open) => {
                let mut talk = Session::new(open.room_id);
                talk.handle_opened(item.offset);
                self.talks.insert(item.conn, talk);
            }
            What::ConnClose(_) => {
                let talk = self.talks.remove(&item.conn);
                self.healthy = self.healthy.max(talk.map_or(Duration::ZERO, |talk| talk.healthy_for()));
            }
            What::Frame(frame) if !item.flags.is_sent() => {
                let Some(talk) = self.talks.get_mut(&item.conn) else { return false };
                talk.handle_frame(item.offset, &frame.bytes);
                // The page answers.
                while talk.poll_transmit().is_some() {}
                return matches!(talk.outcome(), Some(session::Outcome::Ended(_)));
            }
            _ => {}
        }
        false
    }

    async fn end_room(&mut self) {
        let close = ConnClose {
            code: close::NORMAL.into(),
            reason: STREAM_ENDED.to_owned(),
            who: Who::Us.into(),
            will_retry: false,
        };
        let now = self.now();
        self.tab.lose(now, &close);
        self.warn_of_unreadable();
        self.send(Vec::new(), false).await;
    }

    /// Reports a failure. Returns whether another attempt follows.
    async fn report(&mut self, problem: &Problem) -> bool {
        // Sessions that are lost with the tab count, too.
        let open = self.talks.values().map(Session::healthy_for).max().unwrap_or_default();
        let healthy = std::mem::take(&mut self.healthy).max(open);
        let waits = self.waits && retries(problem.code) == Retries::Budget;
        let decision = match waits {
            true => Decision::Again(ATTEMPT),
            false => self.retry.failed(problem.code, Some(ATTEMPT), healthy),
        };
        let after = match decision {
            Decision::Again(after) => Some(after),
            Decision::Final(_) => None,
        };
        self.note(problem, after).await;
        // Those of connections that have just been closed.
        self.healthy = Duration::ZERO;
        if after.is_some() && !waits {
            self.retry.start_next();
        }
        after.is_some()
    }

    async fn note(&mut self, problem: &Problem, after: Option<Duration>) {
        let status = Status {
            code: problem.code.name().to_owned(),
            attempt: self.retry.attempt(),
            retrying: after.is_some(),
            retry_after_ms: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            detail: problem.message.clone(),
            hint: self.hint(problem),
        };
        let (offset, conn) = (self.now(), self.tab.observer.last_conn());
        let item = Item { offset, conn, flags: Flags::default(), what: What::Status(status) };
        self.send(vec![item], after.is_some()).await;
    }

    /// Returns the hint of a failure; empty for that of its code, which would advise to wait.
    fn hint(&self, problem: &Problem) -> String {
        match &self.wanted.user {
            _ if problem.hint != problem.code.hint() => problem.hint.clone(),
            Some(user) if self.waits && problem.code == Code::TabNotFound => {
                format!("open https://www.tiktok.com/@{user}/live in that browser")
            }
            _ => String::new(),
        }
    }

    fn warn_of_unreadable(&mut self) {
        let messages = self.tab.take_unreadable();
        if messages > 0 {
            warn!(messages, "⚠️ Messages of the browser could not be read");
        }
    }

    fn now(&self) -> Duration {
        clock::now().duration_since(self.epoch)
    }
}

fn silent() -> Problem {
    let message = format!("the tab has opened no connection to a LIVE for {} s", ATTEMPT.as_secs());
    Problem::new(Code::TabSilent, message)
}

fn changed_to(change: Change) -> Problem {
    Problem::new(
        Code::TabLost,
        match change {
            Change::Crashed => "the tab has crashed",
            Change::Left => "the tab shows something else",
        },
    )
}

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
