//! The process that shows a page: prints the texts of its selectors to stdout and its console to stderr, until a signal.

use std::{collections::VecDeque, env, path::Path, time::Duration};

use livetape_cases::trace::Thinned;
use livetape_core::{
    error::{Code, Problem, exit},
    terminal::printable,
};
use livetape_engine::source::browser::{Connection, command};
use livetape_io::clock;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    Files, Finding, Findings, OBS, Target,
    browser::{Browser, Routes},
};
use crate::cli::{
    args,
    process::{
        output::{say, warn},
        signals::Signals,
    },
};

/// Variables of a case that a page gets, as global variables of its scripts and as placeholders of its address.
const VARIABLES: [&str; 4] = ["LIVETAPE_URL", "LIVETAPE_HTTP", "LIVETAPE_TIKFINITY_URL", "LIVETAPE_CASE"];
/// Ports that pages expect by default, and the variables with the addresses of the case.
const DEFAULTS: [(u16, &str); 2] = [(3000, "LIVETAPE_URL"), (21213, "LIVETAPE_TIKFINITY_URL")];
/// Time in which a signal still arrives that has already ended the browser.
const SIGNAL_MAX: Duration = Duration::from_secs(1);
/// Time between two looks at whether a page responds, and the maximum time for that: in `plain`, it is watched for 5 s.
const LOOK: Duration = Duration::from_secs(1);
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Maximum time for the server of a page to begin its answer.
const LOAD_MAX: Duration = Duration::from_secs(30);
/// Minimum time between two pictures, and maximum number of those that are kept.
const PICTURE_INTERVAL: Duration = Duration::from_millis(500);
const PICTURES_MAX: usize = 40;
/// Quality of pictures, in percent, and maximum length of one in Base64.
const QUALITY: u32 = 50;
const PICTURE_CHARS_MAX: usize = 200_000;
/// A page that loads itself again as often as this, within this time, never stops.
const RELOADS_MAX: usize = 10;
const RELOADS_WITHIN: Duration = Duration::from_secs(20);
/// Name of the world of our own scripts, which those of the page cannot change, and of its only function.
const WORLD: &str = "livetape";
const BINDING: &str = "livetapeFound";
/// Runs in the page, with the selectors: reports their texts as they change, markup that the names of the case `names`
/// became, and an HTTP status that is an error. Values of fields and styles change without an event.
const WATCHER: &str = r#"(selectors) => {
  if (self !== top) return
  const CHARS_MAX = 10_000
  const found = (what) => livetapeFound(JSON.stringify(what))
  const last = []
  let isMarkup = false
  const textOf = (element) => (element.matches('input, textarea, select') ? element.value : element.innerText ?? element.textContent)
  const look = () => {
    for (const [index, selector] of selectors.entries()) {
      let element
      try {
        element = document.querySelector(selector)
      } catch {
        return found({ wrong: selector })
      }
      if (!element) continue
      const text = textOf(element).replaceAll(/\s+/g, ' ').trim().slice(0, CHARS_MAX)
      if (text !== last[index]) found({ index, text })
      last[index] = text
    }
    if (!isMarkup && document.querySelector('img[src="x"][onerror]')) found({ markup: isMarkup = true })
  }
  setInterval(look, 50)
  addEventListener('load', () => {
    const status = performance.getEntriesByType('navigation')[0]?.responseStatus
    if (status >= 400) found({ status })
  })
}"#;
const AS_HTML: &str = "showed a name or a comment as HTML: any viewer can run scripts in this page";
const AS_TEXT: &str = "assign names and comments to `textContent`, never to `innerHTML`";
/// Parts of what the browser says of requests, each with what it means and what to do.
const KNOWN: [(&str, &str, &str); 3] = [
    ("ERR_BLOCKED_BY_LOCAL_NETWORK_ACCESS_CHECKS", NOT_LOCAL, ASKS),
    (" address space", NOT_LOCAL, ASKS),
    (
        "'ws://absolute",
        "tried to connect to the host `absolute`",
        "that is `location.hostname` of a local file in OBS: write 127.0.0.1 in its place",
    ),
];
const NOT_LOCAL: &str = "may not connect to this machine: Chrome's Local Network Access";
const ASKS: &str = "Chrome asks the viewer of an HTTPS page first, and refuses other pages; a frame also needs \
    allow=\"loopback-network\"; serve the page from this machine, or add --obs to test it as in OBS, which does not check";

