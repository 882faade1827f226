//! A browser tab as a source: observes the tab's traffic with TikTok LIVE through the Chrome DevTools
//! Protocol.
//!
//! Only browsers on this machine are supported, because access to the debugging port means full control over
//! the browser.

mod connection;
mod devtools;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    recognise::user_in,
    recording::{
        Flags, Item, USER_TAG, What,
        records::{
            Header, Status,
            header::{Privacy, Timing},
        },
    },
    redact::redact_text,
};
use livetape_io::clock;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::live::{Batches, Live, LiveOptions, NetTransport, Outcome, Request, Transport};
pub use connection::{Connection, command};
use devtools::Tab;

/// Maximum time for the browser to respond.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
/// Reason in the `disconnected` event when the tab was closed.
const TAB_CLOSED: &str = "tab_closed";
const PAGES_MAX: usize = 1000;

/// A tab and the connection to it.
struct Watch {
    connection: Connection,
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
            if !self.connection.send(command).await {
                return false;
            }
        }
        true
    }

    /// Processes the next message. Returns `false` if the browser is gone.
    async fn receive(&mut self) -> bool {
        let Some(text) = self.connection.receive().await else { return false };
        let now = self.now();
        self.tab.handle(&text, now);
        self.send().await
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
                    self.connection.close().await;
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

/// Loopback address of a browser's debugging port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(SocketAddr);

impl FromStr for Address {
    type Err = Problem;

    /// Parses a port, or an address with a port.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let bare =
            text.trim().trim_start_matches("http://").trim_start_matches("ws://").trim_end_matches('/');
        let named = bare.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let port = bare.parse().ok().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let Some(address) = port.or_else(|| named.as_deref().unwrap_or(bare).parse().ok()) else {
            let shown = redact_text(&format!("http://{bare}")).replacen("http://", "", 1);
            let shown = shown.split(['?', '#']).next().unwrap_or_default();
            return Err(Problem::new(Code::BadRequest, format!("`{shown}` is not the address of a browser"))
                .hint("use the address of its debugging port, e.g. --cdp 127.0.0.1:9222"));
        };
        if !address.ip().is_loopback() {
            let message = format!("{} is not a loopback address", address.ip());
            return Err(Problem::new(Code::BadRequest, message)
                .hint("use a tunnel to a loopback port: anyone who can reach the debugging port controls the browser"));
        }
        Ok(Self(address))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A browser tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    pub url: String,
    /// Path to attach to, on the browser's address.
    path: String,
}

impl Page {
    /// Returns the user whose LIVE the tab shows, according to its URL.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        user_in(&self.url)
    }

    fn is_tiktok(&self) -> bool {
        let host = self.url.split('/').nth(2).unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        self.user().is_some() || host == "tiktok.com" || host.ends_with(".tiktok.com")
    }
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Target {
    r#type: String,
    title: String,
    url: String,
    web_socket_debugger_url: String,
}

/// Attaches to a tab that shows the LIVE of `user`. No traffic is missed once this returns.
///
/// # Errors
/// [`Code::ConnectionLost`] if the browser does not respond.
pub async fn attach(address: &Address, page: &Page, user: &str) -> Result<Live, Problem> {
    let wall_anchor = clock::wall();
    let connection = Connection::open(address, page).await?;
    let mut watch = Watch { connection, tab: Tab::new(user), epoch: clock::now() };
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

fn lost(why: &str) -> Problem {
    Problem::new(Code::ConnectionLost, format!("cannot attach to the tab: {why}"))
        .hint("check that the tab is open and that no other program is attached to the browser")
}

/// # Errors
/// [`Code::ConnectionLost`] if no browser responds at `address`.
pub async fn pages(address: &Address) -> Result<Vec<Page>, Problem> {
    let none = |why: &str| {
        Problem::new(Code::ConnectionLost, format!("no browser responded at {address}: {why}"))
            .hint("start Chrome with --remote-debugging-port=9222 --user-data-dir=NEW_FOLDER")
    };
    let transport = NetTransport::new(&LiveOptions::new(""))?;
    let request = Request { url: format!("http://{address}/json/list"), headers: Vec::new() };
    let asking = tokio::time::timeout_at(clock::now() + ATTACH_TIMEOUT, transport.get(&request));
    let answer = asking
        .await
        .map_err(|_| none("it took longer than 10 s"))?
        .map_err(|unreached| none(&unreached.why))?;
    let targets: Vec<Target> =
        serde_json::from_slice(&answer.body).map_err(|_| none("it is not a browser"))?;
    Ok(targets.into_iter().filter_map(page).take(PAGES_MAX).collect())
}

fn page(target: Target) -> Option<Page> {
    let Target { r#type, title, url, web_socket_debugger_url: socket } = target;
    // Ignore the host that the browser reports and keep the one that was asked.
    let path = socket.strip_prefix("ws://")?.find('/').map(|at| socket["ws://".len() + at..].to_owned())?;
    (r#type == "page").then_some(Page { title, url, path })
}

/// Selects a tab: the one with this number (from 1), else the only TikTok tab, else the only tab.
///
/// # Errors
/// [`Code::BadRequest`] if the choice is ambiguous or no such tab exists.
pub fn choose(pages: &[Page], number: Option<usize>) -> Result<&Page, Problem> {
    if let Some(number) = number {
        let found = number.checked_sub(1).and_then(|at| pages.get(at));
        return found.ok_or_else(|| {
            Problem::new(Code::BadRequest, format!("unknown tab {number}: the browser has {}", pages.len()))
        });
    }
    let tiktok: Vec<&Page> = pages.iter().filter(|page| page.is_tiktok()).collect();
    match (&tiktok[..], pages) {
        ([page], _) => Ok(page),
        ([], [page]) => Ok(page),
        (_, []) => Err(Problem::new(Code::BadRequest, "the browser has no tab").hint("open a tab")),
        (found, _) => {
            let which = if found.is_empty() { "none shows TikTok" } else { "several show TikTok" };
            Err(Problem::new(Code::BadRequest, format!("the browser has {} tabs, and {which}", pages.len()))
                .hint("choose one with --tab N"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_browsers_on_this_machine_are_allowed() {
        for (text, expected) in [
            ("127.0.0.1:9222", "127.0.0.1:9222"),
            ("9222", "127.0.0.1:9222"),
            ("http://localhost:9222/", "127.0.0.1:9222"),
            ("[::1]:9222", "[::1]:9222"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
        for bad in ["192.0.2.1:9222", "0.0.0.0:9222", "example.com:9222", "", "127.0.0.1"] {
            assert_eq!(bad.parse::<Address>().unwrap_err().code, Code::BadRequest, "{bad}");
        }
    }

    #[test]
    fn a_tab_is_selected_by_number_or_because_it_is_the_only_one() {
        let page = |url: &str| Page { title: String::new(), url: url.into(), path: "/x".into() };
        let [other, ann, ben] =
            ["https://example.com/", "https://www.tiktok.com/@ann/live", "http://127.0.0.1:1/@ben/live"]
                .map(page);
        let found = |pages: &[Page], number| choose(pages, number).map(|page| page.url.clone()).ok();
        assert_eq!(found(&[other.clone(), ann.clone()], None), Some(ann.url.clone()));
        assert_eq!(found(std::slice::from_ref(&other), None), Some(other.url.clone()));
        assert_eq!(found(&[ann.clone(), ben.clone()], None), None);
        assert_eq!(found(&[ann.clone(), ben.clone()], Some(2)), Some(ben.url.clone()));
        assert_eq!(
            (
                found(&[], None),
                found(std::slice::from_ref(&ann), Some(0)),
                found(&[ann, other.clone(), other], Some(4))
            ),
            (None, None, None)
        );
    }

    #[test]
    fn the_host_that_the_browser_reports_is_ignored() {
        let target = |socket: &str| Target {
            r#type: "page".into(),
            web_socket_debugger_url: socket.into(),
            ..Target::default()
        };
        assert_eq!(page(target("ws://192.0.2.1:1/devtools/page/A")).unwrap().path, "/devtools/page/A");
        assert_eq!(page(target("wss://x/devtools/page/A")), None);
    }
}
