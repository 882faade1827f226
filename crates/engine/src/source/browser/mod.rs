//! A browser tab as a source: observes the tab's traffic with TikTok LIVE through the Chrome DevTools
//! Protocol.
//!
//! Only browsers on this machine are supported, because access to the debugging port means full control over
//! the browser.

mod devtools;
mod watch;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use livetape_core::{
    error::{Code, Problem},
    observer::user_in,
    recording::{
        USER_TAG,
        records::{
            Header,
            header::{Privacy, Timing},
        },
    },
    terminal::printable,
};
use livetape_io::clock;
use serde::Deserialize;
use tokio::{net::TcpStream, sync::oneshot};
use tokio_util::sync::CancellationToken;

use super::live::{self, Batches, Live, LiveOptions, MemoryTransport, Outcome, Request, Stream, Transport};

use watch::{Watch, not_a_browser};

pub use watch::{Connection, command};

/// Maximum time for the browser to respond.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
const PAGES_MAX: usize = 1000;
/// Maximum number of tabs that an error names.
const NUMBERS_MAX: usize = 9;
/// [`Header::source`] of what a tab receives.
pub const SOURCE: &str = "cdp";
/// User of a tab until its address names one.
pub const UNKNOWN_USER: &str = "browser";

/// A tab to follow.
#[derive(Clone, Debug)]
pub struct TabOptions {
    pub browser: Browser,
    /// User whose LIVE the tab shows; `None` for any.
    pub user: Option<String>,
    /// Number of the tab in the browser's list, from 1, whatever it shows.
    pub number: Option<usize>,
}