/// How Chrome begins to say that a page's own policy forbids a WebSocket, in older versions and newer ones.
const BY_POLICY: [&str; 2] = ["Refused to connect to 'ws", "Connecting to 'ws"];
const REFUSED_BY_POLICY: &str = "may not connect: its Content-Security-Policy forbids that";
const ADD_TO_POLICY: &str =
    "add the address that its scripts connect to to `connect-src`, as ws://localhost:3000";

/// Shows the page of a case.
pub(crate) async fn visit(args: args::Page) -> Result<u8, Problem> {
    let mut signals = Signals::new();
    // That of the case.
    let folder = env::temp_dir();
    let mut findings = Findings::default();
    findings.unmatched.clone_from(&args.text);
    let ended = match show(&args, &folder, &mut findings, &mut signals).await {
        // A signal for all processes of the group has reached the browser first.
        Err(problem) => match timeout_at(clock::now() + SIGNAL_MAX, signals.next()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(problem),
        },
        stopped => stopped,
    };
    if let Err(Problem { message, hint, .. }) = &ended {
        warn(format_args!("❌ {}", printable(message)));
        findings.end(message.clone(), hint);
    }
    findings
        .write(&folder)
        .map_err(|error| Problem::new(Code::Io, format!("cannot write {folder:?}: {error}")))?;
    Ok(if ended.is_ok() { exit::DONE } else { exit::FAILED })
}

/// Shows a page until a signal.
///
/// # Errors
/// Why it ended by itself.
async fn show(
    args: &args::Page,
    folder: &Path,
    findings: &mut Findings,
    signals: &mut Signals,
) -> Result<(), Problem> {
    let variables = Vec::from_iter(VARIABLES.iter().filter_map(|name| Some((*name, env::var(name).ok()?))));
    let filled = |text: &str| {
        variables.iter().fold(text.to_owned(), |text, (name, value)| {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            text.replace(&format!("{{{name}}}"), &value)
        })
    };
    let server = env::var("LIVETAPE_HTTP").unwrap_or_default();
    let site = if args.obs { OBS.to_owned() } else { format!("{server}/") };
    let (files, url) = match Target::parse(&args.page)? {
        Target::File(files, rest) => {
            let path = if args.obs { files.page_in_obs() } else { files.page()[1..].to_owned() };
            let url = format!("{site}{path}{}", filled(&rest));
            (Some(files), url)
        }
        Target::Url(_) => (None, filled(&args.page)),
    };
    // A page of this machine may be on such a port itself.
    let own = Url::parse(&url).ok().and_then(|url| url.port_or_known_default());
    let mut redirected = Vec::new();
    for (port, name) in DEFAULTS {
        let address =
            variables.iter().find(|(known, _)| *known == name).and_then(|(_, url)| Url::parse(url).ok());
        if let Some(to) = address.and_then(|url| url.port()).filter(|_| own != Some(port)) {
            let from = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{port}"));
            redirected.extend(from.map(|from| (from, Some(format!("127.0.0.1:{to}")))));
        }
    }
    if args.obs {
        redirected.push(("absolute".to_owned(), None));
    }
    // A file is of this machine, wherever it appears.
    let routes = Routes { redirected, has_local_network_access: files.is_none() && !args.obs };
    let (browser, connection) = tokio::select! { biased;
        _ = signals.next() => return Ok(()),
        started = Browser::start(&args.browser, folder, &routes) => started?,
    };
    let mut pictures = args.pictures.then(Pictures::new);
    let visit = Visit {
        connection,
        last: 0,
        prepared: (0, url),
        navigation: 0,
        texts: &args.text,
        findings,
        files,
        server,
        site,
        page: None,
        frame: Value::Null,
        loading: None,
        asked: None,
        reloaded: VecDeque::new(),
        pictures: pictures.as_mut(),
    };
    let ended = visit.run(&variables, signals).await;
    findings.pictures = pictures.iter().flat_map(|pictures| pictures.taken.kept().cloned()).collect();
    browser.kill().await;
    ended
}

struct Visit<'a> {
    connection: Connection,
    /// Id of the last command.
    last: u64,
    /// Id of the command after which the page may be opened, and its address: pages are opened sooner than they are prepared.
    prepared: (u64, String),
    /// Id of the command that opens the page.
    navigation: u64,
    texts: &'a [String],
    findings: &'a mut Findings,
    files: Option<Files>,
    /// Address of the case's server.
    server: String,
    /// Where the files appear: with a slash, that address or the one of OBS.
    site: String,
    /// Address of the page without query, once it is known.
    page: Option<String>,
    /// Id of its frame.
    frame: Value,
    /// Since when it waits for its server.
    loading: Option<Instant>,
    /// The question whether the page still responds, until it is answered.
    asked: Option<(u64, Instant)>,
    /// When it has loaded itself again, the last times.
    reloaded: VecDeque<Instant>,
    /// The pictures, if any are to be taken.
    pictures: Option<&'a mut Pictures>,
}

/// Takes a picture when the page has shown or said something new, but not too often.
struct Pictures {
    /// When each was taken, since the Unix epoch, and the file in Base64.
    taken: Thinned<(Duration, String)>,
    is_wanted: bool,
    /// Id of the command whose answer is the next one.
    asked: Option<u64>,
    last: Option<Instant>,
}