impl TabOptions {
    /// Returns the user for headers and the status.
    #[must_use]
    pub fn user(&self) -> &str {
        self.user.as_deref().unwrap_or(UNKNOWN_USER)
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
            // What is before the host may be a password, whatever it looks like.
            let (user, host) = bare.rsplit_once('@').map_or(("", bare), |(_, host)| ("***@", host));
            let shown = format!("{user}{}", host.split(['?', '#']).next().unwrap_or_default());
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

/// A browser with a debugging port. Clones share it.
#[derive(Clone)]
pub struct Browser {
    /// Address, as in URLs.
    name: String,
    connect: Arc<dyn Fn() -> Connecting + Send + Sync>,
}

type Connecting = BoxFuture<'static, io::Result<Box<dyn Stream>>>;

impl From<Address> for Browser {
    fn from(address: Address) -> Self {
        Self::new(&address.to_string(), move || TcpStream::connect(address.0))
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Browser({})", self.name)
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

    /// Returns the id of its main frame.
    fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns its title and address, without the query, which may be secret.
    #[must_use]
    pub fn shown(&self) -> String {
        let address = self.url.split(['?', '#']).next().unwrap_or_default();
        printable(&format!("{} ({address})", self.title))
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

/// Returns tabs of a browser as a way into rooms. The number is that of the tab's user only.
#[must_use]
pub fn way(tab: TabOptions) -> live::Tab {
    let browser = tab.browser.name.clone();
    let follow = move |options: &LiveOptions| {
        let is_of = |user: &String| user.eq_ignore_ascii_case(&options.user);
        let number = tab.number.filter(|_| tab.user.as_ref().is_some_and(is_of));
        follow(TabOptions { user: Some(options.user.clone()), number, ..tab.clone() }, options)
    };
    live::Tab { browser, follow: Arc::new(follow) }
}

/// Follows a tab: finds it, and starts again when it is gone, as often as the options of live rooms allow.
#[must_use]
pub fn follow(tab: TabOptions, options: &LiveOptions) -> Live {
    run(tab, options, Watch::follow)
}

/// Attaches to a tab that shows the LIVE of `user`, and watches it until it is gone. No traffic is missed once this
/// returns.
///
/// # Errors
/// [`Code::TabLost`] if the browser does not respond.
pub async fn attach(browser: &Browser, page: &Page, user: &str) -> Result<Live, Problem> {
    // What it shows does not matter.
    let tab = TabOptions { browser: browser.clone(), user: Some(user.to_owned()), number: Some(1) };
    let (sender, attached) = oneshot::channel();
    let page = page.clone();
    let live = run(tab, &LiveOptions::default(), |watch| watch.once(page, sender));
    attached.await.unwrap_or_else(|_| Err(lost("its task has failed")))?;
    Ok(live)
}

fn run<F: Future<Output = Outcome> + Send + 'static>(
    tab: TabOptions,
    options: &LiveOptions,
    start: impl FnOnce(Watch) -> F,
) -> Live {
    let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
    let header = header(tab.user(), wall_anchor);
    let (sender, batches) = Batches::channel();
    let stop = CancellationToken::new();
    let task = tokio::spawn(start(Watch::new(tab, options, sender, stop.clone())));
    Live::over(header, batches, task, stop)
}

fn header(user: &str, wall_anchor: Duration) -> Header {
    Header {
        source: SOURCE.to_owned(),
        wall_anchor_ns: i64::try_from(wall_anchor.as_nanos()).ok(),
        timing: Timing::Original.into(),
        privacy: Privacy::Private.into(),
        tags: [(USER_TAG.to_owned(), user.to_owned())].into(),
        ..Header::default()
    }
}

fn lost(why: &str) -> Problem {
    Problem::new(Code::TabLost, format!("cannot attach to the tab: {why}"))
        .hint("check that the tab is open and that no other program is attached to the browser")
}

impl Browser {
    /// Creates a browser with this address, whose connections come from a function.
    pub fn new<F, S>(name: &str, connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        let connect = move || -> Connecting {
            let connecting = connect();
            Box::pin(async { Ok(Box::new(connecting.await?) as Box<dyn Stream>) })
        };
        Self { name: name.to_owned(), connect: Arc::new(connect) }
    }

    /// # Errors
    /// [`Code::BrowserUnreachable`] if nothing responds, [`Code::NotABrowser`] if that is not a browser.
    pub async fn pages(&self) -> Result<Vec<Page>, Problem> {
        let name = &self.name;
        let unreachable = |why: &str| {
            Problem::new(Code::BrowserUnreachable, format!("no browser responded at {name}: {why}"))
        };
        let other = |why: &str| not_a_browser(name, why);
        let connect = Arc::clone(&self.connect);
        let transport = MemoryTransport::new(move || connect());
        let request = Request { url: format!("http://{name}/json/list"), headers: Vec::new() };
        let asking = tokio::time::timeout_at(clock::now() + ATTACH_TIMEOUT, transport.get(&request));
        match asking.await {
            Err(_) => Err(unreachable("it took longer than 10 s")),
            // Whether something else listens there.
            Ok(Err(unreached)) if (self.connect)().await.is_ok() => Err(other(&unreached.why)),
            Ok(Err(unreached)) => Err(unreachable(&unreached.why)),
            Ok(Ok(answer)) => {
                let targets: Vec<Target> = serde_json::from_slice(&answer.body)
                    .map_err(|_| other("it does not list tabs as JSON"))?;
                Ok(targets.into_iter().filter_map(page).take(PAGES_MAX).collect())
            }
        }
    }
}

fn page(target: Target) -> Option<Page> {
    let Target { r#type, title, url, web_socket_debugger_url: socket } = target;
    // Ignore the host that the browser reports and keep the one that was asked.
    let path = socket.strip_prefix("ws://")?.find('/').map(|at| socket["ws://".len() + at..].to_owned())?;
    (r#type == "page").then_some(Page { title, url, path })
}

/// Finds the tab to follow. `before` is the path of the last one.
///
/// # Errors
/// [`Code::TabNotFound`] and [`Code::TabAmbiguous`].
fn find<'a>(
    pages: &'a [Page],
    user: Option<&str>,
    number: Option<usize>,
    before: Option<&str>,
) -> Result<&'a Page, Problem> {
    let missing = |message: String| Problem::new(Code::TabNotFound, message);
    let is_same = |page: &Page| before == Some(page.path.as_str());
    if let Some(number) = number {
        return pages.iter().find(|page| is_same(page)).map_or_else(|| numbered(pages, number), Ok);
    }
    let is_of = |page: &Page| match (user, page.user()) {
        (Some(wanted), Some(user)) => user.eq_ignore_ascii_case(wanted),
        (None, user) => user.is_some(),
        (Some(_), None) => false,
    };
    let what = user.map_or_else(|| "a LIVE".to_owned(), |user| format!("the LIVE of @{user}"));
    let found: Vec<_> = (1..).zip(pages).filter(|(_, page)| is_of(page)).collect();
    if let Some((_, page)) = found.iter().find(|(_, page)| is_same(page)) {
        return Ok(page);
    }
    match found[..] {
        [(_, page)] => Ok(page),
        [] => Err(missing(format!("no tab shows {what}"))),
        _ => {
            let numbers = found.iter().take(NUMBERS_MAX).map(|(number, _)| number.to_string());
            let numbers = numbers.collect::<Vec<_>>().join(", ");
            let message = format!("{} tabs show {what}: {numbers}", found.len());
            Err(Problem::new(Code::TabAmbiguous, message))
        }
    }
}

/// Returns the tab with this number, from 1.
fn numbered(pages: &[Page], number: usize) -> Result<&Page, Problem> {
    number.checked_sub(1).and_then(|at| pages.get(at)).ok_or_else(|| {
        let lives =
            (1..).zip(pages).filter_map(|(number, page)| Some(format!("{number} (@{})", page.user()?)));
        let lives: Vec<_> = lives.take(NUMBERS_MAX).collect();
        let lives = if lives.is_empty() { "none".to_owned() } else { lives.join(", ") };
        let message =
            format!("no tab has the number {number}: the browser has {}, with a LIVE: {lives}", pages.len());
        let hint = match pages.len() {
            0 => "open the LIVE in the browser with the debugging port".to_owned(),
            count => format!("choose a number from 1 to {count}, or none to find the tab by its user"),
        };
        Problem::new(Code::TabNotFound, message).hint(hint)
    })
}

/// Selects a tab to attach to once: with this number (from 1), else with the LIVE of this user, and without a user the
/// only TikTok tab, else the only tab.
///
/// # Errors
/// [`Code::TabAmbiguous`] and [`Code::TabNotFound`].
pub fn choose<'a>(pages: &'a [Page], user: Option<&str>, number: Option<usize>) -> Result<&'a Page, Problem> {
    if user.is_some() || number.is_some() {
        return find(pages, user, number, None);
    }
    let tiktok: Vec<&Page> = pages.iter().filter(|page| page.is_tiktok()).collect();
    match (&tiktok[..], pages) {
        ([page], _) => Ok(page),
        ([], [page]) => Ok(page),
        (_, []) => Err(Problem::new(Code::TabNotFound, "the browser has no tab").hint("open a tab")),
        (found, _) => {
            let which = if found.is_empty() { "none shows TikTok" } else { "several show TikTok" };
            Err(Problem::new(
                Code::TabAmbiguous,
                format!("the browser has {} tabs, and {which}", pages.len()),
            )
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
        let found = |pages: &[Page], number| choose(pages, None, number).map(|page| page.url.clone()).ok();
        assert_eq!(found(&[other.clone(), ann.clone()], None), Some(ann.url.clone()));
        assert_eq!(found(std::slice::from_ref(&other), None), Some(other.url.clone()));
        assert_eq!(found(&[ann.clone(), ben.clone()], None), None);
        assert_eq!(found(&[ann.clone(), ben.clone()], Some(2)), Some(ben.url.clone()));
        let pages = [ann.clone(), ben.clone(), other.clone()];
        let of = |user| choose(&pages, Some(user), None).map(|page| page.url.clone());
        assert_eq!(of("Ben").ok(), Some(ben.url.clone()));
        assert_eq!(of("cid").unwrap_err().code, Code::TabNotFound);
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