impl Pictures {
    fn new() -> Self {
        Self { taken: Thinned::new(PICTURES_MAX), is_wanted: false, asked: None, last: None }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incoming {
    id: u64,
    method: String,
    params: Value,
    result: Value,
}

/// What [`WATCHER`] reports.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    index: usize,
    text: Option<String>,
    wrong: Option<String>,
    markup: bool,
    status: Option<u16>,
}

impl Visit<'_> {
    async fn run(mut self, variables: &[(&str, String)], signals: &mut Signals) -> Result<(), Problem> {
        for domain in ["Page", "Runtime", "Log"] {
            self.send(&format!("{domain}.enable"), &json!({})).await?;
        }
        if self.files.is_some() {
            let pattern = format!("{}*", self.site);
            self.send("Fetch.enable", &json!({ "patterns": [{ "urlPattern": pattern }] })).await?;
        }
        self.send("Runtime.addBinding", &json!({ "name": BINDING, "executionContextName": WORLD })).await?;
        let globals = serde_json::Map::from_iter(
            variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))),
        );
        let globals = format!("Object.assign(globalThis, {})", Value::Object(globals));
        self.send("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": globals })).await?;
        let watcher = format!("({WATCHER})({})", json!(self.texts));
        let watcher = json!({ "source": watcher, "worldName": WORLD });
        let prepared = self.send("Page.addScriptToEvaluateOnNewDocument", &watcher).await?;
        self.prepared.0 = prepared;
        let mut next = clock::now() + LOOK;
        let ended = loop {
            let text = tokio::select! { biased;
                _ = signals.next() => break Ok(()),
                text = self.connection.receive() => text,
                () = sleep_until(next) => {
                    next = clock::now() + LOOK;
                    self.picture().await?;
                    if self.is_unanswered(LOAD_MAX) {
                        break Err(left(UNANSWERED, CHECK_SERVER));
                    }
                    // A page that is not there yet does not respond.
                    if self.asked.is_none() && self.loading.is_none() {
                        let question = json!({ "expression": "0" });
                        self.asked = Some((self.send("Runtime.evaluate", &question).await?, clock::now()));
                    }
                    continue;
                }
            };
            let Some(text) = text else { break Err(gone()) };
            let Ok(message) = serde_json::from_str::<Incoming>(&text) else { continue };
            self.asked = self.asked.filter(|(id, _)| message.id != *id);
            self.handle(message).await?;
            self.picture().await?;
        };
        // The signal also ends the browser.
        if ended.is_ok() && self.is_unanswered(ANSWER_MAX) {
            self.add(UNANSWERED, Some(CHECK_SERVER));
        } else if self.asked.is_some_and(|(_, at)| clock::now() - at > ANSWER_MAX) {
            self.add("does not respond any more", Some("look for a loop that does not end"));
        }
        ended
    }

    /// Whether the page waits for its server for longer than this.
    fn is_unanswered(&self, time: Duration) -> bool {
        self.loading.is_some_and(|since| clock::now() - since > time)
    }

    /// Notes that the page waits for its server: until the answer, it responds to nothing.
    fn load(&mut self) {
        (self.loading, self.asked) = (Some(clock::now()), None);
    }

    /// Sends a command, and returns its id.
    async fn send(&mut self, method: &str, params: &Value) -> Result<u64, Problem> {
        self.last += 1;
        let is_sent = self.connection.send(command(self.last, None, method, &params.to_string())).await;
        if is_sent { Ok(self.last) } else { Err(gone()) }
    }

    /// Asks for a picture, if one is due.
    async fn picture(&mut self) -> Result<(), Problem> {
        let next = self.last + 1;
        let Some(pictures) = self.pictures.as_mut() else { return Ok(()) };
        let is_early = pictures.last.is_some_and(|last| clock::now() < last + PICTURE_INTERVAL);
        if pictures.is_wanted && pictures.asked.is_none() && !is_early {
            pictures.is_wanted = false;
            (pictures.asked, pictures.last) = (Some(next), Some(clock::now()));
            let picture = json!({ "format": "jpeg", "quality": QUALITY });
            self.send("Page.captureScreenshot", &picture).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, Incoming { id, method, params, result }: Incoming) -> Result<(), Problem> {
        if id > 0 && id == self.prepared.0 {
            let url = json!({ "url": self.prepared.1 });
            self.navigation = self.send("Page.navigate", &url).await?;
            self.load();
        }
        if let Some(error) = result["errorText"].as_str().filter(|_| id == self.navigation) {
            if error == NO_CONTENT {
                let hint = "check the address after --page, and look at the log of its server";
                return Err(left("could not be loaded: its server answered with an error", hint));
            }
            return Err(left(
                &format!("could not be loaded: {error}"),
                "check its address, and that its server runs",
            ));
        }
        if let Some(pictures) = self.pictures.as_mut().filter(|it| it.asked == Some(id)) {
            pictures.asked = None;
            if let Some(jpeg) = result["data"].as_str().filter(|jpeg| jpeg.len() <= PICTURE_CHARS_MAX) {
                pictures.taken.push((clock::wall(), jpeg.to_owned()));
            }
        }
        match method.as_str() {
            "Runtime.bindingCalled" if params["name"] == BINDING => {
                let found = params["payload"].as_str().and_then(|payload| serde_json::from_str(payload).ok());
                return found.map_or(Ok(()), |found| self.found(found));
            }
            "Runtime.consoleAPICalled" => {
                self.pictures.iter_mut().for_each(|pictures| pictures.is_wanted = true);
                self.console(&params);
            }
            "Log.entryAdded" => self.log(&params["entry"]),
            "Runtime.exceptionThrown" => self.threw(&params["exceptionDetails"]),
            "Page.javascriptDialogOpening" => {
                self.dialog(&params);
                self.send("Page.handleJavaScriptDialog", &json!({ "accept": false })).await?;
            }
            "Page.frameNavigated" if params["frame"]["parentId"].is_null() => {
                let is_again = self.page.is_some();
                self.loading = None;
                self.navigated(&params["frame"])?;
                return if is_again { self.has_reloaded() } else { Ok(()) };
            }
            // Also if nothing came of it, as with a download.
            "Page.frameStoppedLoading" if params["frameId"] == self.frame => self.loading = None,
            // A busy machine may open it after the end of the case.
            "Page.frameRequestedNavigation" if params["frameId"] == self.frame => {
                self.load();
                return self.navigated(&params);
            }
            "Fetch.requestPaused" => self.answer(&params).await?,
            "Inspector.targetCrashed" => {
                return Err(left("crashed", "it may use too much memory: look for lists that only grow"));
            }
            _ => {}
        }
        Ok(())
    }

    fn found(&mut self, found: Found) -> Result<(), Problem> {
        if let Some(selector) = found.wrong {
            let hint = "quote it for the shell: --text \"#total\"";
            return Err(left(&format!("cannot be searched: `{selector}` is not a CSS selector"), hint));
        }
        if let Some(status) = found.status {
            let (what, hint) = match status {
                404 | 410 => ("was not found", "check the address after --page"),
                500.. => ("could not be loaded", CHECK_SERVER),
                _ => ("could not be loaded", "let its server show it to everybody, without a login"),
            };
            return Err(left(&format!("{what}: its server answered {status}"), hint));
        }
        if found.markup {
            self.add(AS_HTML, Some(AS_TEXT));
        }
        if let (Some(text), Some(selector)) = (found.text, self.texts.get(found.index)) {
            self.pictures.iter_mut().for_each(|pictures| pictures.is_wanted = true);
            self.findings.unmatched.retain(|unmatched| unmatched != selector);
            match self.texts.len() {
                1 => say(format!("{text}\n"))?,
                _ => say(format!("{selector}: {text}\n"))?,
            }
        }
        Ok(())
    }

    fn add(&mut self, message: &str, detail: Option<&str>) {
        if self.findings.add(message, detail) {
            warn(format_args!("❌ {message}"));
        }
    }

    fn console(&self, params: &Value) {
        let text = |value: &Value| match &value["value"] {
            Value::Null => {
                value["description"].as_str().or(value["type"].as_str()).unwrap_or_default().to_owned()
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let texts = params["args"].as_array().into_iter().flatten().map(text);
        let line = Vec::from_iter(texts).join(" ");
        match params["type"].as_str() {
            Some(kind @ ("error" | "warning" | "assert")) => warn(format_args!("{kind}: {line}")),
            _ => warn(line),
        }
    }

    /// Prints what the browser itself says. Every page without an icon lacks one.
    fn log(&mut self, entry: &Value) {
        let [level, text, url] = ["level", "text", "url"].map(|key| entry[key].as_str().unwrap_or_default());
        if let Some((_, message, detail)) =
            KNOWN.iter().copied().find(|(part, ..)| level == "error" && text.contains(part))
        {
            self.add(message, Some(detail));
        }
        if BY_POLICY.iter().any(|part| text.contains(part)) {
            let (message, detail) = (REFUSED_BY_POLICY.to_owned(), Some(ADD_TO_POLICY.to_owned()));
            self.findings.blocked = Some(Finding { message, detail });
        }
        if !url.ends_with("/favicon.ico") {
            let url = if url.is_empty() || text.contains(url) {
                String::new()
            } else {
                format!(" ({})", self.own(url))
            };
            warn(format_args!("{level}: {}{url}", self.own(text)));
        }
    }

    /// Leaves out the port of the case, so that errors of all cases are the same.
    fn own(&self, text: &str) -> String {
        let ws = self.server.replacen("http", "ws", 1);
        text.replace(&format!("{}/", self.server), "").replace(OBS, "").replace(&ws, "LIVETAPE_URL")
    }

    fn threw(&mut self, details: &Value) {
        let exception = &details["exception"];
        let whole = exception["description"].as_str().or(exception["value"].as_str());
        let first = whole.or(details["text"].as_str()).unwrap_or_default().lines().next().unwrap_or_default();
        let how = match details["text"].as_str() {
            Some(text) if text.contains("in promise") => "did not handle a rejection",
            _ => "threw an error",
        };
        let url = details["url"].as_str().unwrap_or_default();
        let place = match details["lineNumber"].as_u64() {
            Some(line) if !url.is_empty() => format!(" at {}:{}", self.own(url), line + 1),
            _ => String::new(),
        };
        let message = format!("{how}: {}{place}", self.own(first));
        self.add(&message, None);
    }

    fn dialog(&mut self, params: &Value) {
        let [kind, text] = ["type", "message"].map(|key| params[key].as_str().unwrap_or_default());
        match (kind, text) {
            // The script in a name of the case `names`.
            ("alert", "1") => self.add(AS_HTML, Some(AS_TEXT)),
            _ => {
                let detail = "nobody can answer it on a stream, and the page waits for it";
                self.add(&format!("opened a dialog of the type {kind}: {text}"), Some(detail));
            }
        }
    }

    /// A page may load itself again, and change its query, but not become another page.
    fn navigated(&mut self, frame: &Value) -> Result<(), Problem> {
        let url = frame["unreachableUrl"].as_str().or(frame["url"].as_str()).unwrap_or_default();
        let path = url.split(['?', '#']).next().unwrap_or_default();
        if path == "about:blank" && self.page.is_none() {
            return Ok(());
        }
        if self.page.is_none() {
            self.frame = frame["id"].clone();
        }
        let page = self.page.get_or_insert_with(|| path.to_owned());
        if page == path {
            return Ok(());
        }
        let message = format!("went to another page: {}", self.own(url));
        Err(left(&message, "stay on the page: nothing counts what another one shows"))
    }

    /// Counts how often the page has loaded itself again.
    fn has_reloaded(&mut self) -> Result<(), Problem> {
        let now = clock::now();
        self.findings.reloads += 1;
        self.reloaded.push_back(now);
        if self.reloaded.len() < RELOADS_MAX {
            return Ok(());
        }
        match self.reloaded.pop_front() {
            Some(first) if now - first < RELOADS_WITHIN => {
                let hint = "load it at most once for each connection, or connect again instead";
                Err(left("loads itself again and again", hint))
            }
            _ => Ok(()),
        }
    }

    /// Answers a request with a file, or else lets the server of the case do it. OBS has no server.
    async fn answer(&mut self, params: &Value) -> Result<(), Problem> {
        let url = params["request"]["url"].as_str().unwrap_or_default();
        let path = url.strip_prefix(&self.site).unwrap_or_default();
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let is_in_obs = self.site == OBS;
        let answer = self.files.as_ref().and_then(|files| files.answer(path, is_in_obs));
        let id = &params["requestId"];
        if let Some(mut answer) = answer {
            answer["requestId"] = id.clone();
            self.send("Fetch.fulfillRequest", &answer).await?;
            return Ok(());
        }
        let is_of_page =
            matches!(params["resourceType"].as_str(), Some("Script" | "Stylesheet" | "Document"));
        if let Some(files) = self.files.as_ref().filter(|_| is_of_page) {
            warn(format_args!("warning: {}", files.missing(path)));
        }
        match is_in_obs {
            true => {
                self.send("Fetch.failRequest", &json!({ "requestId": id, "errorReason": "Failed" })).await?
            }
            false => self.send("Fetch.continueRequest", &json!({ "requestId": id })).await?,
        };
        Ok(())
    }
}

const UNANSWERED: &str = "could not be loaded: its server does not answer";
const CHECK_SERVER: &str = "check that its server runs, and look at its log";
/// What the browser says of an answer with an error and without content.
const NO_CONTENT: &str = "net::ERR_HTTP_RESPONSE_CODE_FAILURE";

/// A page that shows nothing more.
fn left(message: &str, hint: &str) -> Problem {
    Problem::new(Code::BadRequest, message).hint(hint)
}

fn gone() -> Problem {
    left("ended together with its browser", "the machine may have too little memory: use --jobs 1")
}
